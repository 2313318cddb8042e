//! Durations in words: `42 min`, `3 h 12 min`.

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

fn two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

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
