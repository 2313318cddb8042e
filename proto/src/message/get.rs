//! A token, and what is said of one.

use serde::{Deserialize, Serialize};

use crate::{profile::Profile, secret::Secret, text::Text};

/// Asks for a token.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Get {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
    /// Seconds for which the token must be valid at least, only when the user gave them.
    pub min_ttl: Option<u32>,
    /// Met only by a token requested from now on.
    pub fresh: bool,
}

/// Says that the API refused a token.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Reject {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
    /// The refused token's generation; a no-op unless it is the one held. None is the one held.
    pub generation: Option<u64>,
    /// Also lift a terminal refusal of the issuer, at most once a minute.
    pub force: bool,
}

/// A token and what a caller needs to know of it.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The access token (RFC 6749 §1.4), of the alphabet of RFC 6750 §2.1.
    pub access_token: Secret,
    /// How it is sent: `Bearer`.
    pub token_type: Text,
    /// When it expires, in milliseconds since the Unix epoch.
    pub expires_at_ms: u64,
    /// For how long it is valid yet, in milliseconds.
    pub expires_in_ms: u64,
    /// Which grant it came by: the Unix milliseconds of the grant, always larger than the one before.
    pub generation: u64,
    /// Whose it is.
    pub profile: Profile,
    /// Base URL of the service it is for.
    pub url: Text,
    /// What the user should know all the same.
    pub warning: Option<Text>,
}
