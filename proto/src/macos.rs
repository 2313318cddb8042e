//! macOS: the per-user temporary folder, and the uid at the other end of a socket.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::{
        fd::{AsFd, AsRawFd},
        unix::ffi::OsStrExt,
    },
    path::PathBuf,
    ptr::NonNull,
};

/// What `sun_path` holds, in bytes, its final NUL aside (unix(4)).
pub(super) const SUN_PATH_LIMIT: usize = 103;

/// The per-user temporary folder as confstr(3) gives it: `TMPDIR` may point anywhere.
pub(super) fn runtime_folder(_variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let mut buffer = [0_u8; 1024];
    #[expect(unsafe_code, reason = "confstr has no safe wrapper")]
    // SAFETY: the buffer is valid for its whole length, which is what is passed.
    let length =
        unsafe { libc::confstr(libc::_CS_DARWIN_USER_TEMP_DIR, buffer.as_mut_ptr().cast(), buffer.len()) };
    let path = buffer.get(..length.checked_sub(1)?)?;
    Some(PathBuf::from(OsStr::from_bytes(path))).filter(|folder| super::is_own_folder(folder))
}

/// Nothing: macOS has no such advice, and [`hide_memory`] keeps core files from being written.
pub(super) fn leave_out_of_dumps(_address: NonNull<u8>, _length: usize) {}

/// Keeps other processes of this user from reading this one's memory (PT_DENY_ATTACH in ptrace(2)). Best effort.
pub fn hide_memory() {
    #[expect(unsafe_code, reason = "ptrace(2) has no safe wrapper")]
    // SAFETY: the request looks at none of its arguments.
    let _ = unsafe { libc::ptrace(libc::PT_DENY_ATTACH, 0, std::ptr::null_mut(), 0) };
}

/// The effective user who connected to this socket or, seen from a client, who listens on it (getpeereid(3)).
///
/// # Errors
/// Where the socket is not connected.
pub fn peer_uid(socket: impl AsFd) -> io::Result<u32> {
    let (mut uid, mut gid) = (0, 0);
    #[expect(unsafe_code, reason = "getpeereid has no safe wrapper")]
    // SAFETY: the descriptor is open for as long as it is borrowed, and both pointers are to live variables.
    let result = unsafe { libc::getpeereid(socket.as_fd().as_raw_fd(), &mut uid, &mut gid) };
    if result == 0 { Ok(uid) } else { Err(io::Error::last_os_error()) }
}
