//! What a signal undoes before it ends this process, or stops it: a terminal outlives whoever left it silent or covered.

use std::{
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    ptr,
    sync::{
        Once,
        atomic::{AtomicPtr, Ordering},
    },
};

use libc::{
    SA_NODEFER, SA_RESETHAND, SIG_DFL, SIG_IGN, SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1,
    SIGUSR2, SIGXCPU, c_int,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    termios::{OptionalActions, Termios, tcsetattr},
};

/// No time.
const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// What there is to undo now.
static UNDO: AtomicPtr<Undo> = AtomicPtr::new(ptr::null_mut());

struct Undo {
    terminal: RawFd,
    /// Its modes as they were, and as they are meanwhile.
    modes: Option<(Termios, Termios)>,
    /// What it is sent in the end, and what once this process goes on after it was stopped.
    texts: (&'static str, &'static str),
}

/// A change of a terminal that a signal undoes, for as long as this lives.
pub(super) struct Tidy {
    before: *mut Undo,
}

impl Tidy {
    /// Has every signal that ends or stops this process undo the change that is made next: of the modes from the first to
    /// the second ones, and of what is shown by the first text; the second one brings it back after a stop.
    pub(super) fn before(
        terminal: impl AsFd,
        modes: Option<(Termios, Termios)>,
        texts: (&'static str, &'static str),
    ) -> Self {
        static INSTALLED: Once = Once::new();
        let undo = Undo { terminal: terminal.as_fd().as_raw_fd(), modes, texts };
        // Never given back: a signal may look at it at any moment. A command makes a few of them.
        let before = UNDO.swap(Box::leak(Box::new(undo)), Ordering::AcqRel);
        INSTALLED.call_once(|| {
            for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGTSTP] {
                install(signal);
            }
        });
        Self { before }
    }
}

impl Drop for Tidy {
    fn drop(&mut self) {
        UNDO.store(self.before, Ordering::Release);
    }
}

/// Has `signal` call [`handle`], unless it is ignored, as under nohup(1).
fn install(signal: c_int) {
    let resets = if signal == SIGTSTP { 0 } else { SA_RESETHAND };
    let handler: extern "C" fn(c_int) = handle;
    #[expect(unsafe_code, reason = "signals have no safe wrapper")]
    // SAFETY: both structures are plain data, for which zeros are values, and the handler calls nothing but what a handler
    // may call (signal-safety(7)). sigaction is called by the handler too, as it may be.
    unsafe {
        let mut before: libc::sigaction = MaybeUninit::zeroed().assume_init();
        if libc::sigaction(signal, ptr::null(), &raw mut before) != 0 || before.sa_sigaction == SIG_IGN {
            return;
        }
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = SA_NODEFER | resets;
        libc::sigaction(signal, &raw const action, ptr::null_mut());
    }
}

/// Undoes what there is to undo now: this process ends.
pub(crate) fn undo() {
    if let Some(undo) = now() {
        undo.put(undo.modes.as_ref().map(|(before, _)| before), undo.texts.0);
    }
}

fn now() -> Option<&'static Undo> {
    #[expect(unsafe_code, reason = "what a signal finds has no owner")]
    // SAFETY: it is null or was leaked, and nobody changes it.
    unsafe {
        UNDO.load(Ordering::Acquire).as_ref()
    }
}

/// Undoes, and does what the signal does by itself.
extern "C" fn handle(signal: c_int) {
    let stopped = now();
    undo();
    #[expect(unsafe_code, reason = "signals have no safe wrapper")]
    // SAFETY: both may be called by a handler. That of a signal that ends the process is the system's own again already.
    unsafe {
        if signal == SIGTSTP {
            libc::signal(signal, SIG_DFL);
        }
        libc::raise(signal);
    }
    if signal == SIGTSTP {
        install(signal);
        if let Some(undo) = stopped {
            undo.put(undo.modes.as_ref().map(|(_, meanwhile)| meanwhile), undo.texts.1);
        }
    }
}

impl Undo {
    fn put(&self, modes: Option<&Termios>, text: &str) {
        #[expect(unsafe_code, reason = "a signal finds a descriptor, and not who owns it")]
        // SAFETY: whoever made the change holds the descriptor for longer than the change.
        let terminal = unsafe { BorrowedFd::borrow_raw(self.terminal) };
        // Nothing can be done about a terminal that is gone.
        if let Some(modes) = modes {
            let _ = tcsetattr(terminal, OptionalActions::Now, modes);
        }
        // One that stands still, by Ctrl-S, must not keep the process from its end.
        let has_room =
            |fd| matches!(poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], Some(&NOW)), Ok(1..));
        if !text.is_empty() && has_room(terminal) {
            let _ = rustix::io::write(terminal, text.as_bytes());
        }
    }
}
