//! Standard input, read into a buffer that is wiped.

use std::io;

use dt_cred_proto::message::{Failure, FailureKind};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::platform;

/// It cannot be read.
#[derive(Debug, Error)]
#[error("cannot read standard input: {0}; see what it comes from, then try again")]
pub(crate) struct ReadError(#[from] io::Error);

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::new(FailureKind::Other, error.to_string())
    }
}

/// Everything up to the first empty line or the end, and a byte more than `limit` if there is more.
///
/// # Errors
/// [`ReadError`].
pub(crate) fn block(limit: usize) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    Ok(until(limit, ends, platform::line_input())?)
}

/// Everything up to the end, and a byte more than `limit` if there is more.
///
/// # Errors
/// [`ReadError`].
pub(crate) fn whole(limit: usize) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    Ok(until(limit, |_| false, platform::line_input())?)
}

fn until(
    limit: usize,
    done: impl Fn(&[u8]) -> bool,
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
) -> io::Result<Zeroizing<Vec<u8>>> {
    // Of its full size from the start: a buffer that grows leaves copies of what it held behind.
    let mut buffer = Zeroizing::new(vec![0; limit + 1]);
    let mut filled = 0;
    while filled < buffer.len() && !done(&buffer[..filled]) {
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

    const LIMIT: usize = 5000;

    /// What is read when these pieces arrive one after the other, and how many were waited for.
    fn read(pieces: &[&[u8]]) -> (Vec<u8>, usize) {
        let mut next = pieces.iter();
        let block = until(LIMIT, ends, |buffer| {
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
        let read = until(LIMIT, ends, |buffer| {
            let some = buffer.len().min(1000);
            buffer[..some].fill(b'a');
            Ok(some)
        });
        assert_eq!(read.expect("read").len(), LIMIT + 1, "one more, by which the reader knows");
    }
}
