//! Linux: the end of a process as an event, who listens on a socket, changes in a folder.

use std::{
    env,
    ffi::OsString,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::inotify::{self, CreateFlags, WatchFlags},
    net::sockopt::socket_peercred,
    process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal},
};

use super::{private_folder, readable};

/// Where the configuration lies in a home.
pub(in crate::parts) const CONFIGURATION: &str = "config/dt-cred/config.toml";

/// The default socket's place, of which every home has its own.
pub(in crate::parts) struct Place;

impl Place {
    pub(in crate::parts) fn take() -> Self {
        Self
    }
}

/// The socket's place in a home.
pub(in crate::parts) fn socket(home: &Path) -> PathBuf {
    home.join("run/dt-cred/agent.sock")
}

/// Makes the folders of a home; the variables that lead there, and to a session bus that is not there.
pub(in crate::parts) fn furnish(home: &Path) -> Vec<(&'static str, OsString)> {
    let mut variables = vec![
        ("PATH", env::var_os("PATH").unwrap_or_default()),
        ("LANG", "C.UTF-8".into()),
        ("HOME", home.into()),
        ("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}/no-bus", home.display()).into()),
    ];
    for (variable, name) in [
        ("XDG_RUNTIME_DIR", "run"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_STATE_HOME", "state"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_CACHE_HOME", "cache"),
    ] {
        private_folder(&home.join(name));
        variables.push((variable, home.join(name).into()));
    }
    variables
}

/// A process that its number cannot slip away from: it is signalled and waited for by descriptor (pidfd_open(2)).
pub(in crate::parts) struct Process {
    handle: OwnedFd,
}

impl Process {
    /// The process `pid`; `None` where it is gone.
    pub(in crate::parts) fn of(pid: Pid) -> Option<Self> {
        pidfd_open(pid, PidfdFlags::empty()).ok().map(|handle| Self { handle })
    }

    /// Sends a signal; one that is gone takes none.
    pub(in crate::parts) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.handle, signal);
    }

    /// Whether it ended within `limit`. One that nobody has reaped yet counts as ended: its files are closed.
    pub(in crate::parts) fn ended(&self, limit: Duration) -> bool {
        readable(&self.handle, limit)
    }
}

/// Who called listen(2) on the socket at `path`, if anybody answers there and it is not this process itself.
pub(in crate::parts) fn listener(path: &Path) -> Option<Pid> {
    let stream = UnixStream::connect(path).ok()?;
    socket_peercred(&stream).ok().map(|peer| peer.pid).filter(|pid| *pid != getpid())
}

/// The changes in a folder (inotify(7)).
pub(in crate::parts) struct Changes(OwnedFd);

impl Changes {
    pub(in crate::parts) fn of(folder: &Path) -> Self {
        let watch =
            inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).expect("an inotify descriptor");
        let flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO;
        inotify::add_watch(&watch, folder, flags)
            .unwrap_or_else(|error| panic!("cannot watch {folder:?}: {error}"));
        Self(watch)
    }

    /// Whether something changed within `limit`.
    pub(in crate::parts) fn next(&self, limit: Duration) -> bool {
        if !readable(&self.0, limit) {
            return false;
        }
        let mut events = [0_u8; 4096];
        // Which change it was does not matter: the caller looks for itself.
        while rustix::io::read(&self.0, &mut events).is_ok_and(|read| read > 0) {}
        true
    }
}
