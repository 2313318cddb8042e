//! What must hold whatever happens: the model, and how it judges the machine's steps.

use std::{collections::BTreeMap, time::Duration};

use dt_credd::lifecycle::{
    Ask, Cause, Epoch, Grant, Lifecycle, Moment, Policy, Refusal, Served, State, Step, View, Waiter,
};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// What the model knows of the token that is held.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) token: u64,
    pub(super) lifetime: Duration,
    pub(super) requested: Moment,
    pub(super) generation: u64,
    /// How many asks came before its fetch began; none for a proof.
    pub(super) asks: Option<u64>,
    pub(super) repeated: bool,
}

pub(super) struct Asked {
    pub(super) ask: Ask,
    pub(super) asked: Duration,
    pub(super) number: u64,
    pub(super) erased: bool,
}

pub(super) struct Fetch {
    pub(super) epoch: Epoch,
    pub(super) requested: Moment,
    pub(super) asks: u64,
    pub(super) before: Option<Duration>,
}

pub(super) struct Model {
    pub(super) machine: Lifecycle<u64, u64>,
    pub(super) now: Moment,
    pub(super) waiting: BTreeMap<Waiter, Asked>,
    pub(super) asks: u64,
    pub(super) fetch: Option<Fetch>,
    pub(super) reread: Option<(Epoch, u64)>,
    /// The error of a refusal that the machine should have the keyring asked about next.
    pub(super) refused: Option<u64>,
    /// The keyring could not be asked the last time.
    pub(super) unread: bool,
    pub(super) epochs: Vec<Epoch>,
    pub(super) held: Option<Held>,
    pub(super) lifetime: Option<Duration>,
    pub(super) rejected: Option<u64>,
    pub(super) error: Option<Refusal<u64>>,
    pub(super) terminal: bool,
    pub(super) changed: bool,
    pub(super) forced: Option<Duration>,
    pub(super) started: Option<Duration>,
    pub(super) not_before: Duration,
    pub(super) generation: u64,
    pub(super) counter: u64,
}

impl Model {
    pub(super) fn new(seed: u64) -> Self {
        let policy = Policy { min_ttl: MINUTE, keep_warm: 3, always: false };
        Self {
            machine: Lifecycle::new(policy, seed, 0),
            now: Moment { boot: MINUTE, wall: Duration::from_secs(1_700_000_000) },
            waiting: BTreeMap::new(),
            asks: 0,
            fetch: None,
            reread: None,
            refused: None,
            unread: false,
            epochs: Vec::new(),
            held: None,
            lifetime: None,
            rejected: None,
            error: None,
            terminal: false,
            changed: false,
            forced: None,
            started: None,
            not_before: Duration::ZERO,
            generation: 0,
            counter: 0,
        }
    }
    /// Takes every step that is due, and judges each.
    pub(super) fn drain(&mut self) -> Result<(), TestCaseError> {
        while let Some(step) = self.machine.step(self.now) {
            match step {
                Step::Fetch(epoch) => {
                    prop_assert!(self.fetch.is_none(), "two fetches at once");
                    prop_assert!(!self.terminal, "a fetch after a refusal");
                    prop_assert!(
                        self.refused.is_none() && self.reread.is_none(),
                        "a fetch before the keyring's word"
                    );
                    prop_assert!(self.now.boot >= self.not_before, "a fetch sooner than allowed");
                    let before = self.started.replace(self.now.boot);
                    prop_assert!(before.is_none_or(|before| self.now.boot >= before + SECOND), "a storm");
                    let (requested, asks) = (self.now, self.asks);
                    self.fetch = Some(Fetch { epoch, requested, asks, before });
                    self.epochs.push(epoch);
                }
                Step::Reread(epoch) => {
                    let error = self.refused.take();
                    self.unread = false;
                    prop_assert!(error.is_some(), "the keyring is read after a refusal, once");
                    self.reread = error.map(|error| (epoch, error));
                    self.epochs.push(epoch);
                }
                Step::Answer(waiter, answer) => {
                    let asked = self.waiting.remove(&waiter);
                    prop_assert!(asked.is_some(), "one answer for each who waits, and none for others");
                    self.answered(&asked.expect("just seen"), answer)?;
                }
            }
        }
        let overdue = self.waiting.values().any(|asked| asked.ask.deadline <= self.now.boot);
        prop_assert!(!overdue, "an answer by the deadline");
        let first = self.waiting.values().map(|asked| asked.ask.deadline).min();
        let timeout = self.machine.timeout();
        prop_assert!(timeout.is_none_or(|timeout| timeout > self.now.boot), "nothing is left to do now");
        prop_assert!(
            first.is_none_or(|first| timeout.is_some_and(|timeout| timeout <= first)),
            "a timer for it"
        );
        let hope = self.fetch.is_some()
            || self.reread.is_some()
            || self.machine.view(self.now).next_fetch_in.is_some();
        prop_assert!(self.waiting.is_empty() || hope, "nobody waits for nothing");
        Ok(())
    }

    fn answered(
        &self,
        asked: &Asked,
        answer: Result<Served<u64>, Refusal<u64>>,
    ) -> Result<(), TestCaseError> {
        let Asked { ask, asked, number, erased } = asked;
        let valid = self.valid();
        match answer {
            Ok(served) => {
                prop_assert!(!erased && valid.is_some(), "a token that is held and valid");
                let held = valid.expect("just seen");
                let left = self.left(held);
                prop_assert_eq!((served.token, served.generation), (held.token, held.generation));
                prop_assert_eq!((served.expires_in, served.lifetime), (left, held.lifetime));
                prop_assert_eq!(served.repeated, held.repeated);
                prop_assert!(served.expires_at <= self.now.wall + left, "no later than both clocks say");
                prop_assert!(ask.min_ttl.is_none_or(|min_ttl| left >= min_ttl), "for as long as was asked");
                let begun_after = match held.asks {
                    Some(asks) => asks >= *number,
                    None => held.requested.boot > *asked,
                };
                prop_assert!(!ask.fresh || begun_after, "fresh means requested since");
            }
            Err(Refusal::Erased) => prop_assert!(erased),
            Err(refusal) => {
                let plain = ask.min_ttl.is_none() && !ask.fresh;
                prop_assert!(
                    !(*erased || plain && valid.is_some()),
                    "a valid token for who asks for no more"
                );
                match refusal {
                    Refusal::MinTtl { lifetime } => {
                        prop_assert_eq!(Some(lifetime), self.lifetime);
                        let left = valid.map_or(Duration::ZERO, |held| self.left(held));
                        prop_assert!(
                            ask.min_ttl.is_some_and(|min_ttl| min_ttl > left || min_ttl >= lifetime)
                        );
                    }
                    Refusal::Deadline => {
                        prop_assert!(self.now.boot >= ask.deadline && self.last_error().is_none());
                    }
                    failed => prop_assert_eq!(Some(failed), self.last_error()),
                }
            }
        }
        Ok(())
    }

    /// A failure never drops a valid token: whoever has no time to wait gets it.
    pub(super) fn probe(&mut self) -> Result<(), TestCaseError> {
        if self.valid().is_some() {
            prop_assert!(self.machine.check(self.now).is_ok());
            self.ask(Ask { min_ttl: None, fresh: false, deadline: self.now.boot });
        }
        Ok(())
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        self.asks += 1;
        let waiter = self.machine.ask(self.now, ask);
        self.waiting.insert(waiter, Asked { ask, asked: self.now.boot, number: self.asks, erased: false });
    }

    pub(super) fn hold(&mut self, grant: Grant<u64>, asks: Option<u64>) {
        let Grant { token, lifetime, requested } = grant;
        let repeated = self.rejected == Some(token);
        let generation = (self.generation + 1).max(self.now.wall.as_millis().try_into().expect("a time"));
        let held = Held { token, lifetime, requested, generation, asks, repeated };
        if self.left(&held).is_zero() {
            self.error = Some(Refusal::DeadOnArrival);
            return;
        }
        if !repeated {
            self.rejected = None;
        }
        assert_eq!(self.machine.generation(), generation, "generations grow");
        self.generation = generation;
        self.lifetime = Some(lifetime);
        self.held = Some(held);
        self.forgive();
    }

    pub(super) fn fail(&mut self, cause: Cause, retry_after: Option<Duration>) {
        self.error = Some(Refusal::Failed { cause, error: self.counter });
        self.terminal = cause == Cause::Terminal;
        let wait = match cause {
            Cause::Local | Cause::Terminal => Duration::ZERO,
            Cause::Slow => MINUTE.max(retry_after.unwrap_or_default().min(15 * MINUTE)),
            Cause::Temporary => retry_after.unwrap_or_default().min(15 * MINUTE),
        };
        self.not_before = self.now.boot + wait;
    }

    pub(super) fn forgive(&mut self) {
        self.error = None;
        self.terminal = false;
        self.changed = false;
        self.not_before = Duration::ZERO;
        if std::mem::take(&mut self.unread) {
            self.refused = None;
        }
    }

    pub(super) fn forget(&mut self, keep: bool) {
        self.forgive();
        self.refused = None;
        self.reread = None;
        if !keep {
            self.held = None;
            self.lifetime = None;
        }
        self.new_epoch();
    }

    pub(super) fn new_epoch(&mut self) {
        // Given up: a late answer to it is an event of its own.
        self.fetch = None;
        if let Some((_, error)) = self.reread.take() {
            self.refused = Some(error);
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now = Moment { boot: self.now.boot + time, wall: self.now.wall + time };
    }

    fn last_error(&self) -> Option<Refusal<u64>> {
        match self.refused.or(self.reread.map(|(_, error)| error)) {
            Some(error) => Some(Refusal::Failed { cause: Cause::Terminal, error }),
            None => self.error.clone(),
        }
    }

    /// For how long `held` is valid yet: as long as both clocks say.
    pub(super) fn left(&self, held: &Held) -> Duration {
        let end = (held.requested.boot + held.lifetime, held.requested.wall + held.lifetime);
        let left = end.0.saturating_sub(self.now.boot).min(end.1.saturating_sub(self.now.wall));
        left.min(held.lifetime)
    }

    pub(super) fn valid(&self) -> Option<&Held> {
        self.held.as_ref().filter(|held| !self.left(held).is_zero())
    }

    /// What can be seen of the machine, but for whether a fetch runs and when the next one does.
    pub(super) fn seen(&self) -> (View<u64>, u64, Result<(), Refusal<u64>>) {
        let view = self.machine.view(self.now);
        let state = State::Idle;
        let view = View { state, next_fetch_in: None, ..view };
        (view, self.machine.generation(), self.machine.check(self.now))
    }
}
