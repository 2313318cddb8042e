//! A string that must never be shown: a client secret, an access token.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::lengths;

/// A secret string, wiped when it is dropped.
///
/// It has no `Debug`, no `Display` and no `Clone`, so that no log line, error or copy can be made of it by
/// accident; [`Secret::expose`] and [`Secret::duplicate`] are the two names to look for in a review.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of `text`; the caller keeps no copy.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A second copy, wiped on its own.
    pub fn duplicate(&self) -> Self {
        Self::new(self.expose().to_owned())
    }
}

impl PartialEq for Secret {
    /// Compares every byte whatever differs first, so that the time tells nothing but the length.
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.expose().as_bytes(), other.expose().as_bytes());
        a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (x, y)| differs | (x ^ y)) == 0
    }
}

impl Eq for Secret {}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lengths::string(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroize;

    use super::Secret;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn secrets_are_equal_if_every_byte_is() {
        let texts = ["", "a", "b", "ab", "ba", "abc", "abd", "\0", "\0\0", "\u{e9}"];
        for (at, one) in texts.iter().enumerate() {
            for (other_at, other) in texts.iter().enumerate() {
                assert_eq!(secret(one) == secret(other), at == other_at, "{one:?} and {other:?}");
            }
        }
    }

    #[test]
    fn a_duplicate_is_equal_and_lies_elsewhere() {
        let one = secret("hunter2");
        let other = one.duplicate();
        assert!(one == other);
        assert_ne!(one.expose().as_ptr(), other.expose().as_ptr());
    }

    #[test]
    fn making_a_secret_leaves_no_copy_behind() {
        let text = "hunter2".to_owned();
        let place = text.as_ptr();
        assert_eq!(Secret::new(text).expose().as_ptr(), place);
    }

    #[test]
    fn what_holds_the_text_wipes_it() {
        // When it is dropped: seen in `tests/secrecy`, which looks at the memory itself.
        let mut secret = secret("hunter2");
        secret.0.zeroize();
        assert_eq!(secret.expose(), "");
    }
}
