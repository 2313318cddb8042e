//! Files with a token in them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Failure, UnknownWord};
use crate::{lengths, profile::Profile, text::Text};

/// The state of a file that is kept fresh.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileStatus {
    /// Whose token it holds.
    pub profile: Profile,
    /// Where it lies.
    pub path: Text,
    /// What stands in it.
    pub format: FileFormat,
    /// The generation of the token in it; none where there is no such file.
    pub generation: Option<u64>,
    /// Why it is not as it should be.
    pub error: Option<Failure>,
}

/// What stands in a file that is kept fresh: one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum FileFormat {
    /// `Authorization: Bearer T`, for `curl -H @FILE`.
    #[default]
    Header,
    /// `T` alone.
    Raw,
}

impl FileFormat {
    const NAMES: [(Self, &'static str); 2] = [(Self::Header, "header"), (Self::Raw, "raw")];
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Self::NAMES.iter().find(|(format, _)| format == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for FileFormat {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let known = Self::NAMES.iter().find(|(_, name)| *name == word).map(|(format, _)| *format);
        known.ok_or_else(|| UnknownWord::new(word, Self::NAMES.map(|(_, name)| name).join(", ")))
    }
}

/// Asks for a file with a token in it, for as long as the connection that this is asked on lives.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Lend {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
    /// Seconds for which the first token in it must be valid at least, only when the user gave them.
    pub min_ttl: Option<u32>,
}

/// A file with a token in it, kept fresh until the connection that it was asked for on has ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lent {
    /// Whose token it holds.
    pub profile: Profile,
    /// Base URL of the service that it is for.
    pub url: Text,
    /// Where it lies: to be opened, not shown as it is. The raw token stands in it, and a line's end.
    #[serde(deserialize_with = "lengths::string")]
    pub path: String,
    /// What the user should know all the same.
    pub warning: Option<Text>,
}
