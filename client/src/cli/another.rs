//! The commands that run another program: what stands behind their name is for that program, so that what holds for every
//! command stands before it.

use std::ffi::OsString;

use clap::{Args, Command};
use dt_cred_proto::message::{Failure, FailureKind};
use thiserror::Error;

use super::{Globals, help, walk::walked};

/// curl, which has options of the same names.
pub(crate) const CURL: &str = "curl";
/// Any program.
const EXEC: &str = "exec";

/// Exit code of these where the other program was not run, whatever kept it from that: any other may be its own (env(1)).
pub(crate) const NOTHING_RUN: u8 = 125;

/// An option for every command that stands behind one of these.
#[derive(Debug, Error, PartialEq)]
#[error("{option} stands before {command}: dt-cred {option} {command} …")]
pub(crate) struct MisplacedError {
    option: String,
    command: &'static str,
}

impl MisplacedError {
    /// What `word`, which `command` does not know, would be before it.
    pub(crate) fn of(word: &str, command: &'static str) -> Option<Self> {
        let globals = Globals::augment_args(Command::new(command));
        let known = globals.get_arguments().find(|arg| {
            let short = arg.get_short().map(|letter| format!("-{letter}"));
            let long = arg.get_long().map(|name| format!("--{name}"));
            [short, long].iter().flatten().any(|name| name == word)
        })?;
        let value = known.get_value_names().filter(|_| known.get_action().takes_values());
        let words = std::iter::once(word).chain(value.into_iter().flatten().map(|name| name.as_str()));
        Some(Self { option: words.collect::<Vec<_>>().join(" "), command })
    }
}

impl From<MisplacedError> for Failure {
    fn from(error: MisplacedError) -> Self {
        Self::new(FailureKind::Usage, error.to_string())
    }
}

/// Has what holds for every command stand behind it as well, but for these.
pub(super) fn with_globals(root: Command) -> Command {
    let globals: Vec<_> = root.get_arguments().cloned().collect();
    root.mut_args(|arg| arg.global(false)).mut_subcommands(|command| match name(&command) {
        Some(_) => command,
        // It takes another profile, and refuses this one.
        None if command.get_name() == "integration" => command.args(
            globals.iter().cloned().map(|arg| if arg.get_id() == "profile" { arg.hide(true) } else { arg }),
        ),
        None => command.args(globals.iter().cloned()),
    })
}

/// Whether the command is one of these, whatever else is wrong.
pub(crate) fn runs_another(arguments: &[OsString]) -> bool {
    // Else nothing need be known of the command line.
    arguments.iter().any(|word| word == CURL || word == EXEC) && asked(&help::command(), arguments).is_some()
}

/// Which of these the command is, and the place of the word behind it.
pub(super) fn asked(root: &Command, arguments: &[OsString]) -> Option<(&'static str, usize)> {
    let (command, behind) = *walked(root, arguments).get(1)?;
    Some((name(command)?, behind))
}

/// How many of the arguments are ours: all of them but what stands behind `curl` and its own options.
pub(super) fn ours(root: &Command, arguments: &[OsString]) -> usize {
    let Some((CURL, mut at)) = asked(root, arguments) else { return arguments.len() };
    while let Some(word) = arguments.get(at) {
        match word.to_str() {
            Some("--allow-host") => at += 2,
            Some("--help" | "-h") => at += 1,
            Some(word) if word.starts_with("--allow-host=") => at += 1,
            _ => return at,
        }
    }
    arguments.len()
}

fn name(command: &Command) -> Option<&'static str> {
    [CURL, EXEC].into_iter().find(|name| command.get_name() == *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_runs_another_program_where_it_is_the_command_and_nowhere_else() {
        let asked = |words: &[&str]| runs_another(&words.iter().map(OsString::from).collect::<Vec<_>>());
        for words in [
            &["exec"][..],
            &["exec", "--bogus"],
            &["curl", "-k"],
            &["-p", "get", "exec", "ls"],
            &["-vp", "get", "exec", "ls"],
            &["-vpget", "exec", "ls"],
            &["--profile=a", "--no-start", "--timeout", "3", "curl"],
        ] {
            assert!(asked(words), "{words:?}");
        }
        for words in [
            &[][..],
            &["get"],
            &["-p", "exec", "get"],
            &["-vp", "exec", "get"],
            &["--timeout", "curl"],
            &["inspect", "exec"],
            &["help", "exec"],
        ] {
            assert!(!asked(words), "{words:?}");
        }
    }

    #[test]
    fn only_what_holds_for_every_command_is_misplaced_behind_one() {
        let told = |word| MisplacedError::of(word, EXEC).map(|error| error.to_string());
        for (word, option) in [
            ("-p", "-p NAME"),
            ("--profile", "--profile NAME"),
            ("--timeout", "--timeout SECONDS"),
            ("--no-start", "--no-start"),
            ("-v", "-v"),
            ("--verbose", "--verbose"),
        ] {
            let message = format!("{option} stands before exec: dt-cred {option} exec …");
            assert_eq!(told(word).as_deref(), Some(message.as_str()), "{word}");
        }
        for word in ["-V", "--version", "--help", "--json", "--prof", "-", "--", "", "profile"] {
            assert_eq!(told(word), None, "{word}");
        }
    }
}
