//! Why credentials cannot be used. No message quotes a value: it may be the secret, typed into the wrong field.

use dt_cred_proto::{attributes::LinesError, message::FailureKind};
use thiserror::Error;

use super::{CaError, ITEM_LIMIT, READ_LIMIT, UrlError};

/// Why credentials cannot be used.
#[derive(Debug, Error)]
pub enum CredentialsError {
    /// The user did not give these and nothing is kept.
    #[error("{} missing: give {} with login or store", list(.0), if .0.len() == 1 { "it" } else { "them" })]
    Missing(Vec<&'static str>),
    /// The user gave an address that no secret is sent to.
    #[error("{field} {source}; enter it again")]
    Url {
        /// Which of the fields.
        field: &'static str,
        /// What is wrong with it.
        source: UrlError,
    },
    /// The user gave a field with a line feed or another control character.
    #[error("{field} holds a control character, such as a line feed; enter it again without")]
    ControlCharacter {
        /// Which of the fields.
        field: &'static str,
    },
    /// The CA file that the user gave cannot be used.
    #[error("{0}; give another ca_file")]
    Ca(CaError),
    /// It could be read by a daemon that is started anew.
    #[error("{0}: dt-cred stop, then again")]
    GivenUp(CaError),
    /// More than a keyring's item may hold.
    #[error(
        "the credentials take {size} bytes, and a keyring's item holds {ITEM_LIMIT}: give a shorter scope, audience, \
         resource or path of the CA file"
    )]
    TooLong {
        /// The item's size, in bytes.
        size: usize,
    },
    /// The keyring's item is none that this release can use.
    #[error("the keyring's item {0}")]
    Item(#[from] ItemError),
}

impl From<CaError> for CredentialsError {
    fn from(error: CaError) -> Self {
        match error {
            CaError::GivenUp { .. } => Self::GivenUp(error),
            other => Self::Ca(other),
        }
    }
}

impl CredentialsError {
    /// The file that only another daemon can read, where that is the reason.
    pub fn given_up(&self) -> Option<&str> {
        match self {
            Self::GivenUp(CaError::GivenUp { file }) => Some(file),
            _ => None,
        }
    }

    /// What the caller should do: [`FailureKind::Keyring`] for a keyring's item, else [`FailureKind::Usage`].
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Item(_) => FailureKind::Keyring,
            _ => FailureKind::Usage,
        }
    }
}

/// Why the lines of a source are refused.
#[derive(Debug, Error)]
pub enum GivenError {
    /// They are none.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// They say how to keep credentials, which are kept nowhere.
    #[error("keyring and no_check may not stand there")]
    Preference,
    /// Some are missing.
    #[error("{} missing", list(.0))]
    Missing(Vec<&'static str>),
    /// One of them is wrong.
    #[error("{0}")]
    Wrong(CredentialsError),
}

impl From<CredentialsError> for GivenError {
    fn from(error: CredentialsError) -> Self {
        match error {
            CredentialsError::Missing(fields) => Self::Missing(fields),
            other => Self::Wrong(other),
        }
    }
}

impl From<CaError> for GivenError {
    fn from(error: CaError) -> Self {
        Self::Wrong(error.into())
    }
}

/// Why a keyring's item is refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ItemError {
    /// More than anybody's credentials.
    #[error("is longer than {READ_LIMIT} bytes")]
    TooLong,
    /// Not a JSON object.
    #[error("is not a JSON object")]
    NotJson,
    /// Written by a later release, or by another program.
    #[error("is not of version 1 (\"v\":1)")]
    Version,
    /// A member that must be there.
    #[error("has no \"{0}\"")]
    Missing(&'static str),
    /// A member that is not what it should be.
    #[error("has a \"{0}\" that is none")]
    Member(&'static str),
    /// An address that no secret is sent to.
    #[error("has a {field} that {source}")]
    Url {
        /// Which member.
        field: &'static str,
        /// What is wrong with it.
        source: UrlError,
    },
    /// A line feed or another control character in a member.
    #[error("has a control character in its \"{0}\"")]
    ControlCharacter(&'static str),
}

fn list(fields: &[&str]) -> String {
    let verb = if fields.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", fields.join(" and "))
}
