//! A standard stream that is a terminal, and can be drawn on.

use std::{env, io, os::fd::BorrowedFd};

use rustix::{
    stdio::{stderr, stdout},
    termios::{Winsize, isatty, tcgetwinsize},
};

use super::tidy::Tidy;
use crate::canvas::{Size, Standard};

/// A terminal that is drawn on until this is dropped, or a signal ends this process.
pub(crate) struct Canvas {
    stream: BorrowedFd<'static>,
    end: &'static str,
    _tidy: Tidy,
}

impl Canvas {
    /// The terminal that this stream is, after `begin` was sent to it; in the end `end` is. None where it is no terminal, or
    /// one that cannot be drawn on.
    pub(crate) fn open(standard: Standard, begin: &'static str, end: &'static str) -> Option<Self> {
        let stream = stream(standard);
        if !isatty(stream) || env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb") {
            return None;
        }
        let mut canvas = Self { stream, end, _tidy: Tidy::before(stream, None, (end, begin)) };
        canvas.draw(begin).ok()?;
        Some(canvas)
    }

    /// Sends this whole text to it.
    ///
    /// # Errors
    /// As write(2).
    pub(crate) fn draw(&mut self, text: &str) -> io::Result<()> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match rustix::io::write(self.stream, rest) {
                Ok(written) => rest = &rest[written..],
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = self.draw(self.end);
    }
}

/// How large the terminal is that this stream is; none where it does not say.
pub(crate) fn size(standard: Standard) -> Option<Size> {
    let Winsize { ws_col: columns, ws_row: rows, .. } = tcgetwinsize(stream(standard)).ok()?;
    (columns > 0 && rows > 0).then(|| Size { columns: columns.into(), rows: rows.into() })
}

fn stream(standard: Standard) -> BorrowedFd<'static> {
    match standard {
        Standard::Output => stdout(),
        Standard::Error => stderr(),
    }
}
