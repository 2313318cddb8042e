//! Text that is shown to people, whoever wrote it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::lengths;

/// One line of text that is safe to print on a terminal.
///
/// Control characters and the characters that reorder text become `U+FFFD` when it is made and again when it is
/// decoded (CVE-2024-50349: control characters in a prompt rewrote what the user saw). A clone is the same text in the same place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Text(Arc<str>);

impl Text {
    /// Longest text kept, in characters; the rest is cut off.
    pub const LIMIT: usize = 1000;

    /// Makes `text` safe to print: one line, no control characters, at most [`Text::LIMIT`] characters.
    pub fn new(text: &str) -> Self {
        if is_plain(text) {
            return Self(text.into());
        }
        let safe = |c: char| if is_printable(c) { c } else { char::REPLACEMENT_CHARACTER };
        let mut text: String = text.trim().chars().take(Self::LIMIT).map(safe).collect();
        // Again, for where it was cut: what is made once must stay as it is when the other side makes it again.
        text.truncate(text.trim_end().len());
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lengths::string(deserializer).map(Self::from)
    }
}

/// Whether `text` is safe as it is at first glance, as most is: short, of ASCII's printable characters, no space at an end.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let at_end = |byte: Option<&u8>| byte == Some(&b' ');
    bytes.len() <= Text::LIMIT
        && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && !at_end(bytes.first())
        && !at_end(bytes.last())
}

/// Whether `c` may stand in text for people: no control character, nothing that reorders or hides text.
fn is_printable(c: char) -> bool {
    let reorders =
        matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}');
    let hides = matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{feff}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    !c.is_control() && !reorders && !hides
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn control_and_reordering_characters_are_replaced() {
        let text = Text::new("a\r\nb\u{1b}[2J\u{202e}c\0");
        assert_eq!(text.as_str(), "a\u{fffd}\u{fffd}b\u{fffd}[2J\u{fffd}c\u{fffd}");
    }

    #[test]
    fn characters_that_reorder_or_hide_text_are_replaced() {
        for c in "\u{61c}\u{200b}\u{200f}\u{2028}\u{2029}\u{202a}\u{2060}\u{2066}\u{206f}\u{feff}\u{fff9}\u{ad}\u{e0041}".chars() {
            assert_eq!(Text::new(&format!("a{c}b")).as_str(), "a\u{fffd}b", "{c:?}");
        }
    }

    #[test]
    fn what_looks_safe_at_first_glance_is_what_is_safe() {
        let long = "x".repeat(Text::LIMIT + 1);
        for (text, safe) in [
            ("a b", "a b"),
            (" a", "a"),
            ("a ", "a"),
            (" ", ""),
            ("", ""),
            ("a\u{7f}", "a\u{fffd}"),
            ("a\nb", "a\u{fffd}b"),
            ("\u{1f}a", "\u{fffd}a"),
            ("~", "~"),
            ("\u{85}", ""),
            (long.as_str(), &long[1..]),
        ] {
            assert_eq!(Text::new(text).as_str(), safe, "{text:?}");
            assert_eq!(Text::from(text.to_owned()).as_str(), safe, "{text:?}");
        }
    }

    #[test]
    fn letters_of_every_script_stay_as_they_are() {
        for text in ["Grüße", "日本語", "עברית", "русский", "🔑 e\u{301}"] {
            assert_eq!(Text::new(text).as_str(), text);
        }
    }

    #[test]
    fn what_is_made_once_is_not_changed_when_it_is_made_again() {
        let cut_behind_a_space = format!("{} {}", "x".repeat(Text::LIMIT - 1), "y");
        for text in ["", "  a ", "\u{1b}", &cut_behind_a_space] {
            let once = Text::new(text);
            assert_eq!(Text::new(once.as_str()), once, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(Text::new(&"é".repeat(5000)).as_str().chars().count(), Text::LIMIT);
    }
}
