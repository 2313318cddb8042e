//! Whether the server took the token, from what curl writes besides the answer.

use std::fmt::Write;

/// Longest answer that is held until its status is known, in bytes.
pub const LIMIT: usize = 1024 * 1024;

/// What a mark begins and ends with: a character that hardly a text holds.
const EDGE: u8 = 0x1f;

/// Longest that curl makes of a mark behind its start, in bytes: a status, a number of redirects, the edge.
const TOLD: usize = 20;

/// The status of unauthorised requests (RFC 9110 §15.5.2).
const UNAUTHORIZED: &[u8] = b"401";

/// What curl is to write behind each answer: its status, and how many redirects led to it. A number that no server knows tells
/// it from the answer.
#[derive(Clone, Copy, Debug)]
pub struct Mark(u64);

impl Mark {
    /// The mark with this number, which is to be one that nobody can guess.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// For curl's `--write-out`, in front of what the user has there.
    pub fn write_out(self) -> String {
        let mut text = self.start();
        // To a String it never fails.
        let _ = write!(text, "%{{http_code}} %{{num_redirects}}{}", char::from(EDGE));
        text
    }

    fn start(self) -> String {
        format!("{}{:x} ", char::from(EDGE), self.0)
    }
}

/// What stands at an edge in what curl writes.
enum Found<'a> {
    /// A mark, and what is behind it.
    Mark { told: &'a [u8], behind: &'a [u8] },
    /// As much as there is of what may be one.
    Beginning,
    /// The answer.
    Nothing,
}

/// What curl writes, from which the marks are taken.
pub struct Marked {
    start: Vec<u8>,
    /// What may be the beginning of a mark.
    kept: Vec<u8>,
    refused: bool,
}

impl Marked {
    /// Of a curl that was told to write this mark.
    pub fn new(mark: Mark) -> Self {
        Self { start: mark.start().into_bytes(), kept: Vec::new(), refused: false }
    }

    /// Takes the next bytes; gives those that are known to be the answer's.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.kept.extend_from_slice(bytes);
        let mut answer = Vec::with_capacity(self.kept.len());
        let mut rest = self.kept.as_slice();
        while let Some(at) = rest.iter().position(|byte| *byte == EDGE) {
            answer.extend_from_slice(&rest[..at]);
            rest = &rest[at..];
            match self.found(rest) {
                Found::Mark { told, behind } => {
                    // Behind a redirect it is another server's word, or one about a request without the token.
                    self.refused |= told == b"401 0";
                    rest = behind;
                }
                Found::Nothing => {
                    answer.push(EDGE);
                    rest = &rest[1..];
                }
                Found::Beginning => {
                    self.kept = rest.to_vec();
                    return answer;
                }
            }
        }
        answer.extend_from_slice(rest);
        self.kept.clear();
        answer
    }

    /// What stands at an edge.
    fn found<'a>(&self, text: &'a [u8]) -> Found<'a> {
        let Some(behind) = text.strip_prefix(self.start.as_slice()) else {
            return if self.start.starts_with(text) { Found::Beginning } else { Found::Nothing };
        };
        let end = behind.iter().take(TOLD).position(|byte| !byte.is_ascii_digit() && *byte != b' ');
        match end {
            Some(end) if behind[end] == EDGE => {
                Found::Mark { told: &behind[..end], behind: &behind[end + 1..] }
            }
            None if behind.len() < TOLD => Found::Beginning,
            _ => Found::Nothing,
        }
    }

    /// Nothing more comes: what is left of the answer, and whether the server that the token was sent to answered 401.
    pub fn end(self) -> (Vec<u8>, bool) {
        // Where curl was killed a mark may have no end.
        (self.kept, self.refused)
    }
}

/// An answer that is held until its end, where curl writes its status, or until it is too long.
pub struct Held {
    marked: Marked,
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
    /// Of a curl that was told to write this mark.
    pub fn new(mark: Mark) -> Self {
        Self { marked: Marked::new(mark), bytes: Vec::new(), overflowed: false }
    }

    /// Takes the next bytes; gives those that need to be held no longer.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.bytes.extend_from_slice(&self.marked.push(bytes));
        self.let_go()
    }

    /// Nothing more comes.
    pub fn end(mut self) -> Ended {
        let (rest, refused) = self.marked.end();
        self.bytes.extend_from_slice(&rest);
        let whole = !self.overflowed && self.bytes.len() < LIMIT;
        Ended { rest: self.bytes, whole, refused }
    }

    fn let_go(&mut self) -> Vec<u8> {
        self.overflowed |= self.bytes.len() >= LIMIT;
        if self.overflowed { std::mem::take(&mut self.bytes) } else { Vec::new() }
    }
}

/// How curl's last word begins, where something went wrong (curl(1) at --show-error).
const COMPLAINT: &[u8] = b"curl: (";

/// What curl writes to standard error: the last word is held back, all else is let through.
#[derive(Default)]
pub struct Complaint {
    kept: Vec<u8>,
}

impl Complaint {
    /// Takes the next bytes; gives those that are not held back.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.kept.extend_from_slice(bytes);
        let begins = |at: &usize| {
            let rest = &self.kept[*at..];
            rest.starts_with(COMPLAINT) || COMPLAINT.starts_with(rest)
        };
        let from = (0..self.kept.len()).find(begins).unwrap_or(self.kept.len());
        self.kept.drain(..from).collect()
    }

    /// Nothing more comes: the last word.
    pub fn end(self) -> Vec<u8> {
        self.kept
    }
}

/// The headers of every answer as `--dump-header` writes them, of which only the status lines are looked at.
#[derive(Default)]
pub struct Heads {
    /// The start of the line that is being written.
    line: Vec<u8>,
    /// Whether the last answer was a redirect.
    redirected: bool,
    refused: bool,
    refused_first: bool,
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
        if follows { self.refused_first } else { self.refused }
    }

    fn look(&mut self) {
        let status =
            self.line.strip_prefix(b"HTTP/").and_then(|line| line.splitn(2, |byte| *byte == b' ').nth(1));
        let Some(status) = status.and_then(|status| status.get(..3)) else { return };
        // Behind one of these comes another answer (RFC 9110 §15.2).
        if status[0] == b'1' {
            return;
        }
        self.refused |= status == UNAUTHORIZED;
        self.refused_first |= status == UNAUTHORIZED && !self.redirected;
        self.redirected = status[0] == b'3';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What curl writes, as it comes.
    type Pieces = &'static [&'static [u8]];

    /// What a curl with mark 7 wrote: what went through at once, and the end.
    fn ended(pieces: &[&[u8]]) -> (Vec<u8>, Ended) {
        let mut held = Held::new(Mark::new(7));
        let out = pieces.iter().flat_map(|piece| held.push(piece)).collect();
        (out, held.end())
    }

    #[test]
    fn curl_is_told_to_write_status_and_redirects_between_two_edges() {
        assert_eq!(Mark::new(0xab).write_out(), "\u{1f}ab %{http_code} %{num_redirects}\u{1f}");
    }

    #[test]
    fn an_answer_is_held_until_its_status_is_known() {
        let cases: [(Pieces, &[u8], bool); 8] = [
            (&[b"refused\n\x1f7 401 0\x1f"], b"refused\n", true),
            (&[b"ref", b"used\x1f7 40", b"1 0\x1f"], b"refused", true),
            (&[b"\x1f7 401 0\x1f"], b"", true),
            (&[b"fine\n\x1f7 200 0\x1f"], b"fine\n", false),
            (&[b"elsewhere\x1f7 401 1\x1f"], b"elsewhere", false),
            (&[b"\x1f7 000 0\x1f"], b"", false),
            (&[b"cut off"], b"cut off", false),
            (&[b"a\x1f8 401 0\x1f\x1f7 200 0\x1f"], b"a\x1f8 401 0\x1f", false),
        ];
        for (pieces, rest, refused) in cases {
            let expected = Ended { rest: rest.to_vec(), whole: true, refused };
            assert_eq!(ended(pieces), (Vec::new(), expected), "{pieces:?}");
        }
    }

    #[test]
    fn an_answer_longer_than_the_limit_is_let_through_and_its_status_known_all_the_same() {
        for (length, whole) in [(LIMIT - 1, true), (LIMIT, false), (LIMIT + 1, false)] {
            let (out, end) = ended(&[&vec![b'a'; length], b"\x1f7 401 0\x1f"]);
            let held = if whole { length } else { 0 };
            assert_eq!((out.len(), end.rest.len()), (length - held, held));
            assert_eq!((end.whole, end.refused), (whole, true));
        }
    }

    #[test]
    fn marks_are_taken_out_wherever_they_stand_and_nothing_else_is() {
        let cases: [(Pieces, &[u8], &[u8], bool); 9] = [
            (&[b"a\x1f7 401 0\x1fmine"], b"amine", b"", true),
            (&[b"a\x1f7 200 0\x1fb\x1f7 401 0\x1fc"], b"abc", b"", true),
            (&[b"a\x1f7 200 0\x1f\x1f7 200 0\x1f"], b"a", b"", false),
            (&[b"a\x1f", b"7", b" ", b"401 0", b"\x1f"], b"a", b"", true),
            (&[b"a\x1f7", b"1 401 0\x1fb"], b"a\x1f71 401 0", b"\x1fb", false),
            (&[b"a\x1f\x1f7 401 0\x1f"], b"a\x1f", b"", true),
            (
                &[b"\x1f7 no number at all, and no end of it"],
                b"\x1f7 no number at all, and no end of it",
                b"",
                false,
            ),
            (&[b"a\x1f7 40"], b"a", b"\x1f7 40", false),
            (&[b"a\x1f"], b"a", b"\x1f", false),
        ];
        for (pieces, answer, rest, refused) in cases {
            let mut marked = Marked::new(Mark::new(7));
            let out: Vec<u8> = pieces.iter().flat_map(|piece| marked.push(piece)).collect();
            let (end, told) = marked.end();
            let whole = [answer, rest].concat();
            assert_eq!(([out, end].concat(), told), (whole, refused), "{pieces:?}");
        }
    }

    #[test]
    fn what_begins_no_mark_is_not_kept_back() {
        let mut marked = Marked::new(Mark::new(7));
        assert_eq!(marked.push(b"a line\n"), b"a line\n");
        assert_eq!(marked.push(b"\x1f8"), b"\x1f8");
        assert_eq!(marked.push(b"\x1f7"), b"");
        assert_eq!(marked.push(b"1 "), b"\x1f71 ");
    }

    #[test]
    fn of_the_headers_only_status_lines_count() {
        let cases: [(Pieces, bool, bool); 10] = [
            (&[b"HTTP/1.1 302 Found\r\n\r\nHTTP/1.1 200 OK\r\n\r\nHTTP/1.1 401 X\r\n"], true, true),
            (&[b"HTTP/1.1 302 Found\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 X\r\n"], true, false),
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

    #[test]
    fn of_standard_error_the_last_word_alone_is_held_back() {
        let cases: [(Pieces, &[u8], &[u8]); 6] = [
            (&[b"  % Total\r 12\r 24\ncurl: (22) no\n"], b"  % Total\r 12\r 24\n", b"curl: (22) no\n"),
            (&[b"  1\rcu", b"rl", b": (22", b") no\n"], b"  1\r", b"curl: (22) no\n"),
            (&[b"curl: (22) no\n", b"curl: try\n"], b"", b"curl: (22) no\ncurl: try\n"),
            (&[b"current\n"], b"current\n", b""),
            (&[b"cur", b"b\n"], b"curb\n", b""),
            (&[b"cur"], b"", b"cur"),
        ];
        for (pieces, through, held) in cases {
            let mut complaint = Complaint::default();
            let out: Vec<u8> = pieces.iter().flat_map(|piece| complaint.push(piece)).collect();
            assert_eq!((out.as_slice(), complaint.end().as_slice()), (through, held), "{pieces:?}");
        }
    }
}
