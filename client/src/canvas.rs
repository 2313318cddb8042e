//! What is drawn on a terminal, and may be drawn over.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::platform;

/// Whether a terminal is drawn on: two would draw over each other.
static DRAWN: AtomicBool = AtomicBool::new(false);

/// A terminal that is drawn on until this is dropped, or the system ends this process by a signal or an event.
pub(crate) struct Canvas(platform::Canvas);

impl Canvas {
    /// The terminal that this stream is, after `begin` was sent to it; in the end `end` is. None where it is no terminal, or
    /// one that cannot be drawn on, and while there is another one.
    pub(crate) fn open(standard: Standard, begin: &'static str, end: &'static str) -> Option<Self> {
        if DRAWN.swap(true, Ordering::Relaxed) {
            return None;
        }
        let canvas = platform::Canvas::open(standard, begin, end).map(Self);
        DRAWN.store(canvas.is_some(), Ordering::Relaxed);
        canvas
    }

    /// Sends this whole text to it.
    ///
    /// # Errors
    /// As the system.
    pub(crate) fn draw(&mut self, text: &str) -> io::Result<()> {
        self.0.draw(text)
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        DRAWN.store(false, Ordering::Relaxed);
    }
}

/// A standard stream.
#[derive(Clone, Copy)]
pub(crate) enum Standard {
    /// Where answers go.
    Output,
    /// Where all else goes.
    Error,
}

/// How large a terminal is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    /// Characters in a line.
    pub(crate) columns: usize,
    /// Lines.
    pub(crate) rows: usize,
}

/// What nearly every terminal has at least, for one that does not say.
const USUAL: Size = Size { columns: 80, rows: 24 };

impl Size {
    /// How large the terminal is that this stream is.
    pub(crate) fn of(standard: Standard) -> Self {
        platform::size(standard).unwrap_or(USUAL)
    }
}

/// Whether colours are wanted: nobody has said otherwise (<https://no-color.org>).
pub(crate) fn is_coloured() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
