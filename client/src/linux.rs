//! Linux: a process, held by a pidfd.

use std::{io, os::fd::OwnedFd, path::Path, time::Duration};

use rustix::{
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
    time::{ClockId, clock_gettime},
};

use crate::deadline::Deadline;

/// Never: a full backlog keeps waiting here, and whoever is refused finds nobody.
pub(crate) fn is_held(_path: &Path) -> bool {
    false
}

/// Whether a daemon may read the file: what every program of the system may (`daemon/src/linux/confinement.rs`).
pub(crate) fn may_daemon_read(file: &Path) -> bool {
    // Where it leads is what counts, and nobody but the daemon tells what is missing.
    std::fs::canonicalize(file)
        .is_ok_and(|file| ["/etc", "/usr"].iter().any(|folder| file.starts_with(folder)))
}

/// Time since the boot, time asleep included.
pub(crate) fn boot_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

/// The uid that stands for every user who has no number in this user namespace; none where all have one
/// (user_namespaces(7)).
pub(crate) fn unnumbered() -> Option<u32> {
    // From which number, as which one outside, how many.
    let map = std::fs::read_to_string("/proc/self/uid_map").ok()?;
    let numbers = map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
    if numbers.sum::<u64>() >= u64::from(u32::MAX) {
        return None;
    }
    std::fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok()
}

/// A running process, held so that its number cannot come to mean another one.
pub(crate) struct Process {
    pid: Pid,
    handle: OwnedFd,
}

impl Process {
    /// The process of this number; none where it has ended or cannot be held.
    pub(crate) fn hold(pid: u32) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        Some(Self { pid, handle })
    }

    /// Asks it to end by SIGTERM if its program is called `name`; tells whether it was asked.
    pub(crate) fn terminate(&self, name: &str) -> bool {
        // A service manager listens for its services, and it must never be told to end.
        let known = std::fs::read_to_string(format!("/proc/{}/comm", self.pid.as_raw_nonzero()));
        known.is_ok_and(|known| known.trim_end() == name)
            && pidfd_send_signal(&self.handle, Signal::TERM).is_ok()
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] once the deadline has passed.
    pub(crate) fn ended(&self, deadline: Deadline) -> io::Result<()> {
        super::wait(&self.handle, super::Ready::Read, deadline)
    }
}
