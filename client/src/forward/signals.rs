//! The signals that end it, as something that can be waited for beside a socket.

use std::{
    io::{self, Read},
    mem::MaybeUninit,
    os::{
        fd::{BorrowedFd, IntoRawFd, RawFd},
        unix::net::UnixStream,
    },
    ptr,
    sync::atomic::{AtomicI32, Ordering},
};

use libc::{SA_RESTART, SIG_IGN, SIGHUP, SIGINT, SIGTERM, c_int};

/// What ends it: Ctrl-C, a service manager or an engine, a terminal that closes.
const ENDING: [(c_int, &str); 3] = [(SIGINT, "SIGINT"), (SIGTERM, "SIGTERM"), (SIGHUP, "SIGHUP")];

/// Where a signal is noted.
static NOTES: AtomicI32 = AtomicI32::new(-1);

/// Becomes readable once one has come.
pub(super) struct Signals(pub(super) UnixStream);

impl Signals {
    /// Takes them over from their defaults, but for what is ignored, as under nohup(1). By handlers, and not by a mask: a
    /// daemon that is started later would inherit that.
    ///
    /// # Errors
    /// Where the system refuses.
    pub(super) fn take() -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        theirs.set_nonblocking(true)?;
        // Never closed: a signal may come at any moment.
        NOTES.store(theirs.into_raw_fd(), Ordering::Relaxed);
        for (signal, _) in ENDING {
            install(signal)?;
        }
        Ok(Self(ours))
    }

    /// Which one has come.
    pub(super) fn name(&self) -> &'static str {
        let mut signal = [0];
        let read = (&self.0).read(&mut signal);
        let found = ENDING.iter().find(|(known, _)| read.is_ok() && c_int::from(signal[0]) == *known);
        found.map_or("a signal", |(_, name)| name)
    }
}

fn install(signal: c_int) -> io::Result<()> {
    let handler: extern "C" fn(c_int) = note;
    #[expect(unsafe_code, reason = "signals have no safe wrapper")]
    // SAFETY: both structures are plain data, for which zeros are values, and the handler calls nothing but what a handler
    // may call (signal-safety(7)).
    let result = unsafe {
        let mut before: libc::sigaction = MaybeUninit::zeroed().assume_init();
        if libc::sigaction(signal, ptr::null(), &raw mut before) == 0 && before.sa_sigaction == SIG_IGN {
            return Ok(());
        }
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = SA_RESTART;
        libc::sigaction(signal, &raw const action, ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Notes `signal`. Where there is no room enough have come.
extern "C" fn note(signal: c_int) {
    let notes: RawFd = NOTES.load(Ordering::Relaxed);
    #[expect(unsafe_code, reason = "a signal finds a descriptor, and not who owns it")]
    // SAFETY: it was given up for good before any handler was there.
    let notes = unsafe { BorrowedFd::borrow_raw(notes) };
    let _ = rustix::io::write(notes, &[u8::try_from(signal).unwrap_or_default()]);
}
