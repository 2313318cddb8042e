//! The command line as a whole: what every command prints and says, and that none of them is left out.
//!
//! Texts are compared with the files of `tests/snapshots`, which `DT_CRED_SNAPSHOTS=write` writes anew.

mod answers;
#[cfg(target_os = "linux")]
mod broken;
#[cfg(target_os = "linux")]
mod catalogue;
mod failures;
mod help;
mod snapshot;
#[cfg(target_os = "linux")]
mod streams;
mod verbose;
