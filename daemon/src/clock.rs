//! The two clocks that a token's expiry is judged by.

use std::time::{Duration, SystemTime};

use crate::{lifecycle::Moment, platform};

/// This moment by both clocks. A wall clock before 1970 counts as 1970.
pub fn now() -> Moment {
    Moment { boot: platform::boot_time(), wall: wall() }
}

/// Time since the Unix epoch.
fn wall() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Whole milliseconds of `duration`.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
