//! When an attempt may be made again after one that failed.

use std::time::Duration;

use super::{
    message::{Cause, Refusal},
    random::Random,
};

const FIRST: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// The longest that an issuer is left alone because it said so.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);

/// The last failure, as long as nothing has succeeded since.
pub(super) struct Failure<E> {
    pub(super) refusal: Refusal<E>,
    pub(super) again: Again,
}

/// When the next attempt may begin, by the boot-time clock.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Again {
    Never,
    At(Duration),
    /// At once for whoever asks, but not by itself before this moment.
    WhenAsked(Duration),
}

impl Again {
    /// The earliest begin for an attempt that somebody waits for, or that nobody does.
    pub(super) fn earliest(self, asked: bool) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::WhenAsked(_) if asked => Some(Duration::ZERO),
            Self::At(boot) | Self::WhenAsked(boot) => Some(boot),
        }
    }
}

/// Counts the temporary failures in a row.
#[derive(Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// When to try again after a failure at `boot`: 1 s doubling to 60 s, with full jitter.
    pub(super) fn after(
        &mut self,
        cause: Cause,
        retry_after: Option<Duration>,
        boot: Duration,
        random: &mut Random,
    ) -> Again {
        let wait = match cause {
            Cause::Terminal => return Again::Never,
            Cause::Local => return Again::WhenAsked(boot.saturating_add(MINUTE)),
            Cause::Slow => MINUTE,
            Cause::Temporary => {
                let limit = (FIRST * (1 << self.failures.min(6))).min(MINUTE);
                self.failures = self.failures.saturating_add(1);
                random.share().of(limit)
            }
        };
        let wanted = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        Again::At(boot.saturating_add(wait.max(wanted)))
    }
}
