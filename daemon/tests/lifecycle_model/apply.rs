//! What each event does to the machine, and to the model of it.

use std::time::Duration;

use dt_credd::lifecycle::{Ask, Cause, Failed, Grant, Moment, Policy, Refusal, Reread};
use proptest::prelude::*;

use crate::{
    Event,
    model::{MINUTE, Model},
};

impl Model {
    pub(super) fn apply(&mut self, event: Event) -> Result<(), TestCaseError> {
        let now = self.now;
        self.counter += 1;
        match event {
            Event::Ask { min_ttl, fresh, within } => {
                let deadline = now.boot + Duration::from_millis(within);
                self.ask(Ask { min_ttl: min_ttl.map(Duration::from_secs), fresh, deadline });
            }
            Event::Leave { index } => {
                if let Some(waiter) = self.waiting.keys().nth(index).copied() {
                    self.machine.leave(waiter);
                    self.waiting.remove(&waiter);
                }
            }
            Event::Grant { lifetime, again } => {
                let Some(fetch) = self.fetch.take() else { return Ok(()) };
                let token = self.rejected.filter(|_| again).unwrap_or(self.counter);
                let lifetime = Duration::from_secs(lifetime);
                let grant = Grant { token, lifetime, requested: fetch.requested };
                self.machine.granted(now, fetch.epoch, grant.clone());
                self.hold(grant, Some(fetch.asks));
            }
            Event::Fail { cause, retry_after } => {
                let Some(fetch) = self.fetch.take() else { return Ok(()) };
                let retry_after = retry_after.map(Duration::from_secs);
                self.machine.failed(now, fetch.epoch, Failed { cause, retry_after, error: self.counter });
                if cause == Cause::Terminal && !self.changed {
                    self.refused = Some(self.counter);
                } else {
                    if cause == Cause::Local {
                        self.started = fetch.before;
                    }
                    self.fail(cause, retry_after);
                }
                self.probe()?;
            }
            Event::Reread { outcome } => {
                let Some((epoch, error)) = self.reread.take() else { return Ok(()) };
                let reread = match outcome {
                    0 => Reread::Same,
                    1 => Reread::Changed,
                    _ => Reread::Unknown,
                };
                self.machine.reread(now, epoch, reread);
                match outcome {
                    0 => {
                        self.terminal = true;
                        self.error = Some(Refusal::Failed { cause: Cause::Terminal, error });
                    }
                    1 => {
                        (self.changed, self.error, self.not_before) = (true, None, Duration::ZERO);
                    }
                    // It is read again before anything else, and the refusal is the reason until then.
                    _ => {
                        self.fail(Cause::Temporary, None);
                        self.refused = Some(error);
                        self.unread = true;
                    }
                }
                self.probe()?;
            }
            Event::Late { index } => {
                let running = self.fetch.as_ref().map(|fetch| fetch.epoch);
                let reading = self.reread.map(|(epoch, _)| epoch);
                let before = (self.seen(), self.machine.timeout());
                if let Some(epoch) = self.epochs.get(index).copied() {
                    if Some(epoch) != running {
                        let lifetime = Duration::from_secs(3600);
                        let failed = Failed { cause: Cause::Terminal, retry_after: None, error: 0 };
                        self.machine.granted(now, epoch, Grant { token: 0, lifetime, requested: now });
                        self.machine.failed(now, epoch, failed);
                    }
                    if Some(epoch) != reading {
                        self.machine.reread(now, epoch, Reread::Same);
                    }
                }
                let after = (self.seen(), self.machine.timeout());
                prop_assert_eq!(after, before, "what nobody waits for changes nothing");
            }
            Event::Reject { held, named, force } => self.reject(held, named, force)?,
            Event::Replace { proof, keep } => {
                let grant = proof.map(|(lifetime, ago)| {
                    let ago = Duration::from_millis(ago);
                    let requested = Moment { boot: now.boot - ago, wall: now.wall - ago };
                    Grant { token: self.counter, lifetime: Duration::from_secs(lifetime), requested }
                });
                self.machine.replace(now, grant.clone(), keep);
                self.forget(keep);
                if let Some(grant) = grant {
                    self.started = self.started.max(Some(grant.requested.boot));
                    self.hold(grant, None);
                }
            }
            Event::Erase => {
                self.machine.erase(now);
                self.forget(false);
                self.rejected = None;
                self.waiting.values_mut().for_each(|asked| asked.erased = true);
            }
            Event::Pass { milliseconds } => {
                let until = now.boot + Duration::from_millis(milliseconds);
                while let Some(timeout) = self.machine.timeout().filter(|timeout| *timeout < until) {
                    prop_assert!(timeout > self.now.boot, "the timer moves on");
                    self.pass(timeout - self.now.boot);
                    self.drain()?;
                }
                self.pass(until - self.now.boot);
            }
            Event::Sleep { seconds } => self.pass(Duration::from_secs(seconds)),
            Event::Wall { seconds } => {
                let by = Duration::from_secs(seconds.unsigned_abs());
                self.now.wall = if seconds < 0 { now.wall - by } else { now.wall + by };
            }
            Event::Policy { min_ttl, keep_warm, always } => {
                let min_ttl = Duration::from_secs(min_ttl);
                self.machine.set_policy(Policy { min_ttl, keep_warm, always });
            }
        }
        Ok(())
    }

    fn reject(&mut self, held: bool, named: bool, force: bool) -> Result<(), TestCaseError> {
        let valid = self.valid().map(|held| held.generation);
        let named = named.then(|| valid.filter(|_| held).unwrap_or(self.generation + 1));
        let meant = named.is_none() || named == valid;
        let lifts = force
            && (self.terminal || self.unread)
            && self.forced.is_none_or(|forced| self.now.boot - forced >= MINUTE);
        let before = (self.seen(), self.machine.timeout());
        let done = self.machine.reject(self.now, named, force);
        prop_assert_eq!(done, meant && (valid.is_some() || lifts));
        if !done {
            prop_assert_eq!(
                (self.seen(), self.machine.timeout()),
                before,
                "another generation changes nothing"
            );
            return Ok(());
        }
        if valid.is_some() {
            self.rejected = self.held.take().map(|held| held.token);
        }
        if lifts {
            self.forced = Some(self.now.boot);
            self.forgive();
        }
        self.new_epoch();
        Ok(())
    }
}
