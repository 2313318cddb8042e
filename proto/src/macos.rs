//! macOS: the per-user temporary folder, and who is at the other end of a socket.

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

use super::Peer;

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

/// Who connected to this socket or, seen from a client, who listens on it (getpeereid(3), LOCAL_PEERPID in unix(4)).
///
/// # Errors
/// Where the socket is not connected.
pub fn peer(socket: impl AsFd) -> io::Result<Peer> {
    let socket = socket.as_fd().as_raw_fd();
    let (mut uid, mut gid) = (0, 0);
    #[expect(unsafe_code, reason = "getpeereid has no safe wrapper")]
    // SAFETY: the descriptor is open for as long as it is borrowed, and both pointers are to live variables.
    let result = unsafe { libc::getpeereid(socket, &mut uid, &mut gid) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut pid: libc::pid_t = 0;
    let mut length = size_of_val(&pid) as libc::socklen_t;
    #[expect(unsafe_code, reason = "getsockopt of LOCAL_PEERPID has no safe wrapper")]
    // SAFETY: the descriptor is open for as long as it is borrowed, and both pointers are to live variables, the first
    // of which has the size that is passed.
    let told = unsafe {
        libc::getsockopt(socket, libc::SOL_LOCAL, libc::LOCAL_PEERPID, (&raw mut pid).cast(), &raw mut length)
    };
    // Only the user decides anything.
    Ok(Peer { uid, pid: u32::try_from(pid).ok().filter(|pid| told == 0 && *pid != 0) })
}
