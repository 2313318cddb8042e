//! The name of a profile.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::lengths;

/// A profile's name: 1–64 characters of `A-Z a-z 0-9 . _ -`. A clone is the same name in the same place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Profile(Arc<str>);

/// Why a text is no profile's name.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("a profile's name is 1 to 64 characters of A-Z a-z 0-9 . _ -")]
pub struct InvalidProfile;

impl Profile {
    /// Longest name, in characters.
    pub const LIMIT: usize = 64;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Profile {
    type Err = InvalidProfile;

    fn from_str(name: &str) -> Result<Self, InvalidProfile> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let length = 1..=Self::LIMIT;
        if length.contains(&name.len()) && name.bytes().all(allowed) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidProfile)
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Profile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lengths::string(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Profile;

    #[test]
    fn only_the_contracts_names_are_taken() {
        for name in ["default", "a", "A-b_c.9", &"x".repeat(64)] {
            assert_eq!(name.parse::<Profile>().unwrap().as_str(), name);
        }
        for name in ["", " ", "a b", "a/b", "é", "a\n", "a\0", "a=b", &"x".repeat(65)] {
            assert!(name.parse::<Profile>().is_err(), "{name:?}");
        }
    }
}
