//! `dt-cred store`: keeps credentials given as `key=value` lines on standard input.

use std::io::{self, IsTerminal};

use dt_cred_proto::{
    attributes::{LIMIT, Lines, LinesError},
    message::{Failure, FailureKind, Operation, Store},
};
use thiserror::Error;

use crate::{
    ca, daemon,
    deadline::Deadline,
    error,
    input::{self, ReadError},
    kept,
    settings::Settings,
};

/// Why nothing was read that could be kept.
#[derive(Debug, Error)]
pub(crate) enum InputError {
    /// The lines are wrong.
    #[error("standard input: {0}")]
    Lines(#[from] LinesError),
    /// The secret is not among them.
    #[error("standard input holds no client_secret: give the lines client_id=… and client_secret=…")]
    NoSecret,
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        let kind = match error {
            InputError::Lines(_) | InputError::NoSecret => FailureKind::Usage,
            InputError::Read(_) => FailureKind::Other,
        };
        Self::new(kind, error.to_string())
    }
}

/// Reads the lines, has them proved and kept, and tells where.
///
/// # Errors
/// Lines that are wrong, the daemon's failure, or why there is no answer.
pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let Lines { mut attributes, keyring, no_check } = read()?;
    ca::settle(&mut attributes)?;
    let store = Store { profile: settings.profile.clone(), keyring, check: !no_check, attributes };
    let deadline = Deadline::after(settings.timeout);
    kept::tell(daemon::ask(settings, Operation::Store(Box::new(store)), deadline)?)
}

/// The lines on standard input.
///
/// # Errors
/// [`InputError`]; no message quotes a value.
pub(crate) fn read() -> Result<Lines, InputError> {
    if io::stdin().is_terminal() {
        error::warn(&"type client_id=… and client_secret=…, one a line, then an empty line".into());
    }
    let lines = Lines::parse(&input::block(LIMIT)?)?;
    if lines.attributes.client_secret.is_none() {
        return Err(InputError::NoSecret);
    }
    Ok(lines)
}
