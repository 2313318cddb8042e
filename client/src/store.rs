//! `dt-cred store`: keeps credentials given as `key=value` lines on standard input.

use std::io::{self, IsTerminal};

use dt_cred_proto::{
    attributes::{LIMIT, Lines, LinesError},
    message::{Failure, FailureKind, Operation, Store},
};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{ca, daemon, deadline::Deadline, error, kept, platform, settings::Settings};

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
    #[error("cannot read standard input: {0}")]
    Io(#[from] io::Error),
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        let kind = match error {
            InputError::Lines(_) | InputError::NoSecret => FailureKind::Usage,
            InputError::Io(_) => FailureKind::Other,
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
    let lines = Lines::parse(&block(platform::line_input())?)?;
    if lines.attributes.client_secret.is_none() {
        return Err(InputError::NoSecret);
    }
    Ok(lines)
}

/// Everything up to the first empty line or the end, and at least one byte more than [`LIMIT`] if there is more.
fn block(mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<Zeroizing<Vec<u8>>> {
    // Of its full size from the start: a buffer that grows leaves copies of what it held behind.
    let mut buffer = Zeroizing::new(vec![0; LIMIT + 1]);
    let mut filled = 0;
    while filled < buffer.len() && !ends(&buffer[..filled]) {
        match read(&mut buffer[filled..])? {
            0 => break,
            some => filled += some,
        }
    }
    buffer.truncate(filled);
    Ok(buffer)
}

/// Whether an empty line is among these bytes: whoever writes to us may wait for the answer now.
fn ends(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'\n') || bytes.windows(2).any(|pair| pair == b"\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read when these pieces arrive one after the other, and how many were waited for.
    fn read(pieces: &[&[u8]]) -> (Vec<u8>, usize) {
        let mut next = pieces.iter();
        let block = block(|buffer| {
            let piece = next.next().copied().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        });
        (block.expect("read").to_vec(), pieces.len() - next.len())
    }

    #[test]
    fn nothing_is_waited_for_after_an_empty_line() {
        let cases: &[(&[&[u8]], usize)] = &[
            (&[b"a=b\n\n", b"more"], 1),
            (&[b"a=b\n", b"\n", b"more"], 2),
            (&[b"a=", b"b", b"\n\nc", b"more"], 3),
            (&[b"\n", b"more"], 1),
            (&[b"a=b\n", b"c=d\n"], 2),
        ];
        for (pieces, waited) in cases {
            let (read, count) = read(pieces);
            assert_eq!(count, *waited, "{pieces:?}");
            assert_eq!(read, pieces[..count].concat());
        }
    }

    #[test]
    fn an_endless_input_ends_at_the_limit() {
        let block = block(|buffer| {
            let some = buffer.len().min(1000);
            buffer[..some].fill(b'a');
            Ok(some)
        });
        let block = block.expect("read");
        assert_eq!(block.len(), LIMIT + 1);
        assert!(matches!(Lines::parse(&block), Err(LinesError::TooLong)));
    }
}
