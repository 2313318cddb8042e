//! The person's terminal: prompts and answers go there, never to standard input or output.

use std::io::{self, Read, Write};

use dt_cred_proto::{
    message::{Failure, FailureKind},
    secret::Secret,
    text::Text,
};
use thiserror::Error;

use crate::{
    masked::{self, Masked, Pressed, Signal},
    platform::{self, Keys, Screen, Silence},
};

/// Longest line taken, in bytes: what a terminal itself takes.
const LINE: usize = 4096;

/// The terminal of this process.
pub(crate) struct Terminal {
    keys: Keys,
    screen: Screen,
}

/// Why nobody can be asked.
#[derive(Debug, Error)]
pub(crate) enum TerminalError {
    /// There is none.
    #[error(
        "there is no terminal to ask on: give client_id=… and client_secret=… to dt-cred store on standard input"
    )]
    None,
    /// The person pressed Ctrl-C or Ctrl-D, or the terminal is gone.
    #[error("interrupted: nothing was changed")]
    Interrupted,
    /// A secret longer than any.
    #[error("what was typed is longer than {LIMIT} bytes: nothing was changed", LIMIT = masked::LIMIT)]
    TooLong,
    /// The system refuses.
    #[error("cannot use the terminal: {0}")]
    Io(#[from] io::Error),
}

impl From<TerminalError> for Failure {
    fn from(error: TerminalError) -> Self {
        let kind = match error {
            TerminalError::None | TerminalError::TooLong => FailureKind::Usage,
            TerminalError::Interrupted | TerminalError::Io(_) => FailureKind::Other,
        };
        Self::new(kind, error.to_string())
    }
}

impl Terminal {
    /// The terminal of this process, whatever its standard streams are.
    ///
    /// # Errors
    /// [`TerminalError::None`] where there is none.
    pub(crate) fn open() -> Result<Self, TerminalError> {
        let (keys, screen) = platform::terminal().map_err(|_| TerminalError::None)?;
        Ok(Self { keys, screen })
    }

    /// Shows one line.
    ///
    /// # Errors
    /// Where the terminal is gone.
    pub(crate) fn say(&mut self, line: &Text) -> Result<(), TerminalError> {
        Ok(writeln!(self.screen, "{line}")?)
    }

    /// Asks for one line; white space around it is left out, and an empty one is empty.
    ///
    /// # Errors
    /// [`TerminalError::Interrupted`] where the terminal ends.
    pub(crate) fn ask(&mut self, prompt: &Text) -> Result<String, TerminalError> {
        write!(self.screen, "{prompt} ")?;
        let mut line = Vec::new();
        while !line.ends_with(b"\n") && line.len() < LINE {
            let mut some = [0; LINE];
            let read = self.read(&mut some)?;
            line.extend_from_slice(&some[..read]);
        }
        Ok(String::from_utf8_lossy(&line).trim().to_owned())
    }

    /// Asks for a secret, of which asterisks are shown; white space around it, from a paste, is left out.
    ///
    /// # Errors
    /// [`TerminalError::Interrupted`] after Ctrl-C, with the terminal as it was before.
    pub(crate) fn secret(&mut self, prompt: &Text) -> Result<Secret, TerminalError> {
        let keys = self.keys.try_clone()?;
        // First of all: whatever is typed ahead must not be shown either.
        let silence = Silence::of(&keys)?;
        write!(self.screen, "{prompt} ")?;
        let typed = self.masked(prompt);
        writeln!(self.screen)?;
        drop(silence);
        match typed? {
            Ok(typed) => Ok(Secret::new(String::from_utf8_lossy(&typed.into_typed()).trim().to_owned())),
            Err(signal) => {
                platform::signal_self(signal);
                Err(TerminalError::Interrupted)
            }
        }
    }

    /// What is typed until Enter, or the signal that a key stands for.
    fn masked(&mut self, prompt: &Text) -> Result<Result<Masked, Signal>, TerminalError> {
        let mut masked = Masked::new();
        loop {
            let mut key = [0];
            let read = self.read(&mut key)?;
            // One at a time: what comes after Enter is for the next one who reads.
            for byte in &key[..read] {
                match masked.press(*byte) {
                    Pressed::Shown(text) => self.screen.write_all(text.as_bytes())?,
                    Pressed::Entered => return Ok(Ok(masked)),
                    Pressed::Ended => return Err(TerminalError::Interrupted),
                    Pressed::TooLong => return Err(TerminalError::TooLong),
                    Pressed::Signal(Signal::Suspend) => {
                        platform::signal_self(Signal::Suspend);
                        write!(self.screen, "\r{prompt} {}", masked.shown())?;
                    }
                    Pressed::Signal(signal) => return Ok(Err(signal)),
                }
            }
        }
    }

    /// Reads what there is, at least a byte.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TerminalError> {
        loop {
            match self.keys.read(buffer) {
                // The end must not pass for Enter: half a secret would be taken for a whole one.
                Ok(0) => return Err(TerminalError::Interrupted),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return Ok(read?),
            }
        }
    }
}
