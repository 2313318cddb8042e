//! What `login` needs to know before it asks for a secret.

use serde::{Deserialize, Serialize};

use super::{Attributes, ClientAuth, Keyring};
use crate::{profile::Profile, text::Text};

/// Asks what is known of a profile.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Describe {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
}

/// What is known of a profile.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Described {
    /// The profile.
    pub profile: Profile,
    /// The base URL that is kept, where the profile exists.
    pub url: Option<Text>,
    /// The client id that is kept, where the profile exists.
    pub client_id: Option<Text>,
    /// Where its credentials are or would be kept; none where the user must choose first.
    pub keyring: Option<Keyring>,
    /// For how long they are kept there, why they can only be read there, or why the user must choose.
    pub note: Text,
}

/// Asks where credentials would be sent that are stored with these attributes.
#[derive(PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Preview {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
    /// What the user has given so far, the secret not among it.
    pub attributes: Attributes,
}

/// Where credentials would be sent, and how.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Previewed {
    /// The profile.
    pub profile: Profile,
    /// Base URL of the service.
    pub url: Text,
    /// The token endpoint (RFC 6749 §3.2).
    pub token_url: Text,
    /// How the client authenticates.
    pub auth: ClientAuth,
    /// `scope` of the token request (RFC 6749 §3.3).
    pub scope: Option<Text>,
    /// `audience` of the token request.
    pub audience: Option<Text>,
    /// `resource` of the token request (RFC 8707).
    pub resource: Option<Text>,
    /// The PEM file with the only CAs that are trusted.
    pub ca_file: Option<Text>,
}
