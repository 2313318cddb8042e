//! What follows from the state: what a caller gets now, when the next fetch starts, what there is to see.

use std::time::Duration;

use super::{
    Attempt, FLOOR, Lifecycle,
    backoff::Again,
    message::{Cause, Moment, Refusal, Served, State, View},
    token::Held,
    waiters::Waiting,
};

impl<T: Clone + PartialEq, E: Clone> Lifecycle<T, E> {
    /// What a plain request would fail with now, as far as is known. Changes nothing.
    ///
    /// # Errors
    /// The last failure where no valid token is held. Where nothing has failed, a request would be worth a fetch,
    /// and that is no error.
    pub fn check(&self, now: Moment) -> Result<(), Refusal<E>> {
        match (self.valid(now), self.last_error()) {
            (None, Some(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// The token that is held and valid, for whoever keeps a copy of it. Changes nothing.
    pub fn held(&self, now: Moment) -> Option<Served<T>> {
        self.valid(now).map(|held| held.served(now))
    }

    /// What is known now. Changes nothing.
    pub fn view(&self, now: Moment) -> View<E> {
        let valid = self.valid(now);
        let state = match (&valid, &self.attempt, &self.failure) {
            (Some(_), _, _) => State::Valid,
            (None, Some(_), _) => State::Fetching,
            (None, None, Some(failure)) if failure.again == Again::Never => State::Refused,
            (None, None, Some(_)) => State::Failing,
            (None, None, None) => State::Idle,
        };
        View {
            state,
            expires_in: valid.map(|held| held.left(now)),
            lifetime: valid.map(|held| held.lifetime),
            generation: valid.map(|held| held.generation),
            next_fetch_in: self.next_start(now).map(|start| start.saturating_sub(now.boot)),
            last_error: self.last_error(),
        }
    }

    /// What `waiting` gets now; none if it is worth waiting on. Always something once its deadline has passed.
    pub(super) fn judge(&self, now: Moment, waiting: &Waiting) -> Option<Result<Served<T>, Refusal<E>>> {
        let Waiting { ask, fetches, results, erased, .. } = *waiting;
        if erased {
            return Some(Err(Refusal::Erased));
        }
        if let (Some(min_ttl), Some(lifetime)) = (ask.min_ttl, self.lifetime)
            // One that arrives is not new any more.
            && min_ttl >= lifetime
        {
            return Some(Err(Refusal::MinTtl { lifetime }));
        }
        let overdue = ask.deadline <= now.boot;
        let had_result = self.results > results;
        if let Some(held) = self.valid(now)
            && (!ask.fresh || held.fetch > fetches)
        {
            let left = held.left(now);
            let served = match ask.min_ttl {
                Some(min_ttl) => left >= min_ttl,
                // Better a token that is short than none, once a fetch would not come in time.
                None => {
                    left >= held.need(self.policy)
                        || ask.fresh
                        || had_result
                        || overdue
                        || !self.fetch_possible(now)
                }
            };
            if served {
                return Some(Ok(held.served(now)));
            }
            if held.fetch > fetches {
                return Some(Err(Refusal::MinTtl { lifetime: held.lifetime }));
            }
        }
        if overdue {
            return Some(Err(self.last_error().unwrap_or(Refusal::Deadline)));
        }
        let failure = self.failure.as_ref().filter(|_| self.attempt.is_none())?;
        let told = matches!(failure.again, Again::WhenAsked(_)) && had_result;
        let in_time = self.start(true).is_some_and(|start| start < ask.deadline);
        (told || !in_time).then(|| Err(failure.refusal.clone()))
    }

    /// When the next fetch starts, by the boot-time clock, for those who wait or ahead of expiry.
    pub(super) fn next_start(&self, now: Moment) -> Option<Duration> {
        if self.attempt.is_some() {
            return None;
        }
        let awaited = self.start(true).filter(|_| !self.waiters.is_empty());
        let always = self.policy.always;
        let warm = always || self.unasked < self.policy.keep_warm || self.prompted;
        let due = match &self.held {
            Some(held) => warm.then(|| held.due(self.policy, now)),
            None => always.then_some(Duration::ZERO),
        };
        let ahead = due.and_then(|due| self.start(false).map(|start| start.max(due)));
        [awaited, ahead].into_iter().flatten().min()
    }

    /// The earliest start that failures and the floor allow; none if there is none until something changes.
    fn start(&self, asked: bool) -> Option<Duration> {
        let floor = self.started.map_or(Duration::ZERO, |started| started.saturating_add(FLOOR));
        match &self.failure {
            Some(failure) => failure.again.earliest(asked).map(|start| start.max(floor)),
            None => Some(floor),
        }
    }

    fn fetch_possible(&self, now: Moment) -> bool {
        self.attempt.is_some() || self.start(true).is_some_and(|start| start <= now.boot)
    }

    fn valid(&self, now: Moment) -> Option<&Held<T>> {
        self.held.as_ref().filter(|held| !held.left(now).is_zero())
    }

    fn last_error(&self) -> Option<Refusal<E>> {
        match (&self.attempt, &self.failure) {
            (Some(Attempt::Reread { error, .. }), _) => {
                Some(Refusal::Failed { cause: Cause::Terminal, error: error.clone() })
            }
            (_, failure) => failure.as_ref().map(|failure| failure.refusal.clone()),
        }
    }
}
