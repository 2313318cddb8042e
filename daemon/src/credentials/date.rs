//! A moment as the API writes it (RFC 3339 §5.6).

/// Seconds since the Unix epoch of `text`; none where it is no such moment. A fraction of a second is left out.
pub fn read(text: &str) -> Option<i64> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let time = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = (time.get(..8)?, time.get(8..)?);
    let [year, month, day] = numbers(date, b'-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, b':', [2, 2, 2])?;
    let offset = offset(after_fraction(rest)?)?;
    let valid = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        // A leap second.
        && second <= 60;
    valid.then(|| ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - offset)
}

/// The numbers of a text that has so many digits for each, and this between them.
fn numbers(text: &str, between: u8, digits: [usize; 3]) -> Option<[i64; 3]> {
    let (mut numbers, mut rest) = ([0; 3], text.as_bytes());
    for (at, (number, length)) in numbers.iter_mut().zip(digits).enumerate() {
        if at > 0 {
            rest = rest.strip_prefix(&[between])?;
        }
        *number = number_of(rest.get(..length)?)?;
        rest = &rest[length..];
    }
    rest.is_empty().then_some(numbers)
}

fn number_of(digits: &[u8]) -> Option<i64> {
    let digit = |number: i64, byte: &u8| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'));
    digits.iter().try_fold(0, digit)
}

fn after_fraction(rest: &str) -> Option<&str> {
    let Some(fraction) = rest.strip_prefix('.') else { return Some(rest) };
    let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    (zone.len() < fraction.len()).then_some(zone)
}

/// How many seconds a zone's clock is ahead.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match zone.as_bytes() {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let [h, hours, b':', m, minutes] = rest else { return None };
    let (hours, minutes) = (number_of(&[*h, *hours])?, number_of(&[*m, *minutes])?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the Unix epoch to this one, in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    // In all years before this one, since the year 1; 719,162 of them lie before 1970.
    let years = before * 365 + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    let months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    years + months + day - 1 - 719_162
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_moment_is_read_with_its_zone() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2021-09-21T16:43:19Z", 1_632_242_599),
            ("2022-09-21t16:43:19z", 1_663_778_599),
            ("2022-09-21 16:43:19.123456789Z", 1_663_778_599),
            ("2022-09-21T18:43:19+02:00", 1_663_778_599),
            ("2022-09-21T11:13:19.5-05:30", 1_663_778_599),
            ("2024-02-29T00:00:00Z", 1_709_164_800),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2016-12-31T23:59:60Z", 1_483_228_800),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
            ("0001-01-01T00:00:00Z", -62_135_596_800),
        ] {
            assert_eq!(read(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_unknown() {
        for text in [
            "",
            "soon",
            "2022-09-21",
            "2022-09-21T16:43:19",
            "2022-09-21T16:43:19.Z",
            "2022-09-21T16:43:19 Z",
            "2022-09-21T16:43:19+0200",
            "2022-09-21T16:43:19+24:00",
            "2022-09-21T16:43:19+02:60",
            "2022-09-21X16:43:19Z",
            "2022-13-21T16:43:19Z",
            "2022-00-21T16:43:19Z",
            "2022-02-29T16:43:19Z",
            "1900-02-29T16:43:19Z",
            "2022-09-00T16:43:19Z",
            "2022-09-31T16:43:19Z",
            "2022-09-21T24:00:00Z",
            "2022-09-21T16:60:19Z",
            "2022-09-21T16:43:61Z",
            "+022-09-21T16:43:19Z",
            "2022-9-21T016:43:19Z",
            "２022-09-21T16:43:19Z",
            "2022-09-21T16:43:19Z\n",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
