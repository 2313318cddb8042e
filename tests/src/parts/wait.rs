//! Waiting for what gives no event of its own.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

#[cfg(target_os = "linux")]
use super::platform::Changes;

/// How long any wait may last. Never reached by a test that works.
pub const BOUND: Duration = Duration::from_secs(60);

/// How often [`until`] looks.
const LOOK: Duration = Duration::from_millis(10);

/// Asks `probe` again and again until it has something: for what can only be asked, as the count of an issuer.
///
/// # Panics
/// When [`BOUND`] has passed, saying `what` was waited for.
pub fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + BOUND;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < end, "waited {} s for {what}", BOUND.as_secs());
        thread::sleep(LOOK);
    }
}

/// Asks `probe` at first and after each change in `folder`, until it has something.
///
/// # Panics
/// When [`BOUND`] has passed, saying `what` was waited for, or where the folder cannot be watched.
pub fn until_changed<T>(folder: &Path, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    // Watched before the first look, so that no change falls between the two.
    let changes = Changes::of(folder);
    let end = Instant::now() + BOUND;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        let changed = changes.next(end.saturating_duration_since(Instant::now()));
        assert!(changed, "waited {} s for {what} in {folder:?}", BOUND.as_secs());
    }
}

#[cfg(not(target_os = "linux"))]
/// The changes in a folder, which the caller looks for often.
struct Changes;

#[cfg(not(target_os = "linux"))]
impl Changes {
    fn of(_folder: &Path) -> Self {
        Self
    }

    /// Whether there is time within `limit` to look once more.
    fn next(&self, limit: Duration) -> bool {
        thread::sleep(LOOK.min(limit));
        !limit.is_zero()
    }
}
