//! As much of XML as the files of launchd and of Windows' scheduler take. Pure.

use std::path::Path;

use super::ServiceError;

/// A path as the text of an element.
///
/// # Errors
/// That this service manager takes none such.
pub(super) fn text(path: &Path, manager: &str) -> Result<String, ServiceError> {
    let text = path.to_str().filter(|text| !text.contains(char::is_control));
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.map(escaped).ok_or_else(|| {
        ServiceError::Unseen(format!("{manager} takes no such path as {path:?}: install dt-cred elsewhere"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_text_and_none_is_taken_that_could_be_read_otherwise() {
        assert_eq!(text(Path::new("/a&b/<c>"), "launchd").ok().as_deref(), Some("/a&amp;b/&lt;c&gt;"));
        let refused = text(Path::new("/a\nb"), "launchd").expect_err("a line's end").to_string();
        assert!(refused.starts_with("launchd takes no such path as \"/a\\nb\""), "{refused}");
    }
}
