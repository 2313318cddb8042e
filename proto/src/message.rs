//! What the client asks and what the daemon answers.
//!
//! A released struct or variant never changes: a new need is a new variant at the end. The frames kept as files
//! in `proto/frames` prove it.

mod examine;
mod failure;
mod files;
mod get;
mod integration;
mod keyrings;
mod log;
mod login;
mod status;
mod store;
mod test;
mod word;

use serde::{Deserialize, Serialize};

pub use examine::{Examine, Examined, Finding, Starter, Subject, Verdict};
pub use failure::{Failure, FailureKind};
pub use files::{FileFormat, FileStatus, Lend, Lent};
pub use get::{Get, Reject, Token};
pub use integration::{
    Action, Claim, Create, Created, Grant, Granted, Integration, IntegrationSubject, Integrations, Manage,
    Managed, Policies, Policy, Rotate, Rotated, Save, SecretStatus,
};
pub use keyrings::{KeptItem, Keyring, KeyringStatus, Move, Moved, Unlock};
pub use log::{Caller, LogEntry, Outcome};
pub use login::{Describe, Described, Preview, Previewed};
pub use status::{Defence, ProfileState, ProfileStatus, Status};
pub use store::{Attributes, ClientAuth, DEFAULT_URL, Erase, Store, Stored};
pub use test::{Test, Tested};
pub use word::UnknownWord;

use crate::{lengths, profile::Profile, text::Text};

/// One question of a client.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// How long the client will wait for the answer, in milliseconds from now.
    pub deadline_ms: u64,
    /// What it asks for.
    pub operation: Operation,
}

/// What a client can ask for.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// A token: answered by [`Response::Token`].
    Get(Get),
    /// The API refused a token: answered by [`Response::Rejected`].
    Reject(Reject),
    /// Keep credentials: answered by [`Response::Stored`]. Nothing is kept for a client that closes its side before they are.
    Store(Box<Store>),
    /// Forget credentials and tokens: answered by [`Response::Erased`].
    Erase(Erase),
    /// What is known of a profile, for `login`: answered by [`Response::Described`].
    Describe(Describe),
    /// The state of the daemon and of every profile: answered by [`Response::Status`]. Changes nothing.
    Status,
    /// End the daemon: answered by [`Response::Stopping`].
    Stop,
    /// Raise the keyring's own prompt once: answered by [`Response::Unlocked`].
    Unlock(Unlock),
    /// The state of the files that are kept fresh: answered by [`Response::Files`]. Changes nothing.
    Files,
    /// Where credentials would be sent, for `login`: answered by [`Response::Previewed`]. Changes nothing.
    Preview(Box<Preview>),
    /// What is kept where: answered by [`Response::Keyrings`]. Changes nothing.
    Keyrings,
    /// Keep a profile elsewhere: answered by [`Response::Moved`].
    Move(Move),
    /// What the daemon does against other programs: answered by [`Response::Defences`]. Changes nothing.
    Defences,
    /// Who was served lately: answered by [`Response::Log`]. Changes nothing.
    Log,
    /// Use a token for the API's list of assets: answered by [`Response::Tested`].
    Test(Test),
    /// Look at everything between a profile and a token, for `doctor`: answered by [`Response::Examined`].
    Examine(Examine),
    /// A file with a token in it that is kept fresh until this connection ends: answered by [`Response::Lent`].
    Lend(Lend),
    /// Use an Owner's token for the APIs of integrations and access policies: answered by [`Response::Managed`].
    Manage(Box<Manage>),
    /// How long each profile's secret is valid yet: answered by [`Response::Secrets`]. Changes nothing.
    Secrets,
}

impl Operation {
    /// Its name for people, with nothing of what it holds.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Get(_) => "get",
            Self::Reject(_) => "reject",
            Self::Store(_) => "store",
            Self::Erase(_) => "erase",
            Self::Describe(_) => "describe",
            Self::Status => "status",
            Self::Stop => "stop",
            Self::Unlock(_) => "unlock",
            Self::Files => "files",
            Self::Preview(_) => "preview",
            Self::Keyrings => "keyrings",
            Self::Move(_) => "move",
            Self::Defences => "defences",
            Self::Log => "log",
            Self::Test(_) => "test",
            Self::Examine(_) => "examine",
            Self::Lend(_) => "lend",
            Self::Manage(_) => "integration",
            Self::Secrets => "secrets",
        }
    }
}

/// One answer of the daemon.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// The request's frame was of another version of the protocol; the connection ends.
    Version {
        /// The version that the daemon speaks.
        version: u8,
        /// The daemon's release.
        release: Text,
    },
    /// The daemon does not know this operation: it is older than the client.
    Unsupported,
    /// It could not be done.
    Failed(Failure),
    /// A token.
    Token(Token),
    /// Whether a token was dropped or a refusal lifted.
    Rejected {
        /// True where it was; false where the generation is no longer the one held.
        dropped: bool,
    },
    /// The credentials are kept.
    Stored(Stored),
    /// These profiles are forgotten.
    Erased(#[serde(deserialize_with = "lengths::sequence")] Vec<Profile>),
    /// What is known of a profile.
    Described(Described),
    /// The state of the daemon.
    Status(Box<Status>),
    /// The daemon ends when this is sent.
    Stopping {
        /// Its process id.
        pid: u32,
    },
    /// The keyring is open.
    Unlocked(Keyring),
    /// The files that are kept fresh, by profile and path.
    Files(#[serde(deserialize_with = "lengths::sequence")] Vec<FileStatus>),
    /// Where credentials would be sent.
    Previewed(Box<Previewed>),
    /// What is kept where, by store.
    Keyrings(#[serde(deserialize_with = "lengths::sequence")] Vec<KeyringStatus>),
    /// A profile is kept elsewhere now.
    Moved(Moved),
    /// What the daemon does against other programs, and against being made to do something else.
    Defences(#[serde(deserialize_with = "lengths::sequence")] Vec<Defence>),
    /// Who was served or refused lately, the oldest first.
    Log(#[serde(deserialize_with = "lengths::sequence")] Vec<LogEntry>),
    /// The API took the token.
    Tested(Box<Tested>),
    /// What was found between a profile and a token.
    Examined(Examined),
    /// A file with a token in it. Nobody needs to say anything more on this connection, whose end is the file's.
    Lent(Lent),
    /// What came of it.
    Managed(Box<Managed>),
    /// How long each profile's secret is valid yet, by profile.
    Secrets(#[serde(deserialize_with = "lengths::sequence")] Vec<SecretStatus>),
}
