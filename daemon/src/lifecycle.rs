//! When a token is asked for, kept, served and given up: one profile's state machine, without I/O and clock.
//!
//! - One fetch runs at a time; all who ask meanwhile get its result. Who leaves cancels nothing.
//! - A token is refreshed ahead of its expiry, for a while also when nobody asks; the old one is served meanwhile.
//! - It is valid as long as both clocks say so, judged anew at every step.
//! - A failure never drops a valid token. Attempts are made with backoff, and start at least a second apart.
//! - Once the issuer refuses the credentials, and the keyring has no others, no attempt is made until they change.
//! - Changed credentials and a rejected token begin a new epoch: a fetch that runs is given up, its answer changes nothing.
//!
//! The caller passes on what happens, calls [`Lifecycle::step`] until there is nothing to do, and again at
//! [`Lifecycle::timeout`].

mod backoff;
mod judge;
mod message;
mod random;
mod token;
mod waiters;

use std::time::Duration;

pub use message::{
    Ask, Cause, Epoch, Failed, Grant, Moment, Policy, Refusal, Reread, Served, State, Step, View, Waiter,
};

use backoff::{Again, Backoff, Failure};
use random::Random;
use token::Held;
use waiters::{Waiters, Waiting};

/// Between the starts of two fetches.
const FLOOR: Duration = Duration::from_secs(1);
/// Between two times that a refusal of the issuer is lifted by force.
const FORCE_FLOOR: Duration = Duration::from_secs(60);

/// The life of one profile's token.
pub struct Lifecycle<T, E> {
    policy: Policy,
    random: Random,
    /// The last moment that was told.
    now: Moment,
    epoch: Epoch,
    /// Of the last grant, whether or not its token is held yet.
    generation: u64,
    lifetime: Option<Duration>,
    held: Option<Held<T>>,
    /// The token rejected last, until the issuer gives another one.
    rejected: Option<T>,
    attempt: Option<Attempt<E>>,
    failure: Option<Failure<E>>,
    backoff: Backoff,
    /// The keyring was read anew after a refusal, and held other credentials.
    reread: bool,
    /// The issuer refused the credentials with this error, and the keyring could not be asked for others: it is asked
    /// again before the issuer is.
    refused: Option<E>,
    /// When a refusal was last lifted by force.
    forced: Option<Duration>,
    /// When a request was last sent, as far as the floor is concerned.
    started: Option<Duration>,
    waiters: Waiters,
    /// Refreshes since somebody last asked.
    unasked: u32,
    /// Somebody asked while the refresh was due.
    prompted: bool,
    /// Fetches begun.
    fetches: u64,
    /// Attempts that ended, in this epoch or one before.
    results: u64,
}

enum Attempt<E> {
    /// A fetch of this epoch runs. `before` is when the one before it started.
    Fetch { before: Option<Duration> },
    /// The issuer refused the credentials with this error: the keyring is to be read anew, or `asked` for already.
    Reread { error: E, asked: bool },
}

impl<T: Clone + PartialEq, E: Clone> Lifecycle<T, E> {
    /// A lifecycle without a token. `seed` is for jitter; generations are larger than `last_generation`.
    pub fn new(policy: Policy, seed: u64, last_generation: u64) -> Self {
        Self {
            policy,
            random: Random::new(seed),
            now: Moment::default(),
            epoch: Epoch(0),
            generation: last_generation,
            lifetime: None,
            held: None,
            rejected: None,
            attempt: None,
            failure: None,
            backoff: Backoff::default(),
            reread: false,
            refused: None,
            forced: None,
            started: None,
            waiters: Waiters::default(),
            unasked: 0,
            prompted: false,
            fetches: 0,
            results: 0,
        }
    }

    /// Changes the preferences; what is held is judged by them from now on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
        self.waiters.judge_all();
    }

    /// Somebody wants a token; [`Step::Answer`] follows, at the deadline at the latest.
    pub fn ask(&mut self, now: Moment, ask: Ask) -> Waiter {
        self.now = now;
        self.unasked = 0;
        self.prompted |= self.held.as_ref().is_some_and(|held| held.due(self.policy, now) <= now.boot);
        let (fetches, results) = (self.fetches, self.results);
        self.waiters.join(Waiting { ask, asked: now.boot, fetches, results, erased: false })
    }

    /// Somebody waits no more. Cancels nothing: a fetch that runs goes on, for the next who asks.
    pub fn leave(&mut self, waiter: Waiter) {
        self.waiters.leave(waiter);
    }

    /// What to do next; none when there is nothing to do before [`Lifecycle::timeout`] or the next event.
    pub fn step(&mut self, now: Moment) -> Option<Step<T, E>> {
        self.now = now;
        while let Some((waiter, waiting)) = self.waiters.next(now.boot) {
            if let Some(answer) = self.judge(now, &waiting) {
                self.waiters.leave(waiter);
                return Some(Step::Answer(waiter, answer));
            }
        }
        if let Some(Attempt::Reread { asked, .. }) = &mut self.attempt
            && !*asked
        {
            *asked = true;
            return Some(Step::Reread(self.epoch));
        }
        if self.next_start(now)? > now.boot {
            return None;
        }
        Some(match self.refused.take() {
            Some(error) => {
                self.attempt = Some(Attempt::Reread { error, asked: true });
                Step::Reread(self.epoch)
            }
            None => Step::Fetch(self.begin(now)),
        })
    }

    /// When [`Lifecycle::step`] must be called again though nothing happens, by the boot-time clock.
    pub fn timeout(&self) -> Option<Duration> {
        if self.waiters.unjudged() || matches!(self.attempt, Some(Attempt::Reread { asked: false, .. })) {
            return Some(self.now.boot);
        }
        [self.waiters.earliest_deadline(), self.next_start(self.now)].into_iter().flatten().min()
    }

    /// The fetch of `epoch` brought a token. Ignored where no such fetch runs, dropped where the epoch is over.
    pub fn granted(&mut self, now: Moment, epoch: Epoch, grant: Grant<T>) {
        self.now = now;
        if self.land(epoch).is_some() {
            self.hold(now, grant);
        }
    }

    /// The fetch of `epoch` failed. Ignored where no such fetch runs, dropped where the epoch is over.
    pub fn failed(&mut self, now: Moment, epoch: Epoch, failed: Failed<E>) {
        self.now = now;
        let Some(before) = self.land(epoch) else { return };
        let Failed { cause, retry_after, error } = failed;
        if cause == Cause::Terminal && !self.reread {
            self.attempt = Some(Attempt::Reread { error, asked: false });
            return;
        }
        if cause == Cause::Local {
            self.started = before;
        }
        self.fail(cause, retry_after, Refusal::Failed { cause, error });
    }

    /// The keyring was read anew, as [`Step::Reread`] of `epoch` wanted. Ignored where nothing waits for it.
    pub fn reread(&mut self, now: Moment, epoch: Epoch, reread: Reread) {
        self.now = now;
        if epoch != self.epoch {
            return;
        }
        let Some(Attempt::Reread { error, .. }) =
            self.attempt.take_if(|attempt| matches!(attempt, Attempt::Reread { asked: true, .. }))
        else {
            return;
        };
        match reread {
            Reread::Same => {
                self.fail(Cause::Terminal, None, Refusal::Failed { cause: Cause::Terminal, error });
            }
            Reread::Changed => {
                self.reread = true;
                self.failure = None;
                self.waiters.judge_all();
            }
            // What the keyring says of itself is not why there is no token.
            Reread::Unknown => {
                self.refused = Some(error.clone());
                self.fail(Cause::Temporary, None, Refusal::Failed { cause: Cause::Terminal, error });
            }
        }
    }

    /// The API refused the token of `generation`; none is the one held. True if that was held and valid, so that
    /// it is dropped, or if `force` lifted a terminal refusal, which it does once a minute at most.
    pub fn reject(&mut self, now: Moment, generation: Option<u64>, force: bool) -> bool {
        self.now = now;
        let held = self.held.as_ref().filter(|held| !held.left(now).is_zero());
        if generation.is_some() && generation != held.map(|held| held.generation) {
            return false;
        }
        let dropped = held.is_some();
        let refused = self.failure.as_ref().is_some_and(|failure| failure.again == Again::Never);
        let lifted = force
            && (refused || self.refused.is_some())
            && self.forced.is_none_or(|forced| now.boot.saturating_sub(forced) >= FORCE_FLOOR);
        if dropped {
            self.rejected = self.held.take().map(|held| held.token);
        }
        if lifted {
            self.forced = Some(now.boot);
            self.forgive();
        }
        if dropped || lifted {
            self.new_epoch();
        }
        dropped || lifted
    }

    /// There are other credentials now. `grant` is what proved them, and becomes the token held; without it the
    /// one held stays if `keep_token`.
    pub fn replace(&mut self, now: Moment, grant: Option<Grant<T>>, keep_token: bool) {
        self.now = now;
        self.forget(keep_token);
        self.new_epoch();
        if let Some(grant) = grant {
            let sent = grant.requested.boot;
            self.fetches += 1;
            self.started = self.started.max(Some(sent));
            self.waiters.count(self.fetches, sent);
            self.hold(now, grant);
        }
    }

    /// What kept this machine from making a request may be mended: the next one need not wait.
    pub fn mended(&mut self, now: Moment) {
        self.now = now;
        if self.failure.as_ref().is_some_and(|failure| matches!(failure.again, Again::WhenAsked(_))) {
            self.failure = None;
            self.backoff = Backoff::default();
            self.waiters.judge_all();
        }
    }

    /// The way to the issuer, or whom this machine trusts, may be another one: what was wrong with that need not be waited
    /// for.
    pub fn reconsider(&mut self, now: Moment) {
        self.now = now;
        let wrong =
            |failure: &Failure<E>| matches!(failure.refusal, Refusal::Failed { cause: Cause::Slow, .. });
        if self.failure.take_if(|failure| wrong(failure)).is_some() {
            self.waiters.judge_all();
        }
    }

    /// There are no credentials any more.
    pub fn erase(&mut self, now: Moment) {
        self.now = now;
        self.forget(false);
        self.rejected = None;
        self.new_epoch();
        self.waiters.erase_all();
    }

    /// The generation last given, to be kept for [`Lifecycle::new`].
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Begins a fetch.
    fn begin(&mut self, now: Moment) -> Epoch {
        if self.waiters.is_empty() && !self.prompted {
            self.unasked += 1;
        }
        self.prompted = false;
        self.fetches += 1;
        let before = self.started.replace(now.boot);
        self.attempt = Some(Attempt::Fetch { before });
        self.epoch
    }

    /// The running fetch ended. When the one before it started; none where its answer is of no account.
    fn land(&mut self, epoch: Epoch) -> Option<Option<Duration>> {
        let running = epoch == self.epoch;
        let landed = self.attempt.take_if(|attempt| running && matches!(attempt, Attempt::Fetch { .. }))?;
        self.waiters.judge_all();
        match landed {
            Attempt::Fetch { before } => Some(before),
            Attempt::Reread { .. } => None,
        }
    }

    fn hold(&mut self, now: Moment, grant: Grant<T>) {
        let dead = grant.has_expired(now);
        let Grant { token, lifetime, requested } = grant;
        if dead {
            return self.fail(Cause::Temporary, None, Refusal::DeadOnArrival);
        }
        let repeated = self.rejected.as_ref() == Some(&token);
        if !repeated {
            self.rejected = None;
        }
        let milliseconds = u64::try_from(now.wall.as_millis()).unwrap_or(u64::MAX);
        self.generation = self.generation.saturating_add(1).max(milliseconds);
        let (generation, fetch, jitter) = (self.generation, self.fetches, self.random.share());
        self.held = Some(Held { token, lifetime, requested, generation, fetch, repeated, jitter });
        self.lifetime = Some(lifetime);
        self.forgive();
        self.results += 1;
        self.waiters.judge_all();
    }

    fn fail(&mut self, cause: Cause, retry_after: Option<Duration>, refusal: Refusal<E>) {
        let again = self.backoff.after(cause, retry_after, self.now.boot, &mut self.random);
        self.failure = Some(Failure { refusal, again });
        self.results += 1;
        self.waiters.judge_all();
    }

    /// Failures until now say nothing of the next attempt.
    fn forgive(&mut self) {
        self.failure = None;
        self.backoff = Backoff::default();
        self.reread = false;
        self.refused = None;
    }

    fn forget(&mut self, keep_token: bool) {
        self.forgive();
        self.unasked = 0;
        self.prompted = false;
        if !keep_token {
            self.held = None;
            self.lifetime = None;
        }
        // Its credentials are gone, so what the keyring holds is no question any more.
        self.attempt.take_if(|attempt| matches!(attempt, Attempt::Reread { .. }));
    }

    fn new_epoch(&mut self) {
        self.epoch.0 += 1;
        match &mut self.attempt {
            // Its answer would be dropped, so nobody waits for it: the next fetch need not either.
            Some(Attempt::Fetch { .. }) => self.attempt = None,
            Some(Attempt::Reread { asked, .. }) => *asked = false,
            None => {}
        }
        self.waiters.judge_all();
    }
}
