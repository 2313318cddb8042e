//! Finds a profile's credentials in the keyrings.

use std::{sync::Arc, time::Duration};

use dt_cred_proto::{
    message::{Failure, FailureKind, Keyring},
    profile::Profile,
};
use tokio::task::{JoinError, JoinHandle};

use super::Shared;
use crate::{
    clock,
    credentials::{Credentials, CredentialsError, GivenError},
    keyring::{AUTO, KeyringError, forgets_after, lasts},
    state::{State, StateError},
};

/// How long it may take until a failure is told.
const ANSWER: Duration = Duration::from_millis(100);

/// Credentials and where they are kept.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) credentials: Arc<Credentials>,
    pub(super) keyring: Keyring,
}

impl Shared {
    /// The source that gives the credentials of `profile` and can only be read, if that is where they come from: whoever
    /// wrote the unit or the configuration has said so, whatever is kept elsewhere.
    pub(super) fn source(&self, profile: &Profile) -> Option<Keyring> {
        let given = self.keyrings.given().contains(profile).then_some(Keyring::Systemd);
        given.or(self.config().profile(profile).keyring.filter(|keyring| keyring.is_source()))
    }

    /// Sees that what is kept of `profile` can be changed.
    pub(super) fn changeable(&self, profile: &Profile) -> Result<(), Failure> {
        let refused = |keyring| Err(locked(profile, &KeyringError::ReadOnly { keyring }));
        self.source(profile).map_or(Ok(()), refused)
    }

    /// The credentials of `profile`.
    ///
    /// One that the state file does not name may have been provisioned by another program: it is looked for in the
    /// configured store, else in those that `auto` means, and recorded when it is found.
    pub(super) async fn load(&self, profile: &Profile) -> Result<Item, Failure> {
        if let Some(source) = self.source(profile) {
            return self.load_given(profile, source, None).await;
        }
        let recorded = self.recorded(profile).await;
        let found = self.find(profile, recorded).await;
        // Moved or erased while it was looked for.
        let now = self.recorded(profile).await;
        if found.is_err() && now != recorded { self.find(profile, now).await } else { found }
    }

    /// The credentials of `profile`, which is kept where it is `recorded`.
    async fn find(&self, profile: &Profile, recorded: Option<Keyring>) -> Result<Item, Failure> {
        if let Some(source) = recorded.filter(|keyring| keyring.is_source()) {
            return self.load_given(profile, source, None).await;
        }
        let places = match recorded.or(self.config().profile(profile).keyring) {
            Some(keyring) => vec![keyring],
            None => AUTO.to_vec(),
        };
        for keyring in &places {
            // What is in memory is held by the profile's task; where it is not, there is nothing.
            if *keyring == Keyring::Memory {
                continue;
            }
            match self.keyrings.read(*keyring, profile).await {
                Ok(Some(item)) => {
                    let parsed = Credentials::parse(item.expose());
                    let credentials =
                        Arc::new(parsed.map_err(|error| unreadable(profile, *keyring, &error))?);
                    if recorded.is_none() {
                        self.record(profile, *keyring).await;
                    }
                    let item = Item { credentials, keyring: *keyring };
                    // Whoever wants the credentials does not wait for a disk.
                    drop(self.note_end(profile, &item));
                    return Ok(item);
                }
                Ok(None) => {}
                // A store that is not there holds nothing, unless it is the one that held this profile.
                Err(error) if error.is_absent() && places.len() > 1 => {}
                // Nor does one that is still to make its first collection, unless this profile was kept in one.
                Err(KeyringError::NoCollection) if recorded.is_none() => {}
                Err(error) => return Err(locked(profile, &error)),
            }
        }
        Err(match recorded {
            Some(keyring) if forgets_after(keyring).is_some() => forgotten(profile, keyring),
            _ => nothing(profile),
        })
    }

    /// What a source gives for `profile`; a caller who is patient says for how long.
    async fn load_given(
        &self,
        profile: &Profile,
        source: Keyring,
        patience: Option<Duration>,
    ) -> Result<Item, Failure> {
        let lines = match source {
            Keyring::Command => {
                let command = &self.config().profile(profile).keyring_command;
                self.keyrings.run(command, patience).await.map(Some)
            }
            _ => self.keyrings.read(source, profile).await,
        };
        let Some(lines) = lines.map_err(|error| locked(profile, &error))? else {
            return Err(not_given(profile));
        };
        let credentials = Credentials::given(lines.expose());
        if let Err(GivenError::Wrong(error)) = &credentials
            && let Some(file) = error.given_up()
        {
            self.give_way(file).await;
            return Err(Failure::new(FailureKind::Configuration, format!("profile {profile}: {error}")));
        }
        let credentials = credentials.map_err(|error| malformed(profile, source, &error))?;
        Ok(Item { credentials: Arc::new(credentials), keyring: source })
    }

    /// Which profiles lie in which of the stores that `auto` means, and why some of them could not tell.
    pub(super) async fn kept(&self) -> (Vec<(Profile, Keyring)>, Vec<Failure>) {
        let (mut kept, mut failed) = (Vec::new(), Vec::new());
        for keyring in AUTO {
            match self.keyrings.profiles(keyring).await {
                Ok(profiles) => kept.extend(profiles.into_iter().map(|profile| (profile, keyring))),
                Err(error) if error.is_absent() => {}
                Err(error) => {
                    let message = format!("what is kept in {keyring} is not known: {error}");
                    failed.push(Failure::new(FailureKind::Keyring, message));
                }
            }
        }
        (kept, failed)
    }

    /// Where `auto` keeps a new profile, or why the user must choose.
    pub(super) async fn automatic(&self) -> Result<Keyring, Failure> {
        let [first, ..] = AUTO;
        match self.keyrings.present(first).await {
            Ok(()) => Ok(first),
            Err(error) if error.is_absent() => Err(Failure::new(
                FailureKind::Keyring,
                format!(
                    "there is no desktop keyring here ({error}); keyring=keyutils takes the kernel keyring, which \
                     keeps them {}; keyring=memory the daemon's memory",
                    lasts(Keyring::Keyutils)
                ),
            )),
            Err(error) => Err(Failure::new(FailureKind::Keyring, error.to_string())),
        }
    }

    /// Where the state file says that `profile` is kept. On a thread of its own, as [`Self::note`].
    pub(super) async fn recorded(&self, profile: &Profile) -> Option<Keyring> {
        let (state, named) = (Arc::clone(&self.state), profile.clone());
        let kept = tokio::task::spawn_blocking(move || state.of(&named)).await;
        kept.ok().flatten().and_then(|kept| kept.keyring)
    }

    /// Notes in the state file where a profile is kept. The note is needed after a restart only, so a disk that is
    /// full is told in the log and fails nothing.
    pub(super) async fn record(&self, profile: &Profile, keyring: Keyring) {
        self.note(profile, move |state, profile| state.record(profile, keyring)).await;
    }

    /// Notes until when the secret of what is kept is valid, where that is not known: a daemon that was just started warns
    /// of it without opening a keyring. What is returned ends when it is noted.
    pub(super) fn note_end(&self, profile: &Profile, item: &Item) -> Option<JoinHandle<()>> {
        let (keyring, ends) = (item.keyring, item.credentials.ends());
        let known = self.state.remembered(profile).filter(|kept| kept.keyring == Some(keyring))?;
        let (state, profile) = (Arc::clone(&self.state), profile.clone());
        (known.valid_until != ends).then(|| {
            tokio::task::spawn_blocking(move || {
                if let Err(error) = state.record_end(&profile, keyring, ends) {
                    tracing::warn!(%profile, %error, "the state file could not be changed");
                }
            })
        })
    }

    /// [`Self::record`] of credentials, and [`Self::note_end`].
    pub(super) async fn record_item(&self, profile: &Profile, item: &Item) {
        self.record(profile, item.keyring).await;
        self.end_noted(profile, item).await;
    }

    /// [`Self::note_end`], to its end.
    pub(super) async fn end_noted(&self, profile: &Profile, item: &Item) {
        if let Some(noted) = self.note_end(profile, item)
            && let Err(error) = noted.await
        {
            tracing::warn!(%profile, %error, "the state file was not changed");
        }
    }

    /// [`Self::record`], where what comes next goes by the note.
    pub(super) async fn record_or_fail(&self, profile: &Profile, keyring: Keyring) -> Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(FailureKind::Other, format!("profile {profile}: it is kept where it was: {error}"))
        };
        let changed = self.changed(profile, move |state, profile| state.record(profile, keyring)).await;
        changed.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }

    /// Changes the state file. On a thread of its own: the disk may be slow, and another daemon may hold the lock.
    pub(super) async fn note(
        &self,
        profile: &Profile,
        change: impl FnOnce(&State, &Profile) -> Result<(), StateError> + Send + 'static,
    ) {
        match self.changed(profile, change).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%profile, %error, "the state file could not be changed"),
            Err(error) => tracing::warn!(%profile, %error, "the state file was not changed"),
        }
    }

    pub(super) async fn changed(
        &self,
        profile: &Profile,
        change: impl FnOnce(&State, &Profile) -> Result<(), StateError> + Send + 'static,
    ) -> Result<Result<(), StateError>, JoinError> {
        let (state, named) = (Arc::clone(&self.state), profile.clone());
        tokio::task::spawn_blocking(move || change(&state, &named)).await
    }

    /// Where `profile` is kept, or would be, if no store is named.
    pub(super) async fn place(&self, profile: &Profile, held: Option<Keyring>) -> Keyring {
        let kept = self.recorded(profile).await.or(held).or(self.config().profile(profile).keyring);
        self.source(profile).or(kept).unwrap_or(AUTO[0])
    }

    /// Whether a prompt would open the keyring that holds `profile`, or would.
    pub(super) async fn is_locked(&self, profile: &Profile) -> bool {
        let place = self.place(profile, None).await;
        let asks_nobody = place.is_source() || place == Keyring::Memory;
        !asks_nobody
            && matches!(
                self.keyrings.read(place, profile).await,
                Err(KeyringError::Locked | KeyringError::Sealed)
            )
    }

    /// Raises the prompt of the keyring that holds `profile`, or would, and waits for it until `deadline`. The item too,
    /// where there is one that can be read now and is what it should be.
    pub(super) async fn unlock(
        &self,
        profile: &Profile,
        held: Option<Item>,
        deadline: Duration,
    ) -> Result<(Keyring, Option<Item>), Failure> {
        let recorded = self.recorded(profile).await;
        let keyring = self.place(profile, held.map(|item| item.keyring)).await;
        if keyring == Keyring::Memory {
            return Ok((keyring, None));
        }
        if keyring.is_source() {
            // It may ask by itself, as a password manager does.
            let item = self.load_given(profile, keyring, Some(left(deadline))).await?;
            return Ok((keyring, Some(item)));
        }
        let unlocked = self.keyrings.unlock(keyring, profile, left(deadline)).await;
        let item = unlocked.map_err(|error| locked(profile, &error))?;
        // What is left of it in another store must be opened before it can be removed. One of them asks at most.
        for other in AUTO.into_iter().filter(|other| *other != keyring) {
            let read = self.keyrings.read(other, profile).await;
            if matches!(read, Err(KeyringError::Locked | KeyringError::Guarded)) {
                // The profile's own is open all the same.
                if let Err(error) = self.keyrings.unlock(other, profile, left(deadline)).await {
                    tracing::warn!(%profile, keyring = %other, %error, "what is left there is still locked");
                }
            }
        }
        let credentials = item.and_then(|item| Credentials::parse(item.expose()).ok());
        let item = credentials.map(|credentials| Item { credentials: Arc::new(credentials), keyring });
        if let Some(item) = &item {
            if recorded.is_none() {
                self.record(profile, keyring).await;
            }
            drop(self.note_end(profile, item));
        }
        Ok((keyring, item))
    }
}

/// How long a keyring may take whose caller waits until `deadline`: a little less, so that why it failed is still told.
pub(super) fn left(deadline: Duration) -> Duration {
    deadline.saturating_sub(clock::now().boot).saturating_sub(ANSWER)
}

/// Exit 5, with what to do.
pub(super) fn nothing(profile: &Profile) -> Failure {
    let mend = format!("nothing is stored for profile {profile}: log in with `dt-cred login -p {profile}`");
    Failure::new(FailureKind::NothingStored, mend)
}

/// Exit 5, where systemd was to give them.
fn not_given(profile: &Profile) -> Failure {
    let mend = format!(
        "nothing is stored for profile {profile}: systemd gives no credential dt-cred.{profile}: write \
         LoadCredential=dt-cred.{profile}:FILE into the unit that starts dt-credd, and restart it"
    );
    Failure::new(FailureKind::NothingStored, mend)
}

/// Exit 5, for what was kept where it does not stay.
fn forgotten(profile: &Profile, keyring: Keyring) -> Failure {
    let mend = format!(
        "nothing is stored for profile {profile} any more, {keyring} keeps it {}: log in with `dt-cred login -p {profile}`",
        lasts(keyring)
    );
    Failure::new(FailureKind::NothingStored, mend)
}

pub(super) fn locked(profile: &Profile, error: &KeyringError) -> Failure {
    Failure::new(FailureKind::Keyring, mend(profile, &error.to_string()))
}

/// A message about `profile`, whose commands are to be typed as they stand there: without its name they would be about
/// the default one, and one of them is `erase`.
pub(super) fn mend(profile: &Profile, message: &str) -> String {
    let mut message = format!("profile {profile}: {message}");
    for command in ["unlock", "erase", "login", "keyring move"] {
        message =
            message.replace(&format!("`dt-cred {command}"), &format!("`dt-cred {command} -p {profile}"));
    }
    message
}

fn unreadable(profile: &Profile, keyring: Keyring, error: &CredentialsError) -> Failure {
    let message = format!(
        "the item in {keyring} is not of the format of dt-cred ({error}): see with `dt-cred unlock` that the keyring is \
         open, remove the item with `dt-cred erase`, and log in again with `dt-cred login`"
    );
    Failure::new(error.kind(), mend(profile, &message))
}

/// Exit 6: a source gives something else than the lines of `store`.
fn malformed(profile: &Profile, source: Keyring, error: &GivenError) -> Failure {
    let what = match source {
        Keyring::Systemd => format!("the systemd credential dt-cred.{profile} holds"),
        _ => "the keyring_command prints".to_owned(),
    };
    let message = format!(
        "what {what} is not the lines that store reads ({error}): mend it there, and see with `dt-cred unlock`"
    );
    Failure::new(FailureKind::Keyring, mend(profile, &message))
}

#[cfg(test)]
mod tests {
    use super::mend;

    #[test]
    fn every_command_of_a_message_is_for_the_profile_that_it_is_about() {
        let message = mend(
            &"work".parse().unwrap(),
            "run `dt-cred stop`, `dt-cred unlock`, `dt-cred erase` and `dt-cred login --keyring keyutils`",
        );
        let expected = "profile work: run `dt-cred stop`, `dt-cred unlock -p work`, `dt-cred erase -p work` and \
                        `dt-cred login -p work --keyring keyutils`";
        assert_eq!(message, expected);
    }
}
