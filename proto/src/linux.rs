//! Linux: the runtime folder, and the uid at the other end of a socket.

use std::{
    ffi::OsString,
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

/// What `sun_path` holds, in bytes, its final NUL aside (unix(7)).
pub(super) const SUN_PATH_LIMIT: usize = 107;

/// `XDG_RUNTIME_DIR` if it is ours, else what a login would have made.
pub(super) fn runtime_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let named = variable("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let login = Path::new("/run/user").join(super::own_uid().to_string());
    named.into_iter().chain([login]).find(|folder| super::is_own_folder(folder))
}

/// The effective user who connected to this socket or, seen from a client, who listens on it (SO_PEERCRED in socket(7)).
///
/// # Errors
/// Where the socket is not connected.
pub fn peer_uid(socket: impl AsFd) -> io::Result<u32> {
    Ok(rustix::net::sockopt::socket_peercred(socket)?.uid.as_raw())
}
