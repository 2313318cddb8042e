//! The local time of Windows.

use std::ptr;

use windows_sys::Win32::{
    Foundation::{FILETIME, SYSTEMTIME},
    System::Time::{FileTimeToSystemTime, SystemTimeToFileTime, SystemTimeToTzSpecificLocalTime},
};

/// Ticks of a FILETIME in a second, and seconds from its epoch, 1601, to the Unix epoch.
const TICKS: i64 = 10_000_000;
const SINCE_1601: i64 = 11_644_473_600;

/// How far the local clock is ahead of UTC at so many seconds after the Unix epoch, in seconds; 0 where the system does not
/// know.
pub(crate) fn east_of_utc(seconds: i64) -> i32 {
    east_at(seconds).unwrap_or_default()
}

fn east_at(seconds: i64) -> Option<i32> {
    let ticks = seconds.checked_add(SINCE_1601)?.checked_mul(TICKS).filter(|ticks| *ticks >= 0)?;
    let at = FILETIME {
        dwLowDateTime: u32::try_from(ticks & 0xffff_ffff).ok()?,
        dwHighDateTime: u32::try_from(ticks >> 32).ok()?,
    };
    let (mut utc, mut local, mut there) = (SYSTEMTIME::default(), SYSTEMTIME::default(), FILETIME::default());
    #[expect(unsafe_code, reason = "the system's zone has no safe wrapper")]
    // SAFETY: every pointer is to a live value of its type; no zone is the system's own.
    let known = unsafe {
        FileTimeToSystemTime(&raw const at, &raw mut utc) != 0
            && SystemTimeToTzSpecificLocalTime(ptr::null(), &raw const utc, &raw mut local) != 0
            && SystemTimeToFileTime(&raw const local, &raw mut there) != 0
    };
    let there = (i64::from(there.dwHighDateTime) << 32) | i64::from(there.dwLowDateTime);
    known.then(|| i32::try_from((there - ticks) / TICKS).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_zone_is_known_now_and_nothing_is_known_before_1601() {
        // Whatever zone that is: whole minutes, at most 14 hours ahead and 12 behind.
        let east = east_at(1_764_000_000).expect("the system knows");
        assert!(east % 60 == 0 && (-12 * 3600..=14 * 3600).contains(&east), "{east}");
        assert_eq!(east_of_utc(-SINCE_1601 - 1), 0);
        assert_eq!(east_of_utc(i64::MAX), 0);
    }
}
