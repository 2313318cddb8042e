//! `dt-cred unlock`: raises the keyring's own prompt and waits for the person who answers it.

use dt_cred_proto::message::{Failure, Operation, Response, Unlock};

use crate::{daemon, deadline::Deadline, kept, output, settings::Settings};

/// Opens the profile's keyring.
///
/// # Errors
/// The daemon's failure, or why there is no answer.
pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let unlock = Operation::Unlock(Unlock { profile: settings.profile.clone() });
    match daemon::ask(settings, unlock, Deadline::after(settings.patience))? {
        Response::Unlocked(keyring) => Ok(output::write(format!("{} is open\n", kept::place(keyring)))?),
        _ => Err(daemon::unexpected()),
    }
}
