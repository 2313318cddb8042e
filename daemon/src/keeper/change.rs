//! `store` and `erase`, and what `create` and `rotate` make: what they do outside the task, and what it takes over from them.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
    time::Duration,
};

use dt_cred_proto::{
    message::{
        Attributes, Create, Created, Described, Failure, FailureKind, Keyring, Moved, Previewed, Rotate,
        Rotated, Store, Stored,
    },
    profile::Profile,
    text::Text,
};
use tokio::sync::oneshot;

use super::{
    Keeper, Shared,
    attempt::Granted,
    create::Made,
    item::{Item, left, locked},
    profile::Task,
    refusal::failure,
    relocate::Relocated,
    settled::{Asking, Settled},
};
use crate::{
    clock::{self, milliseconds},
    credentials::{Credentials, CredentialsError, Endpoints},
    keyring::{AUTO, KeyringError, lasts},
    lifecycle::{Grant, Moment, Refusal},
    state::State,
};

/// A change of what is kept.
pub(super) enum Change {
    Store { store: Box<Store>, deadline: Duration, reply: oneshot::Sender<Result<Stored, Failure>> },
    Erase { also: BTreeSet<Keyring>, deadline: Duration, reply: oneshot::Sender<Result<bool, Failure>> },
    Move { to: Keyring, deadline: Duration, reply: oneshot::Sender<Result<Moved, Failure>> },
    Create(Box<Asking<Create, Made>>),
    Rotate(Box<Asking<Rotate, Rotated>>),
}

/// A change that was made, or was not.
pub(super) enum Changed {
    Stored { result: Result<Box<Kept>, Failure>, reply: oneshot::Sender<Result<Stored, Failure>> },
    Erased { result: Result<bool, Failure>, reply: oneshot::Sender<Result<bool, Failure>> },
    Moved { result: Result<Relocated, Failure>, reply: oneshot::Sender<Result<Moved, Failure>> },
    Created { settled: Settled<Made>, reply: oneshot::Sender<Result<Made, Failure>> },
    Rotated { settled: Settled<Rotated>, reply: oneshot::Sender<Result<Rotated, Failure>> },
}

/// Credentials that may be kept.
pub(super) struct Proven {
    pub(super) item: Item,
    /// By which they were proven; none where the user wanted no proof, or there was none.
    pub(super) grant: Option<Grant<Granted>>,
    /// Where they were kept before.
    pub(super) before: Option<Keyring>,
}

/// Credentials that are kept now.
pub(super) struct Kept {
    pub(super) item: Item,
    /// As in [`Proven`].
    pub(super) grant: Option<Grant<Granted>>,
    /// What the user should know of where they were before.
    pub(super) left_over: Option<Text>,
    /// Whether their keyring did not take them, so that they are in memory alone.
    pub(super) unwritten: bool,
}

impl Change {
    /// Makes the change; `held` is what the task holds.
    pub(super) async fn make(
        self,
        keeper: &Keeper,
        profile: &Profile,
        held: Option<Item>,
        fetches: &AtomicU64,
        rotating: &AtomicBool,
    ) -> Changed {
        let shared = &*keeper.0;
        match self {
            Self::Store { store, deadline, mut reply } => {
                let proven = tokio::select! {
                    biased;
                    // Nothing is changed yet.
                    () = reply.closed() => Err(left_early(profile)),
                    proven = shared.prove(profile, held, store, deadline, fetches) => proven,
                };
                let result = match proven {
                    Ok(proven) => shared.keep(profile, proven, deadline).await.map(Box::new),
                    Err(failure) => Err(failure),
                };
                Changed::Stored { result, reply }
            }
            Self::Erase { also, deadline, reply } => {
                Changed::Erased { result: shared.forget(profile, held, also, deadline).await, reply }
            }
            Self::Move { to, deadline, reply } => {
                Changed::Moved { result: shared.relocate(profile, held, to, deadline).await, reply }
            }
            Self::Create(asking) => {
                let _under_way = shared.under_way.read().await;
                let settled = keeper.make_integration(profile, held, &asking, fetches).await;
                Changed::Created { settled, reply: asking.reply }
            }
            Self::Rotate(asking) => {
                let _under_way = shared.under_way.read().await;
                let settled = keeper.renew_secret(profile, held, &asking, fetches, rotating).await;
                Changed::Rotated { settled, reply: asking.reply }
            }
        }
    }
}

impl Task {
    /// Takes over what a change made.
    pub(super) fn apply(&mut self, now: Moment, changed: Changed) {
        match changed {
            Changed::Erased { result, reply } => {
                self.renew(None);
                self.lifecycle.erase(now);
                let _ = reply.send(result);
            }
            Changed::Stored { result, reply } => {
                let _ = reply.send(result.map(|kept| self.adopt(now, *kept)));
            }
            Changed::Moved { result, reply } => {
                let _ = reply.send(result.and_then(|relocated| self.follow(relocated)));
            }
            Changed::Created { settled: Settled { kept, answer }, reply } => {
                let stored = kept.map(|kept| self.adopt(now, *kept));
                let answer = answer
                    .map(|Made { created, unkept }| Made { created: Created { stored, ..created }, unkept });
                self.heard(reply.send(answer).err().and_then(|unheard| match unheard {
                    Ok(made) => made.unkept,
                    Err(error) => Some(error),
                }));
            }
            Changed::Rotated { settled: Settled { kept, answer }, reply } => {
                let stored = kept.map(|kept| self.adopt(now, *kept));
                let answer = answer.map(|rotated| Rotated { stored, ..rotated });
                self.heard(reply.send(answer).err().and_then(Result::err));
            }
        }
    }

    /// What nobody waited for stands in the log at least.
    fn heard(&self, unheard: Option<Failure>) {
        if let Some(error) = unheard {
            tracing::warn!(profile = %self.profile, %error, "a change failed that nobody waits for any more");
        }
    }

    fn adopt(&mut self, now: Moment, kept: Kept) -> Stored {
        let Kept { item, grant, left_over, unwritten } = kept;
        let keyring = item.keyring;
        // A token of another client, or for another use, must not be served as this one's.
        let same = self
            .lifecycle
            .held(now)
            .is_some_and(|held| grants_alike(&held.token.credentials, &item.credentials));
        let expires_in_ms = grant.as_ref().map(|grant| milliseconds(grant.lifetime));
        self.renew(Some(item));
        self.unwritten = unwritten;
        let proven = grant.is_some();
        self.lifecycle.replace(now, grant, same);
        if proven {
            self.note_grant(now);
        }
        tracing::info!(profile = %self.profile, %keyring, proven, "stored");
        let lasts = match left_over {
            Some(left_over) => Text::from(format!("{}; {left_over}", lasts(keyring))),
            None => lasts(keyring),
        };
        Stored { profile: self.profile.clone(), keyring, lasts, expires_in_ms }
    }
}

/// Whether both get tokens of the same client, from the same issuer, for the same use. A token keeps the trust in those CAs
/// by which it was got, so that with others it is another one's.
fn grants_alike(a: &Credentials, b: &Credentials) -> bool {
    let place = |c: &Credentials| (c.url.clone(), c.token_url.clone(), c.client_id.clone(), c.auth);
    let target = |c: &Credentials| (c.scope.clone(), c.audience.clone(), c.resource.clone());
    place(a) == place(b) && target(a) == target(b) && a.ca == b.ca
}

fn late(profile: &Profile) -> String {
    format!(
        "profile {profile}: an earlier change of it has not ended in time: look whether the keyring shows a prompt, then \
         try again, with a longer --timeout if need be"
    )
}

/// Nobody hears it.
fn left_early(profile: &Profile) -> Failure {
    tracing::info!(%profile, "not stored: who wanted it left before it was");
    Failure::new(FailureKind::Other, "nothing was changed")
}

/// What is kept of a profile whose keyring cannot be read: nothing, for whoever says where the secret goes. What is not
/// said would be another place than the one that is kept.
fn unknown(given: &Attributes, failure: Failure) -> Result<Option<Item>, Failure> {
    let says = |url: &Option<String>| url.as_ref().is_some_and(|url| !url.is_empty());
    if says(&given.url) || says(&given.token_url) {
        return Ok(None);
    }
    let why = failure.message;
    let message =
        format!("{why}; to keep it elsewhere without, give url too: where its secret goes is not known now");
    Err(Failure::new(failure.kind, message))
}

impl Shared {
    /// Proves credentials. Nothing is changed.
    async fn prove(
        &self,
        profile: &Profile,
        held: Option<Item>,
        store: Box<Store>,
        deadline: Duration,
        fetches: &AtomicU64,
    ) -> Result<Proven, Failure> {
        // Others may have changed it for so long that nobody waits any more.
        if left(deadline).is_zero() {
            return Err(Failure::new(FailureKind::TryLater, late(profile)));
        }
        self.changeable(profile)?;
        let existing = match held {
            Some(item) => Some(item),
            None => self.load_if_any(profile, &store).await?,
        };
        let merged = Credentials::merged(existing.as_ref().map(|item| &*item.credentials), store.attributes);
        if let Some(file) = merged.as_ref().err().and_then(CredentialsError::given_up) {
            self.give_way(file).await;
        }
        let credentials = merged
            .map_err(|error| Failure::new(FailureKind::Usage, format!("profile {profile}: {error}")))?;
        let configured = self.config().profile(profile).keyring;
        let keyring = match store.keyring.or(existing.as_ref().map(|item| item.keyring)).or(configured) {
            Some(keyring) => keyring,
            None => self.automatic().await?,
        };
        let item = Item { credentials: Arc::new(credentials), keyring };
        if keyring != Keyring::Memory {
            // Before the issuer is given a secret that cannot be kept.
            self.keyrings.writable(keyring).await.map_err(|error| locked(profile, &error))?;
        }
        let grant =
            if store.check { Some(self.grant(profile, &item, deadline, fetches).await?) } else { None };
        Ok(Proven { item, grant, before: existing.map(|item| item.keyring) })
    }

    /// Keeps credentials that were proven. Nothing is changed where it fails.
    ///
    /// Whoever asked for it is told by the deadline that it failed, so it must not be made after that. A keyring that
    /// asks a person may still take the item later; nothing goes by it then, and the next `store` replaces it.
    pub(super) async fn keep(
        &self,
        profile: &Profile,
        proven: Proven,
        deadline: Duration,
    ) -> Result<Kept, Failure> {
        let Proven { item, grant, before } = proven;
        let keyring = item.keyring;
        let mut left_over = None;
        if keyring != Keyring::Memory {
            let before = [self.recorded(profile).await, before];
            let secret = item.credentials.to_item();
            let write = self.keyrings.write(keyring, profile, &secret, left(deadline));
            write.await.map_err(|error| locked(profile, &error))?;
            let others: BTreeSet<_> = before.into_iter().flatten().filter(|old| *old != keyring).collect();
            if others.is_empty() {
                self.record_item(profile, &item).await;
            } else {
                // What was written stays, unused: another item may have lain in its place before.
                self.record_or_fail(profile, keyring).await?;
                self.end_noted(profile, &item).await;
            }
            for old in others {
                left_over = self.remove_old(profile, old, deadline).await.err().or(left_over);
            }
        }
        Ok(Kept { item, grant, left_over, unwritten: false })
    }

    /// What is kept of a profile already. Credentials that are given whole need none: a keyring that cannot be read
    /// must not keep the user from choosing another.
    async fn load_if_any(&self, profile: &Profile, store: &Store) -> Result<Option<Item>, Failure> {
        let whole = store.attributes.client_id.is_some() && store.attributes.client_secret.is_some();
        match self.load(profile).await {
            Ok(item) => Ok(Some(item)),
            Err(failure) if failure.kind == FailureKind::NothingStored => Ok(None),
            Err(failure) => {
                let place = self.place(profile, None).await;
                let elsewhere = store.keyring.is_some_and(|keyring| keyring != place);
                if whole && elsewhere { unknown(&store.attributes, failure) } else { Err(failure) }
            }
        }
    }

    pub(super) async fn grant(
        &self,
        profile: &Profile,
        item: &Item,
        deadline: Duration,
        fetches: &AtomicU64,
    ) -> Result<Grant<Granted>, Failure> {
        let late = || failure(profile, Refusal::Deadline);
        let proof = tokio::time::timeout(left(deadline), self.fetch(profile, item, fetches))
            .await
            .map_err(|_| late())?;
        let grant = proof.map_err(|declined| declined.failure)?;
        if grant.has_expired(clock::now()) {
            return Err(failure(profile, Refusal::DeadOnArrival));
        }
        Ok(grant)
    }

    /// Removes the item that a moved profile left in its old store; what is to be told where it stays.
    pub(super) async fn remove_old(
        &self,
        profile: &Profile,
        keyring: Keyring,
        deadline: Duration,
    ) -> Result<(), Text> {
        if keyring == Keyring::Memory {
            return Ok(());
        }
        let removed = self.keyrings.remove(keyring, profile, left(deadline)).await;
        removed.map(drop).map_err(|error| {
            tracing::warn!(%profile, %keyring, %error, "the old item could not be removed");
            Text::from(format!("its old item in {keyring} is still there, see dt-cred keyring list"))
        })
    }

    /// Removes the item of a profile, those that lie `also` elsewhere too; whether there was anything.
    async fn forget(
        &self,
        profile: &Profile,
        held: Option<Item>,
        also: BTreeSet<Keyring>,
        deadline: Duration,
    ) -> Result<bool, Failure> {
        let recorded = self.recorded(profile).await.or(held.as_ref().map(|item| item.keyring));
        let named =
            recorded.or(self.config().profile(profile).keyring).filter(|keyring| !keyring.is_source());
        // Everywhere that `load` would look: another program may have kept one where this daemon did not.
        let mut places = also;
        places.extend(named.into_iter().chain(AUTO));
        places.remove(&Keyring::Memory);
        let (mut found, mut failed, mut hidden) = (held.is_some(), None, None);
        for keyring in places {
            match self.keyrings.remove(keyring, profile, left(deadline)).await {
                Ok(removed) => found |= removed,
                // A store that is not there holds nothing, unless it is the one that held this profile.
                Err(error) if error.is_absent() && named != Some(keyring) => {}
                Err(error @ KeyringError::Sealed) if named != Some(keyring) => {
                    hidden = Some(locked(profile, &error));
                }
                Err(error) => failed = failed.or(Some(locked(profile, &error))),
            }
        }
        // What hides in a store that was never asked to keep this profile hinders only where nothing else is known.
        if let Some(failure) = failed.or(hidden.filter(|_| !found && named.is_none())) {
            return Err(failure);
        }
        self.note(profile, State::forget).await;
        // What a source gives, it gives again.
        self.changeable(profile)?;
        Ok(found)
    }

    /// What is kept of a profile that could be changed.
    async fn existing(&self, profile: &Profile, held: Option<Item>) -> Result<Option<Item>, Failure> {
        self.changeable(profile)?;
        if held.is_some() {
            return Ok(held);
        }
        match self.load(profile).await {
            Ok(item) => Ok(Some(item)),
            Err(failure) if failure.kind == FailureKind::NothingStored => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Where credentials would be sent that are stored with these attributes.
    pub(super) async fn preview(
        &self,
        profile: &Profile,
        held: Option<Item>,
        attributes: Attributes,
    ) -> Result<Box<Previewed>, Failure> {
        let item = match self.existing(profile, held).await {
            Err(failure) if failure.kind == FailureKind::Keyring => unknown(&attributes, failure)?,
            existing => existing?,
        };
        let endpoints = Endpoints::merged(item.as_ref().map(|item| &*item.credentials), attributes);
        if let Some(file) = endpoints.as_ref().err().and_then(CredentialsError::given_up) {
            self.give_way(file).await;
        }
        let endpoints =
            endpoints.map_err(|error| Failure::new(error.kind(), format!("profile {profile}: {error}")))?;
        let Endpoints { url, token_url, auth, scope, audience, resource, ca } = endpoints;
        Ok(Box::new(Previewed {
            profile: profile.clone(),
            url: url.into(),
            token_url: token_url.into(),
            auth,
            scope: scope.map(Into::into),
            audience: audience.map(Into::into),
            resource: resource.map(Into::into),
            ca_file: ca.map(|ca| ca.file.into()),
        }))
    }

    /// What `login` needs to know.
    pub(super) async fn describe(
        &self,
        profile: &Profile,
        held: Option<Item>,
        deadline: Duration,
    ) -> Result<Described, Failure> {
        if let (Some(source), Err(refused)) = (self.source(profile), self.changeable(profile)) {
            // No failure: nothing could be opened that would mend it.
            let (url, client_id, note) = (None, None, refused.message);
            return Ok(Described { profile: profile.clone(), url, client_id, keyring: Some(source), note });
        }
        if held.is_none() && self.is_locked(profile).await {
            self.unlock(profile, None, deadline).await?;
        }
        let item = self.existing(profile, held).await?;
        let place = match item.as_ref().map(|item| item.keyring).or(self.config().profile(profile).keyring) {
            Some(keyring) => Ok(keyring),
            None => self.automatic().await,
        };
        let (keyring, note) = match place {
            Ok(keyring) => (Some(keyring), lasts(keyring)),
            Err(failure) => (None, failure.message),
        };
        Ok(Described {
            profile: profile.clone(),
            url: item.as_ref().map(|item| item.credentials.url.as_str().into()),
            client_id: item.as_ref().map(|item| item.credentials.client_id.as_str().into()),
            keyring,
            note,
        })
    }
}
