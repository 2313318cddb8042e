//! Standard output: the answer and nothing else, written whole and checked.

use std::io;

use dt_cred_proto::message::{Failure, FailureKind};
use thiserror::Error;

use crate::platform;

/// Standard output takes no more: a full disk, say.
#[derive(Debug, Error)]
#[error("cannot write to standard output: {0}; see where it goes, then try again")]
pub(crate) struct OutputError(#[from] io::Error);

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        Self::new(FailureKind::Other, error.to_string())
    }
}

impl OutputError {
    /// Whether whoever read it left.
    pub(crate) fn is_reader_gone(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Writes the whole answer, in one piece where the output takes it so.
///
/// A reader that left is success: `dt-cred status | head -1` has what it wanted.
///
/// # Errors
/// [`OutputError`] where a part of it was not taken.
pub(crate) fn write(answer: impl AsRef<[u8]>) -> Result<(), OutputError> {
    match whole(answer.as_ref()) {
        Err(error) if error.is_reader_gone() => Ok(()),
        written => written,
    }
}

/// Writes the whole, also for who must know that its reader left.
///
/// # Errors
/// [`OutputError`] where a part of it was not taken.
pub(crate) fn whole(mut rest: &[u8]) -> Result<(), OutputError> {
    while !rest.is_empty() {
        match platform::write_output(rest)? {
            0 => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
            written => rest = &rest[written..],
        }
    }
    Ok(())
}
