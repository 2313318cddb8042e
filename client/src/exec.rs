//! `dt-cred exec`: runs a program with the token in its environment, or with the name of a file that holds it.

use std::{
    ffi::OsStr,
    io,
    path::Path,
    process::{self, Command},
};

use dt_cred::bearer;
use dt_cred_proto::{
    message::{Failure, FailureKind, Get, Lend, Lent, Operation, Response},
    text::Text,
};

use crate::{
    cli::ExecArguments, daemon, deadline::Deadline, error, format::FormatError, platform, settings::Settings,
};

/// The exit codes where the program is there and cannot be run, and where it is not there (env(1)).
const CANNOT_BE_RUN: i32 = 126;
const NOT_FOUND: i32 = 127;

const TOKEN: &str = "DATATRAILS_AUTHTOKEN";
const FILE: &str = "DATATRAILS_AUTHTOKEN_FILENAME";
const URL: &str = "DATATRAILS_URL";

/// What the names begin with of what a program has no use for that has a token.
const CREDENTIALS: &str = "DATATRAILS_CLIENT_";

/// Becomes the program (Windows: runs it to its end). Returns only where there is no token.
///
/// # Errors
/// Why there is none; nothing was run then.
pub(crate) fn run(settings: &Settings, arguments: ExecArguments) -> Result<(), Failure> {
    let ExecArguments { min_ttl, file, command: words } = arguments;
    let Some((program, rest)) = words.split_first() else {
        return Err(Failure::new(FailureKind::Usage, "no program was given: see dt-cred exec --help"));
    };
    let deadline = Deadline::after(settings.timeout);
    let profile = settings.profile.clone();
    let mut command = Command::new(program);
    command.args(rest);
    for (name, _) in std::env::vars_os() {
        if is_withheld(&name) {
            command.env_remove(name);
        }
    }
    if file {
        lend(settings, Lend { profile, min_ttl }, deadline, &mut command)?;
    } else {
        let token = daemon::token(settings, Get { profile, min_ttl, fresh: false }, deadline)?;
        if !bearer::is_token(token.access_token.expose()) {
            return Err(FormatError::NotAToken.into());
        }
        token.warning.iter().for_each(error::warn);
        command.env(TOKEN, token.access_token.expose()).env(URL, token.url.as_str());
    }
    let error = platform::replace_self(&mut command);
    let (code, line) = told(program, &error);
    error::warn(&line);
    // More than an exit code of a failure of ours: that of env(1).
    process::exit(code)
}

/// Why the program was not run.
fn told(program: &OsStr, error: &io::Error) -> (i32, Text) {
    let name = Text::new(&program.to_string_lossy());
    if error.kind() == io::ErrorKind::NotFound
        && Path::new(program).components().count() > 1
        && Path::new(program).exists()
    {
        let mend = "see that the interpreter that its first line names is installed, and written right";
        return (NOT_FOUND, format!("cannot run \"{name}\": what it is run by is not there: {mend}").into());
    }
    if error.kind() == io::ErrorKind::NotFound {
        let mend = "see that it is installed and on PATH, and written right";
        return (NOT_FOUND, format!("cannot run \"{name}\": it is not there: {mend}").into());
    }
    let mend = "see that it is a program and that you may run it";
    (CANNOT_BE_RUN, format!("cannot run \"{name}\": {error}: {mend}").into())
}

/// Has the program inherit a file, and what keeps it there.
fn lend(settings: &Settings, lend: Lend, deadline: Deadline, command: &mut Command) -> Result<(), Failure> {
    let (answer, connection) = daemon::hold(settings, Operation::Lend(lend), deadline)?;
    let Response::Lent(Lent { url, path, warning, .. }) = answer else { return Err(daemon::unexpected()) };
    warning.iter().for_each(error::warn);
    if !Path::new(&path).is_file() {
        let message = format!(
            "the daemon's file {path} is not to be seen from here: mount the folder of its socket at the same place, or \
             leave --file out"
        );
        return Err(Failure::new(FailureKind::Other, message));
    }
    command.env(FILE, path).env(URL, url.as_str());
    connection.bequeath().map_err(|error| {
        let message =
            format!("the file with the token cannot be kept: {error}; see to the limit of open files");
        Failure::new(FailureKind::Other, message)
    })
}

/// Whether the program does not get this variable: what it would be if we did not set it is of another token.
fn is_withheld(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let name = if cfg!(windows) { name.to_ascii_uppercase().into() } else { name };
    name.starts_with(CREDENTIALS) || [TOKEN, FILE, URL].contains(&&*name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_names_credentials_or_another_token_is_withheld() {
        for name in
            ["DATATRAILS_CLIENT_ID", "DATATRAILS_CLIENT_SECRET", "DATATRAILS_CLIENT_", TOKEN, FILE, URL]
        {
            assert!(is_withheld(OsStr::new(name)), "{name}");
        }
        for name in [
            "DATATRAILS_CLIENT",
            "MY_DATATRAILS_CLIENT_ID",
            "DATATRAILS_PARTNER_ID",
            "PATH",
            "DT_CRED_PROFILE",
        ] {
            assert!(!is_withheld(OsStr::new(name)), "{name}");
        }
        // Where the system takes them for the same.
        assert_eq!(is_withheld(OsStr::new("datatrails_client_secret")), cfg!(windows));
    }

    #[test]
    fn a_program_that_is_not_there_is_told_from_one_that_cannot_be_run() {
        let code = |kind: io::ErrorKind| told(OsStr::new("x"), &kind.into()).0;
        assert_eq!(code(io::ErrorKind::NotFound), 127);
        for kind in [
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::NotADirectory,
            io::ErrorKind::ArgumentListTooLong,
        ] {
            assert_eq!(code(kind), 126, "{kind}");
        }
        let (_, line) = told(OsStr::new("a\x1b[2Jb"), &io::ErrorKind::NotFound.into());
        assert!(!line.as_str().contains('\x1b'), "{line}");
    }
}
