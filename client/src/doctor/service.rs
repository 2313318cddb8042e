//! Whether a user service is installed that starts the daemon, and whether it does.

use dt_cred_proto::message::{Failure, Verdict};

use super::Check;
use crate::{deadline::Deadline, service, settings::Settings};

const NAME: &str = "service";

/// The check. None is needed: a client starts the daemon.
pub(super) fn check(settings: &Settings) -> Check {
    match service::examined(settings, Deadline::after(settings.timeout)) {
        Ok(found) => judged(settings.starts_one(), found),
        Err(failure) => Check::told(NAME, Verdict::Warning, failure.message),
    }
}

fn judged(starts: bool, installed: Option<(String, Option<Failure>)>) -> Check {
    match installed {
        Some((_, Some(failure))) => Check::told(NAME, Verdict::Fails, failure.message),
        Some((place, None)) => Check::ok(NAME, format!("installed: {place}")),
        None if !starts => Check::ok(NAME, "none is installed"),
        None => Check::ok(NAME, "none is installed, and none is needed: dt-cred starts the daemon"),
    }
}
