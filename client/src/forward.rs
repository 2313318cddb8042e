//! `dt-cred forward`: a second socket that gives the token of one profile and nothing else, for SSH and containers.

#[cfg(unix)]
#[path = "forward/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "forward/windows.rs"]
mod system;

pub(crate) use system::{is_there, run};
