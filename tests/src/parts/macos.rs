//! macOS: the end of a process as an event, who listens on a socket.

use std::{
    env,
    ffi::OsString,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    ptr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use dt_cred_proto::endpoint;
use rustix::{
    event::kqueue::{Event, EventFilter, EventFlags, ProcessEvents, kevent, kqueue},
    process::{Pid, Signal, getpid, kill_process},
};

use super::{private_folder, readable};

/// Where the configuration lies in a home.
pub(in crate::parts) const CONFIGURATION: &str = "Library/Application Support/dt-cred/config.toml";

/// The default socket's place, which is the user's and no home's: one home after another has it.
pub(in crate::parts) struct Place(#[expect(dead_code, reason = "held for its lock")] MutexGuard<'static, ()>);

impl Place {
    pub(in crate::parts) fn take() -> Self {
        static PLACE: Mutex<()> = Mutex::new(());
        Self(PLACE.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The socket's place, in a folder that the environment does not name.
pub(in crate::parts) fn socket(_home: &Path) -> PathBuf {
    endpoint::resolve(|_| None).expect("the system has a folder for the user").path
}

/// Makes the folders of a home; the variables that lead there.
pub(in crate::parts) fn furnish(home: &Path) -> Vec<(&'static str, OsString)> {
    let state = home.join("state");
    private_folder(&state);
    vec![
        ("PATH", env::var_os("PATH").unwrap_or_default()),
        ("LANG", "C.UTF-8".into()),
        ("HOME", home.into()),
        ("XDG_STATE_HOME", state.into()),
    ]
}

/// A process whose end is an event (kqueue(2)).
pub(in crate::parts) struct Process {
    pid: Pid,
    events: OwnedFd,
}

impl Process {
    /// The process `pid`; `None` where it is gone.
    pub(in crate::parts) fn of(pid: Pid) -> Option<Self> {
        let events = kqueue().expect("a queue of events");
        let end = EventFilter::Proc { pid, flags: ProcessEvents::EXIT };
        let end = Event::new(end, EventFlags::ADD, ptr::null_mut());
        #[expect(unsafe_code, reason = "rustix cannot see what descriptors an event is about")]
        // SAFETY: the event is about a process, and no descriptor.
        unsafe { kevent(&events, &[end], &mut [] as &mut [Event], Some(Duration::ZERO)) }.ok()?;
        Some(Self { pid, events })
    }

    /// Sends a signal; one that is gone takes none.
    pub(in crate::parts) fn signal(&self, signal: Signal) {
        // Its number may be another's once it has ended.
        if !self.ended(Duration::ZERO) {
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Whether it ended within `limit`. The event is never taken out of the queue, so it is there for the next who asks.
    pub(in crate::parts) fn ended(&self, limit: Duration) -> bool {
        readable(&self.events, limit)
    }
}

/// Who listens on the socket at `path`, if anybody answers there and it is not this process itself.
pub(in crate::parts) fn listener(path: &Path) -> Option<Pid> {
    let stream = UnixStream::connect(path).ok()?;
    let (mut pid, mut length): (libc::pid_t, _) =
        (0, libc::socklen_t::try_from(size_of::<libc::pid_t>()).ok()?);
    #[expect(unsafe_code, reason = "LOCAL_PEERPID has no safe wrapper")]
    // SAFETY: the descriptor is open for as long as the stream lives, and both pointers are to live variables, the first of
    // the length that the second says.
    let result = unsafe {
        let socket = stream.as_raw_fd();
        libc::getsockopt(socket, libc::SOL_LOCAL, libc::LOCAL_PEERPID, (&raw mut pid).cast(), &raw mut length)
    };
    Pid::from_raw(pid).filter(|pid| result == 0 && *pid != getpid())
}
