//! What only Linux has, by a service manager that listens, keeps a journal and takes rights: nothing of it is here.

use std::{convert::Infallible, io, path::Path, time::Duration};

/// Where a service manager listens: nowhere.
#[derive(Debug)]
pub struct NotifySocket(Infallible);

impl NotifySocket {
    /// None.
    ///
    /// # Errors
    /// None.
    pub fn from_environment() -> io::Result<Option<Self>> {
        Ok(None)
    }

    /// Says these lines.
    ///
    /// # Errors
    /// None.
    pub fn say(&self, _lines: &str) -> io::Result<()> {
        match self.0 {}
    }
}

/// Whether who listens for the daemon keeps what it writes to standard error: launchd has it in a file that grows for ever, or nowhere.
pub const OUTPUT_IS_KEPT: bool = false;

/// Nobody waits for a sign of life.
pub fn watchdog() -> Option<Duration> {
    None
}

/// Nobody compares it.
pub fn monotonic() -> Duration {
    Duration::ZERO
}

/// Nobody takes such rights from a program.
pub fn is_powerless(_program: &Path) -> bool {
    false
}

/// A journal that takes fields: there is none.
#[derive(Debug)]
pub struct Journal(Infallible);

impl Journal {
    /// None.
    pub fn of_stderr() -> Option<Self> {
        None
    }

    /// Writes an entry.
    ///
    /// # Errors
    /// None.
    pub fn write(&self, _entry: &[u8]) -> io::Result<()> {
        match self.0 {}
    }
}
