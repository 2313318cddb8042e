//! Linux: the runtime folder, and who is at the other end of a socket.

use std::{
    ffi::OsString,
    io,
    os::fd::{AsFd, AsRawFd},
    path::{Path, PathBuf},
    ptr::NonNull,
};

use rustix::{
    mm::{Advice, madvise},
    process::{DumpableBehavior, set_dumpable_behavior},
};

use super::Peer;

/// What `sun_path` holds, in bytes, its final NUL aside (unix(7)).
pub(super) const SUN_PATH_LIMIT: usize = 107;

/// `XDG_RUNTIME_DIR` if it is ours, else what a login would have made.
pub(super) fn runtime_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let named = variable("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let login = Path::new("/run/user").join(super::own_uid().to_string());
    named.into_iter().chain([login]).find(|folder| super::is_own_folder(folder))
}

/// Who connected to this socket or, seen from a client, who listens on it (SO_PEERCRED in socket(7)).
///
/// # Errors
/// Where the socket is not connected.
pub fn peer(socket: impl AsFd) -> io::Result<Peer> {
    // Not rustix's `socket_peercred`: its pid cannot be 0, which is what the kernel gives for a peer in a PID namespace
    // that is not seen from here. A container's is.
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = size_of_val(&peer) as libc::socklen_t;
    let socket = socket.as_fd().as_raw_fd();
    #[expect(unsafe_code, reason = "getsockopt of SO_PEERCRED has no sound wrapper")]
    // SAFETY: the descriptor is open for as long as it is borrowed, and both pointers are to live variables, the first
    // of which has the size that is passed.
    let result = unsafe {
        libc::getsockopt(socket, libc::SOL_SOCKET, libc::SO_PEERCRED, (&raw mut peer).cast(), &raw mut length)
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // What the kernel says where there is no peer.
    if peer.uid == u32::MAX {
        return Err(io::ErrorKind::NotConnected.into());
    }
    Ok(Peer { uid: peer.uid, pid: u32::try_from(peer.pid).ok().filter(|pid| *pid != 0) })
}

/// Keeps other processes of this user from reading this one's memory, and the kernel from writing it to a core file
/// (PR_SET_DUMPABLE in prctl(2)). A program that is run instead of this one begins anew. Best effort.
pub fn hide_memory() {
    // Never refused for this value.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Sees that these pages stand in no core dump (MADV_DONTDUMP in madvise(2)).
pub(super) fn leave_out_of_dumps(address: NonNull<u8>, length: usize) {
    #[expect(unsafe_code, reason = "madvise(2) can take away what is there")]
    // SAFETY: this advice leaves the pages as they are. Where the kernel does not know it, nothing is dumped at all.
    let _ = unsafe { madvise(address.as_ptr().cast(), length, Advice::LinuxDontDump) };
}

#[cfg(test)]
mod tests {
    use std::{
        ffi::OsString,
        fs,
        io::{self, Write},
        os::unix::{
            fs::{chown, symlink},
            net::{UnixListener, UnixStream},
        },
        path::{Path, PathBuf},
    };

    use rustix::net::{AddressFamily, SocketType};

    use super::{super::own_uid, Peer, SUN_PATH_LIMIT, peer};
    use crate::endpoint::{Endpoint, EndpointError, resolve};

    /// Where a user listens who has this runtime folder, and a home.
    fn with_runtime(folder: &Path) -> PathBuf {
        let variable = |name: &str| match name {
            "XDG_RUNTIME_DIR" => Some(folder.as_os_str().to_owned()),
            "HOME" => Some(OsString::from("/home/u")),
            _ => None,
        };
        let Endpoint { path, explicit } = resolve(variable).unwrap();
        assert!(!explicit);
        path
    }

    /// Where a user of this machine listens who has no runtime folder of the session: what a login made, else the home.
    fn without_runtime() -> PathBuf {
        let login = PathBuf::from(format!("/run/user/{}", own_uid()));
        if super::super::is_own_folder(&login) {
            login.join("dt-cred/agent.sock")
        } else {
            PathBuf::from("/home/u/.local/state/dt-cred/run/agent.sock")
        }
    }

    #[test]
    fn the_runtime_folder_is_taken_only_if_it_is_a_folder_of_ours() {
        let ground = tempfile::tempdir().unwrap();
        let at = |name: &str| ground.path().join(name);
        fs::create_dir(at("ours")).unwrap();
        fs::write(at("file"), "").unwrap();
        symlink(at("ours"), at("link")).unwrap();
        assert_eq!(with_runtime(&at("ours")), at("ours/dt-cred/agent.sock"));
        for other in ["file", "link", "link/", "missing"] {
            assert_eq!(with_runtime(&at(other)), without_runtime(), "{other}");
        }
        for other in ["", ".", "relative"] {
            assert_eq!(with_runtime(Path::new(other)), without_runtime(), "{other:?}");
        }
        if own_uid() == 0 {
            chown(at("ours"), Some(54_321), None).unwrap();
            assert_eq!(with_runtime(&at("ours")), without_runtime(), "a stranger's");
        } else {
            assert_eq!(with_runtime(Path::new("/usr")), without_runtime(), "root's");
            // Past the test harness, which would keep it for itself.
            let _ = writeln!(io::stderr(), "LEFT OUT, needs root: a runtime folder that is given away");
        }
    }

    #[test]
    fn with_and_without_the_sessions_variables_the_same_socket_is_found() {
        let login = PathBuf::from(format!("/run/user/{}", own_uid()));
        if super::super::is_own_folder(&login) {
            assert_eq!(with_runtime(&login), without_runtime());
        }
        let cron = |name: &str| (name == "HOME").then(|| OsString::from("/home/u"));
        assert_eq!(resolve(cron).unwrap().path, without_runtime());
    }

    #[test]
    fn without_any_folder_there_is_no_endpoint() {
        let login = PathBuf::from(format!("/run/user/{}", own_uid()));
        let none = resolve(|_| None);
        if super::super::is_own_folder(&login) {
            assert_eq!(none.unwrap().path, login.join("dt-cred/agent.sock"));
        } else {
            assert_eq!(none, Err(EndpointError::NoFolder));
        }
    }

    #[test]
    fn a_default_path_that_is_too_long_is_refused() {
        let ground = tempfile::tempdir().unwrap();
        let folder = ground.path().join("x".repeat(SUN_PATH_LIMIT));
        fs::create_dir(&folder).unwrap();
        let refused = resolve(|name| (name == "XDG_RUNTIME_DIR").then(|| folder.clone().into_os_string()));
        assert!(matches!(refused, Err(EndpointError::TooLong { .. })), "{refused:?}");
    }

    #[test]
    fn both_ends_of_a_connection_know_each_other() {
        let ground = tempfile::tempdir().unwrap();
        let path = ground.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let client = UnixStream::connect(&path).unwrap();
        let own = Peer { uid: own_uid(), pid: Some(std::process::id()) };
        assert_eq!(peer(&client).unwrap(), own, "the one who listens");
        let (served, _) = listener.accept().unwrap();
        assert_eq!(peer(&served).unwrap(), own, "the one who connected");
        drop(client);
        assert_eq!(peer(&served).unwrap(), own, "also when it has left");
    }

    #[test]
    fn a_socket_that_is_not_connected_has_no_peer() {
        let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        assert_eq!(peer(&socket).unwrap_err().kind(), io::ErrorKind::NotConnected);
        let file = fs::File::open("/dev/null").unwrap();
        assert!(peer(&file).is_err(), "what is no socket");
    }
}
