//! The callers that wait: who is to be judged, and whose deadline comes first. Thousands may wait for one attempt,
//! so nothing here walks over all of them but [`Waiters::judge_all`], once for each event that concerns them all.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use super::message::{Ask, Waiter};

#[derive(Clone, Copy)]
pub(super) struct Waiting {
    pub(super) ask: Ask,
    /// When it asked, by the boot-time clock.
    pub(super) asked: Duration,
    /// How many fetches had begun: a later one was requested after it asked.
    pub(super) fetches: u64,
    /// How many attempts had ended: a later end is the result that it waits for.
    pub(super) results: u64,
    pub(super) erased: bool,
}

#[derive(Default)]
pub(super) struct Waiters {
    last: u64,
    waiting: BTreeMap<Waiter, Waiting>,
    deadlines: BTreeSet<(Duration, Waiter)>,
    unjudged: VecDeque<Waiter>,
}

impl Waiters {
    pub(super) fn join(&mut self, waiting: Waiting) -> Waiter {
        self.last += 1;
        let waiter = Waiter(self.last);
        self.deadlines.insert((waiting.ask.deadline, waiter));
        self.waiting.insert(waiter, waiting);
        self.unjudged.push_back(waiter);
        waiter
    }

    pub(super) fn leave(&mut self, waiter: Waiter) {
        if let Some(waiting) = self.waiting.remove(&waiter) {
            self.deadlines.remove(&(waiting.ask.deadline, waiter));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Something happened that may answer any of them.
    pub(super) fn judge_all(&mut self) {
        self.unjudged.clear();
        self.unjudged.extend(self.waiting.keys());
    }

    /// They are to be told that what they wait for is gone.
    pub(super) fn erase_all(&mut self) {
        self.waiting.values_mut().for_each(|waiting| waiting.erased = true);
        self.judge_all();
    }

    /// A proof of credentials, requested at `boot`, counts as fetch number `fetch`: for those who had asked by
    /// then it came later, for the others it had begun before.
    pub(super) fn count(&mut self, fetch: u64, boot: Duration) {
        for waiting in self.waiting.values_mut().filter(|waiting| waiting.asked >= boot) {
            waiting.fetches = fetch;
        }
    }

    /// Whom to judge next: all whose deadline has passed come first.
    pub(super) fn next(&mut self, boot: Duration) -> Option<(Waiter, Waiting)> {
        let overdue =
            self.deadlines.first().filter(|(deadline, _)| *deadline <= boot).map(|(_, waiter)| *waiter);
        let waiter = match overdue {
            Some(waiter) => waiter,
            None => loop {
                let waiter = self.unjudged.pop_front()?;
                if self.waiting.contains_key(&waiter) {
                    break waiter;
                }
            },
        };
        self.waiting.get(&waiter).map(|waiting| (waiter, *waiting))
    }

    /// Whether somebody is to be judged, whatever the time.
    pub(super) fn unjudged(&self) -> bool {
        !self.unjudged.is_empty()
    }

    pub(super) fn earliest_deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }
}
