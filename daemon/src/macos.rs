//! macOS: the clock that counts time asleep, a look at the socket's folder, descriptors that a caller left open.

use std::{
    io,
    os::fd::{FromRawFd, OwnedFd},
    path::{Path, PathBuf},
    time::Duration,
};

use dt_cred_proto::message::Defence;
use interprocess::local_socket::ListenerOptions;

#[path = "macos/process.rs"]
mod process;

pub use self::process::{process, starter};
pub use crate::{
    ticks::Alarm,
    unmanaged::{Journal, NotifySocket, OUTPUT_IS_KEPT, is_powerless, monotonic, watchdog},
};

use crate::confinement::Needs;

/// Nothing is given up: macOS has no interface for that which is documented (sandbox_init(3) is deprecated).
pub fn confine(_needs: &Needs) -> Vec<Defence> {
    Vec::new()
}

/// Nothing: the system takes what it needs of a heap that holds free memory.
pub fn give_back_memory() {}

/// Nothing: the heap gives back what is large by itself.
pub(super) fn keep_the_heap_small() {}

/// Nothing: what the system maps of a program is nobody's to choose.
pub fn unmap_program() {}

/// Whether other processes of this user are kept from this one's memory; how, and why not. The system does not tell.
pub(super) fn memory_is_hidden() -> (bool, &'static str, &'static str) {
    (true, "debuggers are refused", "")
}

/// How often it is looked whether the socket is still ours.
const LOOK: Duration = Duration::from_secs(10);

/// Time since the machine started, time asleep included: CLOCK_MONOTONIC_RAW is mach_continuous_time here, and not as
/// on Linux a clock that stops (clock_gettime(3)).
pub fn boot_time() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[expect(unsafe_code, reason = "rustix does not know this clock")]
    // SAFETY: the pointer is to a live variable of the type that is written.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_RAW, &raw mut now) };
    debug_assert_eq!(result, 0, "the clock is there since macOS 10.12");
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), nanoseconds)
}

/// Whether launchd started this process: it is the parent of what it starts.
pub fn is_managed() -> bool {
    rustix::process::getppid().is_some_and(|parent| parent == rustix::process::Pid::INIT)
}

/// What two paths have in common that name the same file: all but the case of their letters.
pub fn folded(path: &Path) -> PathBuf {
    PathBuf::from(path.to_string_lossy().to_lowercase())
}

/// Whether somebody listens at `path`. A full backlog refuses here, and does not keep waiting.
pub fn is_answered(path: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(path).is_ok()
}

/// Nothing: fchmod(2) takes no socket here. What is made is 0700 by the umask, in a folder of 0700.
pub(super) fn private(options: ListenerOptions<'_>) -> ListenerOptions<'_> {
    options
}

/// The name of the socket in launchd's property list.
const SOCKET: &std::ffi::CStr = c"Listeners";

/// The descriptor that launchd gave to this process (launch_activate_socket(3)).
pub(super) fn activated() -> io::Result<Option<OwnedFd>> {
    #[expect(unsafe_code, reason = "launchd's own interface has no safe wrapper")]
    unsafe extern "C" {
        fn launch_activate_socket(
            name: *const libc::c_char,
            descriptors: *mut *mut libc::c_int,
            count: *mut libc::size_t,
        ) -> libc::c_int;
    }
    let (mut descriptors, mut count) = (std::ptr::null_mut(), 0);
    #[expect(unsafe_code, reason = "launchd's own interface has no safe wrapper")]
    // SAFETY: the name ends with a NUL, both pointers are to live variables; where the call succeeds it gives us an array
    // of that many descriptors of our own, which is read and then freed once.
    unsafe {
        match launch_activate_socket(SOCKET.as_ptr(), &raw mut descriptors, &raw mut count) {
            0 => {}
            // Not started by launchd, or without such a socket.
            libc::ESRCH | libc::ENOENT => return Ok(None),
            error => return Err(io::Error::from_raw_os_error(error)),
        }
        let given: Vec<OwnedFd> = (0..count).map(|at| OwnedFd::from_raw_fd(*descriptors.add(at))).collect();
        libc::free(descriptors.cast());
        let more = given.len();
        let message = || format!("launchd gave {more} sockets, and one is wanted");
        match <[OwnedFd; 1]>::try_from(given) {
            Ok([descriptor]) => Ok(Some(descriptor)),
            Err(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, message())),
        }
    }
}

/// Closes every descriptor from `first` on.
pub(super) fn close_from(first: u32) {
    // Listed first: the listing has a descriptor of its own, which is closed with it.
    let open: Vec<i32> = std::fs::read_dir("/dev/fd").map_or_else(
        |_| Vec::new(),
        |entries| entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect(),
    );
    for descriptor in
        open.into_iter().filter(|descriptor| u32::try_from(*descriptor).is_ok_and(|d| d >= first))
    {
        #[expect(unsafe_code, reason = "close(2) of a descriptor that nobody owns")]
        // SAFETY: called before this process has opened anything of its own, so nobody holds what is closed.
        unsafe {
            libc::close(descriptor);
        }
    }
}

/// Tells when it is time to look at a folder again.
pub struct Watch;

impl Watch {
    /// Watches the folder of the socket at this path.
    ///
    /// # Errors
    /// None.
    pub fn new(_path: &Path) -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits until it may have changed.
    pub async fn changed(&mut self) {
        tokio::time::sleep(LOOK).await;
    }
}
