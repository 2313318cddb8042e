//! Whether the server took the token, from what curl writes besides the answer.

/// Longest answer that is held until its status is known, in bytes.
pub const LIMIT: usize = 1024 * 1024;

/// What stands in front of the status behind an answer: a character that no text ends in.
const MARK: u8 = 0x1f;

/// The `--write-out` that [`Held`] understands.
pub const WRITE_OUT: &str = "\u{1f}%{http_code} %{num_redirects}";

/// Longest that curl makes of [`WRITE_OUT`], in bytes.
const TRAILER: usize = 32;

/// The status of unauthorised requests (RFC 9110 §15.5.2).
const UNAUTHORIZED: &[u8] = b"401";

/// An answer that is held until its end, where curl writes its status, or until it is too long.
#[derive(Default)]
pub struct Held {
    bytes: Vec<u8>,
    overflowed: bool,
}

/// The end of an answer.
#[derive(PartialEq, Eq, Debug)]
pub struct Ended {
    /// What was held of it to the last.
    pub rest: Vec<u8>,
    /// Whether that is all of it.
    pub whole: bool,
    /// Whether the server that the token was sent to answered 401.
    pub refused: bool,
}

impl Held {
    /// Takes the next bytes; gives those that need to be held no longer.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.bytes.extend_from_slice(bytes);
        self.overflowed |= self.bytes.len() > LIMIT + TRAILER;
        let free = if self.overflowed { self.bytes.len().saturating_sub(TRAILER) } else { 0 };
        self.bytes.drain(..free).collect()
    }

    /// Nothing more comes.
    pub fn end(self) -> Ended {
        let Self { mut bytes, overflowed } = self;
        let from = bytes.len().saturating_sub(TRAILER);
        let mark = bytes[from..].iter().rposition(|byte| *byte == MARK).map(|at| from + at);
        // Where curl was killed there is none.
        let trailer = mark.map(|at| bytes.split_off(at)).unwrap_or_default();
        // Behind a redirect it is another server's word, or one about a request without the token.
        let refused = trailer.strip_prefix(&[MARK]).is_some_and(|said| said == b"401 0");
        let whole = !overflowed && bytes.len() < LIMIT;
        Ended { rest: bytes, whole, refused }
    }
}

/// The headers of every answer as `--dump-header` writes them, of which only the status lines are looked at.
#[derive(Default)]
pub struct Heads {
    /// The start of the line that is being written.
    line: Vec<u8>,
    redirected: bool,
    refused: bool,
}

/// As much of a line as is looked at: `HTTP/1.1 401`.
const STATUS_LINE: usize = 12;

impl Heads {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                self.look();
                self.line.clear();
            } else if self.line.len() < STATUS_LINE {
                self.line.push(byte);
            }
        }
    }

    /// Whether a server that the token was sent to answered 401; none that a redirect led to counts, where they are followed.
    pub fn refused(&self, follows: bool) -> bool {
        self.refused && !(follows && self.redirected)
    }

    fn look(&mut self) {
        let status =
            self.line.strip_prefix(b"HTTP/").and_then(|line| line.splitn(2, |byte| *byte == b' ').nth(1));
        let status = status.and_then(|status| status.get(..3)).unwrap_or_default();
        self.redirected |= status.first() == Some(&b'3');
        self.refused |= status == UNAUTHORIZED;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What curl writes, as it comes.
    type Pieces = &'static [&'static [u8]];

    fn ended(pieces: &[&[u8]]) -> (Vec<u8>, Ended) {
        let mut held = Held::default();
        let out = pieces.iter().flat_map(|piece| held.push(piece)).collect();
        (out, held.end())
    }

    #[test]
    fn an_answer_is_held_until_its_status_is_known() {
        let cases: [(Pieces, &[u8], bool); 8] = [
            (&[b"refused\n\x1f401 0"], b"refused\n", true),
            (&[b"ref", b"used\x1f40", b"1 0"], b"refused", true),
            (&[b"\x1f401 0"], b"", true),
            (&[b"fine\n\x1f200 0"], b"fine\n", false),
            (&[b"elsewhere\x1f401 1"], b"elsewhere", false),
            (&[b"\x1f000 0"], b"", false),
            (&[b"cut off"], b"cut off", false),
            (&[b"a\x1f401 0\x1f200 0"], b"a\x1f401 0", false),
        ];
        for (pieces, rest, refused) in cases {
            let expected = Ended { rest: rest.to_vec(), whole: true, refused };
            assert_eq!(ended(pieces), (Vec::new(), expected), "{pieces:?}");
        }
    }

    #[test]
    fn an_answer_longer_than_the_limit_is_let_through_and_its_status_known_all_the_same() {
        for (length, whole) in [(LIMIT - 1, true), (LIMIT, false), (LIMIT + 1, false)] {
            let (out, end) = ended(&[&vec![b'a'; length], b"\x1f401 0"]);
            assert_eq!((out.len(), end.rest.len(), end.whole, end.refused), (0, length, whole, true));
        }
        let longer = vec![b'a'; LIMIT + 40];
        let (out, end) = ended(&[&longer, &longer, b"\x1f401 0"]);
        assert_eq!(out.len() + end.rest.len(), 2 * longer.len());
        assert!(!end.whole && end.refused && end.rest.iter().all(|byte| *byte == b'a'));
    }

    #[test]
    fn of_the_headers_only_status_lines_count() {
        let cases: [(Pieces, bool, bool); 8] = [
            (&[b"HTTP/1.1 401 Unauthorized\r\n\r\n"], true, true),
            (&[b"HTTP/2 401 \r\n"], true, true),
            (&[b"HTT", b"P/1.1 4", b"01\r", b"\n"], true, true),
            (&[b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 X\r\n"], true, true),
            (&[b"HTTP/1.1 302 Found\r\n\r\nHTTP/1.1 401 X\r\n"], true, false),
            (&[b"HTTP/1.1 200 OK\r\nX: HTTP/1.1 401\r\n401\r\n"], false, false),
            (&[b"HTTP/1.1 4010\r\nHTTP/1.1 403 401\r\n"], true, true),
            (&[b""], false, false),
        ];
        for (pieces, refused, refused_though_followed) in cases {
            let mut heads = Heads::default();
            pieces.iter().for_each(|piece| heads.push(piece));
            let told = (heads.refused(false), heads.refused(true));
            assert_eq!(told, (refused, refused_though_followed), "{pieces:?}");
        }
    }
}
