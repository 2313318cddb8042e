//! Linux: the boot-time clock and its timer, the watch on the socket's folder.

use std::{
    io,
    os::fd::{BorrowedFd, FromRawFd, OwnedFd},
    path::{Path, PathBuf},
    time::Duration,
};

use interprocess::{local_socket::ListenerOptions, os::unix::local_socket::ListenerOptionsExt};
use rustix::{
    fs::inotify,
    io::FdFlags,
    mm::{Advice, madvise},
    param::page_size,
    time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
        timerfd_create, timerfd_settime,
    },
};
use tokio::io::{Interest, unix::AsyncFd};

#[path = "linux/confinement.rs"]
mod confinement;
#[path = "linux/journal.rs"]
mod journal;
#[path = "linux/notify.rs"]
mod notify;
#[path = "linux/process.rs"]
mod process;

pub use confinement::confine;
pub use journal::Journal;
pub use notify::{NotifySocket, monotonic, watchdog};
pub use process::{is_powerless, process, starter};

/// Whether who listens for the daemon keeps what it writes to standard error: systemd does, in its journal.
pub const OUTPUT_IS_KEPT: bool = true;

/// Time since the machine started, time asleep included (CLOCK_BOOTTIME in clock_gettime(2)).
pub fn boot_time() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), nanoseconds)
}

/// From so many bytes on memory is the system's again once it is free.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 128 * 1024;

/// Has the heap give back whatever is large. By itself malloc(3) takes what was freed for a size that comes again, and keeps the next
/// one: megabytes of an answer or of a keyring's list, for good.
pub(super) fn keep_the_heap_small() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "mallopt(3) has no safe wrapper")]
    // SAFETY: it takes two numbers. Refused it would leave what is.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// Gives memory back to the system that is free within the heap: malloc(3) by itself gives back what lies at its end alone.
pub fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "malloc_trim(3) has no safe wrapper")]
    // SAFETY: it takes nothing that is in use, and waits for whoever allocates meanwhile.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Has the system map no more of this program and its libraries than what runs from now on: the files stay in the page cache, and each
/// 64 KiB of them are back at a fault. What has run once would be held for good, and most of that runs for a fetch alone.
pub fn unmap_program() {
    #[expect(unsafe_code, reason = "dl_iterate_phdr(3) has no safe wrapper")]
    // SAFETY: `unmap` is such a function, and takes no data.
    unsafe {
        libc::dl_iterate_phdr(Some(unmap), std::ptr::null_mut());
    }
}

/// Unmaps what nobody may write to of one file that is loaded (elf(5)).
#[expect(
    unsafe_code,
    reason = "what is loaded is told by pointers, and madvise(2) can take away what is there"
)]
unsafe extern "C" fn unmap(
    file: *mut libc::dl_phdr_info,
    _: libc::size_t,
    _: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the loader gives its own description of a file, for the time of this call.
    let (base, headers) = unsafe {
        let file = &*file;
        (file.dlpi_addr, std::slice::from_raw_parts(file.dlpi_phdr, file.dlpi_phnum.into()))
    };
    let fixed = headers.iter().filter(|part| part.p_type == libc::PT_LOAD && part.p_flags & libc::PF_W == 0);
    for part in fixed {
        let page = page_size();
        let (Ok(start), Ok(length)) = (usize::try_from(base + part.p_vaddr), usize::try_from(part.p_memsz))
        else {
            continue;
        };
        let (first, end) = (start / page * page, (start + length).next_multiple_of(page));
        // SAFETY: these whole pages are the file's own, to which nothing of this process writes, and the kernel reads them again.
        let _ = unsafe {
            madvise(std::ptr::with_exposed_provenance_mut(first), end - first, Advice::LinuxDontNeed)
        };
    }
    0
}

/// Whether other processes of this user are kept from this one's memory; how, and why not.
pub(super) fn memory_is_hidden() -> (bool, &'static str, &'static str) {
    use rustix::process::{DumpableBehavior, dumpable_behavior};
    let hidden = dumpable_behavior().is_ok_and(|behavior| behavior != DumpableBehavior::Dumpable);
    (hidden, "not for other processes of this user", "the kernel leaves it to other processes of this user")
}

/// Whether systemd started this very process (`$SYSTEMD_EXEC_PID` in systemd.exec(5)); others of its variables are inherited.
pub fn is_managed() -> bool {
    std::env::var("SYSTEMD_EXEC_PID").is_ok_and(|pid| pid == std::process::id().to_string())
}

/// What two paths have in common that name the same file: themselves.
pub fn folded(path: &Path) -> PathBuf {
    path.to_owned()
}

/// Whether somebody listens at `path`.
pub fn is_answered(path: &Path) -> bool {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    let flags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);
    let connected = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .and_then(|socket| connect(&socket, &SocketAddrUnix::new(path)?));
    // One whose backlog is full listens all the same.
    matches!(connected, Ok(()) | Err(rustix::io::Errno::AGAIN))
}

/// The socket's file is to be mode 0600 from the moment that it is there.
pub(super) fn private(options: ListenerOptions<'_>) -> ListenerOptions<'_> {
    options.mode(0o600)
}

/// The descriptor that systemd gave to this process (sd_listen_fds(3)).
pub(super) fn activated() -> io::Result<Option<OwnedFd>> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    if number("LISTEN_PID") != Some(std::process::id()) {
        return Ok(None);
    }
    match number("LISTEN_FDS") {
        None | Some(0) => return Ok(None),
        Some(1) => {}
        Some(more) => {
            let message = format!("the service manager gave {more} sockets, and one is wanted");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
    }
    #[expect(unsafe_code, reason = "a descriptor that was inherited is a number to begin with")]
    // SAFETY: it is only asked for its flags, which tells whether it is open.
    rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(3) })?;
    #[expect(unsafe_code, reason = "a descriptor that was inherited is a number to begin with")]
    // SAFETY: it is open, and nobody else in this process knows of it: this is called before anything else is opened.
    let descriptor = unsafe { OwnedFd::from_raw_fd(3) };
    rustix::io::fcntl_setfd(&descriptor, FdFlags::CLOEXEC)?;
    if !rustix::net::sockopt::socket_acceptconn(&descriptor)? {
        let message = "the service manager gave a socket that nobody listens on";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(Some(descriptor))
}

/// Closes every descriptor from `first` on.
pub(super) fn close_from(first: u32) {
    #[expect(unsafe_code, reason = "close_range(2) has no safe wrapper")]
    // SAFETY: called before this process has opened anything of its own, so nobody holds what is closed.
    unsafe {
        libc::close_range(first, u32::MAX, 0);
    }
}

/// A descriptor whose readiness to be read can be waited for.
fn readable(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    #[expect(unsafe_code, reason = "tokio wants a promise about the descriptor")]
    // SAFETY: an OwnedFd is the same open descriptor for as long as it lives.
    let registered = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
    Ok(registered?)
}

/// How much earlier or later than asked an alarm may go off. What is due by the wall clock is another moment of the boot-time
/// clock at each look, by the nanoseconds between two readings: the timer is not set anew for those.
const SLACK: Duration = Duration::from_millis(1);

/// A timer on the boot-time clock: it goes off also when its time passed while the machine slept (timerfd_create(2)).
pub struct Alarm {
    timer: AsyncFd<OwnedFd>,
    armed: Option<Duration>,
}

impl Alarm {
    /// An alarm that is not set.
    ///
    /// # Errors
    /// Where there are no descriptors left.
    pub fn new() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        Ok(Self { timer: readable(timer)?, armed: None })
    }

    /// Waits until `at` by the boot-time clock, give or take a millisecond; for ever where there is none.
    pub async fn reached(&mut self, at: Option<Duration>) {
        if !self.is_armed_for(at) && self.arm(at).is_err() {
            // Never seen; a tick keeps the daemon right, if not idle.
            return tokio::time::sleep(Duration::from_secs(1)).await;
        }
        if let Ok(mut ready) = self.timer.readable().await {
            ready.clear_ready();
            self.armed = None;
        }
    }

    fn is_armed_for(&self, at: Option<Duration>) -> bool {
        match (self.armed, at) {
            (Some(armed), Some(at)) => armed.abs_diff(at) < SLACK,
            (armed, at) => armed == at,
        }
    }

    fn arm(&mut self, at: Option<Duration>) -> io::Result<()> {
        // An all-zero time disarms: the earliest time that does not is a nanosecond.
        let time = at.map_or(Duration::ZERO, |at| at.max(Duration::from_nanos(1)));
        let it_value = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(time.subsec_nanos()),
        };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &Itimerspec { it_interval, it_value })?;
        self.armed = at;
        Ok(())
    }
}

/// Tells when something changes in a folder (inotify(7)).
pub struct Watch(AsyncFd<OwnedFd>);

impl Watch {
    /// Watches the folder of the socket at `path`.
    ///
    /// # Errors
    /// Where the folder is gone or the user's inotify limits are used up.
    pub fn new(path: &Path) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        use inotify::{CreateFlags, WatchFlags};
        let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        inotify::add_watch(&watch, folder, flags)?;
        // A folder above it that is moved away takes the socket along. Root's own need not be watched, nor can they.
        let above = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
        for parent in folder.ancestors().skip(1) {
            let _ = inotify::add_watch(&watch, parent, above);
        }
        Ok(Self(readable(watch)?))
    }

    /// Waits for the next change.
    pub async fn changed(&mut self) {
        let Ok(mut ready) = self.0.readable().await else { return };
        let mut events = [0_u8; 4096];
        // Which change it was does not matter: the caller looks for itself.
        while rustix::io::read(ready.get_inner(), &mut events).is_ok_and(|read| read > 0) {}
        ready.clear_ready();
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixListener, time::Duration};

    use super::{Alarm, boot_time, is_answered};

    #[tokio::test]
    async fn an_alarm_for_a_time_that_has_passed_goes_off_and_one_set_anew_goes_off_again() {
        let mut alarm = Alarm::new().unwrap();
        for ahead in [0, 0, 20, 5, 0] {
            let at = boot_time() + Duration::from_millis(ahead);
            alarm.reached(Some(at)).await;
            assert!(boot_time() >= at);
        }
    }

    #[tokio::test]
    async fn an_alarm_that_was_moved_ahead_does_not_go_off_at_its_old_time() {
        let mut alarm = Alarm::new().unwrap();
        let far = boot_time() + Duration::from_secs(3600);
        let near = boot_time() + Duration::from_millis(30);
        tokio::select! {
            () = alarm.reached(Some(far)) => panic!("it went off"),
            () = tokio::task::yield_now() => {}
        }
        alarm.reached(Some(near)).await;
        assert!(boot_time() >= near && boot_time() < far);
    }

    #[tokio::test]
    async fn an_alarm_that_is_moved_by_less_than_a_millisecond_is_not_set_anew_and_one_that_is_moved_further_is()
     {
        let mut alarm = Alarm::new().unwrap();
        let far = boot_time() + Duration::from_secs(3600);
        let millisecond = Duration::from_millis(1);
        for (asked, armed) in [
            (Some(far), Some(far)),
            (Some(far + millisecond / 2), Some(far)),
            (Some(far - millisecond / 2), Some(far)),
            // Bit by bit it is not moved far without being set.
            (Some(far + millisecond), Some(far + millisecond)),
            (None, None),
            (Some(far), Some(far)),
        ] {
            tokio::select! {
                biased;
                () = alarm.reached(asked) => panic!("it went off"),
                () = tokio::task::yield_now() => {}
            }
            assert_eq!(alarm.armed, armed, "{asked:?}");
        }
    }

    #[test]
    fn a_listener_whose_backlog_is_full_is_a_listener_and_a_left_over_socket_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        assert!(!is_answered(&path));
        let listener = UnixListener::bind(&path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        assert!(is_answered(&path));
        // Each of these takes a place that nobody empties.
        for _ in 0..4 {
            assert!(is_answered(&path));
        }
        // A child of another test that has not called exec yet holds a copy of it.
        rustix::net::shutdown(&listener, rustix::net::Shutdown::Both).unwrap();
        drop(listener);
        assert!(!is_answered(&path));
    }
}
