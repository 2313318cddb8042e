//! macOS: it has no pidfd, so that no process can be held.

use std::{convert::Infallible, io};

use crate::deadline::Deadline;

/// A running process: there is none that can be held.
pub(crate) struct Process(Infallible);

impl Process {
    /// None: the end of the connection must do.
    pub(crate) fn hold(_pid: u32) -> Option<Self> {
        None
    }

    /// Asks it to end by SIGTERM if its program is called `name`; tells whether it was asked.
    pub(crate) fn terminate(&self, _name: &str) -> bool {
        match self.0 {}
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// None.
    pub(crate) fn ended(&self, _deadline: Deadline) -> io::Result<()> {
        match self.0 {}
    }
}
