use dt_credd::state::{Document, LIMIT};

use crate::{SLACK, config::TOML, file, told, within};

/// `state.toml`.
///
/// # Panics
/// Where a rule is broken.
pub fn state(data: &[u8]) -> bool {
    // What is not UTF-8 is refused before it is parsed.
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let limit = usize::try_from(LIMIT).unwrap_or(usize::MAX);
    match within(8 * SLACK + TOML * text.len().min(limit), || Document::parse(file(), text)) {
        Ok(document) => {
            assert!(text.len() <= limit, "longer than the limit");
            let written = document.to_text().expect("it can be written");
            let again = Document::parse(file(), &written);
            // Written out, what was left to a default makes a full one longer.
            let longer = written.len() > limit;
            assert!(longer || again.is_ok_and(|again| again == document), "it is not what was written");
            true
        }
        Err(error) => {
            told(&error);
            false
        }
    }
}
