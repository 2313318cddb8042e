//! What every command prints, and how it fails, by the contract: exact output, exit codes, one line for each error.
#![cfg(target_os = "linux")]

mod bad_input;
mod formats;
mod frames;
mod life;
mod login;
mod place;
mod status;
mod strangers;
mod streams;
