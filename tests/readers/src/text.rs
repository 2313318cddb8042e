use dt_cred_proto::{profile::Profile, text::Text};

use crate::{SLACK, within};

/// Text for people, and a profile's name.
///
/// # Panics
/// Where a rule is broken.
pub fn text(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    // Four bytes for each character at most, and a string that doubles as it grows.
    let shown = within(SLACK + 3 * 4 * Text::LIMIT, || Text::new(&text));
    assert!(shown.as_str().chars().count() <= Text::LIMIT);
    assert!(!shown.as_str().contains(obeyed), "a character that a terminal obeys");
    assert_eq!(Text::new(shown.as_str()), shown, "what is made once is made");

    let Ok(profile) = within(SLACK, || text.parse::<Profile>()) else { return false };
    let name = profile.as_str();
    assert!((1..=Profile::LIMIT).contains(&name.len()) && name == text);
    assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
    true
}

/// The controls, and the characters that reorder text (Unicode's Bidi_Control and the two separators).
fn obeyed(c: char) -> bool {
    c.is_control()
        || "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}".contains(c)
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}
