//! A secret that is being typed: what each key does to it, and what is shown in its place.

use zeroize::Zeroizing;

/// Longest secret taken, in bytes: what a terminal itself takes of a line.
pub(crate) const LIMIT: usize = 4096;

/// Most asterisks that are shown: that a paste has arrived is seen by fewer, its length by none, and no line is broken.
const MOST: usize = 32;

/// What is typed so far.
pub(crate) struct Masked {
    /// Of its full size from the start: a buffer that grows leaves copies of what it held behind.
    typed: Zeroizing<Vec<u8>>,
    /// Whether more came than there is room for: the rest of the line is taken, or whoever reads next would get it.
    is_too_long: bool,
    sequence: Sequence,
}

/// Where in the sequence of a key that types nothing, as an arrow does (ECMA-48 §5.4).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sequence {
    Outside,
    Escaped,
    Inside,
}

/// What a key does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Pressed {
    /// This is shown for it, which may be nothing.
    Shown(String),
    /// Enter.
    Entered,
    /// Ctrl-D where nothing is typed.
    Ended,
    /// What would be a signal: Ctrl-C, Ctrl-\ and Ctrl-Z.
    Signal(Signal),
    /// Enter, after more than there was room for.
    TooLong,
}

/// A signal that a terminal sends for a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-\.
    Quit,
    /// Ctrl-Z.
    Suspend,
}

impl Masked {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            typed: Zeroizing::new(Vec::with_capacity(LIMIT)),
            is_too_long: false,
            sequence: Sequence::Outside,
        }
    }

    /// Takes the next byte that a key has sent.
    pub(crate) fn press(&mut self, byte: u8) -> Pressed {
        let before = self.stars();
        if self.is_in_sequence(byte) {
            return Pressed::Shown(String::new());
        }
        match byte {
            b'\r' | b'\n' if self.is_too_long => return Pressed::TooLong,
            b'\r' | b'\n' => return Pressed::Entered,
            0x03 => return Pressed::Signal(Signal::Interrupt),
            0x1c => return Pressed::Signal(Signal::Quit),
            0x1a => return Pressed::Signal(Signal::Suspend),
            0x04 if self.typed.is_empty() => return Pressed::Ended,
            0x08 | 0x7f => while self.typed.pop().is_some_and(|byte| !is_first(byte)) {},
            // Ctrl-U.
            0x15 => {
                self.typed.clear();
                self.is_too_long = false;
            }
            // Ctrl-W: the last word, and what follows it.
            0x17 => {
                while self.typed.pop_if(|byte| *byte == b' ').is_some() {}
                while self.typed.pop_if(|byte| *byte != b' ').is_some() {}
            }
            ..b' ' => {}
            _ if self.typed.len() == LIMIT => self.is_too_long = true,
            _ => self.typed.push(byte),
        }
        let after = self.stars();
        Pressed::Shown(format!(
            "{}{}",
            "\x08 \x08".repeat(before.saturating_sub(after)),
            "*".repeat(after.saturating_sub(before))
        ))
    }

    /// All that is shown now.
    pub(crate) fn shown(&self) -> String {
        "*".repeat(self.stars())
    }

    /// What was typed.
    pub(crate) fn into_typed(self) -> Zeroizing<Vec<u8>> {
        self.typed
    }

    fn stars(&self) -> usize {
        self.typed.iter().filter(|byte| is_first(**byte)).count().min(MOST)
    }

    /// Whether this byte is of a sequence, and types nothing. One that is broken off by a control character ends with it.
    fn is_in_sequence(&mut self, byte: u8) -> bool {
        use Sequence::{Escaped, Inside, Outside};
        let before = self.sequence;
        self.sequence = match (before, byte) {
            (_, 0x1b) => Escaped,
            (Escaped, b'[' | b'O') => Inside,
            (Inside, b' '..=b'?') => Inside,
            _ => Outside,
        };
        byte == 0x1b || (before != Outside && byte >= b' ')
    }
}

/// Whether a character of UTF-8 begins with this byte.
fn is_first(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is typed in the end, and what a screen shows then.
    fn typed(keys: &str) -> (String, usize) {
        let mut masked = Masked::new();
        let mut shown = 0_usize;
        for byte in keys.bytes() {
            match masked.press(byte) {
                Pressed::Shown(text) => {
                    assert!(text.chars().all(|c| matches!(c, '*' | ' ' | '\x08')), "{text:?}");
                    shown += text.matches('*').count();
                    shown -= text.matches("\x08 \x08").count();
                }
                other => panic!("{other:?} for {keys:?}"),
            }
        }
        assert_eq!(masked.shown().len(), shown, "{keys:?}");
        (String::from_utf8(masked.into_typed().to_vec()).expect("text"), shown)
    }

    #[test]
    fn every_key_does_what_it_does_on_a_line_and_shows_an_asterisk_for_each_character() {
        for (keys, expected) in [
            ("", ""),
            ("abc", "abc"),
            ("abx\x7fc", "abc"),
            ("abx\x08c", "abc"),
            ("\x7f\x7fa", "a"),
            ("grün€🔑\x7f\x7f\x7f", "grü"),
            ("wrong\x15right", "right"),
            ("one two  \x17three", "one three"),
            ("one\x17\x17", ""),
            ("a\x01\x0bb\x04\tc", "abc"),
        ] {
            assert_eq!(typed(keys), (expected.to_owned(), expected.chars().count()), "{keys:?}");
        }
    }

    #[test]
    fn keys_that_type_nothing_and_the_marks_of_a_paste_are_no_part_of_it() {
        for keys in
            ["a\x1b[Db", "\x1bOAab", "a\x1b[1;5Cb", "\x1b[200~ab\x1b[201~", "a\x1bxb", "a\x1b\x1b[3~b"]
        {
            assert_eq!(typed(keys).0, "ab", "{keys:?}");
        }
        let mut masked = Masked::new();
        masked.press(b'\x1b');
        assert_eq!(masked.press(b'\r'), Pressed::Entered, "Enter is never swallowed");
    }

    #[test]
    fn how_long_a_secret_is_shows_up_to_a_line_only() {
        let long = "x".repeat(MOST + 5);
        assert_eq!(typed(&long), (long.clone(), MOST));
        assert_eq!(typed(&format!("{long}\x7f\x7f")).1, MOST);
        assert_eq!(typed(&format!("{long}{}", "\x7f".repeat(6))).1, MOST - 1);
    }

    #[test]
    fn what_has_no_room_is_refused_and_never_cut_off() {
        let mut masked = Masked::new();
        assert!((0..LIMIT).all(|_| matches!(masked.press(b'x'), Pressed::Shown(_))));
        assert!(matches!(masked.press(b'x'), Pressed::Shown(_)), "the rest of the line is taken as well");
        assert_eq!(masked.press(b'\r'), Pressed::TooLong);
        assert_eq!(masked.into_typed().len(), LIMIT);
    }

    #[test]
    fn what_would_be_a_signal_is_told_as_one() {
        for (byte, signal) in [(3, Signal::Interrupt), (0x1c, Signal::Quit), (0x1a, Signal::Suspend)] {
            assert_eq!(Masked::new().press(byte), Pressed::Signal(signal));
        }
        assert_eq!(Masked::new().press(4), Pressed::Ended);
    }
}
