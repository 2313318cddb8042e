//! Moments as people and programs read them: RFC 3339 in UTC, and a local clock with its distance from UTC.
//!
//! That is all of a calendar that is needed here. A library for dates would be a fifth of the program for Windows.

use std::fmt;

const DAY: i64 = 24 * 3600;

/// Days from 0000-03-01 to 1970-01-01, in the proleptic Gregorian calendar.
const EPOCH: i64 = 719_468;

/// Days in 400 years, after which the calendar repeats itself.
const CYCLE: i64 = 146_097;

/// The first and the last second that RFC 3339 can tell: those of the years 0000 and 9999.
const SECONDS: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// A moment that RFC 3339 can tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    seconds: i64,
    /// Where they are known.
    milliseconds: Option<u16>,
}

impl Moment {
    /// So many seconds after the Unix epoch; none beyond the years 0000 to 9999.
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        SECONDS.contains(&seconds).then_some(Self { seconds, milliseconds: None })
    }

    /// So many milliseconds after the Unix epoch; none beyond the year 9999.
    pub fn from_milliseconds(milliseconds: u64) -> Option<Self> {
        let whole = Self::from_seconds(i64::try_from(milliseconds / 1000).ok()?)?;
        Some(Self { milliseconds: u16::try_from(milliseconds % 1000).ok(), ..whole })
    }

    /// By a clock that is `east` seconds ahead of UTC, to the second, with that distance: `2025-11-24 17:00:00 +01:00`.
    pub fn by_clock(self, east: i32) -> String {
        // A distance is told in minutes, and so the clock is that far ahead.
        let minutes = i64::from(east) / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        let clock = Clock::of(self.seconds + minutes * 60);
        let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
        format!("{} {} {sign}{hours:02}:{minutes:02}", clock.date(), clock.time())
    }
}

/// RFC 3339 in UTC, with the milliseconds where they are known: all three digits, so that each is as long as the next.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = Clock::of(self.seconds);
        write!(f, "{}T{}", clock.date(), clock.time())?;
        if let Some(milliseconds) = self.milliseconds {
            write!(f, ".{milliseconds:03}")?;
        }
        f.write_str("Z")
    }
}

/// What a calendar and a clock show.
struct Clock {
    year: i64,
    month: i64,
    day: i64,
    second: i64,
}

impl Clock {
    /// At so many seconds after the Unix epoch: counted in years that begin in March, so that a leap day is the last.
    fn of(seconds: i64) -> Self {
        let days = seconds.div_euclid(DAY) + EPOCH;
        let (cycle, day) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        // Five months from March or August on have 153 days.
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = cycle * 400 + year + i64::from(month <= 2);
        Self { year, month, day, second: seconds.rem_euclid(DAY) }
    }

    fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    fn time(&self) -> String {
        format!("{:02}:{:02}:{:02}", self.second / 3600, self.second / 60 % 60, self.second % 60)
    }
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 5000, ..ProptestConfig::default() })]

        #[test]
        fn every_moment_is_told_as_a_library_for_dates_tells_it(
            // As far as the library goes, in any zone.
            seconds in -62_167_100_000_i64..253_402_100_000, milliseconds in 0_u64..253_402_100_000_000, east in -1439_i32..1440,
        ) {
            let moment = Moment::from_seconds(seconds).expect("within the years");
            let known = Timestamp::from_second(seconds).expect("a moment");
            prop_assert_eq!(moment.to_string(), known.to_string());
            let zone = tz::TimeZone::fixed(tz::Offset::from_seconds(east * 60).expect("a distance"));
            let clock = known.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S %:z").to_string();
            prop_assert_eq!(moment.by_clock(east * 60), clock);
            let moment = Moment::from_milliseconds(milliseconds).expect("within the years");
            let known = Timestamp::from_millisecond(milliseconds.try_into().expect("small")).expect("a moment");
            prop_assert_eq!(moment.to_string(), format!("{known:.3}"));
        }
    }

    #[test]
    fn each_turn_of_the_calendar_is_told_to_the_second() {
        for (seconds, told) in [
            (*SECONDS.start(), "0000-01-01T00:00:00Z"),
            (*SECONDS.end(), "9999-12-31T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_764_000_000, "2025-11-24T16:00:00Z"),
        ] {
            assert_eq!(Moment::from_seconds(seconds).map(|moment| moment.to_string()), Some(told.to_owned()));
        }
    }

    #[test]
    fn a_whole_second_has_its_milliseconds_too_and_what_rfc_3339_cannot_tell_is_no_moment() {
        for seconds in [SECONDS.start() - 1, SECONDS.end() + 1, i64::MIN, i64::MAX] {
            assert_eq!(Moment::from_seconds(seconds), None);
        }
        assert_eq!(
            Moment::from_milliseconds(0).map(|moment| moment.to_string()).as_deref(),
            Some("1970-01-01T00:00:00.000Z")
        );
        for milliseconds in [253_402_300_800_000, u64::MAX] {
            assert_eq!(Moment::from_milliseconds(milliseconds), None);
        }
    }

    #[test]
    fn a_distance_from_utc_is_told_in_whole_minutes_and_so_is_the_clock() {
        let moment = Moment::from_seconds(1_764_000_000).expect("within the years");
        assert_eq!(moment.by_clock(-(5 * 3600 + 30 * 60)), "2025-11-24 10:30:00 -05:30");
        assert_eq!(moment.by_clock(3600 + 59), "2025-11-24 17:00:00 +01:00");
        assert_eq!(moment.by_clock(-59), "2025-11-24 16:00:00 +00:00");
    }
}
