//! Secrets and tokens are found nowhere: in no log, file, argument, environment, message or state.

#[cfg(target_os = "linux")]
mod desktop;
mod echo;
mod input;
#[cfg(target_os = "linux")]
mod processes;
mod search;
mod story;
