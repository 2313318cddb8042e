//! The moment by which a command must be done.

use std::time::{Duration, Instant};

/// When a command gives up, and how long that was when it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    timeout: Duration,
}

/// How much longer than the deadline the client waits for an answer: the daemon's own word says more than "no answer".
pub(crate) const GRACE: Duration = Duration::from_millis(250);

impl Deadline {
    /// `timeout` from now.
    pub(crate) fn after(timeout: Duration) -> Self {
        Self { at: Instant::now() + timeout, timeout }
    }

    /// What is left; zero once it has passed.
    pub(crate) fn remaining(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// This deadline, or `limit` from the moment at which so much of it was left, whichever comes first.
    pub(crate) fn within(self, left: Duration, limit: Duration) -> Self {
        Self { at: self.at.checked_sub(left.saturating_sub(limit)).unwrap_or(self.at), ..self }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_waited_for_a_quarter_of_a_second_longer() {
        let deadline = Deadline::after(Duration::from_secs(10));
        assert_eq!(deadline.of_answer().at - deadline.at, Duration::from_millis(250));
        assert_eq!(deadline.of_answer().in_words(), "10 s");
        assert_eq!(Deadline::after(Duration::from_millis(500)).in_words(), "0.5 s");
    }

    #[test]
    fn a_part_of_the_time_ends_with_it_at_the_latest() {
        let deadline = Deadline::after(Duration::from_secs(10));
        let half = Duration::from_millis(500);
        for (left, earlier) in [(10_000, 9500), (501, 1), (500, 0), (0, 0)] {
            let part = deadline.within(Duration::from_millis(left), half);
            assert_eq!(deadline.at - part.at, Duration::from_millis(earlier), "{left}");
        }
    }

    #[test]
    fn what_is_over_has_nothing_left() {
        let over = Deadline { at: Instant::now(), timeout: Duration::from_secs(1) };
        assert!(over.has_passed() && over.remaining().is_zero());
        assert!(!Deadline::after(Duration::from_secs(3600)).has_passed());
    }
}
