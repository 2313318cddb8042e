//! `keyring list` and `keyring move`: what is kept where, and keeping it elsewhere.

use std::{collections::BTreeSet, time::Duration};

use dt_cred_proto::{
    message::{Failure, FailureKind, KeptItem, Keyring, KeyringStatus, Moved, ProfileStatus},
    profile::Profile,
};

use super::{
    Shared,
    item::{Item, left, locked, mend},
    profile::Task,
};
use crate::{
    credentials::Credentials,
    keyring::{AUTO, KeyringError, lasts},
};

/// A profile that is kept elsewhere now.
pub(super) struct Relocated {
    item: Item,
    from: Keyring,
    /// Why the item that it had before is still there.
    left: Option<Failure>,
}

impl Task {
    /// Takes over where the profile is kept now.
    pub(super) fn follow(&mut self, relocated: Relocated) -> Result<Moved, Failure> {
        let Relocated { item, from, left } = relocated;
        let keyring = item.keyring;
        self.moved(item);
        tracing::info!(profile = %self.profile, %from, %keyring, "moved");
        match left {
            Some(failure) => Err(failure),
            None => Ok(Moved { profile: self.profile.clone(), from, keyring, lasts: lasts(keyring) }),
        }
    }
}

impl Shared {
    /// Keeps `profile` in the store `to`, and nowhere else.
    ///
    /// The new item is read back before anything goes by it, the note that it counts is on the disk before the old item
    /// goes: whenever this is killed, the one that counts is good, and to do it once more brings it to its end.
    pub(super) async fn relocate(
        &self,
        profile: &Profile,
        held: Option<Item>,
        to: Keyring,
        deadline: Duration,
    ) -> Result<Relocated, Failure> {
        self.changeable(profile)?;
        if !AUTO.contains(&to) {
            let choices = AUTO.map(|keyring| keyring.to_string()).join(" or ");
            let message =
                format!("profile {profile} cannot be moved to {to}: --to is {choices} on this system");
            return Err(Failure::new(FailureKind::Usage, message));
        }
        let item = match held {
            Some(item) if item.keyring == Keyring::Memory => item,
            // Not what is held: another program may have changed it meanwhile.
            held => match (self.load(profile).await, held) {
                // But for a keyring that does not give it twice, or is locked by now.
                (Err(failure), Some(held)) if failure.kind == FailureKind::Keyring => held,
                (loaded, _) => loaded?,
            },
        };
        let from = item.keyring;
        if from != to {
            let written = self.bring(profile, &item.credentials, to, deadline).await?;
            if let Err(failure) = self.record_or_fail(profile, to).await {
                if written {
                    // Nothing goes by it, so it must not lie about.
                    let _ = self.remove_old(profile, to, deadline).await;
                }
                return Err(failure);
            }
        }
        let mut left_over = None;
        for old in AUTO.into_iter().filter(|keyring| *keyring != to) {
            let removed = match self.holds(profile, old, old == from, &item.credentials).await {
                Ok(true) => self.keyrings.remove(old, profile, left(deadline)).await.map(drop),
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = removed {
                let why = format!(
                    "it is kept in {to} now, but its old item in {old} is still there: {error}; then \
                     `dt-cred keyring move --to {to}` once more removes it"
                );
                left_over = Some(Failure::new(FailureKind::Keyring, mend(profile, &why)));
            }
        }
        let item = Item { credentials: item.credentials, keyring: to };
        Ok(Relocated { item, from, left: left_over })
    }

    /// Keeps `credentials` in the store `to`, where no others may lie, and reads them back; false where they lie there already.
    async fn bring(
        &self,
        profile: &Profile,
        credentials: &Credentials,
        to: Keyring,
        deadline: Duration,
    ) -> Result<bool, Failure> {
        let failed = |error: KeyringError| locked(profile, &error);
        // What is not given out now is read again, for why it is not: no item may be lost that only cannot be read.
        let there = match self.keyrings.unlock(to, profile, left(deadline)).await.map_err(failed)? {
            Some(there) => Some(there),
            None => match self.keyrings.read(to, profile).await {
                // It is made with its first item.
                Err(KeyringError::NoCollection) => None,
                read => read.map_err(failed)?,
            },
        };
        if let Some(there) = there {
            let same = Credentials::parse(there.expose()).is_ok_and(|there| there == *credentials);
            return if same {
                Ok(false)
            } else {
                let message = format!(
                    "{to} holds another item for it already, which would be lost: see with `dt-cred unlock` that the keyring \
                     is open, then `dt-cred login --keyring {to}` replaces it"
                );
                Err(Failure::new(FailureKind::Keyring, mend(profile, &message)))
            };
        }
        let item = credentials.to_item();
        self.keyrings.write(to, profile, &item, left(deadline)).await.map(|()| true).map_err(failed)
    }

    /// Whether a store holds these very credentials, as one does that they are moved from, which is `known`, and one that a
    /// killed move has left them in.
    ///
    /// # Errors
    /// Where the store has an item of the profile and does not give it.
    async fn holds(
        &self,
        profile: &Profile,
        keyring: Keyring,
        known: bool,
        credentials: &Credentials,
    ) -> Result<bool, KeyringError> {
        match self.keyrings.read(keyring, profile).await {
            Ok(Some(item)) => Ok(Credentials::parse(item.expose()).is_ok_and(|item| item == *credentials)),
            Ok(None) | Err(KeyringError::NotText { .. }) => Ok(false),
            // Whether it has one is not known.
            Err(KeyringError::Sealed) => Ok(false),
            // KeePassXC gives it to nobody twice, and asks before it removes it.
            Err(KeyringError::Guarded) => Ok(known),
            // That of a locked collection was found there.
            Err(error @ KeyringError::Locked) => Err(error),
            Err(error) if known => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// What every store holds; `known` is the state of the profiles.
    pub(super) async fn stores(&self, known: &[ProfileStatus]) -> Vec<KeyringStatus> {
        let used = |profile: &Profile| known.iter().find(|status| status.profile == *profile)?.keyring;
        let of = |keyring| known.iter().filter(move |status| status.keyring == Some(keyring));
        let mut stores = Vec::new();
        let mut found = BTreeSet::new();
        for keyring in AUTO {
            let (profiles, error) = match self.keyrings.profiles(keyring).await {
                Ok(profiles) => (profiles.into_iter().collect(), None),
                Err(error) => {
                    let recorded: BTreeSet<_> = of(keyring).map(|status| status.profile.clone()).collect();
                    (recorded, Some(Failure::new(FailureKind::Keyring, error.to_string())))
                }
            };
            let item = |profile: Profile| {
                // One that is not recorded is used where it is found first.
                let used = used(&profile).map_or(!found.contains(&profile), |used| used == keyring);
                KeptItem { profile, used }
            };
            let items: Vec<_> = profiles.into_iter().map(item).collect();
            found.extend(items.iter().map(|item| item.profile.clone()));
            stores.push(KeyringStatus { keyring, lasts: lasts(keyring), items, error });
        }
        for keyring in [Keyring::Systemd, Keyring::Command, Keyring::Memory] {
            let items: Vec<_> =
                of(keyring).map(|status| KeptItem { profile: status.profile.clone(), used: true }).collect();
            if !items.is_empty() {
                stores.push(KeyringStatus { keyring, lasts: lasts(keyring), items, error: None });
            }
        }
        stores
    }
}
