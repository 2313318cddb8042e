//! How many clients are connected, and when so many of them have left that the memory they took is worth giving back.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// How many at once are a crowd: a few hundred kilobytes of memory.
const CROWD: usize = 100;

/// Those who are connected, and how many were at most since memory was given back.
#[derive(Default)]
pub(super) struct Crowd {
    present: AtomicUsize,
    most: AtomicUsize,
    /// Whether there was a crowd since somebody was alone.
    remains: AtomicBool,
}

impl Crowd {
    /// One more has come.
    pub(super) fn entered(&self) {
        let present = self.present.fetch_add(1, Relaxed) + 1;
        self.most.fetch_max(present, Relaxed);
    }

    /// One has left; whether it was the last of nine tenths of a crowd, or of all of it.
    pub(super) fn left(&self) -> bool {
        let (present, most) = (self.present.fetch_sub(1, Relaxed) - 1, self.most.load(Relaxed));
        let is_over = most >= CROWD && present <= most / 10;
        if is_over {
            self.most.store(present, Relaxed);
            self.remains.store(present > 0, Relaxed);
        }
        is_over || (present == 0 && self.remains.swap(false, Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::Crowd;

    #[test]
    fn memory_is_given_back_each_time_that_nine_tenths_of_a_crowd_have_left_and_when_all_have_and_not_for_a_few()
     {
        let crowd = Crowd::default();
        let come_and_go = |count: usize, stay: usize| -> Vec<usize> {
            (0..count).for_each(|_| crowd.entered());
            (stay..count).map(|left| count - 1 - (left - stay)).filter(|_| crowd.left()).collect()
        };
        assert!(come_and_go(99, 0).is_empty());
        assert_eq!(come_and_go(100, 0), [10, 0]);
        assert_eq!(come_and_go(10_000, 0), [1000, 100, 10, 0]);
        // One after another is none.
        for _ in 0..1000 {
            assert!(come_and_go(1, 0).is_empty());
        }
        // Who stays is none of those who left.
        assert!(come_and_go(50, 50).is_empty());
        assert_eq!(come_and_go(950, 0), [50]);
    }
}
