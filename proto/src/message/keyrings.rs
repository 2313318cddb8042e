//! Where credentials are kept.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Failure, UnknownWord};
use crate::{lengths, profile::Profile, text::Text};

/// Where a profile's credentials are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keyring {
    /// The freedesktop Secret Service (gnome-keyring, KWallet, KeePassXC).
    SecretService,
    /// The Linux kernel's keyring (keyrings(7)).
    Keyutils,
    /// The macOS keychain.
    Keychain,
    /// Windows' Credential Manager.
    CredentialManager,
    /// systemd credentials, read only.
    Systemd,
    /// An external command, read only.
    Command,
    /// The daemon's memory: gone when it ends.
    Memory,
}

impl Keyring {
    /// Every store, by the name that it has in the configuration and on the command line.
    pub const NAMES: [(Self, &'static str); 7] = [
        (Self::SecretService, "secret-service"),
        (Self::Keyutils, "keyutils"),
        (Self::Keychain, "keychain"),
        (Self::CredentialManager, "credential-manager"),
        (Self::Systemd, "systemd"),
        (Self::Command, "command"),
        (Self::Memory, "memory"),
    ];

    /// Whether it is a source that can only be read, and gives the lines of `store` instead of an item.
    pub fn is_source(self) -> bool {
        matches!(self, Self::Systemd | Self::Command)
    }

    /// Its name as people know it.
    pub fn place(self) -> &'static str {
        match self {
            Self::SecretService => "the Secret Service",
            Self::Keyutils => "the kernel keyring",
            Self::Keychain => "the macOS keychain",
            Self::CredentialManager => "the Windows Credential Manager",
            Self::Systemd => "systemd's credentials",
            Self::Command => "an external command",
            Self::Memory => "the daemon's memory",
        }
    }

    /// The store of this name.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, name)| *name == word).map(|(keyring, _)| *keyring)
    }

    /// Every name, for people.
    pub(crate) fn choices() -> String {
        Self::NAMES.map(|(_, name)| name).join(", ")
    }
}

impl fmt::Display for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(keyring, _)| keyring == self).map_or("", |(_, name)| name);
        f.pad(name)
    }
}

impl FromStr for Keyring {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::named(word).ok_or_else(|| UnknownWord::new(word, Self::choices()))
    }
}

/// Asks to unlock a profile's keyring.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Unlock {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
}

/// What a store keeps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyringStatus {
    /// Which store.
    pub keyring: Keyring,
    /// For how long it keeps an item.
    pub lasts: Text,
    /// The profiles that have an item there, by name.
    #[serde(deserialize_with = "lengths::sequence")]
    pub items: Vec<KeptItem>,
    /// Why it does not tell, or not everything.
    pub error: Option<Failure>,
}

/// A profile's item.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptItem {
    /// Whose it is.
    pub profile: Profile,
    /// Whether it is the one that tokens are got by; another store may hold one that is not.
    pub used: bool,
}

/// Asks to keep a profile's credentials elsewhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Move {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
    /// The store to keep them in.
    pub keyring: Keyring,
}

/// Where a profile is kept now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Moved {
    /// The profile.
    pub profile: Profile,
    /// Where it was kept before; the same where nothing had to be done.
    pub from: Keyring,
    /// Where it is kept.
    pub keyring: Keyring,
    /// For how long it is kept there.
    pub lasts: Text,
}
