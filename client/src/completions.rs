//! `dt-cred completions`: a script for each shell, which asks `dt-cred` itself what may stand where the cursor is. So it
//! knows what this release knows, and the profiles of the daemon that runs.
//!
//! A script runs `dt-cred __complete =CURRENT WORD…`: the word that is being typed up to the cursor, behind a `=` so that
//! it is never empty (PowerShell 5 leaves an empty argument out), and those before it. A line of the answer is a word,
//! and behind a tab what it is; `:files` and `:command N` ask the shell for names of files, or to complete a command line of
//! its own that begins with the N-th word.

mod engine;

use std::{ffi::OsString, fmt, str::FromStr, time::Duration};

use dt_cred_proto::message::{Failure, FailureKind, Operation, Response};

use crate::{
    cli::{self, Globals},
    daemon,
    deadline::Deadline,
    format::{UnknownName, named},
    output,
    settings::Settings,
};

/// The first argument by which a shell asks.
pub(crate) const ASKED: &str = "__complete";

/// How long somebody waits who pressed a key.
const PATIENCE: Duration = Duration::from_secs(1);

/// A shell that completes what is typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CompletionShell {
    /// bash, of macOS's age too.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
    /// PowerShell, of Windows' age too.
    Powershell,
}

impl CompletionShell {
    /// Every one, by its name.
    pub(crate) const NAMES: [(Self, &'static str); 4] =
        [(Self::Bash, "bash"), (Self::Zsh, "zsh"), (Self::Fish, "fish"), (Self::Powershell, "powershell")];

    fn script(self) -> &'static str {
        match self {
            Self::Bash => include_str!("completions/dt-cred.bash"),
            Self::Zsh => include_str!("completions/dt-cred.zsh"),
            Self::Fish => include_str!("completions/dt-cred.fish"),
            Self::Powershell => include_str!("completions/dt-cred.ps1"),
        }
    }
}

impl FromStr for CompletionShell {
    type Err = UnknownName;

    fn from_str(word: &str) -> Result<Self, UnknownName> {
        named(&Self::NAMES, word)
    }
}

impl fmt::Display for CompletionShell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES.iter().find(|(shell, _)| shell == self).map_or("", |(_, name)| name))
    }
}

/// Prints a shell's script.
///
/// # Errors
/// Where no shell is named.
pub(crate) fn run(shell: Option<CompletionShell>) -> Result<(), Failure> {
    let Some(shell) = shell else {
        let names = CompletionShell::NAMES.map(|(_, name)| name).join(", ");
        let message =
            format!("no shell was named, of {names}: dt-cred completions --help shows how each takes it");
        return Err(Failure::new(FailureKind::Usage, message));
    };
    Ok(output::write(shell.script())?)
}

/// Prints what may stand where the cursor is; nothing where that is not known. Starts no daemon, and says nothing else.
///
/// # Errors
/// Where standard output takes no more.
pub(crate) fn answer(arguments: &[OsString]) -> Result<(), Failure> {
    let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let Some((current, before)) = words.split_first() else { return Ok(()) };
    let current = current.strip_prefix('=').unwrap_or(current);
    Ok(output::write(engine::complete(&cli::command(), before, current).lines(profiles))?)
}

/// The profiles of the daemon that runs: a question that changes nothing and touches no keyring. None where none runs, or
/// where it does not answer at once.
fn profiles() -> Vec<String> {
    let globals = Globals { timeout: Some(PATIENCE), ..Globals::default() };
    let Ok(settings) = Settings::of_process(&globals) else { return Vec::new() };
    let deadline = Deadline::after(settings.timeout);
    let Ok(Some(mut connection)) = daemon::running(&settings, deadline) else { return Vec::new() };
    match daemon::ask_over(&mut connection, Operation::Status, deadline) {
        Ok(Response::Status(status)) => {
            status.profiles.iter().map(|known| known.profile.to_string()).collect()
        }
        _ => Vec::new(),
    }
}
