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

/// Writes the whole answer, in one piece where the output takes it so.
///
/// A reader that left is success: `dt-cred status | head -1` has what it wanted.
///
/// # Errors
/// [`OutputError`] where a part of it was not taken.
pub(crate) fn write(answer: impl AsRef<[u8]>) -> Result<(), OutputError> {
    let mut rest = answer.as_ref();
    while !rest.is_empty() {
        match platform::write_output(rest) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
