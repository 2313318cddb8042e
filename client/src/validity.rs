//! How long a client secret is valid yet, as people and programs are told it. It ends by itself.

use std::time::{SystemTime, UNIX_EPOCH};

use dt_cred::moment::Moment;
use dt_cred_proto::{message::SecretStatus, profile::Profile};

use crate::duration::in_words;

/// Whether a secret is valid, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Validity {
    /// For longer than it is warned of.
    Valid,
    /// For so many seconds yet.
    Ending(u64),
    /// Not any more.
    Ended,
}

/// Seconds since the Unix epoch; a clock that is before it shows it.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl Validity {
    /// That of a secret which is valid until then, at this moment; both in seconds since the Unix epoch.
    pub(crate) fn of(until: i64, now: i64) -> Self {
        match until.saturating_sub(now) {
            ..=0 => Self::Ended,
            left @ 1..=SecretStatus::SOON => Self::Ending(left.unsigned_abs()),
            _ => Self::Valid,
        }
    }

    /// Its name for programs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Ending(_) => "ending",
            Self::Ended => "ended",
        }
    }
}

/// A moment as programs are told it; none beyond the years that RFC 3339 can tell.
pub(crate) fn moment(seconds: i64) -> Option<String> {
    Moment::from_seconds(seconds).map(|moment| moment.to_string())
}

/// A secret's end in a table: when, and what is left where that is little.
pub(crate) fn cell(until: Option<i64>, now: i64) -> String {
    let Some((until, when)) = until.and_then(|until| Some((until, moment(until)?))) else {
        return "-".to_owned();
    };
    match Validity::of(until, now) {
        Validity::Valid => when,
        Validity::Ending(left) => format!("{when} ({} left)", in_words(left * 1000)),
        Validity::Ended => format!("{when} (ended)"),
    }
}

/// Until when a new secret is valid, as the end of a sentence.
pub(crate) fn until(until: Option<i64>) -> String {
    match until.and_then(moment) {
        Some(moment) => format!("is valid until {moment}"),
        None => "is valid until the service ends it, which does not say when".to_owned(),
    }
}

/// What there is to say of a profile's secret; nothing where nothing is to be done.
pub(crate) fn warnings(secret: &SecretStatus, now: i64) -> Vec<String> {
    let SecretStatus { profile, valid_until, rotation } = secret;
    let end = valid_until.and_then(|until| {
        let when = moment(until)?;
        match Validity::of(until, now) {
            Validity::Valid => None,
            Validity::Ending(left) => {
                Some(format!("its secret ends in {}, at {when}: {}", in_words(left * 1000), mend(profile)))
            }
            Validity::Ended => Some(format!("its secret ended at {when}: {}", mend(profile))),
        }
    });
    let begun = rotation.as_ref().map(|owner| {
        format!(
            "a rotation of its secret has begun and not ended: dt-cred integration rotate {profile} --as {owner} finishes it"
        )
    });
    end.into_iter().chain(begun).collect()
}

fn mend(profile: &Profile) -> String {
    format!(
        "dt-cred integration rotate {profile} --as OWNER puts another one in its place, as does dt-cred login -p {profile} one that is made elsewhere"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_764_000_000;

    #[test]
    fn a_secret_is_warned_of_thirty_days_ahead_and_not_before() {
        for (left, validity) in [
            (SecretStatus::SOON + 1, Validity::Valid),
            (SecretStatus::SOON, Validity::Ending(2_592_000)),
            (1, Validity::Ending(1)),
            (0, Validity::Ended),
            (-1, Validity::Ended),
        ] {
            assert_eq!(Validity::of(NOW + left, NOW), validity, "{left}");
        }
        assert_eq!(Validity::of(i64::MAX, i64::MIN), Validity::Valid);
        assert_eq!(Validity::of(i64::MIN, i64::MAX), Validity::Ended);
    }

    #[test]
    fn an_end_is_told_with_what_is_left_where_that_is_little() {
        for (until, told) in [
            (None, "-"),
            (Some(i64::MAX), "-"),
            (Some(NOW + 31 * 24 * 3600), "2025-12-25T16:00:00Z"),
            (Some(NOW + 12 * 24 * 3600), "2025-12-06T16:00:00Z (12 d left)"),
            (Some(NOW - 1), "2025-11-24T15:59:59Z (ended)"),
        ] {
            assert_eq!(cell(until, NOW), told, "{until:?}");
        }
    }

    #[test]
    fn what_is_to_be_done_is_told_and_nothing_else() {
        let secret = |left: Option<i64>, rotation: Option<&str>| SecretStatus {
            profile: "ci".parse().expect("a name"),
            valid_until: left.map(|left| NOW + left),
            rotation: rotation.map(|name| name.parse().expect("a name")),
        };
        let told = |left, rotation| warnings(&secret(left, rotation), NOW);
        assert!(told(None, None).is_empty());
        assert!(told(Some(SecretStatus::SOON + 1), None).is_empty());
        let mend = "dt-cred integration rotate ci --as OWNER puts another one in its place, as does dt-cred login -p ci one \
                    that is made elsewhere";
        let ends = format!("its secret ends in 12 d, at 2025-12-06T16:00:00Z: {mend}");
        assert_eq!(told(Some(12 * 24 * 3600), None), [ends]);
        let ended = format!("its secret ended at 2025-11-24T15:00:00Z: {mend}");
        let begun = "a rotation of its secret has begun and not ended: dt-cred integration rotate ci --as boss finishes it";
        assert_eq!(told(Some(-3600), Some("boss")), [ended, begun.to_owned()]);
    }
}
