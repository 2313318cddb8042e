//! Secrets and tokens are found nowhere: in no log, file, argument, environment, message or state, and with no other listener.

#[cfg(unix)]
mod binding;
#[cfg(target_os = "linux")]
mod desktop;
mod echo;
mod input;
#[cfg(unix)]
mod listener;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod processes;
mod story;
