//! A string that must never be shown: a client secret, an access token; and bytes that hold one for a while.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroize;

use crate::{lengths, vault::Block};

/// A secret string, in memory that is locked where the limit allows, stands in no core dump, and is wiped when the last
/// handle on it is dropped.
///
/// It has no `Debug`, no `Display` and no `Clone`, so that no log line, error or copy can be made of it by
/// accident; [`Secret::expose`] and [`Secret::share`] are the two names to look for in a review.
pub struct Secret(Arc<Block>);

impl Secret {
    /// Takes `text` over, which is wiped.
    pub fn new(text: String) -> Self {
        let block = Block::of(&text);
        drop(Wiped::from(text.into_bytes()));
        Self(Arc::new(block))
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        self.0.text()
    }

    /// A second handle on the same text: no copy is made.
    pub fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
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

/// Bytes that may hold a secret and are wiped when they are dropped, those behind their end too. What grows leaves copies behind:
/// it is to be made as large as it will be.
#[derive(Default)]
pub struct Wiped(Vec<u8>);

impl From<Vec<u8>> for Wiped {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for Wiped {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        // As slices: zeroize wipes a vector byte by byte.
        self.0.spare_capacity_mut().zeroize();
        self.0.as_mut_slice().zeroize();
    }
}

#[cfg(test)]
mod tests {
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
    fn a_shared_secret_is_the_same_one_and_lives_as_long_as_either() {
        let one = secret("hunter2");
        let other = one.share();
        assert_eq!(one.expose().as_ptr(), other.expose().as_ptr());
        drop(one);
        assert_eq!(other.expose(), "hunter2");
        // That it is wiped after that: seen in `tests/secrecy`, which looks at the memory itself.
    }
}
