//! `dt-cred integration rotate`: a new secret in place of a profile's, or of each one's that ends soon.

use dt_cred_proto::{
    message::{Action, Failure, FailureKind, Managed, Operation, Response, Rotate, Rotated},
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
            Ok(output::write(told(&rotated))?)
        }
        None => all(&asking, due),
    }
}

fn one(asking: &Asking, rotate: Rotate) -> Result<Rotated, Failure> {
    let client_id = rotate.client_id.map(|id| format!(" --client-id {id}")).unwrap_or_default();
    let unknown = format!(
        "it is not known whether it has another secret now: dt-cred integration rotate {} --as {}{client_id} finishes it",
        rotate.profile, asking.owner
    );
    match asking.change(Action::Rotate(rotate), || unknown)? {
        Managed::Rotated(rotated) => Ok(rotated),
        _ => Err(daemon::unexpected()),
    }
}

/// Every profile, one after the other, a line each as soon as it is known: what fails keeps none of the others.
fn all(asking: &Asking, due: Option<u64>) -> Result<(), Failure> {
    let deadline = Deadline::after(asking.settings.timeout);
    let Response::Status(status) = daemon::ask(asking.settings, Operation::Status, deadline)? else {
        return Err(daemon::unexpected());
    };
    let profiles: Vec<Profile> = status.profiles.into_iter().map(|known| known.profile).collect();
    if profiles.is_empty() {
        output::write("there is no profile\n")?;
    }
    let (mut failures, mut written) = (Vec::new(), Ok(()));
    for profile in &profiles {
        let rotate = Rotate { profile: profile.clone(), client_id: None, keyring: None, due };
        let line = match one(asking, rotate) {
            Ok(rotated) => told(&rotated),
            // It is of another service than the Owner's, or no integration at all.
            Err(failure) if failure.kind == FailureKind::Usage => {
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
    summary(&failures, profiles.len())
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

fn told(rotated: &Rotated) -> String {
    let Rotated { profile, client_id: _, valid_until, stored } = rotated;
    match (stored, valid_until) {
        (Some(stored), until) => {
            let kept = kept::sentence(stored);
            format!("profile {profile}: a new secret, which {}; {kept}", validity::until(*until))
        }
        (None, until @ Some(_)) => {
            format!("profile {profile}: nothing was changed, its secret {}\n", validity::until(*until))
        }
        (None, None) => format!(
            "profile {profile}: nothing was changed, as it is not known until when its secret is valid: rotate it once without --due\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use dt_cred_proto::message::{Keyring, Stored};

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
        let told = |valid_until, stored| {
            let client_id = "00000000-0000-0000-0000-000000000001".parse().expect("an id");
            told(&Rotated { profile: profile.clone(), client_id, valid_until, stored })
        };
        let kept =
            "kept as profile ci in the Secret Service, until it is erased; the token is valid for 1 h 1 min";
        assert_eq!(
            told(Some(NOW), Some(stored.clone())),
            format!("profile ci: a new secret, which is valid until 2025-11-24T16:00:00Z; {kept}\n")
        );
        assert!(told(None, Some(stored)).contains("does not say when"));
        let unchanged = "profile ci: nothing was changed, its secret is valid until 2025-11-24T16:00:00Z\n";
        assert_eq!(told(Some(NOW), None), unchanged);
        assert!(told(None, None).ends_with("rotate it once without --due\n"));
    }

    #[test]
    fn of_several_failures_the_first_is_the_exit_code() {
        assert_eq!(summary(&[], 3), Ok(()));
        let failure = summary(&[FailureKind::Keyring, FailureKind::TryLater], 3).expect_err("two failed");
        assert_eq!(failure.kind, FailureKind::Keyring);
        assert!(failure.message.as_str().starts_with("2 of 3 profiles failed"));
    }
}
