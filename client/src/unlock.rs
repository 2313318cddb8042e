//! `dt-cred unlock`: raises the keyring's own prompt and waits for the person who answers it.

use std::time::Duration;

use dt_cred_proto::message::{Failure, Keyring, Operation, Response, Unlock};

use crate::{daemon, deadline::Deadline, kept, output, settings::Settings};

/// How long a person may take to answer the keyring's prompt.
pub(crate) const PROMPT: Duration = Duration::from_secs(60);

/// Opens the profile's keyring.
///
/// # Errors
/// The daemon's failure, or why there is no answer.
pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    Ok(output::write(match ask(settings)? {
        Keyring::Systemd => "systemd gives the credentials\n".to_owned(),
        Keyring::Command => "the keyring_command gives the credentials\n".to_owned(),
        keyring => format!("{} is open\n", kept::place(keyring)),
    })?)
}

/// Raises the prompt of the profile's keyring, and waits for it; which keyring is open now.
///
/// # Errors
/// The daemon's failure, or why there is no answer.
pub(crate) fn ask(settings: &Settings) -> Result<Keyring, Failure> {
    let unlock = Operation::Unlock(Unlock { profile: settings.profile.clone() });
    match daemon::ask(settings, unlock, Deadline::after(settings.timeout.max(PROMPT)))? {
        Response::Unlocked(keyring) => Ok(keyring),
        _ => Err(daemon::unexpected()),
    }
}
