//! `dt-cred get`: prints the token.

use dt_cred_proto::message::{Failure, FailureKind, Get};

use crate::{
    cli::GetArguments,
    daemon,
    deadline::Deadline,
    error,
    format::{self, Format, Shell},
    output,
    settings::Settings,
};

/// Prints the token, or nothing.
///
/// # Errors
/// The daemon's failure, or why there is no answer, or one that must not be printed.
pub(crate) fn run(settings: &Settings, arguments: &GetArguments) -> Result<(), Failure> {
    let deadline = Deadline::after(settings.timeout);
    if arguments.shell.is_some() && arguments.format != Format::Env {
        return Err(Failure::new(
            FailureKind::Usage,
            "--shell goes with --format env alone: leave one of them out",
        ));
    }
    let get = Get { profile: settings.profile.clone(), min_ttl: arguments.min_ttl, fresh: arguments.fresh };
    let token = daemon::token(settings, get, deadline)?;
    let text = format::render(&token, arguments.format, arguments.shell.unwrap_or(Shell::DEFAULT))?;
    output::write(&*text)?;
    if let Some(warning) = &token.warning {
        error::warn(warning);
    }
    Ok(())
}
