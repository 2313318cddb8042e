//! What a bearer token is made of (RFC 6750 §2.1).

/// Longest token taken, in bytes.
pub const LIMIT: usize = 60 * 1024;

/// Whether `text` is a `b64token` of a length that is taken: nothing in it can end a header, a line or a quotation.
pub fn is_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let allowed = |byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    !body.is_empty() && text.len() <= LIMIT && body.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_alphabet_of_rfc_6750_is_a_token() {
        for text in ["", "=", "a=b", "a b", "a\nb", "a\r\nX: y", "\u{e9}", "a\0", "a\"", "a'"] {
            assert!(!is_token(text), "{text:?}");
        }
        assert!(is_token("azAZ09-._~+/=="));
    }

    #[test]
    fn a_longer_token_than_the_limit_is_none() {
        assert!(is_token(&"a".repeat(LIMIT)));
        assert!(!is_token(&"a".repeat(LIMIT + 1)));
    }
}
