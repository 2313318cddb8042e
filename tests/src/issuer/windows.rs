//! Being told to end, on Windows.

use std::io;

use tokio::signal::windows::{CtrlBreak, CtrlC, ctrl_break, ctrl_c};

/// Ctrl-C and Ctrl-Break, caught from the moment this exists.
pub struct Signals(CtrlC, CtrlBreak);

impl Signals {
    /// To be called within a tokio runtime.
    pub fn caught() -> io::Result<Self> {
        Ok(Self(ctrl_c()?, ctrl_break()?))
    }

    /// Comes back when one arrives.
    pub async fn received(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}
