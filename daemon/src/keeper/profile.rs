//! One profile's task: drives its lifecycle, answers its waiters, makes one change at a time.

mod flights;

use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use dt_cred_proto::{
    message::{Attributes, Described, Failure, FailureKind, FileStatus, Keyring, Previewed, Token},
    profile::Profile,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
};

use super::{
    Keeper, Shared,
    attempt::Granted,
    change::Change,
    command::{Answer, Command},
    files::Files,
    item::Item,
    leases::{Lease, Place},
    refusal::{failure, hung},
    rotate,
};
use crate::{
    clock::{self, milliseconds},
    config::Preferences,
    lifecycle::{Lifecycle, Moment, Policy, Refusal, Served, Step, Waiter},
    platform::Alarm,
};

/// A profile's task.
pub(super) struct Task {
    pub(super) shared: Arc<Shared>,
    pub(super) profile: Profile,
    pub(super) lifecycle: Lifecycle<Granted, Failure>,
    /// What is held in memory: read once, and again only after the issuer refused it.
    pub(super) item: Option<Item>,
    /// Counts `store`, `erase` and moves: what was read before one of them is not kept after it.
    change: u64,
    changing: bool,
    /// Whether a rotation runs that may have ended what is held of the credentials.
    pub(super) rotating: Arc<AtomicBool>,
    /// Whether what is held of the credentials is what their keyring did not take.
    pub(super) unwritten: bool,
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
    waiters: HashMap<Waiter, oneshot::Sender<Answer>>,
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
        rotating: Arc::default(),
        unwritten: false,
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
                () = alarm.reached(timeout) => self.advance(clock::now()),
            }
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

    /// Does what is told, and at once whatever follows from it: who comes after a `reject` of the same batch must be judged after
    /// it, and who came before it before.
    fn handle(&mut self, command: Command) {
        let now = clock::now();
        // Whoever has gone, a reply is nothing to anybody.
        match command {
            Command::Get { ask, reply } => {
                let waiter = self.lifecycle.ask(now, ask);
                self.waiters.insert(waiter, reply);
            }
            Command::Reject { generation, force, reply } => {
                let _ = reply.send(self.lifecycle.reject(now, generation, force));
            }
            Command::Store { store, deadline, reply } => {
                self.enqueue(Change::Store { store, deadline, reply })
            }
            Command::Erase { also, deadline, reply } => self.enqueue(Change::Erase { also, deadline, reply }),
            Command::Move { to, deadline, reply } => self.enqueue(Change::Move { to, deadline, reply }),
            Command::Create(asking) => self.enqueue(Change::Create(asking)),
            Command::Rotate(asking) => self.enqueue(Change::Rotate(asking)),
            Command::Describe { deadline, reply } => self.describe(deadline, reply),
            Command::Preview { attributes, reply } => self.preview(attributes, reply),
            Command::Unlock { deadline, reply } => self.unlock(deadline, reply),
            Command::Status { reply } => {
                let _ = reply.send(self.status(now));
            }
            Command::IsOnlyCopy { reply } => {
                let in_memory = self.item.as_ref().is_some_and(|item| item.keyring == Keyring::Memory);
                let _ = reply.send(in_memory || self.unwritten);
            }
            Command::Item { reply } => {
                let _ = reply.send(self.item.clone());
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
                self.rotating.store(false, Ordering::Relaxed);
                self.apply(now, *changed);
                self.begin_change();
            }
        }
        self.advance(now);
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
    fn advance(&mut self, now: Moment) {
        while let Some(step) = self.lifecycle.step(now) {
            match step {
                Step::Answer(waiter, answer) => self.answer(now, waiter, answer),
                Step::Fetch(epoch) => self.fetch(epoch),
                Step::Reread(epoch) => self.read_again(epoch),
            }
        }
    }

    fn answer(&mut self, now: Moment, waiter: Waiter, answer: Result<Served<Granted>, Refusal<Failure>>) {
        let Some(reply) = self.waiters.remove(&waiter) else { return };
        let answer = match answer {
            Ok(served) => {
                self.served += 1;
                self.used(now);
                Ok((self.token(&served), served.token.credentials))
            }
            Err(Refusal::Deadline) if self.loading.load(Ordering::Relaxed) => {
                Err(hung(&self.profile, self.shared.source(&self.profile)))
            }
            Err(refusal) => Err(self.refusal(refusal)),
        };
        let _ = reply.send(answer);
    }

    /// A refusal in words; where a rotation of the secret has begun and not ended, with what ends it.
    pub(super) fn refusal(&self, refusal: Refusal<Failure>) -> Failure {
        self.with_rotation(failure(&self.profile, refusal))
    }

    pub(super) fn with_rotation(&self, failure: Failure) -> Failure {
        if !matches!(failure.kind, FailureKind::Refused | FailureKind::NothingStored) {
            return failure;
        }
        let Some(noted) = self.shared.state.remembered(&self.profile) else { return failure };
        match (noted.rotation, failure.kind, noted.rotation_of) {
            (None, ..) | (_, FailureKind::NothingStored, None) => failure,
            (Some(owner), ..) => {
                let message = format!(
                    "{}; a rotation of its secret as profile {owner} began and has not ended: {} finishes it",
                    failure.message,
                    rotate::command(&self.profile, &owner)
                );
                Failure::new(failure.kind, message)
            }
        }
    }

    fn token(&self, served: &Served<Granted>) -> Token {
        let Granted { access_token, credentials } = &served.token;
        let warning =
            "the issuer gave the rejected token again: if the API refuses it still, its policy does";
        Token {
            access_token: access_token.share(),
            token_type: "Bearer".into(),
            expires_at_ms: milliseconds(served.expires_at),
            expires_in_ms: milliseconds(served.expires_in),
            generation: served.generation,
            profile: self.profile.clone(),
            url: credentials.url.as_str().into(),
            warning: served.repeated.then(|| warning.into()),
        }
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
            let rotating = Arc::clone(&self.rotating);
            tokio::spawn(async move {
                let keeper = Keeper(shared);
                let changed = change.make(&keeper, &profile, item, &fetches, &rotating).await;
                let _ = own.send(Command::Changed(Box::new(changed)));
            });
        }
    }

    /// A new epoch: nothing that was read or asked before counts after it.
    pub(super) fn renew(&mut self, item: Option<Item>) {
        self.give_up();
        self.change += 1;
        self.item = item;
        self.unwritten = false;
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
