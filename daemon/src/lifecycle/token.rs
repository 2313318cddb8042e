//! The token that is held: how old it is, for how long it will do, and when the next one is due.

use std::time::Duration;

use super::{
    message::{Moment, Policy, Served},
    random::Share,
};

pub(super) struct Held<T> {
    pub(super) token: T,
    pub(super) lifetime: Duration,
    pub(super) requested: Moment,
    pub(super) generation: u64,
    /// Which fetch brought it; they are counted from 1.
    pub(super) fetch: u64,
    pub(super) repeated: bool,
    /// By what share of the jitter its refresh comes earlier.
    pub(super) jitter: Share,
}

/// Time since `requested`, by the clock that says more: a wall clock set back makes nothing younger.
pub(super) fn age(requested: Moment, now: Moment) -> Duration {
    let boot = now.boot.saturating_sub(requested.boot);
    let wall = now.wall.saturating_sub(requested.wall);
    boot.max(wall)
}

impl<T: Clone> Held<T> {
    /// For how long it is valid yet; zero means that it has expired.
    pub(super) fn left(&self, now: Moment) -> Duration {
        self.lifetime.saturating_sub(age(self.requested, now))
    }

    /// For how long it must be valid for a caller that does not say.
    pub(super) fn need(&self, policy: Policy) -> Duration {
        policy.min_ttl.min(self.lifetime / 4)
    }

    /// When its refresh is due, by the boot-time clock, as judged at `now`.
    pub(super) fn due(&self, policy: Policy, now: Moment) -> Duration {
        let ample = (self.lifetime / 10).clamp(Duration::from_secs(10), Duration::from_secs(5 * 60));
        let lead = (self.lifetime / 2).min(ample.max(self.need(policy)));
        let ripe = self.lifetime - lead - self.jitter.of(lead / 4);
        now.boot.saturating_add(ripe.saturating_sub(age(self.requested, now)))
    }

    pub(super) fn served(&self, now: Moment) -> Served<T> {
        let expires_in = self.left(now);
        // After the wall clock was set back, the first of the two would be too late.
        let expires_at =
            self.requested.wall.saturating_add(self.lifetime).min(now.wall.saturating_add(expires_in));
        Served {
            token: self.token.clone(),
            generation: self.generation,
            expires_in,
            expires_at,
            lifetime: self.lifetime,
            repeated: self.repeated,
        }
    }
}
