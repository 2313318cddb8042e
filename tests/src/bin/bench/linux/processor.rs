//! One processor for whoever talks to whom. Two that wait for each other are as fast as the system happens to place them: beside each
//! other on one, or on two of which each sleeps until the other has woken it, which takes a virtual machine longer than all else.

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// For as long as it lives this thread runs on one processor, and so does whatever it starts (sched_setaffinity(2)).
pub(crate) struct OneProcessor {
    all: CpuSet,
}

impl OneProcessor {
    /// The first one that this thread may run on.
    pub(crate) fn take() -> Result<Self> {
        let all = sched_getaffinity(None)?;
        let mut one = CpuSet::new();
        one.set((0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu)).context("no processor to run on")?);
        sched_setaffinity(None, &one)?;
        Ok(Self { all })
    }
}

impl Drop for OneProcessor {
    fn drop(&mut self) {
        // They were its own before.
        let _ = sched_setaffinity(None, &self.all);
    }
}
