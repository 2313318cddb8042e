//! `dt-cred unlock`: raises the keyring's own prompt and waits for the person who answers it.

use dt_cred_proto::message::{Failure, Keyring, Operation, Response, Unlock};

use crate::{daemon, deadline::Deadline, output, settings::Settings};

/// Opens the profile's keyring.
///
/// # Errors
/// The daemon's failure, or why there is no answer.
pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let unlock = Operation::Unlock(Unlock { profile: settings.profile.clone() });
    let Response::Unlocked(keyring) = daemon::ask(settings, unlock, Deadline::after(settings.patience))?
    else {
        return Err(daemon::unexpected());
    };
    Ok(output::write(match keyring {
        Keyring::Systemd => "systemd gives the credentials\n".to_owned(),
        Keyring::Command => "the keyring_command gives the credentials\n".to_owned(),
        keyring => format!("{} is open\n", keyring.place()),
    })?)
}
