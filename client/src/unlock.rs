//! `dt-cred unlock`: raises the keyring's own prompt and waits for the person who answers it.

use std::time::Duration;

use dt_cred_proto::message::{Failure, Operation, Response, Unlock};

use crate::{daemon, deadline::Deadline, kept, output, settings::Settings};

/// How long a person may take to answer the keyring's prompt.
pub(crate) const PROMPT: Duration = Duration::from_secs(60);

/// Opens the profile's keyring.
///
/// # Errors
/// The daemon's failure, or why there is no answer.
pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let unlock = Operation::Unlock(Unlock { profile: settings.profile.clone() });
    match daemon::ask(settings, unlock, Deadline::after(settings.timeout.max(PROMPT)))? {
        Response::Unlocked(keyring) => Ok(output::write(format!("{} is open\n", kept::place(keyring)))?),
        _ => Err(daemon::unexpected()),
    }
}
