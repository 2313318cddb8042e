//! Text that is shown to people, whoever wrote it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// One line of text that is safe to print on a terminal.
///
/// Control characters and the characters that reorder text become `U+FFFD` when it is made and again when it is
/// decoded (CVE-2024-50349: control characters in a prompt rewrote what the user saw).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Text(String);

impl Text {
    /// Longest text kept, in characters; the rest is cut off.
    pub const LIMIT: usize = 1000;

    /// Makes `text` safe to print: one line, no control characters, at most [`Text::LIMIT`] characters.
    pub fn new(text: &str) -> Self {
        let safe = |c: char| if is_printable(c) { c } else { char::REPLACEMENT_CHARACTER };
        Self(text.trim().chars().take(Self::LIMIT).map(safe).collect())
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

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// Whether `c` may stand in text for people: no control character, nothing that reorders or hides text.
fn is_printable(c: char) -> bool {
    let reorders = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    !c.is_control() && !reorders
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
    fn a_long_text_is_cut() {
        assert_eq!(Text::new(&"é".repeat(5000)).as_str().chars().count(), Text::LIMIT);
    }
}
