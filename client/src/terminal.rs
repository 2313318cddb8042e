//! The person's terminal: prompts and answers go there, never to standard input or output.

use std::{
    io::{self, Read, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use dt_cred_proto::{
    message::{Failure, FailureKind},
    secret::Secret,
    text::Text,
};
use rpassword::{ConfigBuilder, read_password_with_config};
use thiserror::Error;

use crate::platform::{self, Keys, Screen, Silence};

/// Longest line taken, in bytes: what a terminal itself takes.
const LINE: usize = 4096;

/// Ctrl-C as it arrives from a terminal that makes no signal of it.
const CTRL_C: u8 = 3;

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
    /// The system refuses.
    #[error("cannot use the terminal: {0}")]
    Io(#[from] io::Error),
}

impl From<TerminalError> for Failure {
    fn from(error: TerminalError) -> Self {
        let kind = match error {
            TerminalError::None => FailureKind::Usage,
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
            match self.keys.read(&mut some) {
                Ok(0) => return Err(TerminalError::Interrupted),
                Ok(read) => line.extend_from_slice(&some[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(String::from_utf8_lossy(&line).trim().to_owned())
    }

    /// Asks for a secret, which is not shown; white space around it, from a paste, is left out.
    ///
    /// # Errors
    /// [`TerminalError::Interrupted`] after Ctrl-C, with the terminal as it was before.
    pub(crate) fn secret(&mut self, prompt: &Text) -> Result<Secret, TerminalError> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let typed = {
            // First of all: whatever is typed ahead must not be shown either.
            let _silence = Silence::of(&self.keys)?;
            write!(self.screen, "{prompt} ")?;
            let keys = Uninterrupted { keys: self.keys.try_clone()?, interrupted: Arc::clone(&interrupted) };
            // Given a reader, rpassword leaves the terminal to us: by itself it dies of Ctrl-C with the echo off.
            let typed =
                read_password_with_config(ConfigBuilder::new().input_reader(keys).output_discard().build());
            writeln!(self.screen)?;
            typed
        };
        if interrupted.load(Ordering::Relaxed) {
            platform::interrupt_self();
            return Err(TerminalError::Interrupted);
        }
        match typed {
            Ok(typed) => {
                let typed = Secret::new(typed);
                Ok(Secret::new(typed.expose().trim().to_owned()))
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(TerminalError::Interrupted),
            Err(error) => Err(error.into()),
        }
    }
}

/// The keys as they are pressed, until Ctrl-C or the end of the terminal.
struct Uninterrupted {
    keys: Keys,
    interrupted: Arc<AtomicBool>,
}

impl Read for Uninterrupted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = loop {
            match self.keys.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        if buffer[..read].contains(&CTRL_C) {
            self.interrupted.store(true, Ordering::Relaxed);
        }
        // The end must not pass for Enter: half a secret would be taken for a whole one.
        if read == 0 || self.interrupted.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(read)
    }
}
