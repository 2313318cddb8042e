//! Another secret for a profile's integration, in place of the one that is kept.
//!
//! Whenever this is killed, the keyring holds the old secret or the new one. That it began is noted before the old one
//! can end, so that whoever finds that it did is told the command that finishes it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use dt_cred_proto::{
    message::{Failure, FailureKind, Keyring, Rotate, Rotated},
    profile::Profile,
    uuid::Uuid,
};

use super::{
    Keeper, Shared,
    change::Kept,
    command::Command,
    item::{Item, locked, nothing},
    manage::{Owner, client_id, same_service},
    settled::{Asking, KEEPING, PROVING, Settled},
};
use crate::{
    api::{
        Call, Why,
        applications::{self, Made},
    },
    clock,
    credentials::Issued,
    fault_point::reached,
    keyring::KeyringError,
    state,
};

/// What is rotated.
struct Place {
    /// What is kept; none where the secret was lost before it was.
    item: Option<Item>,
    keyring: Keyring,
    client_id: Uuid,
    /// Whether a rotation of it had begun before.
    begun: bool,
}

/// What is known before anything is sent.
enum Ready {
    /// The secret is not due yet.
    NotDue(Rotated),
    Due(Place, Owner),
}

impl Keeper {
    /// Gives the integration of a profile another secret, and keeps that.
    ///
    /// # Errors
    /// Why the secret is the one that it was, or where the new one is and how to finish it.
    pub(super) async fn rotate(
        &self,
        owner: Profile,
        rotate: Rotate,
        deadline: Duration,
    ) -> Result<Rotated, Failure> {
        let profile = rotate.profile.clone();
        let goes_on = format!(
            "profile {profile}: its rotation goes on: dt-cred status tells whether it has ended, and {} finishes it if it did not",
            command(&profile, &owner)
        );
        self.settle(profile, (owner, rotate), deadline, goes_on, Command::Rotate).await
    }

    /// Makes it, in the task of the profile that holds this. While `running`, no grant says that a rotation has ended.
    pub(super) async fn renew_secret(
        &self,
        profile: &Profile,
        held: Option<Item>,
        asking: &Asking<Rotate, Rotated>,
        fetches: &AtomicU64,
        running: &AtomicBool,
    ) -> Settled<Rotated> {
        let settled = self.renew_and_keep(profile, held, asking, fetches, running).await;
        settled.unwrap_or_else(Settled::from)
    }

    async fn renew_and_keep(
        &self,
        profile: &Profile,
        held: Option<Item>,
        asking: &Asking<Rotate, Rotated>,
        fetches: &AtomicU64,
        running: &AtomicBool,
    ) -> Result<Settled<Rotated>, Failure> {
        let (by, deadline, rotate) = (asking.owner.clone(), asking.deadline, asking.what.clone());
        let ready = self.ready(profile, held, &by, &rotate, deadline).await?;
        let (place, mut owner) = match ready {
            Ready::NotDue(rotated) => return Ok(Settled { kept: None, answer: Ok(rotated) }),
            Ready::Due(place, owner) => (place, owner),
        };
        asking.begin()?;
        running.store(true, Ordering::Relaxed);
        self.0.note_begun(profile, &by, &place).await?;
        reached("rotate-noted");

        let finish = command(profile, &by);
        let issued = match self.regenerate(&mut owner, place.client_id).await {
            Ok(issued) => issued,
            Err((Why::Unknown, failure)) => {
                let message = format!(
                    "{}; it is not known whether the secret of profile {profile} is another one now: {finish} finishes it",
                    failure.message
                );
                return Err(Failure::new(failure.kind, message));
            }
            Err((_, failure)) => {
                if !place.begun {
                    self.0.note_ended(profile).await;
                }
                return Err(failure);
            }
        };
        reached("rotate-regenerated");
        self.keep_new(profile, place, &owner, issued, fetches).await
    }

    /// Keeps and proves a secret in whose place no other is taken any more.
    async fn keep_new(
        &self,
        profile: &Profile,
        place: Place,
        owner: &Owner,
        issued: Issued,
        fetches: &AtomicU64,
    ) -> Result<Settled<Rotated>, Failure> {
        let finish = command(profile, &owner.profile);
        let Place { item, keyring, client_id, .. } = place;
        let credentials = match &item {
            Some(item) => item.credentials.with_secret(issued),
            None => owner.credentials.for_client(client_id.to_string(), issued),
        };
        let credentials = credentials.map_err(|error| {
            let message = format!(
                "profile {profile}: its new secret cannot be kept, and is lost ({error}); {finish} gets another one"
            );
            Failure::new(FailureKind::Other, message)
        })?;
        let valid_until = credentials.ends();
        let item = Item { credentials: Arc::new(credentials), keyring };
        let written = self.0.write_new(profile, &item).await;
        reached("rotate-written");
        let proof = self.0.grant(profile, &item, clock::now().boot + PROVING, fetches).await;
        reached("rotate-proven");
        let (grant, unproven) = match proof {
            Ok(grant) => (Some(grant), None),
            Err(why) => (None, Some(why)),
        };
        let answer = match (&written, unproven) {
            (Ok(()), None) => {
                self.0.note_ended(profile).await;
                Ok(Rotated { profile: profile.clone(), client_id, valid_until, stored: None })
            }
            (Err(why), _) => Err(Failure::new(
                why.kind,
                format!(
                    "the new secret of profile {profile} is in the daemon's memory alone, which serves on until it ends: {}; \
                     then {finish} finishes it",
                    why.message
                ),
            )),
            (Ok(()), Some(why)) => Err(Failure::new(
                why.kind,
                format!(
                    "the new secret of profile {profile} is in {keyring}, and no token was got by it yet: {}; dt-cred get -p \
                     {profile} tries again, and if it is refused {finish} gets another one",
                    why.message
                ),
            )),
        };
        reached("rotate-ended");
        let kept = Kept { item, grant, left_over: None, unwritten: written.is_err() };
        Ok(Settled { kept: Some(Box::new(kept)), answer })
    }

    /// What there is to rotate. Nothing is changed.
    async fn ready(
        &self,
        profile: &Profile,
        held: Option<Item>,
        by: &Profile,
        rotate: &Rotate,
        deadline: Duration,
    ) -> Result<Ready, Failure> {
        let shared = &self.0;
        let noted = shared.noted_of(profile).await;
        let begun = noted.rotation.is_some();
        let item = match held {
            Some(item) if item.keyring == Keyring::Memory => Some(item),
            // Not what is held: it says nothing of whether its keyring is open.
            _ => match shared.load(profile).await {
                Ok(item) => Some(item),
                Err(failure) if failure.kind == FailureKind::NothingStored => None,
                // Whoever allows it is there to allow the new one too.
                Err(failure) if shared.is_guarded(profile).await => {
                    let (_, item) = shared.unlock(profile, None, deadline).await?;
                    Some(item.ok_or(failure)?)
                }
                Err(failure) => return Err(failure),
            },
        };
        let Some(item) = item else {
            let id = rotate.client_id.or_else(|| noted.rotation_of?.parse().ok());
            let to = rotate.keyring.or(noted.rotation_in);
            let client_id = id.ok_or_else(|| nothing(profile))?;
            shared.changeable(profile)?;
            let keyring = shared.room_in(profile, to).await?;
            let owner = self.owner(by, deadline).await?;
            return Ok(Ready::Due(Place { item: None, keyring, client_id, begun }, owner));
        };
        let (client_id, keyring) = (client_id(profile, &item.credentials)?, item.keyring);
        let wrong = |what: String| Err(Failure::new(FailureKind::Usage, what));
        if let Some(other) = rotate.client_id.filter(|other| *other != client_id) {
            return wrong(format!(
                "profile {profile} holds integration {client_id}, not {other}: name another profile, or none of both"
            ));
        }
        if let Some(other) = rotate.keyring.filter(|other| *other != keyring) {
            return wrong(format!(
                "profile {profile} is kept in {keyring}: leave --keyring {other} out, or move it by dt-cred keyring move -p \
                 {profile} --to {other}"
            ));
        }
        let valid_until = item.credentials.ends();
        // What was begun is to be finished, whatever is known of the secret before it.
        if rotate.due.is_some_and(|within| !begun && !is_due(valid_until, within, SystemTime::now())) {
            let (profile, stored) = (profile.clone(), None);
            return Ok(Ready::NotDue(Rotated { profile, client_id, valid_until, stored }));
        }
        if keyring != Keyring::Memory {
            // A source is not, either.
            shared.keyrings.writable(keyring).await.map_err(|error| locked(profile, &error))?;
        }
        let owner = self.owner(by, deadline).await?;
        same_service(profile, &item.credentials.url, &owner)?;
        Ok(Ready::Due(Place { item: Some(item), keyring, client_id, begun }, owner))
    }

    /// Another secret for an integration, or why there is none, and what that says of the old one.
    async fn regenerate(&self, owner: &mut Owner, id: Uuid) -> Result<Issued, (Why, Failure)> {
        let call = Call::regenerate_secret(id);
        let body = self.call_to_its_end(owner, &call).await;
        let body = body.map_err(|refused| (refused.why, refused.failure))?;
        match applications::integration(&body) {
            Some(Made { integration, issued: Some(issued) }) if integration.client_id == id => Ok(issued),
            _ => Err((Why::Unknown, owner.asked(&call).rubbish().failure)),
        }
    }
}

impl Shared {
    async fn noted_of(&self, profile: &Profile) -> state::Kept {
        let (state, named) = (Arc::clone(&self.state), profile.clone());
        let noted = tokio::task::spawn_blocking(move || state.of(&named)).await;
        noted.ok().flatten().unwrap_or_default()
    }

    /// Whether the keyring of a profile is open, and asks a person before it gives out the item.
    async fn is_guarded(&self, profile: &Profile) -> bool {
        let place = self.place(profile, None).await;
        !place.is_source() && matches!(self.keyrings.read(place, profile).await, Err(KeyringError::Guarded))
    }

    /// Notes that a rotation begins. Not of what is in memory alone: it ends with the daemon, whatever became of it.
    async fn note_begun(&self, profile: &Profile, owner: &Profile, place: &Place) -> Result<(), Failure> {
        if place.keyring == Keyring::Memory {
            return Ok(());
        }
        let failed = |error: &dyn std::fmt::Display| {
            let message = format!("profile {profile}: nothing was changed: {error}");
            Failure::new(FailureKind::Other, message)
        };
        let (owner, of) =
            (owner.clone(), place.item.is_none().then(|| (place.client_id.to_string(), place.keyring)));
        let noted = self.changed(profile, move |state, profile| state.begin_rotation(profile, &owner, of));
        noted.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }

    async fn note_ended(&self, profile: &Profile) {
        self.note(profile, |state, profile| state.end_rotation(profile, || false)).await;
    }

    async fn write_new(&self, profile: &Profile, item: &Item) -> Result<(), Failure> {
        if item.keyring == Keyring::Memory {
            return Ok(());
        }
        let secret = item.credentials.to_item();
        let written = self.keyrings.write(item.keyring, profile, &secret, KEEPING).await;
        written.map_err(|error: KeyringError| locked(profile, &error))?;
        self.record_item(profile, item).await;
        Ok(())
    }
}

/// The command that finishes a rotation.
pub(super) fn command(profile: &Profile, owner: &Profile) -> String {
    format!("`dt-cred integration rotate {profile} --as {owner}`")
}

/// Whether a secret that is valid until then ends within so many seconds; not where that is not known.
fn is_due(valid_until: Option<i64>, within: u64, now: SystemTime) -> bool {
    valid_until.is_some_and(|end| seconds_left(end, now) <= i64::try_from(within).unwrap_or(i64::MAX))
}

/// How many seconds are left until `end`; less than none where it has passed.
pub(super) fn seconds_left(end: i64, now: SystemTime) -> i64 {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    end.saturating_sub(i64::try_from(now).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_due_from_so_many_seconds_before_its_end_on_and_never_where_that_is_not_known() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        for (end, within, due) in [
            (Some(1100), 99, false),
            (Some(1100), 100, true),
            (Some(1000), 0, true),
            (Some(900), 0, true),
            (Some(i64::MIN), 0, true),
            (Some(i64::MAX), u64::MAX, true),
            (Some(i64::MAX), 100, false),
            (None, u64::MAX, false),
        ] {
            assert_eq!(is_due(end, within, now), due, "{end:?} {within}");
        }
    }
}
