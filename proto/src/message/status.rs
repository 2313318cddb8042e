//! The state of the daemon.

use serde::{Deserialize, Serialize};

use super::{Failure, Keyring};
use crate::{lengths, profile::Profile, text::Text};

/// The state of the daemon.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The daemon's release.
    pub release: Text,
    /// Its process id.
    pub pid: u32,
    /// How long it has been running, in milliseconds, time asleep included.
    pub uptime_ms: u64,
    /// The profile that an unnamed one is.
    pub default_profile: Profile,
    /// Requests answered, of all kinds.
    pub requests: u64,
    /// Every profile that is known, by name.
    #[serde(deserialize_with = "lengths::sequence")]
    pub profiles: Vec<ProfileStatus>,
}

/// The state of a profile.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProfileStatus {
    /// Its name.
    pub profile: Profile,
    /// Whether it has a token.
    pub state: ProfileState,
    /// Base URL of the service, once it was read from the keyring.
    pub url: Option<Text>,
    /// Where the credentials are kept.
    pub keyring: Option<Keyring>,
    /// For how long they are kept there.
    pub lasts: Option<Text>,
    /// For how long the token is valid yet, in milliseconds.
    pub expires_in_ms: Option<u64>,
    /// The whole lifetime that it was granted, in milliseconds.
    pub lifetime_ms: Option<u64>,
    /// The token's generation.
    pub generation: Option<u64>,
    /// When the next token is asked for by itself, in milliseconds from now.
    pub next_fetch_in_ms: Option<u64>,
    /// The last failure, if nothing has succeeded since.
    pub last_error: Option<Failure>,
    /// What `get` would fail with now, judged from memory; none where it would answer with a token.
    pub check: Option<Failure>,
    /// The proxy that requests go through.
    pub proxy: Option<Text>,
    /// Tokens given to clients.
    pub served: u64,
    /// Requests made to the issuer.
    pub fetches: u64,
}

/// Whether a profile has a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ProfileState {
    /// Nothing was asked of it yet.
    Idle,
    /// It has a valid token.
    Valid,
    /// It has none and is asking for one.
    Fetching,
    /// It has none and will ask again: `last_error` says why.
    Failing,
    /// It has none and will not ask again until something changes.
    Refused,
}

/// One thing that the daemon does against programs that would read it, or make it do something else.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Defence {
    /// What is defended, in a word or two that does not change: `memory`, `core files`, `secret pages`, `privileges`,
    /// `files`, `system calls`.
    pub name: Text,
    /// Whether it took. Each is done as far as the system lets it.
    pub active: bool,
    /// How, or why not.
    pub note: Text,
}
