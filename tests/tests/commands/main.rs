//! What every command prints, and how it fails, by the contract: exact output, exit codes, one line for each error.

mod bad_input;
mod completions;
mod curl;
mod doctor;
mod exec;
mod formats;
mod forward;
mod frames;
mod git_credential;
mod hostile_text;
mod inspect;
#[cfg(target_os = "linux")]
mod interrupted;
#[cfg(target_os = "linux")]
mod json;
mod kubectl_credential;
mod life;
mod log;
#[cfg(target_os = "linux")]
mod login;
mod man;
#[cfg(target_os = "linux")]
mod panics;
#[cfg(target_os = "linux")]
mod place;
#[cfg(target_os = "linux")]
mod spinner;
#[cfg(target_os = "linux")]
mod starter;
mod status;
#[cfg(target_os = "linux")]
mod strangers;
mod streams;
mod test;
#[cfg(target_os = "linux")]
mod watch;
