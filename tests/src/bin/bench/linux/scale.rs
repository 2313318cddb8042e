//! How much is measured.

use std::time::Duration;

/// Rounds, runs and times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Rounds in which everything that is compared has its turn.
    pub(crate) rounds: usize,
    /// Runs of a program in a round.
    pub(crate) runs: usize,
    /// Gets by the crowd, and how many processes it has.
    pub(crate) crowd: (usize, usize),
    /// Exchanges in a round.
    pub(crate) exchanges: usize,
    /// Connections that are open at last.
    pub(crate) connections: usize,
    /// Profiles that there are at last.
    pub(crate) profiles: usize,
    /// How long daemons are left alone before they count as idle.
    pub(crate) settling: Duration,
    /// How long idle daemons are looked at.
    pub(crate) idle: Duration,
    /// Starts of a daemon.
    pub(crate) starts: usize,
}

impl Scale {
    /// What is told to others.
    pub(crate) const FULL: Self = Self {
        rounds: 40,
        runs: 10,
        crowd: (10_000, 50),
        exchanges: 2_000,
        connections: 10_000,
        profiles: 1_000,
        settling: Duration::from_secs(15),
        idle: Duration::from_secs(60),
        starts: 40,
    };

    /// Everything once, to see that it works: no number of it means anything.
    pub(crate) const QUICK: Self = Self {
        rounds: 2,
        runs: 2,
        crowd: (40, 4),
        exchanges: 20,
        connections: 100,
        profiles: 10,
        settling: Duration::ZERO,
        idle: Duration::from_secs(3),
        starts: 2,
    };

    /// The powers of ten up to `last`, and `last`.
    pub(crate) fn decades(last: usize) -> Vec<usize> {
        let powers = (0..).map(|power| 10_usize.pow(power)).take_while(|power| *power < last);
        powers.chain([last]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_measured_at_each_power_of_ten_and_at_its_end() {
        for (last, decades) in
            [(1, vec![1]), (10, vec![1, 10]), (60, vec![1, 10, 60]), (100, vec![1, 10, 100])]
        {
            assert_eq!(Scale::decades(last), decades);
        }
    }
}
