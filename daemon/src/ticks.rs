//! An alarm for systems without a timer on the clock that counts time asleep: it ticks.

use std::{io, time::Duration};

use crate::platform::boot_time;

/// The longest time between two looks at the clock: what was due while the machine slept is seen so much later at most.
const TICK: Duration = Duration::from_secs(30);

/// An alarm that may go off early, and never more than a tick late.
pub struct Alarm(());

impl Alarm {
    /// An alarm that is not set.
    ///
    /// # Errors
    /// None.
    pub fn new() -> io::Result<Self> {
        Ok(Self(()))
    }

    /// Waits until `at` by the boot-time clock, or for a tick; for ever where there is none.
    pub async fn reached(&mut self, at: Option<Duration>) {
        match at {
            // The timer is not exact to the nanosecond, and one that goes off early would be set again at once.
            Some(at) => {
                let left = at.saturating_sub(boot_time()) + Duration::from_millis(1);
                tokio::time::sleep(left.min(TICK)).await;
            }
            None => std::future::pending().await,
        }
    }
}
