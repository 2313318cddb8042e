//! What the API says to a token.

use serde::{Deserialize, Serialize};

use crate::{profile::Profile, text::Text};

/// Asks to use a profile's token for the API's list of assets.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Test {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
}

/// What the API's list of assets said of a token that it took.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tested {
    /// Whose token.
    pub profile: Profile,
    /// Base URL of the service.
    pub url: Text,
    /// The client identifier (RFC 6749 §2.2), which an access policy names as `subject`.
    pub client_id: Text,
    /// How many assets were listed; none where the answer is too long to be counted.
    pub assets: Option<u64>,
    /// Whether there are more than were listed.
    pub more: bool,
    /// Whether the token that was held was refused before, and another one was got.
    pub renewed: bool,
}
