//! Why a caller gets no token, in words.

use dt_cred_proto::{
    message::{Failure, FailureKind, Keyring},
    profile::Profile,
};

use super::item::{mend, nothing};
use crate::lifecycle::Refusal;

/// That the keyring, or the source, is what was waited for.
pub(super) fn hung(profile: &Profile, source: Option<Keyring>) -> Failure {
    let message = match source {
        Some(Keyring::Command) => {
            "its keyring_command has not ended in time: see whether it waits for somebody, then `dt-cred unlock`"
        }
        _ => {
            "the keyring has not answered in time: look whether it shows a prompt or hangs, then `dt-cred unlock`"
        }
    };
    Failure::new(FailureKind::Keyring, mend(profile, message))
}

/// The refusal in words.
pub(super) fn failure(profile: &Profile, refusal: Refusal<Failure>) -> Failure {
    match refusal {
        Refusal::Failed { error, .. } => error,
        Refusal::MinTtl { lifetime } => Failure::new(
            FailureKind::Usage,
            format!(
                "profile {profile}: this issuer's tokens live {} s, so that none is valid for as long as --min-ttl says: \
                 ask for less",
                lifetime.as_secs()
            ),
        ),
        Refusal::Deadline => Failure::new(
            FailureKind::TryLater,
            format!(
                "profile {profile}: the issuer has not answered in time: try again, or with a longer --timeout"
            ),
        ),
        Refusal::Erased => nothing(profile),
        Refusal::DeadOnArrival => Failure::new(
            FailureKind::TryLater,
            format!(
                "profile {profile}: the issuer's token had expired when it arrived: check this machine's clock"
            ),
        ),
    }
}
