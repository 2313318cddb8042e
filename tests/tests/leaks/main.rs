//! Secrets and tokens are found nowhere: in no log, file, argument, environment, message or state.
#![cfg(target_os = "linux")]

mod echo;
mod input;
mod processes;
mod search;
mod story;
