//! Keeps the profiles: one task for each, made when it is first asked for, gone when it holds nothing.

mod attempt;
mod change;
mod command;
mod create;
mod files;
mod item;
mod leases;
mod manage;
mod probe;
mod profile;
mod proxy;
mod refusal;
mod relocate;
mod rights;
mod rotate;
mod settled;
mod status;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dt_cred_proto::{
    message::{
        Described, Erase, Failure, FailureKind, FileStatus, Get, Keyring, KeyringStatus, Lend, Move, Moved,
        Preview, Previewed, ProfileStatus, Reject, Store, Stored, Token,
    },
    profile::Profile,
};
use tokio::{
    sync::{Notify, RwLock, mpsc, oneshot},
    task::JoinSet,
};

pub use self::leases::Lease;
use self::{
    command::{Answer, Command},
    leases::Leases,
};
use crate::{api::Api, config::Config, issuer::Issuer, keyring::Keyrings, lifecycle::Ask, state::State};

/// What every profile's task works with.
struct Shared {
    /// Replaced as a whole when it is read anew.
    config: Mutex<Arc<Config>>,
    issuer: Issuer,
    api: Api,
    keyrings: Keyrings,
    state: Arc<State>,
    tasks: Mutex<HashMap<Profile, mpsc::UnboundedSender<Command>>>,
    leases: Leases,
    /// CA files that this daemon kept the right to read when it started.
    noted: BTreeSet<PathBuf>,
    /// That a profile needs rights which were given up.
    outgrown: Notify,
    /// Read by whoever makes an integration or a secret: whoever can write it knows that nobody does.
    under_way: RwLock<()>,
}

impl Shared {
    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A handle on the profiles of this daemon.
#[derive(Clone)]
pub struct Keeper(Arc<Shared>);

impl Keeper {
    /// Keeps the profiles that `config` and `state` name, and whatever is stored later. Files that are lent lie in the folder
    /// `lent`.
    pub fn new(config: Config, state: State, keyrings: Keyrings, lent: PathBuf) -> Self {
        let (issuer, api, state) = (Issuer::new(), Api::new(), Arc::new(state));
        let config = Mutex::new(Arc::new(config));
        let (noted, outgrown) = (state.ca_files(), Notify::new());
        let (tasks, leases) = (Mutex::default(), Leases::new(lent));
        let under_way = RwLock::default();
        Self(Arc::new(Shared {
            config,
            issuer,
            api,
            keyrings,
            state,
            tasks,
            leases,
            noted,
            outgrown,
            under_way,
        }))
    }

    /// Goes by another configuration from now on. No token is lost; files that it does not name any more are removed.
    pub async fn configure(&self, config: Config) {
        *self.0.config.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        for task in self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner).values() {
            // One that ends at this moment holds nothing.
            let _ = task.send(Command::Configure);
        }
        self.open_files().await;
    }

    /// Whether it goes by this configuration.
    pub fn goes_by(&self, config: &Config) -> bool {
        *self.0.config() == *config
    }

    /// Waits until a profile needs rights that were given up.
    pub async fn outgrown(&self) {
        self.0.outgrown.notified().await;
    }

    /// Whether credentials would be lost if the daemon ended now: they are in its memory alone.
    pub async fn holds_the_only_copy(&self) -> bool {
        for profile in self.known() {
            let only = self.ask(Some(profile), |reply| Command::IsOnlyCopy { reply }).await;
            if only.unwrap_or_default() {
                return true;
            }
        }
        false
    }

    /// Waits until no integration and no secret is being made: the daemon ends, and none begins any more.
    pub async fn settled(&self) {
        // Who waits for it is served before who comes later, and keeps it.
        std::mem::forget(self.0.under_way.write().await);
    }

    /// Removes what a daemon that was killed had lent, and begins to keep the files that are configured, for which nobody
    /// needs to ask.
    pub async fn open(&self) {
        self.0.leases.clear().await;
        self.open_files().await;
    }

    async fn open_files(&self) {
        self.files().await;
    }

    /// The state of every file that is kept fresh.
    pub async fn files(&self) -> Vec<FileStatus> {
        let mut files = Vec::new();
        for profile in self.with_files() {
            files.extend(self.ask(Some(profile), |reply| Command::Files { reply }).await.unwrap_or_default());
        }
        files
    }

    /// Every profile that has a file by the configuration, or may have lent one.
    fn with_files(&self) -> BTreeSet<Profile> {
        let mut profiles: BTreeSet<Profile> = self.0.config().with_files().cloned().collect();
        profiles.extend(self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned());
        profiles
    }

    /// A file with a token in it, which is kept fresh for as long as the lease lives; and its first token.
    ///
    /// # Errors
    /// The true reason why there is no token, or why it cannot be written.
    pub async fn lend(&self, lend: Lend, deadline: Duration) -> Result<(Token, Lease), Failure> {
        let Lend { profile, min_ttl } = lend;
        let token = self.token(Get { profile, min_ttl, fresh: false }, deadline).await?;
        // The task has it before anything is waited for, so that whoever ends the daemon finds it there.
        let place = self.0.leases.place()?;
        let lease = self.ask(Some(token.profile.clone()), |reply| Command::Lend { place, reply }).await??;
        Ok((token, lease))
    }

    /// Removes every file that is kept fresh: the daemon ends.
    pub async fn close_files(&self) {
        self.0.leases.close();
        // All at once: a disk that hangs keeps no file on another one.
        let mut closing = JoinSet::new();
        for profile in self.with_files() {
            let keeper = self.clone();
            closing.spawn(async move { keeper.ask(Some(profile), |reply| Command::Close { reply }).await });
        }
        closing.join_all().await;
        self.0.leases.clear().await;
    }

    /// The profile that an unnamed one is.
    pub fn default_profile(&self) -> Profile {
        self.0.config().default_profile.clone()
    }

    /// A token, by `deadline` of the boot-time clock.
    ///
    /// # Errors
    /// The true reason why there is none.
    pub async fn token(&self, get: Get, deadline: Duration) -> Result<Token, Failure> {
        self.granted(get, deadline).await.map(|(token, _)| token)
    }

    /// [`Self::token`], and the credentials that it was got by.
    async fn granted(&self, get: Get, deadline: Duration) -> Answer {
        let min_ttl = get.min_ttl.map(|seconds| Duration::from_secs(seconds.into()));
        let ask = Ask { min_ttl, fresh: get.fresh, deadline };
        self.ask(get.profile, |reply| Command::Get { ask, reply }).await?
    }

    /// Drops the token of a generation that the API refused; whether there was one to drop, or a refusal to lift.
    ///
    /// # Errors
    /// Where the daemon is ending, or out of files.
    pub async fn reject(&self, reject: Reject) -> Result<bool, Failure> {
        let Reject { profile, generation, force } = reject;
        self.ask(profile, |reply| Command::Reject { generation, force, reply }).await
    }

    /// Proves credentials and keeps them.
    ///
    /// # Errors
    /// Where they are incomplete, refused, or cannot be kept: then nothing is changed.
    pub async fn store(&self, store: Box<Store>, deadline: Duration) -> Result<Stored, Failure> {
        self.ask(store.profile.clone(), |reply| Command::Store { store, deadline, reply }).await?
    }

    /// Forgets profiles: the keyring's item and every token. The profiles that were kept.
    ///
    /// # Errors
    /// Where a keyring refuses, or asks and is not answered by `deadline`; the tokens are gone all the same.
    pub async fn erase(&self, erase: Erase, deadline: Duration) -> Result<Vec<Profile>, Failure> {
        let mut places: BTreeMap<Profile, BTreeSet<Keyring>> = BTreeMap::new();
        let (mut erased, mut failed) = (Vec::new(), Vec::new());
        match erase {
            Erase::One(profile) => {
                places.entry(profile.unwrap_or_else(|| self.default_profile())).or_default();
            }
            Erase::All => {
                // What other programs kept, and what was kept before the state file was lost, is named by its store alone.
                let (kept, unknown) = self.0.kept().await;
                failed = unknown;
                places.extend(self.known().into_iter().map(|profile| (profile, BTreeSet::new())));
                for (profile, keyring) in kept {
                    places.entry(profile).or_default().insert(keyring);
                }
            }
        }
        for (profile, also) in places {
            match self.ask(Some(profile.clone()), |reply| Command::Erase { also, deadline, reply }).await? {
                Ok(true) => erased.push(profile),
                Ok(false) => {}
                Err(failure) => failed.push(failure),
            }
        }
        // One that cannot be erased keeps no other from it; it is told all the same.
        failed.into_iter().next().map_or(Ok(erased), Err)
    }

    /// What `login` needs to know of a profile before it asks the user. Raises the prompt of a locked keyring, and waits for
    /// it until `deadline`: it would have to be raised anyway.
    ///
    /// # Errors
    /// Where its keyring cannot be read.
    pub async fn describe(&self, profile: Option<Profile>, deadline: Duration) -> Result<Described, Failure> {
        self.ask(profile, |reply| Command::Describe { deadline, reply }).await?
    }

    /// Where credentials would be sent that are stored with these attributes.
    ///
    /// # Errors
    /// Where its keyring cannot be read, or an attribute is wrong.
    pub async fn preview(&self, preview: Box<Preview>) -> Result<Box<Previewed>, Failure> {
        let Preview { profile, attributes } = *preview;
        self.ask(profile, |reply| Command::Preview { attributes, reply }).await?
    }

    /// What every store holds.
    pub async fn keyrings(&self) -> Vec<KeyringStatus> {
        self.0.stores(&self.status().await).await
    }

    /// Keeps a profile in another store.
    ///
    /// # Errors
    /// Where that fails: then it is kept where it was, or the message says so.
    pub async fn relocate(&self, to: Move, deadline: Duration) -> Result<Moved, Failure> {
        let Move { profile, keyring } = to;
        self.ask(profile, |reply| Command::Move { to: keyring, deadline, reply }).await?
    }

    /// Raises the prompt of a profile's keyring and waits for it until `deadline`.
    ///
    /// # Errors
    /// Where it stays locked.
    pub async fn unlock(&self, profile: Option<Profile>, deadline: Duration) -> Result<Keyring, Failure> {
        self.ask(profile, |reply| Command::Unlock { deadline, reply }).await?
    }

    /// The state of every profile that is known.
    pub async fn status(&self) -> Vec<ProfileStatus> {
        let mut statuses = Vec::new();
        for profile in self.known() {
            statuses.extend(self.ask(Some(profile), |reply| Command::Status { reply }).await.ok());
        }
        statuses
    }

    /// Every profile that the configuration, the state file or this daemon's memory names.
    pub fn known(&self) -> Vec<Profile> {
        let tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known: BTreeSet<Profile> = tasks.keys().cloned().collect();
        drop(tasks);
        known.extend(self.0.config().named().cloned());
        known.extend(self.0.keyrings.given().iter().cloned());
        known.extend(self.0.state.remembered_profiles());
        known.into_iter().collect()
    }

    /// Sends a command to a profile's task, which is made where there is none, and waits for its reply.
    async fn ask<R>(
        &self,
        profile: Option<Profile>,
        command: impl FnOnce(oneshot::Sender<R>) -> Command,
    ) -> Result<R, Failure> {
        let profile = profile.unwrap_or_else(|| self.default_profile());
        let (reply, answer) = oneshot::channel();
        {
            let mut tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            let task = match tasks.entry(profile) {
                Entry::Occupied(task) => task.into_mut(),
                Entry::Vacant(place) => {
                    let task = profile::start(Arc::clone(&self.0), place.key().clone()).map_err(|error| {
                        let message = format!(
                            "no timer is to be had ({error}): raise the limit of open files (ulimit -n), run dt-cred \
                             stop, then again"
                        );
                        Failure::new(FailureKind::TryLater, message)
                    })?;
                    place.insert(task)
                }
            };
            // Only a task that has left the map, under this lock, has closed its channel.
            let _ = task.send(command(reply));
        }
        let ending = || Failure::new(FailureKind::Daemon, "the daemon is ending: try again");
        answer.await.map_err(|_| ending())
    }
}
