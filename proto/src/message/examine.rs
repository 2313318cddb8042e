//! What `doctor` has the daemon look at.

use serde::{Deserialize, Serialize};

use crate::{lengths, profile::Profile, text::Text};

/// Asks to look at everything between a profile and a token.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Examine {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
}

/// What was found between a profile and a token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Examined {
    /// Which profile.
    pub profile: Profile,
    /// Who started the daemon.
    pub starter: Starter,
    /// What was looked at, in the order in which a token comes about, up to the first that keeps the next from it.
    #[serde(deserialize_with = "lengths::sequence")]
    pub findings: Vec<Finding>,
}

/// Who started the daemon.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Starter {
    /// A client that needed one.
    Client,
    /// The service manager.
    ServiceManager,
    /// A person, in a terminal.
    Person,
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub subject: Subject,
    /// What it comes to.
    pub verdict: Verdict,
    /// What was found; where it is not as it should be, also what mends it.
    pub message: Text,
}

/// What is looked at between a profile and a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Subject {
    /// The configuration, as it lies on the disk now.
    Configuration,
    /// The profile's credentials in their keyring.
    Credentials,
    /// The address of the issuer's host.
    Name,
    /// A connection to it.
    Connection,
    /// Its certificate and protocol.
    Tls,
    /// This machine's clock, by the issuer's.
    Clock,
    /// A token.
    Token,
    /// What the API says to it.
    Api,
}

/// What a finding comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and should be otherwise.
    Warning,
    /// It keeps the user from a token, or from what the token is for.
    Fails,
}
