//! One issuer or another: what a test needs of each, so that nothing depends on our own idea of an issuer.

use crate::{
    issuer::{Door, Sandbox},
    parts::OidcProvider,
    user::Account,
};

/// An issuer on loopback.
pub enum AnyIssuer {
    /// Ours.
    Sandbox(Sandbox),
    /// npm's `oidc-provider`.
    Provider(OidcProvider),
}

impl AnyIssuer {
    /// Each of them, over http and https; those that the machine does not have are left out loudly. The provider is
    /// one that `tests/run` installs on Linux alone.
    pub fn every() -> impl Iterator<Item = Self> {
        let starts: [fn() -> Option<Self>; 4] = [
            || Some(Self::Sandbox(Sandbox::http())),
            || Some(Self::Sandbox(Sandbox::https())),
            || OidcProvider::http().map(Self::Provider),
            || OidcProvider::https().map(Self::Provider),
        ];
        let installed = if cfg!(target_os = "linux") { starts.len() } else { 2 };
        starts.into_iter().take(installed).filter_map(|start| start())
    }

    /// A client that it knows.
    pub fn account(&self) -> Account {
        match self {
            Self::Sandbox(sandbox) => Account::at(sandbox),
            Self::Provider(provider) => Account::at_provider(provider),
        }
    }

    /// Its list of assets, which wants a bearer token.
    pub fn assets_url(&self) -> String {
        match self {
            Self::Sandbox(sandbox) => sandbox.assets_url(),
            Self::Provider(provider) => format!("{}/archivist/v2/assets", provider.url()),
        }
    }

    /// How many tokens it was asked for, by its own count.
    pub fn token_requests(&self) -> u64 {
        match self {
            Self::Sandbox(sandbox) => sandbox.counts().tokens.total,
            Self::Provider(provider) => provider.counts().token_requests.into(),
        }
    }

    /// How many times it gave its assets to a bearer of a good token, and how many times it refused.
    pub fn assets_given_and_refused(&self) -> (u64, u64) {
        match self {
            Self::Sandbox(sandbox) => {
                let counts = sandbox.counts().assets;
                (counts.ok, counts.refused + counts.late)
            }
            Self::Provider(provider) => {
                let counts = provider.counts();
                (counts.assets.into(), counts.assets_refused.into())
            }
        }
    }

    /// Refuses connections from now on.
    pub fn close(&self) {
        match self {
            Self::Sandbox(sandbox) => sandbox.set(|settings| settings.door = Door::Closed),
            Self::Provider(provider) => provider.close(),
        }
    }

    /// Takes connections, and says nothing.
    pub fn mute(&self) {
        match self {
            Self::Sandbox(sandbox) => sandbox.set(|settings| settings.door = Door::Mute),
            Self::Provider(provider) => provider.mute(),
        }
    }

    /// Answers again, at its old address.
    pub fn open(&self) {
        match self {
            Self::Sandbox(sandbox) => sandbox.set(|settings| settings.door = Door::Open),
            Self::Provider(provider) => provider.open(),
        }
    }
}
