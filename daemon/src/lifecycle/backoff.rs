//! When an attempt may be made again after one that failed.

use std::time::Duration;

use super::{
    message::{Cause, Refusal},
    random::Random,
};

const FIRST: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// The longest that an issuer is left alone because it said so, and a keyring that gave nothing.
const LONGEST: Duration = Duration::from_secs(15 * 60);

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

/// Counts the failures in a row.
#[derive(Default)]
pub(super) struct Backoff {
    temporary: u32,
    local: u32,
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
            Cause::Local => {
                let wait = (MINUTE * (1 << self.local.min(4))).min(LONGEST);
                self.local = self.local.saturating_add(1);
                return Again::WhenAsked(boot.saturating_add(wait));
            }
            Cause::Slow => MINUTE,
            Cause::Temporary => {
                let limit = (FIRST * (1 << self.temporary.min(6))).min(MINUTE);
                self.temporary = self.temporary.saturating_add(1);
                random.share().of(limit)
            }
        };
        let wanted = retry_after.unwrap_or_default().min(LONGEST);
        Again::At(boot.saturating_add(wait.max(wanted)))
    }
}
