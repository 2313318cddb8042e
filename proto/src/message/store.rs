//! Credentials: where they are sent, how they are kept and forgotten.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Keyring, UnknownWord};
use crate::{lengths, profile::Profile, secret::Secret, text::Text};

/// Keeps credentials, after proving them unless told not to.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
    /// The store to keep them in; none is the one that holds the profile, or the configured one.
    pub keyring: Option<Keyring>,
    /// Get a token by them first, and keep nothing where the issuer refuses.
    pub check: bool,
    /// The credentials. On an existing profile, what is not given is kept, the secret aside: it is given each time.
    pub attributes: Attributes,
}

/// What was kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stored {
    /// The profile.
    pub profile: Profile,
    /// Where it is kept.
    pub keyring: Keyring,
    /// For how long it is kept there.
    pub lasts: Text,
    /// For how long the token that proved the credentials is valid, in milliseconds; none when unchecked.
    pub expires_in_ms: Option<u64>,
}

/// Where DataTrails is: the base URL where none is given.
pub const DEFAULT_URL: &str = "https://app.datatrails.ai";

/// Credentials and where they may be sent: what the user gave of them.
#[derive(PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attributes {
    /// Base URL of the service.
    #[serde(deserialize_with = "lengths::optional_string")]
    pub url: Option<String>,
    /// The token endpoint (RFC 6749 §3.2).
    #[serde(deserialize_with = "lengths::optional_string")]
    pub token_url: Option<String>,
    /// The client identifier (RFC 6749 §2.2).
    #[serde(deserialize_with = "lengths::optional_string")]
    pub client_id: Option<String>,
    /// The client secret (RFC 6749 §2.3.1).
    pub client_secret: Option<Secret>,
    /// How the client authenticates.
    pub auth: Option<ClientAuth>,
    /// `scope` of the token request (RFC 6749 §3.3).
    #[serde(deserialize_with = "lengths::optional_string")]
    pub scope: Option<String>,
    /// `audience` of the token request.
    #[serde(deserialize_with = "lengths::optional_string")]
    pub audience: Option<String>,
    /// `resource` of the token request (RFC 8707).
    #[serde(deserialize_with = "lengths::optional_string")]
    pub resource: Option<String>,
    /// Absolute path of a PEM file with the only CAs to trust for this profile.
    #[serde(deserialize_with = "lengths::optional_string")]
    pub ca_file: Option<String>,
}

/// How a client authenticates at the token endpoint (RFC 6749 §2.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// `client_id` and `client_secret` in the form body.
    #[default]
    Post,
    /// The HTTP Basic scheme, both form-urlencoded first.
    Basic,
}

impl ClientAuth {
    /// The way of this name.
    pub(crate) fn named(word: &str) -> Option<Self> {
        [Self::Post, Self::Basic].into_iter().find(|auth| auth.name() == word)
    }

    /// Every name, for people.
    pub(crate) fn choices() -> String {
        [Self::Post, Self::Basic].map(Self::name).join(", ")
    }

    /// Its name on the command line and in the lines of `store`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Basic => "basic",
        }
    }
}

impl FromStr for ClientAuth {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::named(word).ok_or_else(|| UnknownWord::new(word, Self::choices()))
    }
}

impl fmt::Display for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which profiles to forget.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Erase {
    /// One; none is the default one.
    One(Option<Profile>),
    /// Every profile.
    All,
}
