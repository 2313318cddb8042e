//! Durations in words: `42 min`, `3 h 12 min`.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// `milliseconds` in the one or two units that matter, rounded down: a token is never said to last longer than it does.
pub(crate) fn in_words(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        ..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "min"),
        DAY.. => two(seconds / DAY, "d", seconds % DAY / HOUR, "h"),
    }
}

/// The longest time that is taken for one: nobody waits for a year, and no clock overflows.
const LONGEST: u64 = 365 * DAY;

/// A time of one unit or more, as `8h`, `1h30m`, `90s`.
///
/// # Errors
/// What it must be instead.
pub(crate) fn parse(word: &str) -> Result<Duration, &'static str> {
    const WRONG: &str = "a time is a number and s, m, h or d, as 8h or 1h30m, and a year at most";
    const NONE: &str = "that is no time at all: give 1s or more, or leave it out for no end";
    if word == "0" {
        return Err(NONE);
    }
    let mut seconds: u64 = 0;
    let mut rest = word;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(WRONG)?;
        let unit = match rest.as_bytes()[digits] {
            b's' => 1,
            b'm' => MINUTE,
            b'h' => HOUR,
            b'd' => DAY,
            _ => return Err(WRONG),
        };
        let number: u64 = rest[..digits].parse().map_err(|_| WRONG)?;
        seconds = number.checked_mul(unit).and_then(|part| seconds.checked_add(part)).ok_or(WRONG)?;
        rest = &rest[digits + 1..];
    }
    match seconds {
        0 if !word.is_empty() => Err(NONE),
        1..=LONGEST => Ok(Duration::from_secs(seconds)),
        _ => Err(WRONG),
    }
}

fn two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{in_words, parse};

    #[test]
    fn a_time_is_numbers_with_units() {
        for (word, seconds) in [
            ("90s", 90),
            ("30m", 1800),
            ("8h", 28_800),
            ("2d", 172_800),
            ("1h30m", 5400),
            ("365d", 31_536_000),
        ] {
            assert_eq!(parse(word), Ok(Duration::from_secs(seconds)), "{word}");
        }
        for word in [
            "",
            "8",
            "h",
            "-1h",
            "1.5h",
            " 8h",
            "8 h",
            "8H",
            "8ä",
            "h8",
            "366d",
            "18446744073709551615d",
            "99999999999999999999s",
        ] {
            assert!(parse(word).is_err(), "{word}");
        }
        for word in ["0", "0s", "0h0m"] {
            assert!(parse(word).is_err_and(|why| why.starts_with("that is no time at all")), "{word}");
        }
    }

    #[test]
    fn the_units_that_matter_are_told_rounded_down() {
        let cases = [
            (0, "0 s"),
            (999, "0 s"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (42 * 60_000 + 59_000, "42 min"),
            (3_600_000, "1 h"),
            (3 * 3_600_000 + 12 * 60_000, "3 h 12 min"),
            (24 * 3_600_000, "1 d"),
            (50 * 3_600_000, "2 d 2 h"),
        ];
        for (milliseconds, words) in cases {
            assert_eq!(in_words(milliseconds), words);
        }
    }
}
