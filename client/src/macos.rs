//! macOS: it has no pidfd, so that no process can be held, and a full backlog refuses as nobody would.

use std::{convert::Infallible, fs::File, io, path::Path, time::Duration};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use crate::deadline::Deadline;

/// Whether a daemon may read the file: it has all of its user's rights.
pub(crate) fn may_daemon_read(_file: &Path) -> bool {
    true
}

/// Whether a daemon holds the lock beside the socket `path`, so that the connection was refused for want of room, or
/// because it does not listen yet.
pub(crate) fn is_held(path: &Path) -> bool {
    File::open(path.with_extension("lock"))
        .is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK))
}

/// None: every user has a number.
pub(crate) fn unnumbered() -> Option<u32> {
    None
}

/// Time since some moment, time asleep included (CLOCK_MONOTONIC_RAW in clock_gettime(3)).
pub(crate) fn boot_time() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[expect(unsafe_code, reason = "rustix does not know this clock")]
    // SAFETY: the pointer is to a live variable of the type that is written.
    let _ = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_RAW, &raw mut now) };
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), nanoseconds)
}

/// A running process: there is none that can be held.
pub(crate) struct Process(Infallible);

impl Process {
    /// None: the end of the connection must do.
    pub(crate) fn hold(_pid: u32) -> Option<Self> {
        None
    }

    /// Asks it to end by SIGTERM if its program is called `name`; tells whether it was asked.
    pub(crate) fn terminate(&self, _name: &str) -> bool {
        match self.0 {}
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// None.
    pub(crate) fn ended(&self, _deadline: Deadline) -> io::Result<()> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use rustix::fs::{FlockOperation, flock};

    use super::is_held;

    #[test]
    fn only_a_lock_that_somebody_has_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        assert!(!is_held(&socket));
        let lock = File::create(folder.path().join("agent.lock")).unwrap();
        assert!(!is_held(&socket));
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        assert!(is_held(&socket));
        drop(lock);
        assert!(!is_held(&socket));
    }
}
