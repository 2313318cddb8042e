//! Standard input as the pipes of this system make it: lines that end with CR LF, after a byte order mark maybe.

use std::io;

/// What a UTF-8 text may begin with (Unicode, "Byte Order Mark").
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Takes a CR away that stands before a LF, and the mark. Any other CR stays, for whoever refuses it.
#[derive(Default)]
pub(super) struct Lines {
    begun: bool,
    /// A CR at the end of what was read, of which it is not known yet what follows it.
    pending: bool,
}

impl Lines {
    /// Reads some bytes by `read`; zero is the end.
    ///
    /// # Errors
    /// As `read`.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            let before = usize::from(self.pending);
            if buffer.len() <= before {
                return Ok(0);
            }
            let more = read(&mut buffer[before..])?;
            if std::mem::take(&mut self.pending) {
                buffer[0] = b'\r';
            }
            let mut filled = before + more;
            if more == 0 {
                return Ok(filled);
            }
            if !std::mem::replace(&mut self.begun, true) && buffer[..filled].starts_with(MARK) {
                buffer.copy_within(MARK.len()..filled, 0);
                filled -= MARK.len();
            }
            self.pending = buffer[..filled].ends_with(b"\r");
            filled -= usize::from(self.pending);
            let mut kept = 0;
            for at in 0..filled {
                if !(buffer[at] == b'\r' && buffer[at + 1..filled].first() == Some(&b'\n')) {
                    buffer[kept] = buffer[at];
                    kept += 1;
                }
            }
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    /// What is read of `input` when it comes in pieces of `size` bytes.
    fn all(input: &[u8], size: usize) -> Vec<u8> {
        let (mut lines, mut pieces, mut text) = (Lines::default(), input.chunks(size), Vec::new());
        loop {
            let mut buffer = [0; 16];
            let read = lines.read(&mut buffer, |buffer| {
                let piece = pieces.next().unwrap_or_default();
                buffer[..piece.len()].copy_from_slice(piece);
                Ok(piece.len())
            });
            match read.unwrap() {
                0 => return text,
                some => text.extend_from_slice(&buffer[..some]),
            }
        }
    }

    #[test]
    fn only_a_cr_before_a_lf_and_a_mark_at_the_start_are_taken_away() {
        for (input, expected) in [
            (&b"a=b\r\nc=d\r\n\r\n"[..], &b"a=b\nc=d\n\n"[..]),
            (b"a=b\nc=d\n", b"a=b\nc=d\n"),
            (b"a=b\rc\r\n", b"a=b\rc\n"),
            (b"a=b\r\r\n", b"a=b\r\n"),
            (b"a=b\r", b"a=b\r"),
            (b"\r\n", b"\n"),
            (b"", b""),
        ] {
            for size in 1..12 {
                assert_eq!(all(input, size), expected, "{input:?} in pieces of {size}");
            }
        }
        assert_eq!(all(b"\xef\xbb\xbfa=b\r\n", 12), b"a=b\n");
        assert_eq!(all(b"a=\xef\xbb\xbf\n", 12), b"a=\xef\xbb\xbf\n");
    }
}
