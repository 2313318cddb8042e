//! Whether a user service is installed that starts the daemon, and whether it does.

use dt_cred_proto::message::Verdict;

use super::Check;
use crate::{
    deadline::Deadline,
    service::{self, Examined, stray},
    settings::Settings,
};

const NAME: &str = "service";

/// The checks. No service is needed: a client starts the daemon.
pub(super) fn checks(settings: &Settings) -> Vec<Check> {
    let deadline = Deadline::after(settings.timeout);
    let service = match service::examined(settings, deadline) {
        Ok(found) => judged(settings.starts_one(), found),
        Err(failure) => Check::told(NAME, Verdict::Warning, failure.message),
    };
    let stray = stray::found(settings, deadline).map(|(endpoint, pid)| {
        let pid = pid.map_or_else(String::new, |pid| format!(", pid {pid},"));
        let found = format!(
            "one more{pid} listens on {:?}, where no command looks now that there is a runtime folder",
            endpoint.path
        );
        Check::warning("daemon", found, format!("end it: {}", stray::stop(&endpoint)))
    });
    [service].into_iter().chain(stray).collect()
}

fn judged(starts: bool, installed: Option<Examined>) -> Check {
    match installed {
        Some(Examined { failure: Some(failure), .. }) => Check::told(NAME, Verdict::Fails, failure.message),
        Some(Examined { place, hidden, .. }) if !hidden.is_empty() => {
            let found = format!("{place} counts before {}", hidden.join(", "));
            Check::warning(NAME, found, "dt-cred service install leaves one, a package's where there is one")
        }
        Some(Examined { place, .. }) => Check::ok(NAME, format!("installed: {place}")),
        None if !starts => Check::ok(NAME, "none is installed"),
        None => Check::ok(NAME, "none is installed, and none is needed: dt-cred starts the daemon"),
    }
}
