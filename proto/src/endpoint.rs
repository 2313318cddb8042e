//! Where the daemon listens: one function for both sides, so that cron, `su -` and an SSH login reach the same one.

use std::{ffi::OsString, path::PathBuf};

use thiserror::Error;

use crate::platform;

/// Environment variable that names another socket, for both sides.
pub const SOCKET_VARIABLE: &str = "DT_CRED_SOCKET";

/// Where the daemon listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// The socket's path (Windows: the pipe's name).
    pub path: PathBuf,
    /// Named by the user: no daemon is started for it by itself, and its folder is not repaired.
    pub explicit: bool,
}

/// Why there is no endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum EndpointError {
    /// Not absolute: the two sides could mean different ones.
    #[error("{SOCKET_VARIABLE} is {0:?}: it must be an absolute path")]
    Relative(PathBuf),
    /// `sun_path` holds no more (unix(7)).
    #[error("the socket's path {path:?} has {length} bytes, this system takes {limit}: set {SOCKET_VARIABLE} to a shorter one")]
    TooLong {
        /// The path.
        path: PathBuf,
        /// Its length, in bytes.
        length: usize,
        /// What fits.
        limit: usize,
    },
    /// Neither a runtime folder nor a home.
    #[error("there is no folder for the socket: neither XDG_RUNTIME_DIR nor a home folder is known; set {SOCKET_VARIABLE}")]
    NoFolder,
}

/// Where the daemon of this user listens.
///
/// # Errors
/// [`EndpointError`], each of which names what to set.
pub fn endpoint() -> Result<Endpoint, EndpointError> {
    resolve(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
}

/// [`endpoint`] with these environment variables.
///
/// # Errors
/// As [`endpoint`].
pub fn resolve(variable: impl Fn(&str) -> Option<OsString>) -> Result<Endpoint, EndpointError> {
    let (path, explicit) = match variable(SOCKET_VARIABLE) {
        Some(named) => (platform::named_endpoint(named)?, true),
        None => (platform::default_endpoint(variable)?, false),
    };
    Ok(Endpoint { path, explicit })
}
