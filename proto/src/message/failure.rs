//! Why something could not be done.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::Text;

/// Why something could not be done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// What the caller should do about it.
    pub kind: FailureKind,
    /// What failed, why, and what to do next, in one line.
    pub message: Text,
}

impl Failure {
    /// A failure of this kind with this message.
    pub fn new(kind: FailureKind, message: impl Into<Text>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

/// What the caller of a failed request should do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FailureKind {
    /// Try later: the issuer cannot be reached, is busy, or the deadline passed.
    TryLater,
    /// Ask for something else.
    Usage,
    /// Start another daemon, or another version of it.
    Daemon,
    /// Get other credentials: the issuer refused these.
    Refused,
    /// Log in: nothing is stored for this profile.
    NothingStored,
    /// Unlock or repair the keyring.
    Keyring,
    /// Mend the configuration or the profile's endpoint.
    Configuration,
    /// Read the message.
    Other,
}

impl FailureKind {
    /// The exit code of a command that failed so.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::TryLater => 1,
            Self::Usage => 2,
            Self::Daemon => 3,
            Self::Refused => 4,
            Self::NothingStored => 5,
            Self::Keyring => 6,
            Self::Configuration => 7,
            Self::Other => 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FailureKind;

    #[test]
    fn every_kind_of_failure_has_the_exit_code_of_the_contract() {
        let codes = [
            (FailureKind::TryLater, 1),
            (FailureKind::Usage, 2),
            (FailureKind::Daemon, 3),
            (FailureKind::Refused, 4),
            (FailureKind::NothingStored, 5),
            (FailureKind::Keyring, 6),
            (FailureKind::Configuration, 7),
            (FailureKind::Other, 8),
        ];
        for (kind, code) in codes {
            assert_eq!(kind.exit_code(), code, "{kind:?}");
        }
    }
}
