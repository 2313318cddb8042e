//! `dt-cred integration rotate`: a new secret in place of a profile's, or of each one's that ends soon.

use dt_cred_proto::{
    message::{
        Action, Failure, FailureKind, Get, Keyring, Managed, Operation, ProfileStatus, Response, Rotate,
        Rotated,
    },
    profile::Profile,
};

use super::Asking;
use crate::{cli::RotateArguments, daemon, deadline::Deadline, kept, output, settings::Settings, validity};

/// Has a profile's secret replaced, or those of all that are due.
///
/// # Errors
/// The daemon's failure, or why there is no answer; of all, that some failed, as the first of them did.
pub(super) fn run(settings: &Settings, arguments: RotateArguments) -> Result<(), Failure> {
    let RotateArguments { whose, by, due, all: _, client_id, keyring } = arguments;
    let asking = Asking { settings, owner: by.owner };
    let due = due.map(|due| due.as_secs());
    match whose {
        Some(profile) => {
            let rotated = one(&asking, Rotate { profile, client_id, keyring, due })?;
            // Where it comes from is said if it is known: what was asked for is done.
            let known = if is_open(&rotated) { known(&asking).unwrap_or_default() } else { Vec::new() };
            Ok(output::write(told(&rotated, source(&known, &rotated.profile)))?)
        }
        None => all(&asking, due),
    }
}

fn one(asking: &Asking, rotate: Rotate) -> Result<Rotated, Failure> {
    let profile = &rotate.profile;
    let client_id = rotate.client_id.map(|id| format!(" --client-id {id}")).unwrap_or_default();
    let unknown = format!(
        "it is not known whether profile {profile} has another secret now: dt-cred integration rotate {profile} --as \
         {}{client_id} finishes it",
        asking.owner
    );
    match asking.change(Action::Rotate(rotate), || unknown)? {
        Managed::Rotated(rotated) => Ok(rotated),
        _ => Err(daemon::unexpected()),
    }
}

/// Every profile, one after the other, a line each as soon as it is known: what fails keeps none of the others.
fn all(asking: &Asking, due: Option<u64>) -> Result<(), Failure> {
    let known = known(asking)?;
    if known.is_empty() {
        output::write("there is no profile\n")?;
    }
    let (mut failures, mut written) = (Vec::new(), Ok(()));
    for profile in known.iter().map(|known| &known.profile) {
        let rotate = Rotate { profile: profile.clone(), client_id: None, keyring: None, due };
        let line = match one(asking, rotate) {
            Ok(rotated) => told(&rotated, source(&known, profile)),
            Err(failure) if is_none(asking, &failure) => {
                format!("profile {profile}: left as it is: {failure}\n")
            }
            Err(failure) => {
                failures.push(failure.kind);
                format!("profile {profile}: failed: {failure}\n")
            }
        };
        // Whoever does not see this line is no reason to leave a secret to its end.
        written = written.and(output::write(line));
    }
    written?;
    summary(&failures, known.len())
}

/// Every profile that the daemon knows.
fn known(asking: &Asking) -> Result<Vec<ProfileStatus>, Failure> {
    let deadline = Deadline::after(asking.settings.timeout);
    match daemon::ask(asking.settings, Operation::Status, deadline)? {
        Response::Status(status) => Ok(status.profiles),
        _ => Err(daemon::unexpected()),
    }
}

/// What gives a profile its secret, where that can only be read.
fn source(known: &[ProfileStatus], profile: &Profile) -> Option<Keyring> {
    let keyring = known.iter().find(|known| known.profile == *profile)?.keyring;
    keyring.filter(|keyring| keyring.is_source())
}

/// Whether it says that the profile has no secret which is the Owner's to rotate: it is of another service, or no
/// integration at all, or holds nothing.
fn is_none(asking: &Asking, failure: &Failure) -> bool {
    match failure.kind {
        FailureKind::Usage => true,
        // It may be the Owner that holds nothing, by whom none at all can be rotated.
        FailureKind::NothingStored => {
            let get = Get { profile: Some(asking.owner.clone()), ..Get::default() };
            let token = daemon::token(asking.settings, get, asking.deadline());
            !token.is_err_and(|failure| failure.kind == FailureKind::NothingStored)
        }
        _ => false,
    }
}

/// Whether nothing was done, as nobody knows when it is to be done.
fn is_open(rotated: &Rotated) -> bool {
    rotated.stored.is_none() && rotated.valid_until.is_none()
}

/// That some failed: the first of them says what a caller should do.
fn summary(failures: &[FailureKind], all: usize) -> Result<(), Failure> {
    let Some(kind) = failures.first() else { return Ok(()) };
    let message = format!(
        "{} of {all} profiles failed: the lines on standard output say why, and what to do",
        failures.len()
    );
    Err(Failure::new(*kind, message))
}

fn told(rotated: &Rotated, source: Option<Keyring>) -> String {
    let Rotated { profile, client_id: _, valid_until, stored } = rotated;
    match (stored, valid_until) {
        (Some(stored), until) => {
            let kept = kept::sentence(stored);
            format!("profile {profile}: a new secret, which {}; {kept}", validity::until(*until))
        }
        (None, until @ Some(_)) => {
            format!("profile {profile}: nothing was changed, its secret {}\n", validity::until(*until))
        }
        (None, None) => {
            let next = match source {
                Some(source) => {
                    format!("it comes from {}, which alone can give another one", source.place())
                }
                None => "rotate it once without --due".to_owned(),
            };
            format!(
                "profile {profile}: nothing was changed, as it is not known until when its secret is valid: {next}\n"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use dt_cred_proto::message::Stored;

    use super::{super::list::tests::NOW, *};

    #[test]
    fn what_came_of_a_rotation_is_told_in_one_line() {
        let profile: Profile = "ci".parse().expect("a name");
        let stored = Stored {
            profile: profile.clone(),
            keyring: Keyring::SecretService,
            lasts: "until it is erased".into(),
            expires_in_ms: Some(61 * 60_000),
        };
        let told_of = |source, valid_until, stored| {
            let client_id = "00000000-0000-0000-0000-000000000001".parse().expect("an id");
            told(&Rotated { profile: profile.clone(), client_id, valid_until, stored }, source)
        };
        let told = |valid_until, stored| told_of(None, valid_until, stored);
        let kept =
            "kept as profile ci in the Secret Service, until it is erased; the token is valid for 1 h 1 min";
        assert_eq!(
            told(Some(NOW), Some(stored.clone())),
            format!("profile ci: a new secret, which is valid until 2025-11-24T16:00:00Z; {kept}\n")
        );
        assert!(told(None, Some(stored)).contains("does not say when"));
        let unchanged = "profile ci: nothing was changed, its secret is valid until 2025-11-24T16:00:00Z\n";
        assert_eq!(told(Some(NOW), None), unchanged);
        assert!(told(None, None).ends_with("valid: rotate it once without --due\n"));
        let given = told_of(Some(Keyring::Systemd), None, None);
        assert!(
            given.ends_with("valid: it comes from systemd's credentials, which alone can give another one\n")
        );
    }

    #[test]
    fn of_several_failures_the_first_is_the_exit_code() {
        assert_eq!(summary(&[], 3), Ok(()));
        let failure = summary(&[FailureKind::Keyring, FailureKind::TryLater], 3).expect_err("two failed");
        assert_eq!(failure.kind, FailureKind::Keyring);
        assert!(failure.message.as_str().starts_with("2 of 3 profiles failed"));
    }
}
