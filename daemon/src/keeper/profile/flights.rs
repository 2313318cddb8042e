//! What a profile's task begins and does not wait for: attempts at the issuer, readings of the keyring, uses of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dt_cred_proto::message::{Failure, FailureKind, Keyring};

use super::{
    super::{
        attempt::{Attempt, attempt},
        command::Command,
        item::Item,
    },
    Task,
};
use crate::{
    keyring::forgets_after,
    lifecycle::{Epoch, Failed, Moment, Reread},
};

/// How seldom a token out of memory counts as a use of a keyring that forgets what is not used; for one that forgets
/// within hours it is a quarter of that time.
const RENEWAL: Duration = Duration::from_secs(60 * 60);

impl Task {
    /// Asks the issuer, after reading the keyring where nothing is held yet. One flight around both.
    pub(super) fn fetch(&mut self, epoch: Epoch) {
        self.give_up();
        self.flights += 1;
        let (shared, profile, item) = (Arc::clone(&self.shared), self.profile.clone(), self.item.clone());
        let (own, change, fetches) = (self.own.clone(), self.change, Arc::clone(&self.fetches));
        self.loading = Arc::new(AtomicBool::new(item.is_none()));
        let loading = Arc::clone(&self.loading);
        let attempt = tokio::spawn(async move {
            let attempt = attempt(&shared, &profile, item, &fetches, &loading).await;
            let _ = own.send(Command::Fetched { epoch, change, attempt });
        });
        self.attempt = Some(attempt.abort_handle());
    }

    /// Ends the attempt that runs: its epoch is over, and an issuer that hangs must not keep the next one waiting.
    pub(super) fn give_up(&mut self) {
        // One that has ended has reported, as the runtime has one thread.
        if let Some(attempt) = self.attempt.take().filter(|attempt| !attempt.is_finished()) {
            attempt.abort();
            self.flights -= 1;
        }
    }

    pub(super) fn fetched(&mut self, now: Moment, epoch: Epoch, change: u64, attempt: Attempt) {
        self.flights -= 1;
        if change == self.change && attempt.loaded.is_some() {
            self.item = attempt.loaded;
        }
        match attempt.result {
            Ok(grant) => {
                tracing::info!(profile = %self.profile, lifetime = ?grant.lifetime, "granted");
                self.lifecycle.granted(now, epoch, grant);
                self.note_grant(now);
            }
            Err(failed) => {
                let Failed { cause, error, .. } = &failed;
                // Who asks each second for a profile that nobody stored pushes nothing else out of the log.
                if error.kind == FailureKind::NothingStored {
                    tracing::debug!(profile = %self.profile, ?cause, %error, "no token");
                } else {
                    tracing::warn!(profile = %self.profile, ?cause, %error, "no token");
                }
                self.lifecycle.failed(now, epoch, failed);
            }
        }
    }

    /// A token was got: its generation is noted, as they grow across restarts too, and the keyring was used.
    pub(in crate::keeper) fn note_grant(&mut self, now: Moment) {
        let Some(keyring) = self.item.as_ref().map(|item| item.keyring) else { return };
        let (shared, profile) = (Arc::clone(&self.shared), self.profile.clone());
        let generation = self.lifecycle.generation();
        // What is got by credentials that are kept says that they are good.
        let ends =
            !self.unwritten && shared.state.remembered(&profile).is_some_and(|kept| kept.rotation.is_some());
        let rotating = Arc::clone(&self.rotating);
        tokio::spawn(async move {
            shared.note(&profile, move |state, profile| state.record_generation(profile, generation)).await;
            if ends {
                let running = move || rotating.load(Ordering::Relaxed);
                shared.note(&profile, move |state, profile| state.end_rotation(profile, running)).await;
            }
        });
        self.renew_keyring(now, keyring);
    }

    /// A token was given out of memory, which is a use of the keyring too: it may live longer than an item that is not
    /// used. Asks the keyring seldom, and never in the way of an answer.
    pub(super) fn used(&mut self, now: Moment) {
        if let Some(item) = &self.item
            && self.renewal.is_some_and(|due| due <= now.wall)
        {
            self.renew_keyring(now, item.keyring);
        }
    }

    /// Puts off the end of an item where only its use does that (persistent-keyring(7)).
    fn renew_keyring(&mut self, now: Moment, keyring: Keyring) {
        let limit = forgets_after(keyring);
        self.renewal = limit.map(|limit| now.wall.saturating_add(RENEWAL.min(limit / 4)));
        if limit.is_none() {
            return;
        }
        let (shared, profile) = (Arc::clone(&self.shared), self.profile.clone());
        tokio::spawn(async move {
            if let Err(error) = shared.keyrings.present(keyring).await {
                tracing::warn!(%profile, %keyring, %error, "the keyring could not be renewed");
            }
        });
    }

    /// Reads the keyring once more after a refusal: somebody may have stored a rotated secret there.
    pub(super) fn read_again(&mut self, epoch: Epoch) {
        self.flights += 1;
        let (shared, profile) = (Arc::clone(&self.shared), self.profile.clone());
        let (own, change) = (self.own.clone(), self.change);
        let held = self.item.clone();
        tokio::spawn(async move {
            let found = match held {
                Some(item) if item.keyring == Keyring::Memory => Ok(item),
                _ => shared.load(&profile).await,
            };
            let _ = own.send(Command::Reread { epoch, change, found });
        });
    }

    pub(super) fn found_again(
        &mut self,
        now: Moment,
        epoch: Epoch,
        change: u64,
        found: Result<Item, Failure>,
    ) {
        self.flights -= 1;
        let held = self.item.as_ref();
        let reread = match found {
            // The other secret is on its way.
            Ok(_) if self.rotating.load(Ordering::Relaxed) => Reread::Unknown,
            Ok(item) if held.is_some_and(|held| held.credentials == item.credentials) => Reread::Same,
            Ok(item) => {
                if change == self.change {
                    self.item = Some(item);
                    self.unwritten = false;
                }
                Reread::Changed
            }
            // Erased by hand: what was refused stays refused.
            Err(failure) if failure.kind == FailureKind::NothingStored => Reread::Same,
            Err(failure) => {
                tracing::warn!(profile = %self.profile, error = %failure, "the keyring cannot be read again");
                Reread::Unknown
            }
        };
        self.lifecycle.reread(now, epoch, reread);
    }
}
