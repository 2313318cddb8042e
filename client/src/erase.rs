//! `dt-cred erase`: forgets a profile.

use std::fmt::Write;

use dt_cred_proto::message::{Erase, Failure, FailureKind, Operation, Response};

use crate::{
    cli::{EraseArguments, Globals},
    daemon,
    deadline::Deadline,
    output,
    settings::Settings,
};

/// Has the profile, or every one, forgotten, and tells which that were.
///
/// # Errors
/// The daemon's failure, or why there is no answer.
pub(crate) fn run(settings: &Settings, globals: &Globals, arguments: &EraseArguments) -> Result<(), Failure> {
    if arguments.all && globals.profile.is_some() {
        return Err(Failure::new(FailureKind::Usage, "--all is every profile: leave it or --profile out"));
    }
    let erase = if arguments.all { Erase::All } else { Erase::One(settings.profile.clone()) };
    // The keyring may ask whether it is to remove the item.
    match daemon::ask(settings, Operation::Erase(erase), Deadline::after(settings.patience))? {
        Response::Erased(profiles) if profiles.is_empty() => Ok(output::write("nothing was kept\n")?),
        Response::Erased(profiles) => {
            let mut text = String::new();
            for profile in profiles {
                // A String takes everything.
                let _ = writeln!(text, "erased profile {profile}");
            }
            Ok(output::write(text)?)
        }
        _ => Err(daemon::unexpected()),
    }
}
