//! Each profile's keyring, state, last error, proxy and the end of its secret, and the files that are kept fresh for it.

use dt_cred_proto::{
    message::{FailureKind, FileStatus, ProfileState, ProfileStatus, SecretStatus, Verdict},
    profile::Profile,
};

use super::Check;
use crate::{duration::in_words, status::State, validity};

/// The checks of every profile; the `wanted` one is what a `get` here would ask for.
pub(super) fn checks(seen: &State, wanted: &Profile) -> Vec<Check> {
    let known =
        seen.status.profiles.iter().flat_map(|known| [Some(judged(known, wanted)), proxy(known)]).flatten();
    // Of the wanted one the daemon says it, which has looked at what is kept.
    let others = seen.secrets.iter().filter(|known| known.profile != *wanted);
    let secrets = others.flat_map(|known| secret(known, seen.at));
    known.chain(secrets).chain(seen.files.iter().map(file)).collect()
}

fn name(profile: &Profile) -> String {
    format!("profile {profile}")
}

fn judged(status: &ProfileStatus, wanted: &Profile) -> Check {
    let name = name(&status.profile);
    // That no token is held yet is no trouble.
    let check = status.check.as_ref().filter(|failure| failure.kind != FailureKind::TryLater);
    let trouble = status.last_error.as_ref().or(check);
    let verdict = match (status.state, trouble) {
        (ProfileState::Failing | ProfileState::Refused, _) => Verdict::Fails,
        // `get` would fail with it, and it is what a `get` here would ask for.
        (ProfileState::Idle | ProfileState::Fetching, Some(_)) if status.profile == *wanted => Verdict::Fails,
        (_, Some(_)) => Verdict::Warning,
        (_, None) => Verdict::Ok,
    };
    match trouble {
        Some(failure) => Check::told(name, verdict, format!("{}; {}", state(status), failure.message)),
        None => Check::told(name, verdict, state(status)),
    }
}

fn state(status: &ProfileStatus) -> String {
    let token = match (status.state, status.expires_in_ms) {
        (_, Some(left)) => format!("its token is valid for {}", in_words(left)),
        (ProfileState::Idle, None) => "no token is held".to_owned(),
        (ProfileState::Fetching, None) => "a token is asked for".to_owned(),
        (ProfileState::Refused, None) => "no token, and none is asked for".to_owned(),
        (ProfileState::Valid | ProfileState::Failing, None) => "no token".to_owned(),
    };
    match (status.keyring, &status.lasts) {
        (Some(keyring), Some(lasts)) => format!("{token}; kept in {}, {lasts}", keyring.place()),
        (Some(keyring), None) => format!("{token}; kept in {}", keyring.place()),
        (None, _) => token,
    }
}

/// Known once the keyring was read: it says where requests go.
fn proxy(status: &ProfileStatus) -> Option<Check> {
    status.url.as_ref()?;
    let found = status.proxy.as_ref().map_or("none is used", |proxy| proxy.as_str());
    Some(Check::ok(format!("proxy of {}", status.profile), found))
}

/// A secret that ends soon or has ended, and a rotation that was cut off.
fn secret(status: &SecretStatus, now: i64) -> impl Iterator<Item = Check> + use<> {
    let name = format!("secret of {}", status.profile);
    let warnings = validity::warnings(status, now).into_iter();
    warnings.map(move |told| Check::told(name.clone(), Verdict::Warning, told))
}

fn file(status: &FileStatus) -> Check {
    let name = format!("file of {}", status.profile);
    match &status.error {
        Some(failure) => {
            Check::told(name, Verdict::Warning, format!("{} is not fresh: {failure}", status.path))
        }
        None => Check::ok(name, format!("{} is kept fresh", status.path)),
    }
}

#[cfg(test)]
mod tests {
    use dt_cred_proto::message::Failure;

    use super::*;
    use crate::status::tests::{profile, state};

    #[test]
    fn a_profile_that_gives_no_token_fails_and_an_error_under_a_valid_token_is_a_warning() {
        let failure = |kind| Some(Failure::new(kind, "it cannot be: do this"));
        let cases = [
            (ProfileState::Valid, None, None, Verdict::Ok),
            (ProfileState::Valid, failure(FailureKind::TryLater), None, Verdict::Warning),
            (ProfileState::Idle, None, None, Verdict::Ok),
            (ProfileState::Idle, None, failure(FailureKind::TryLater), Verdict::Ok),
            (ProfileState::Idle, None, failure(FailureKind::NothingStored), Verdict::Fails),
            (ProfileState::Fetching, failure(FailureKind::TryLater), None, Verdict::Fails),
            (ProfileState::Failing, failure(FailureKind::TryLater), None, Verdict::Fails),
            (ProfileState::Refused, failure(FailureKind::Refused), None, Verdict::Fails),
        ];
        for (state, last_error, check, verdict) in cases {
            let what = format!("{state:?} {last_error:?} {check:?}");
            let status = ProfileStatus { state, last_error, check, ..profile("default") };
            let judged = judged(&status, &status.profile);
            assert_eq!(judged.verdict, verdict, "{what}");
            let told = judged.found.as_str().contains("it cannot be: do this");
            assert_eq!(told, verdict != Verdict::Ok, "{what}: {}", judged.found);
        }
    }

    #[test]
    fn a_configured_profile_that_nobody_asks_for_is_a_warning() {
        let check = Some(Failure::new(FailureKind::NothingStored, "nothing is stored"));
        let status = ProfileStatus { state: ProfileState::Idle, check, ..profile("staging") };
        assert_eq!(judged(&status, &"default".parse().expect("a name")).verdict, Verdict::Warning);
    }

    #[test]
    fn each_profile_its_proxy_and_its_files_have_a_line() {
        let seen = state();
        let told: Vec<_> = checks(&seen, &seen.status.default_profile)
            .into_iter()
            .map(|check| (check.name.to_string(), check.verdict))
            .collect();
        let expected = [
            ("profile default", Verdict::Ok),
            ("proxy of default", Verdict::Ok),
            ("profile staging", Verdict::Fails),
            ("proxy of staging", Verdict::Ok),
            ("secret of staging", Verdict::Warning),
            ("file of default", Verdict::Ok),
            ("file of default", Verdict::Warning),
        ];
        assert_eq!(told, expected.map(|(name, verdict)| (name.to_owned(), verdict)));
    }
}
