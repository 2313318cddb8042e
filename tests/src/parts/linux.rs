//! Linux: the end of a process as an event, who listens on a socket, changes in a folder.

use std::{
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, WatchFlags},
    io::Errno,
    net::sockopt::socket_peercred,
    process::{
        Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getpid, kill_process, pidfd_open, pidfd_send_signal,
        waitid,
    },
};

/// A process that its number cannot slip away from: it is signalled and waited for by descriptor (pidfd_open(2)).
pub(super) struct Process {
    handle: OwnedFd,
}

impl Process {
    /// The process `pid`; `None` where it is gone.
    pub(super) fn of(pid: Pid) -> Option<Self> {
        pidfd_open(pid, PidfdFlags::empty()).ok().map(|handle| Self { handle })
    }

    /// Sends a signal; one that is gone takes none.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.handle, signal);
    }

    /// Whether it ended within `limit`. One that nobody has reaped yet counts as ended: its files are closed.
    pub(super) fn ended(&self, limit: Duration) -> bool {
        readable(&self.handle, limit)
    }
}

/// Who called listen(2) on the socket at `path`, if anybody answers there and it is not this process itself.
pub(super) fn listener(path: &Path) -> Option<Pid> {
    let stream = UnixStream::connect(path).ok()?;
    socket_peercred(&stream).ok().map(|peer| peer.pid).filter(|pid| *pid != getpid())
}

/// Stops a child and waits until it stands still.
pub(super) fn stop(child: Pid) {
    kill_process(child, Signal::STOP).expect("the child is there");
    // Looked at only, so that whoever owns the child still reaps it.
    waitid(WaitId::Pid(child), WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT).expect("the child stops");
}

/// The changes in a folder (inotify(7)).
pub(super) struct Changes(OwnedFd);

impl Changes {
    pub(super) fn of(folder: &Path) -> Self {
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
    pub(super) fn next(&self, limit: Duration) -> bool {
        if !readable(&self.0, limit) {
            return false;
        }
        let mut events = [0_u8; 4096];
        // Which change it was does not matter: the caller looks for itself.
        while rustix::io::read(&self.0, &mut events).is_ok_and(|read| read > 0) {}
        true
    }
}

/// Whether something can be read within `limit`, or the other end is gone.
pub(super) fn readable(descriptor: impl AsFd, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).expect("a bound of seconds");
        match poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&left)) {
            Ok(ready) => return ready > 0,
            Err(Errno::INTR) => {}
            Err(error) => panic!("cannot poll: {error}"),
        }
    }
}
