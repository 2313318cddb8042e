//! A standard stream that is a console, and can be drawn on.

use std::{
    env,
    fs::File,
    io,
    mem::ManuallyDrop,
    os::windows::io::AsRawHandle,
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

use windows_sys::{
    Win32::System::Console::{
        CONSOLE_MODE, CONSOLE_SCREEN_BUFFER_INFO, ENABLE_PROCESSED_OUTPUT,
        ENABLE_VIRTUAL_TERMINAL_PROCESSING, GetConsoleScreenBufferInfo, SetConsoleCtrlHandler,
    },
    core::BOOL,
};

use super::{console, stream};
use crate::canvas::{Size, Standard};

/// What there is to undo where an event of the console ends this process.
static DRAWN: Mutex<Option<Drawn>> = Mutex::new(None);

#[derive(Clone, Copy)]
struct Drawn {
    standard: Standard,
    /// What the console is sent in the end, and the mode that it had before.
    end: &'static str,
    before: CONSOLE_MODE,
}

fn drawn() -> MutexGuard<'static, Option<Drawn>> {
    DRAWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A console that is drawn on until this is dropped, or an event of it ends this process.
pub(crate) struct Canvas(Drawn);

impl Canvas {
    /// The console that this stream is, after `begin` was sent to it; in the end `end` is. None where it is no console, or
    /// one that cannot be drawn on (ENABLE_VIRTUAL_TERMINAL_PROCESSING).
    pub(crate) fn open(standard: Standard, begin: &'static str, end: &'static str) -> Option<Self> {
        static HANDLED: Once = Once::new();
        if env::var_os("TERM").is_some_and(|term| term == "dumb") {
            return None;
        }
        let console = of(standard).ok()?;
        let before = console::mode(&*console).ok()?;
        let mode = before | ENABLE_PROCESSED_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING;
        console::set_mode(&console, mode).ok()?;
        HANDLED.call_once(|| {
            #[expect(unsafe_code, reason = "the events of a console have no safe wrapper")]
            // SAFETY: the handler is a function, which is there for as long as the process is.
            unsafe {
                SetConsoleCtrlHandler(Some(restore), 1);
            }
        });
        let mut canvas = Self(Drawn { standard, end, before });
        *drawn() = Some(canvas.0);
        canvas.draw(begin).ok()?;
        Some(canvas)
    }

    /// Sends this whole text to it.
    ///
    /// # Errors
    /// As WriteConsole.
    pub(crate) fn draw(&mut self, text: &str) -> io::Result<()> {
        // Not while an event of the console undoes it.
        let _drawn = drawn();
        self.0.show(text)
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        if let Some(drawn) = drawn().take() {
            drawn.undo();
        }
    }
}

impl Drawn {
    fn show(self, text: &str) -> io::Result<()> {
        let (console, mut rest) = (of(self.standard)?, text.as_bytes());
        while !rest.is_empty() {
            rest = &rest[console::show(&*console, rest)?..];
        }
        Ok(())
    }

    fn undo(self) {
        // Nothing can be done about a console that is gone.
        let _ = self.show(self.end);
        if let Ok(console) = of(self.standard) {
            let _ = console::set_mode(&console, self.before);
        }
    }
}

/// Makes the console as it was before it was drawn on, where nobody is just drawing: this process ends.
pub(super) fn undo() {
    if let Ok(drawn) = DRAWN.try_lock()
        && let Some(drawn) = *drawn
    {
        drawn.undo();
    }
}

/// Makes the console as it was, before an event of it ends this process: called by the system, in a thread of its own.
extern "system" fn restore(_event: u32) -> BOOL {
    let drawn = drawn();
    if let Some(drawn) = *drawn {
        drawn.undo();
    }
    // Never unlocked again: nothing more is drawn.
    std::mem::forget(drawn);
    // Not handled: the system goes on, and ends the process.
    0
}

/// How large the console is that this stream is, as far as it is seen; none where it is none.
pub(crate) fn size(standard: Standard) -> Option<Size> {
    let console = of(standard).ok()?;
    let mut info = CONSOLE_SCREEN_BUFFER_INFO::default();
    #[expect(unsafe_code, reason = "a console's size has no safe wrapper")]
    // SAFETY: a handle that is no console is refused, and the pointer is to a live variable.
    let told = unsafe { GetConsoleScreenBufferInfo(console.as_raw_handle(), &raw mut info) };
    let seen = info.srWindow;
    let length = |first: i16, last: i16| usize::try_from(i32::from(last) - i32::from(first) + 1).ok();
    let (columns, rows) = (length(seen.Left, seen.Right)?, length(seen.Top, seen.Bottom)?);
    (told != 0).then_some(Size { columns, rows })
}

fn of(standard: Standard) -> io::Result<ManuallyDrop<File>> {
    match standard {
        Standard::Output => stream(&io::stdout()),
        Standard::Error => stream(&io::stderr()),
    }
}
