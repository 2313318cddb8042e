//! `dt-cred reject`: says that the API refused the token.

use dt_cred_proto::message::{Failure, Operation, Reject, Response};

use crate::{cli::RejectArguments, daemon, deadline::Deadline, output, settings::Settings};

/// Tells the daemon, and what became of the token.
///
/// # Errors
/// The daemon's failure, or why there is no answer.
pub(crate) fn run(settings: &Settings, arguments: &RejectArguments) -> Result<(), Failure> {
    let reject = Reject {
        profile: settings.profile.clone(),
        generation: arguments.generation,
        force: arguments.force,
    };
    match daemon::ask(settings, Operation::Reject(reject), Deadline::after(settings.timeout))? {
        Response::Rejected { dropped: true } => Ok(output::write("the next get asks for a new token\n")?),
        Response::Rejected { dropped: false } if arguments.force => Ok(output::write(
            "nothing was done: no such token is held, and no refusal was lifted (a minute must pass between two)\n",
        )?),
        Response::Rejected { dropped: false } => {
            Ok(output::write("nothing to do: that token is no longer held\n")?)
        }
        _ => Err(daemon::unexpected()),
    }
}
