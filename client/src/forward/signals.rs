//! The signals that end it, as something that can be waited for beside a socket.

use std::{
    io::{self, Read, Write},
    mem::MaybeUninit,
    os::unix::net::UnixStream,
    ptr, thread,
};

use libc::{SIG_IGN, SIGHUP, SIGINT, SIGTERM, c_int};

/// What ends it: Ctrl-C, a service manager or an engine, a terminal that closes.
const ENDING: [(c_int, &str); 3] = [(SIGINT, "SIGINT"), (SIGTERM, "SIGTERM"), (SIGHUP, "SIGHUP")];

/// Becomes readable once one has come.
pub(super) struct Signals(pub(super) UnixStream);

impl Signals {
    /// Takes them over from their defaults, but for what is ignored, as under nohup(1). To be called before any other thread
    /// starts: what is blocked here is blocked in all of them, and one waits.
    ///
    /// # Errors
    /// Where the system refuses.
    pub(super) fn take() -> io::Result<Self> {
        let (ours, mut theirs) = UnixStream::pair()?;
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        #[expect(unsafe_code, reason = "sets of signals have no safe wrapper")]
        // SAFETY: all pointers are to live variables; `set` is made by sigemptyset before it is read.
        let set = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for (signal, _) in ENDING {
                let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
                libc::sigaction(signal, ptr::null(), &raw mut action);
                if action.sa_sigaction != SIG_IGN {
                    libc::sigaddset(set.as_mut_ptr(), signal);
                }
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut());
            set.assume_init()
        };
        thread::Builder::new().stack_size(super::STACK).spawn(move || {
            let mut signal: c_int = 0;
            #[expect(unsafe_code, reason = "sigwait has no safe wrapper")]
            // SAFETY: both pointers are to live variables, and the signals are blocked in every thread.
            let waited = unsafe { libc::sigwait(&raw const set, &raw mut signal) };
            let signal = u8::try_from(signal).ok().filter(|_| waited == 0);
            // An end of the other side ends the process as well.
            let _ = theirs.write_all(signal.as_slice());
        })?;
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
