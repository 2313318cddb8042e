//! Credentials that come from a source which can only be read: a command, the service manager.
#![cfg(unix)]

mod command;
mod password_managers;
mod source;
#[cfg(target_os = "linux")]
mod systemd;
