//! The moment by which a command must be done.

use std::time::{Duration, Instant};

/// When a command gives up, and how long that was when it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    timeout: Duration,
}

/// How much longer than the deadline the client waits for an answer: the daemon's own word says more than "no answer".
const GRACE: Duration = Duration::from_millis(250);

impl Deadline {
    /// `timeout` from now.
    pub(crate) fn after(timeout: Duration) -> Self {
        Self { at: Instant::now() + timeout, timeout }
    }

    /// What is left; zero once it has passed.
    pub(crate) fn remaining(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    pub(crate) fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }

    /// This deadline as it holds for the answer to a request that was sent with [`Deadline::remaining`].
    pub(crate) fn of_answer(self) -> Self {
        Self { at: self.at + GRACE, ..self }
    }

    /// How long it was when the command began, as a person gives it: `10 s`, `0.5 s`.
    pub(crate) fn in_words(self) -> String {
        format!("{} s", self.timeout.as_secs_f64())
    }
}
