//! One profile's task: drives its lifecycle, answers its waiters, makes one change at a time.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    io,
    path::PathBuf,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use dt_cred_proto::{
    message::{
        Attributes, Described, Failure, FailureKind, FileStatus, Keyring, Moved, Previewed, ProfileStatus,
        Store, Stored, Token,
    },
    profile::Profile,
    secret::Secret,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
};

use super::{
    Shared,
    attempt::{Attempt, attempt},
    change::{Change, Changed},
    files::Files,
    item::Item,
    leases::{Lease, Place},
    refusal::{failure, hung},
};
use crate::{
    clock,
    config::Preferences,
    keyring::forgets_after,
    lifecycle::{Ask, Epoch, Failed, Lifecycle, Moment, Policy, Refusal, Reread, Served, Step, Waiter},
    platform::Alarm,
    service::milliseconds,
};

/// How seldom a token out of memory counts as a use of a keyring that forgets what is not used; for one that forgets
/// within hours it is a quarter of that time.
const RENEWAL: Duration = Duration::from_secs(60 * 60);

/// What a profile's task is told.
pub(super) enum Command {
    Get {
        ask: Ask,
        reply: oneshot::Sender<Result<Token, Failure>>,
    },
    Reject {
        generation: Option<u64>,
        force: bool,
        reply: oneshot::Sender<bool>,
    },
    Store {
        store: Box<Store>,
        deadline: Duration,
        reply: oneshot::Sender<Result<Stored, Failure>>,
    },
    Erase {
        also: BTreeSet<Keyring>,
        deadline: Duration,
        reply: oneshot::Sender<Result<bool, Failure>>,
    },
    Move {
        to: Keyring,
        deadline: Duration,
        reply: oneshot::Sender<Result<Moved, Failure>>,
    },
    Describe {
        deadline: Duration,
        reply: oneshot::Sender<Result<Described, Failure>>,
    },
    Preview {
        attributes: Attributes,
        reply: oneshot::Sender<Result<Box<Previewed>, Failure>>,
    },
    Unlock {
        deadline: Duration,
        reply: oneshot::Sender<Result<Keyring, Failure>>,
    },
    Status {
        reply: oneshot::Sender<ProfileStatus>,
    },
    /// What is held of the credentials; where a generation is given, only if the token of that one is held by them.
    Item {
        generation: Option<u64>,
        reply: oneshot::Sender<Option<Item>>,
    },
    Files {
        reply: oneshot::Sender<Vec<FileStatus>>,
    },
    /// A file is lent at this place.
    Lend {
        place: Place,
        reply: oneshot::Sender<Result<Lease, Failure>>,
    },
    /// Nobody needs the file any more that was lent there.
    Return {
        path: PathBuf,
    },
    Close {
        reply: oneshot::Sender<()>,
    },
    /// The configuration is another one.
    Configure,
    /// The files that it does not name any more are gone.
    OpenFiles,
    Fetched {
        epoch: Epoch,
        change: u64,
        attempt: Attempt,
    },
    Reread {
        epoch: Epoch,
        change: u64,
        found: Result<Item, Failure>,
    },
    Changed(Box<Changed>),
    Unlocked {
        change: u64,
        result: Result<(Keyring, Option<Item>), Failure>,
        reply: oneshot::Sender<Result<Keyring, Failure>>,
    },
}

/// A profile's task.
pub(super) struct Task {
    pub(super) shared: Arc<Shared>,
    pub(super) profile: Profile,
    pub(super) lifecycle: Lifecycle<Arc<Secret>, Failure>,
    /// What is held in memory: read once, and again only after the issuer refused it.
    pub(super) item: Option<Item>,
    /// Counts `store`, `erase` and moves: what was read before one of them is not kept after it.
    change: u64,
    changing: bool,
    /// Attempts, readings, prompts and removals of files that have not reported back.
    flights: u32,
    /// The attempt that was begun last.
    attempt: Option<AbortHandle>,
    /// Whether that attempt still waits for the keyring.
    loading: Arc<AtomicBool>,
    /// From when on, by the wall clock as the kernel has it, a token out of memory is a use of the keyring; none where it
    /// does not forget.
    renewal: Option<Duration>,
    changes: VecDeque<Change>,
    waiters: HashMap<Waiter, oneshot::Sender<Result<Token, Failure>>>,
    files: Files,
    pub(super) served: u64,
    /// Requests made to the issuer, counted where they are made.
    pub(super) fetches: Arc<AtomicU64>,
    inbox: mpsc::UnboundedReceiver<Command>,
    own: mpsc::UnboundedSender<Command>,
}

/// Starts the task of `profile`; how to reach it.
///
/// # Errors
/// Where no timer is to be had.
pub(super) fn start(shared: Arc<Shared>, profile: Profile) -> io::Result<mpsc::UnboundedSender<Command>> {
    let alarm = Alarm::new()?;
    let (own, inbox) = mpsc::unbounded_channel();
    let preferences = shared.config().profile(&profile);
    let policy = policy(&preferences, false);
    let generation = shared.state.remembered(&profile).map_or(0, |kept| kept.generation);
    let task = Task {
        lifecycle: Lifecycle::new(policy, seed(), generation),
        item: None,
        change: 0,
        changing: false,
        flights: 0,
        attempt: None,
        loading: Arc::default(),
        renewal: None,
        changes: VecDeque::new(),
        waiters: HashMap::new(),
        files: Files::open(&profile, &preferences.files, &shared.state),
        served: 0,
        fetches: Arc::default(),
        inbox,
        own: own.clone(),
        shared,
        profile,
    };
    tokio::spawn(task.run(alarm));
    Ok(own)
}

fn policy(preferences: &Preferences, lends: bool) -> Policy {
    Policy {
        min_ttl: preferences.min_ttl,
        keep_warm: preferences.keep_warm,
        always: lends || !preferences.files.is_empty(),
    }
}

/// Differs for each daemon, so that a fleet does not ask at the same moment. No secret depends on it.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

impl Task {
    async fn run(mut self, mut alarm: Alarm) {
        loop {
            let timeout = [self.lifecycle.timeout(), self.files.due()].into_iter().flatten().min();
            tokio::select! {
                command = self.inbox.recv() => {
                    if let Some(command) = command {
                        self.handle(command);
                    }
                    while let Ok(command) = self.inbox.try_recv() {
                        self.handle(command);
                    }
                }
                () = alarm.reached(timeout) => {}
            }
            self.advance();
            let now = clock::now();
            let held = self.lifecycle.held(now);
            if held.is_some() && !self.files.is_empty() {
                self.used(now);
            }
            self.files.keep(now, held);
            if self.holds_nothing() && self.leave() {
                return;
            }
        }
    }

    fn handle(&mut self, command: Command) {
        let now = clock::now();
        // Whoever has gone, a reply is nothing to anybody.
        match command {
            Command::Get { ask, reply } => {
                let waiter = self.lifecycle.ask(now, ask);
                self.waiters.insert(waiter, reply);
                // At once: who comes after a `reject` of the same batch must be judged after it, and this one before.
                self.advance();
            }
            Command::Reject { generation, force, reply } => {
                let _ = reply.send(self.lifecycle.reject(now, generation, force));
            }
            Command::Store { store, deadline, reply } => {
                self.enqueue(Change::Store { store, deadline, reply })
            }
            Command::Erase { also, deadline, reply } => self.enqueue(Change::Erase { also, deadline, reply }),
            Command::Move { to, deadline, reply } => self.enqueue(Change::Move { to, deadline, reply }),
            Command::Describe { deadline, reply } => self.describe(deadline, reply),
            Command::Preview { attributes, reply } => self.preview(attributes, reply),
            Command::Unlock { deadline, reply } => self.unlock(deadline, reply),
            Command::Status { reply } => {
                let _ = reply.send(self.status(now));
            }
            Command::Item { generation, reply } => {
                let held = self.lifecycle.held(now).map(|held| held.generation);
                let item = self.item.as_ref().filter(|_| generation.is_none() || generation == held);
                let _ = reply.send(item.cloned());
            }
            Command::Files { reply } => {
                let _ = reply.send(self.files.statuses());
            }
            Command::Lend { place, reply } => self.lend(place, reply),
            Command::Return { path } => {
                // It goes by itself.
                drop(self.files.take_back(&path));
                self.go_by(&self.shared.config().profile(&self.profile));
            }
            Command::Close { reply } => {
                let closed = self.files.close();
                tokio::spawn(async move {
                    let _ = closed.await;
                    let _ = reply.send(());
                });
            }
            Command::Configure => self.configure(),
            Command::OpenFiles => {
                self.flights -= 1;
                let preferences = self.shared.config().profile(&self.profile);
                self.files.add(&preferences.files, &self.shared.state);
            }
            Command::Unlocked { change, result, reply } => {
                let _ = reply.send(self.unlocked(now, change, result));
            }
            Command::Fetched { epoch, change, attempt } => self.fetched(now, epoch, change, attempt),
            Command::Reread { epoch, change, found } => self.found_again(now, epoch, change, found),
            Command::Changed(changed) => {
                self.changing = false;
                self.apply(now, *changed);
                self.begin_change();
            }
        }
    }

    fn configure(&mut self) {
        self.lifecycle.reconsider(clock::now());
        let preferences = self.shared.config().profile(&self.profile);
        self.go_by(&preferences);
        let (gone, own) = (self.files.retain(&preferences.files), self.own.clone());
        self.flights += 1;
        tokio::spawn(async move {
            // A file in another format has the same lock.
            let _ = gone.await;
            let _ = own.send(Command::OpenFiles);
        });
    }

    fn go_by(&mut self, preferences: &Preferences) {
        self.lifecycle.set_policy(policy(preferences, self.files.are_lent()));
    }

    /// Keeps a file at this place; the lease is the answer once the token stands in it.
    fn lend(&mut self, place: Place, mut reply: oneshot::Sender<Result<Lease, Failure>>) {
        let mut status = self.files.lend(place.path(), &self.shared.state);
        self.go_by(&self.shared.config().profile(&self.profile));
        let lease = place.lent_by(self.own.clone());
        tokio::spawn(async move {
            let settled = |status: &FileStatus| status.generation.is_some() || status.error.is_some();
            let error = tokio::select! {
                status = status.wait_for(settled) => status.ok().and_then(|status| status.error.clone()),
                // Whoever asked has gone, and the lease goes with them.
                () = reply.closed() => return,
            };
            let _ = reply.send(error.map_or(Ok(lease), Err));
        });
    }

    /// Does whatever the lifecycle wants done now.
    fn advance(&mut self) {
        while let Some(step) = self.lifecycle.step(clock::now()) {
            match step {
                Step::Answer(waiter, answer) => self.answer(waiter, answer),
                Step::Fetch(epoch) => self.fetch(epoch),
                Step::Reread(epoch) => self.read_again(epoch),
            }
        }
    }

    fn answer(&mut self, waiter: Waiter, answer: Result<Served<Arc<Secret>>, Refusal<Failure>>) {
        let Some(reply) = self.waiters.remove(&waiter) else { return };
        let answer = match answer {
            Ok(served) => {
                self.served += 1;
                self.used(clock::now());
                Ok(self.token(&served))
            }
            Err(Refusal::Deadline) if self.loading.load(Ordering::Relaxed) => {
                Err(hung(&self.profile, self.shared.source(&self.profile)))
            }
            Err(refusal) => Err(failure(&self.profile, refusal)),
        };
        let _ = reply.send(answer);
    }

    fn token(&self, served: &Served<Arc<Secret>>) -> Token {
        let url = self.item.as_ref().map(|item| item.credentials.url.as_str()).unwrap_or_default();
        let warning =
            "the issuer gave the rejected token again: if the API refuses it still, its policy does";
        Token {
            access_token: served.token.share(),
            token_type: "Bearer".into(),
            expires_at_ms: milliseconds(served.expires_at),
            expires_in_ms: milliseconds(served.expires_in),
            generation: served.generation,
            profile: self.profile.clone(),
            url: url.into(),
            warning: served.repeated.then(|| warning.into()),
        }
    }

    /// Asks the issuer, after reading the keyring where nothing is held yet. One flight around both.
    fn fetch(&mut self, epoch: Epoch) {
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
    fn give_up(&mut self) {
        // One that has ended has reported, as the runtime has one thread.
        if let Some(attempt) = self.attempt.take().filter(|attempt| !attempt.is_finished()) {
            attempt.abort();
            self.flights -= 1;
        }
    }

    fn fetched(&mut self, now: Moment, epoch: Epoch, change: u64, attempt: Attempt) {
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
    pub(super) fn note_grant(&mut self, now: Moment) {
        let Some(keyring) = self.item.as_ref().map(|item| item.keyring) else { return };
        let (shared, profile) = (Arc::clone(&self.shared), self.profile.clone());
        let generation = self.lifecycle.generation();
        tokio::spawn(async move {
            shared.note(&profile, move |state, profile| state.record_generation(profile, generation)).await;
        });
        self.renew_keyring(now, keyring);
    }

    /// A token was given out of memory, which is a use of the keyring too: it may live longer than an item that is not
    /// used. Asks the keyring seldom, and never in the way of an answer.
    fn used(&mut self, now: Moment) {
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
    fn read_again(&mut self, epoch: Epoch) {
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

    fn found_again(&mut self, now: Moment, epoch: Epoch, change: u64, found: Result<Item, Failure>) {
        self.flights -= 1;
        let held = self.item.as_ref();
        let reread = match found {
            Ok(item) if held.is_some_and(|held| held.credentials == item.credentials) => Reread::Same,
            Ok(item) => {
                if change == self.change {
                    self.item = Some(item);
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

    fn enqueue(&mut self, change: Change) {
        self.changes.push_back(change);
        self.begin_change();
    }

    /// Starts the next change where none is running.
    fn begin_change(&mut self) {
        if !self.changing
            && let Some(change) = self.changes.pop_front()
        {
            self.changing = true;
            let (shared, profile) = (Arc::clone(&self.shared), self.profile.clone());
            let (own, item, fetches) = (self.own.clone(), self.item.clone(), Arc::clone(&self.fetches));
            tokio::spawn(async move {
                let changed = change.make(&shared, &profile, item, &fetches).await;
                let _ = own.send(Command::Changed(Box::new(changed)));
            });
        }
    }

    /// A new epoch: nothing that was read or asked before counts after it.
    pub(super) fn renew(&mut self, item: Option<Item>) {
        self.give_up();
        self.change += 1;
        self.item = item;
    }

    /// The same credentials, kept elsewhere: tokens and waiters stay. What is being read counts no more.
    pub(super) fn moved(&mut self, item: Item) {
        self.change += 1;
        if self.item.is_some() {
            self.item = Some(item);
        }
    }

    fn preview(&self, attributes: Attributes, reply: oneshot::Sender<Result<Box<Previewed>, Failure>>) {
        let (shared, profile, item) = (Arc::clone(&self.shared), self.profile.clone(), self.item.clone());
        tokio::spawn(async move {
            let _ = reply.send(shared.preview(&profile, item, attributes).await);
        });
    }

    fn describe(&self, deadline: Duration, reply: oneshot::Sender<Result<Described, Failure>>) {
        let (shared, profile, item) = (Arc::clone(&self.shared), self.profile.clone(), self.item.clone());
        tokio::spawn(async move {
            let _ = reply.send(shared.describe(&profile, item, deadline).await);
        });
    }

    fn unlock(&mut self, deadline: Duration, reply: oneshot::Sender<Result<Keyring, Failure>>) {
        let (shared, profile, item) = (Arc::clone(&self.shared), self.profile.clone(), self.item.clone());
        let (own, change) = (self.own.clone(), self.change);
        self.flights += 1;
        tokio::spawn(async move {
            let result = shared.unlock(&profile, item, deadline).await;
            let _ = own.send(Command::Unlocked { change, result, reply });
        });
    }

    /// What the prompt gave out is kept: the keyring may ask again for each time that it is read.
    fn unlocked(
        &mut self,
        now: Moment,
        change: u64,
        result: Result<(Keyring, Option<Item>), Failure>,
    ) -> Result<Keyring, Failure> {
        self.flights -= 1;
        let (keyring, item) = result?;
        if change == self.change && item.is_some() {
            self.item = item;
        }
        self.lifecycle.mended(now);
        Ok(keyring)
    }

    /// Whether the task could end without anything being lost.
    fn holds_nothing(&self) -> bool {
        let idle = self.files.is_empty()
            && self.waiters.is_empty()
            && self.changes.is_empty()
            && !self.changing
            && self.flights == 0;
        idle && self.item.is_none() && self.lifecycle.timeout().is_none()
    }

    /// Leaves the map of tasks, unless somebody has just sent something. Whether it left.
    fn leave(&self) -> bool {
        let mut tasks = self.shared.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let left = self.inbox.is_empty();
        if left {
            tasks.remove(&self.profile);
        }
        left
    }
}
