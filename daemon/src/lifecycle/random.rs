//! Chance for jitter: splitmix64 (Steele, Lea, Flood 2014). Good enough to spread requests, and for nothing else.

use std::time::Duration;

pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A share of the whole.
    pub(super) fn share(&mut self) -> Share {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Share(z ^ (z >> 31))
    }
}

/// A number from 0 up to, not including, 1, in units of 2⁻⁶⁴.
#[derive(Clone, Copy)]
pub(super) struct Share(u64);

impl Share {
    /// This share of `whole`. Exact up to 584 years, which is the most it counts.
    pub(super) fn of(self, whole: Duration) -> Duration {
        let whole = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX);
        let product = u128::from(self.0) * u128::from(whole);
        Duration::from_nanos(u64::try_from(product >> 64).unwrap_or(u64::MAX))
    }
}
