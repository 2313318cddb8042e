//! Moments as the APIs write them: RFC 3339, in UTC, to the second.

const DAY: i64 = 24 * 60 * 60;
/// The last second of the year 9999, after which RFC 3339 has no words.
const END: i64 = 253_402_300_799;

/// The text of a moment, given in seconds since the Unix epoch.
pub(super) fn text(moment: i64) -> String {
    let moment = moment.clamp(0, END);
    let (year, month, day) = date(moment / DAY);
    let second = moment % DAY;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a number of days after 1970-01-01. A year begins in March here, so that a leap day
/// is its last; 400 of them have 146,097 days.
fn date(days: i64) -> (i64, i64, i64) {
    let since_march_of_0 = days + 719_468;
    let (era, day) = (since_march_of_0 / 146_097, since_march_of_0 % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months from March on, and from August on, have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (400 * era + year, month, day)
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn a_moment_is_written_by_the_calendar() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_632_242_599, "2021-09-21T16:43:19Z"),
            (1_663_778_599, "2022-09-21T16:43:19Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
        ];
        for (moment, wanted) in cases {
            assert_eq!(text(moment), wanted);
        }
    }
}
