//! A string that must never be shown: a client secret, an access token.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

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
        String::deserialize(deserializer).map(Self::new)
    }
}
