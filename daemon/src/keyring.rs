//! The stores that keep credentials: one item for each profile, service `dt-cred`, user = the profile's name.
//!
//! No store's library has a time-out, and any of them may wait for a person. So every call has a thread, a
//! connection and a deadline of its own (`lane.rs`): what never returns costs that thread and no more, and a
//! keyring that was replaced meanwhile is met by a new connection. A profile is read once in the daemon's life, so
//! that nothing is gained by keeping either.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use dt_cred_proto::{message::Keyring, profile::Profile, secret::Secret, text::Text};

mod command;
mod error;
mod lane;
mod library;
#[cfg(target_os = "linux")]
#[path = "keyring/linux.rs"]
mod stores;
#[cfg(target_os = "macos")]
#[path = "keyring/macos.rs"]
mod stores;
#[cfg(windows)]
#[path = "keyring/windows.rs"]
mod stores;

pub use error::KeyringError;
use lane::{Lane, Overdue, Threads};
pub use stores::{AUTO, prepare};

/// The service that every item is kept under.
const SERVICE: &str = "dt-cred";

/// How long a call may take that asks nobody.
const QUICK: Duration = Duration::from_secs(2);

/// How long a command may take that gives credentials.
const COMMAND: Duration = Duration::from_secs(30);

/// How long a call may take at most that a person may have to answer.
const PROMPT: Duration = Duration::from_secs(60);

/// What is left at least where a call is begun that changes something: one that is late may still change it.
const LEAST: Duration = Duration::from_millis(250);

/// Every store, and the threads that wait for them.
pub struct Keyrings {
    /// Apart, so that one that hangs keeps nobody from another.
    lanes: [Lanes; Keyring::NAMES.len()],
    /// Whose credentials the service manager gives. It gives them before it starts us.
    given: BTreeSet<Profile>,
}

struct Lanes {
    keyring: Keyring,
    /// Calls that never raise a prompt.
    quick: Lane,
    /// Calls that may raise one. Apart, so that reading a profile does not wait for a person.
    prompting: Lane,
}

impl Keyrings {
    /// Opens no store yet.
    ///
    /// # Errors
    /// Where it cannot be told what the service manager gives.
    pub fn new() -> Result<Self, KeyringError> {
        // One for each lane of a store that waits for a program, of which each system has one: never more than two can be
        // stuck. The kernel and its files let nobody wait: theirs are told apart.
        let (programs, kernels) = (Threads::new("keyring", 2), Threads::new("kernel", 4));
        let lanes = Keyring::NAMES.map(|(keyring, _)| {
            let kernel = matches!(keyring, Keyring::Keyutils | Keyring::Systemd);
            let threads = if kernel { &kernels } else { &programs };
            Lanes { keyring, quick: Lane::new(threads), prompting: Lane::new(threads) }
        });
        Ok(Self { lanes, given: stores::given()?.into_iter().collect() })
    }

    /// The profiles whose credentials the service manager gives.
    pub fn given(&self) -> &BTreeSet<Profile> {
        &self.given
    }

    /// What a command prints, the lines of `store`: the program's absolute path and its arguments. A caller who is patient,
    /// as it may ask a person, says for how long.
    ///
    /// # Errors
    /// [`KeyringError`], within 30 s, or the caller's patience, 60 s at most.
    pub async fn run(&self, command: &[String], patience: Option<Duration>) -> Result<Secret, KeyringError> {
        command::read(command, patience.map_or(COMMAND, |limit| limit.min(PROMPT))).await
    }

    /// The item of `profile`, or the lines for it where `keyring` is a source of such; none where there is none. Never
    /// raises a prompt.
    ///
    /// # Errors
    /// [`KeyringError`], within 2 s of its turn.
    pub async fn read(&self, keyring: Keyring, profile: &Profile) -> Result<Option<Secret>, KeyringError> {
        let profile = profile.clone();
        self.quickly(keyring, move || stores::read(keyring, &profile)).await
    }

    /// Keeps `item` as the one of `profile`, reads it back and compares. May raise the store's prompt.
    ///
    /// # Errors
    /// [`KeyringError`], within `limit`, 60 s at most. After [`KeyringError::TimedOut`] it may still be written.
    pub async fn write(
        &self,
        keyring: Keyring,
        profile: &Profile,
        item: &Secret,
        limit: Duration,
    ) -> Result<(), KeyringError> {
        let (profile, item) = (profile.clone(), item.share());
        self.prompting(keyring, limit, move |until| {
            let kept = stores::write(keyring, &profile, &item, until)?;
            if kept.as_ref() == Some(&item) { Ok(()) } else { Err(KeyringError::Altered { keyring }) }
        })
        .await
    }

    /// Removes the item of `profile`, every one where several match; whether there was one. May raise the store's
    /// prompt: there are stores that ask before they remove anything.
    ///
    /// # Errors
    /// [`KeyringError`], within `limit`, 60 s at most.
    pub async fn remove(
        &self,
        keyring: Keyring,
        profile: &Profile,
        limit: Duration,
    ) -> Result<bool, KeyringError> {
        let profile = profile.clone();
        self.prompting(keyring, limit, move |until| stores::remove(keyring, &profile, until)).await
    }

    /// Every profile that has an item in the store, whoever kept it. Never raises a prompt.
    ///
    /// # Errors
    /// [`KeyringError`], within 2 s of its turn.
    pub async fn profiles(&self, keyring: Keyring) -> Result<Vec<Profile>, KeyringError> {
        self.quickly(keyring, move || stores::profiles(keyring)).await
    }

    /// Raises the store's own prompt where it is locked, and waits for the answer. The item of `profile`, where it can be
    /// read then: it may be given out to whoever asked, and to nobody later.
    ///
    /// # Errors
    /// [`KeyringError`], within `limit`, 60 s at most.
    pub async fn unlock(
        &self,
        keyring: Keyring,
        profile: &Profile,
        limit: Duration,
    ) -> Result<Option<Secret>, KeyringError> {
        let profile = profile.clone();
        self.prompting(keyring, limit, move |until| stores::unlock(keyring, &profile, until)).await
    }

    /// Whether the store could keep an item: it is there, locked or not, and takes what it is given. Never raises a
    /// prompt.
    ///
    /// # Errors
    /// [`KeyringError`], within 2 s of its turn.
    pub async fn writable(&self, keyring: Keyring) -> Result<(), KeyringError> {
        if keyring.is_source() {
            Err(KeyringError::ReadOnly { keyring })
        } else {
            self.present(keyring).await
        }
    }

    /// Whether such a store is there at all, locked or not. Never raises a prompt.
    ///
    /// # Errors
    /// [`KeyringError`], within 2 s of its turn; [`KeyringError::is_absent`] where there is none.
    pub async fn present(&self, keyring: Keyring) -> Result<(), KeyringError> {
        self.quickly(keyring, move || stores::present(keyring)).await
    }

    async fn quickly<T: Send + 'static>(
        &self,
        keyring: Keyring,
        job: impl FnOnce() -> Result<T, KeyringError> + Send + 'static,
    ) -> Result<T, KeyringError> {
        within(&self.lanes(keyring).quick, QUICK, keyring, job).await
    }

    /// Whoever waits has `limit`, the wait for their turn included: a prompt lives no longer than the command that raised it.
    async fn prompting<T: Send + 'static>(
        &self,
        keyring: Keyring,
        limit: Duration,
        job: impl FnOnce(Instant) -> Result<T, KeyringError> + Send + 'static,
    ) -> Result<T, KeyringError> {
        let limit = limit.min(PROMPT);
        if limit < LEAST {
            return Err(KeyringError::NoTime { keyring });
        }
        let until = Instant::now() + limit;
        let call = within(&self.lanes(keyring).prompting, limit, keyring, move || job(until));
        let late = |_| Err(KeyringError::TimedOut { keyring, seconds: in_seconds(limit) });
        tokio::time::timeout(limit, call).await.unwrap_or_else(late)
    }

    fn lanes(&self, keyring: Keyring) -> &Lanes {
        self.lanes.iter().find(|lanes| lanes.keyring == keyring).expect("every store is among the names")
    }
}

async fn within<T>(
    lane: &Lane,
    limit: Duration,
    keyring: Keyring,
    job: impl FnOnce() -> Result<T, KeyringError> + Send + 'static,
) -> Result<T, KeyringError>
where
    T: Send + 'static,
{
    lane.run(limit, job).await.unwrap_or_else(|overdue| {
        Err(match overdue {
            Overdue::Late => KeyringError::TimedOut { keyring, seconds: in_seconds(limit) },
            Overdue::Stuck => KeyringError::Stuck { keyring },
            Overdue::NoThread => KeyringError::NoThread { keyring },
        })
    })
}

/// Whole seconds, rounded up.
fn in_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// For how long `keyring` keeps an item, in words. Asks no store.
pub fn lasts(keyring: Keyring) -> Text {
    match keyring {
        Keyring::Systemd | Keyring::Command => "for as long as its source gives it".into(),
        Keyring::Memory => "until the daemon ends".into(),
        Keyring::SecretService | Keyring::Keyutils | Keyring::Keychain | Keyring::CredentialManager => {
            stores::lasts(keyring)
        }
    }
}

/// After how long without use `keyring` forgets an item; none where it does not. Asks no store.
pub fn forgets_after(keyring: Keyring) -> Option<Duration> {
    stores::forgets_after(keyring)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dt_cred_proto::message::Keyring;

    use super::{KeyringError, Keyrings};

    #[tokio::test(start_paused = true)]
    async fn a_person_has_a_minute_at_most_and_nothing_is_begun_for_somebody_who_is_about_to_leave() {
        let (keyrings, keyring) = (Keyrings::new().expect("nothing is given"), Keyring::SecretService);
        let (release, released) = std::sync::mpsc::channel::<()>();
        let forever = move |_| {
            assert!(released.recv().is_err());
            Ok(())
        };
        let late = keyrings.prompting(keyring, Duration::from_secs(600), forever).await;
        assert_eq!(late, Err(KeyringError::TimedOut { keyring, seconds: 60 }));
        drop(release);
        let begun = keyrings.prompting(keyring, Duration::from_millis(100), |_| Ok(())).await;
        assert_eq!(begun, Err(KeyringError::NoTime { keyring }));
    }

    #[test]
    fn what_is_left_of_a_second_is_one() {
        for (milliseconds, seconds) in [(0, 0), (1, 1), (1000, 1), (2900, 3)] {
            assert_eq!(super::in_seconds(Duration::from_millis(milliseconds)), seconds);
        }
    }

    #[tokio::test]
    async fn what_can_only_be_read_and_what_is_not_here_is_known_before_anything_is_sent() {
        let keyrings = Keyrings::new().expect("nothing is given");
        for keyring in [Keyring::Systemd, Keyring::Command] {
            assert_eq!(keyrings.writable(keyring).await, Err(KeyringError::ReadOnly { keyring }));
        }
        let foreign = if cfg!(windows) { Keyring::Keyutils } else { Keyring::CredentialManager };
        assert!(matches!(keyrings.writable(foreign).await, Err(KeyringError::NotHere { .. })));
    }
}
