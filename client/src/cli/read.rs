//! Reads the arguments, and says in one line what cannot be understood.

use std::ffi::OsString;

use clap::{
    Command, FromArgMatches,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};
use dt_cred_proto::message::{Failure, FailureKind};

use super::{
    Cli,
    another::{MisplacedError, asked, ours},
    help, meant,
};

/// Longest word that is told as it was given, in characters.
const LONGEST: usize = 16;

/// What the arguments ask for.
#[derive(Debug, PartialEq)]
pub(crate) enum Asked {
    /// A command.
    Run(Box<Cli>),
    /// A text on standard output: the help or the release.
    Print(String),
}

/// Reads the arguments, the program's name not among them.
///
/// # Errors
/// One line for what cannot be understood.
pub(crate) fn read(arguments: &[OsString]) -> Result<Asked, Failure> {
    let program = OsString::from("dt-cred");
    let mut command = help::command();
    let (ours, theirs) = arguments.split_at(ours(&command, arguments));
    // Behind it nothing is taken for an option of ours.
    let end = (!theirs.is_empty()).then(|| OsString::from("--"));
    let words = std::iter::once(&program).chain(ours).chain(&end).chain(theirs);
    let matches = command.try_get_matches_from_mut(words);
    match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => Ok(Asked::Run(Box::new(cli))),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Ok(Asked::Print(error.to_string()))
        }
        Err(error) => Err(refusal(&error, &command, arguments)),
    }
}

fn refusal(error: &Error, root: &Command, arguments: &[OsString]) -> Failure {
    if let Some(error) = misplaced(error, root, arguments) {
        return error.into();
    }
    let meant = meant::meant(error, root, arguments);
    Failure::new(FailureKind::Usage, one_line(error, meant.as_deref(), &meant::path(root, arguments)))
}

/// Whether what is not known stands behind a command that it should stand before.
fn misplaced(error: &Error, root: &Command, arguments: &[OsString]) -> Option<MisplacedError> {
    let (command, _) = asked(root, arguments)?;
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word))) => MisplacedError::of(word, command),
        _ => None,
    }
}

/// clap's message in one line: what is wrong, what may be meant, and whose help says more.
fn one_line(error: &Error, meant: Option<&str>, command: &str) -> String {
    let text = error.to_string();
    let what = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "no command was given".to_owned()
        }
        _ => {
            let words: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
            let words = unquoted(error, words.join(" "));
            words.strip_prefix("error: ").unwrap_or(&words).to_owned()
        }
    };
    let meant = meant.map_or(String::new(), |meant| match meant.ends_with('?') {
        true => format!(" {meant}"),
        false => format!(" {meant},"),
    });
    format!("{what}:{meant} see {command} --help")
}

/// The message without what may be a secret that was given as an argument: what stands behind a `=`, and the end of a word as
/// long as no name is.
fn unquoted(error: &Error, message: String) -> String {
    // Else the argument is named as the help names it.
    let argument = (error.kind() == ErrorKind::UnknownArgument).then_some(ContextKind::InvalidArg);
    let given = argument.into_iter().chain([ContextKind::InvalidValue, ContextKind::InvalidSubcommand]);
    given.filter_map(|kind| error.get(kind)).fold(message, |message, value| match value {
        ContextValue::String(word) if !word.is_empty() => message.replace(word, &shortened(word)),
        _ => message,
    })
}

fn shortened(word: &str) -> String {
    let end = word.find('=').map_or(word.len(), |at| at + 1);
    let end = word[..end].char_indices().nth(LONGEST).map_or(end, |(at, _)| at);
    if end < word.len() { format!("{}…", &word[..end]) } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Command, ExecArguments};

    fn read(words: &[&str]) -> Result<Asked, Failure> {
        super::read(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    const COMMANDS: &[&str] = &[
        "get",
        "reject",
        "status",
        "start",
        "login",
        "keyring",
        "move",
        "inspect",
        "git-credential",
        "doctor",
        "exec",
    ];

    #[test]
    fn what_cannot_be_understood_is_told_in_one_line_with_exit_code_2() {
        let cases: &[&[&str]] = &[
            &[],
            &["gte"],
            &["get", "--formt", "raw"],
            &["get", "--format", "xml"],
            &["get", "--min-ttl", "-1"],
            &["get", "--min-ttl", "4294967296"],
            &["get", "extra"],
            &["--profile", "a b", "get"],
            &["get", "--profile"],
            &["get", "--timeout", "0"],
            &["status", "--json", "--check"],
            &["status", "--watch", "--json"],
            &["status", "--watch", "--check"],
            &["start", "--from-env", "--from-stdin"],
            &["login", "--keyring", "disk"],
            &["login", "--auth", "digest"],
            &["keyring"],
            &["keyring", "move"],
            &["keyring", "move", "--to", "disk"],
            &["inspect", "eyJ.eyJ.sig"],
            &["git-credential"],
            &["doctor", "all"],
            &["exec"],
            &["exec", "--"],
            &["exec", "--bogus", "ls"],
            &["exec", "--min-ttl", "soon", "ls"],
        ];
        for words in cases {
            let failure = read(words).expect_err(&words.join(" "));
            assert_eq!(failure.kind, FailureKind::Usage);
            let message = failure.message.as_str();
            // Of the command that was meant, if one was.
            let command: Vec<_> = words.iter().filter(|word| COMMANDS.contains(word)).copied().collect();
            let help = [&["dt-cred"][..], &command, &["--help"]].concat().join(" ");
            let ends = [format!(": see {help}"), format!("? see {help}")];
            assert!(ends.iter().any(|end| message.ends_with(end)), "{message}");
            assert!(!message.contains(['\u{fffd}', '\n']) && !message.starts_with("error"), "{message}");
        }
    }

    #[test]
    fn what_was_perhaps_meant_is_told_in_the_same_line() {
        for (words, told) in [
            (&["gte"][..], "unrecognized subcommand 'gte': did you mean get? see dt-cred --help"),
            (&["stat"], "unrecognized subcommand 'stat': did you mean status? see dt-cred --help"),
            (
                &["get", "--fromat", "raw"],
                "unexpected argument '--fromat' found: did you mean --format? see dt-cred get --help",
            ),
            (
                &["get", "--format", "jsn"],
                "[possible values: header, raw, bearer, json, env, curl]: did you mean json? see dt-cred get --help",
            ),
            (&["get", "--zzz"], "unexpected argument '--zzz' found: see dt-cred get --help"),
            (&["-p", "exec", "get", "--bad"], "unexpected argument '--bad' found: see dt-cred get --help"),
            (&["-p", "status"], "no command was given: see dt-cred --help"),
            (
                &["--json", "status"],
                "unexpected argument '--json' found: write it behind status, see dt-cred status --help",
            ),
            (&["proxy", "status"], "unrecognized subcommand 'proxy': see dt-cred --help"),
            (
                &["status", "--json", "--check"],
                "the argument '--json' cannot be used with '--check': see dt-cred status --help",
            ),
        ] {
            let message = read(words).expect_err(&words.join(" ")).message.to_string();
            assert!(message.ends_with(told), "{message}");
        }
    }

    #[test]
    fn help_and_release_are_answers() {
        for words in [&["--help"][..], &["-h"], &["get", "--help"], &["help"], &["-V"], &["--version"]] {
            assert!(matches!(read(words), Ok(Asked::Print(_))), "{words:?}");
        }
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        let before = read(&["-p", "a", "--timeout", "3", "--no-start", "stop"]).expect("understood");
        let after = read(&["stop", "--profile", "a", "--timeout=3", "--no-start"]).expect("understood");
        assert_eq!(before, after);
        assert_eq!(read(&["logout", "--all"]), read(&["erase", "--all"]));
    }

    #[test]
    fn what_holds_for_every_command_is_refused_behind_exec_in_every_form() {
        for (words, option) in [
            (&["exec", "-p", "a", "ls"][..], "-p NAME"),
            (&["exec", "-pa", "ls"], "-p NAME"),
            (&["exec", "-p=a", "ls"], "-p NAME"),
            (&["exec", "-p"], "-p NAME"),
            (&["exec", "--profile", "a", "ls"], "--profile NAME"),
            (&["exec", "--profile=a", "--", "ls"], "--profile NAME"),
            (&["exec", "--timeout", "3", "ls"], "--timeout SECONDS"),
            (&["exec", "--timeout=3", "ls"], "--timeout SECONDS"),
            (&["exec", "--no-start", "ls"], "--no-start"),
            (&["exec", "-v", "ls"], "-v"),
            (&["exec", "-vv", "ls"], "-v"),
            (&["exec", "-vp", "a", "ls"], "-v"),
            (&["exec", "-pv", "ls"], "-p NAME"),
            (&["exec", "--verbose", "ls"], "--verbose"),
            (&["exec", "--file", "--min-ttl", "9", "-p", "a", "--", "ls"], "-p NAME"),
            (&["-p", "a", "exec", "-p", "a", "ls"], "-p NAME"),
        ] {
            let failure = read(words).expect_err(&words.join(" "));
            assert_eq!(failure.kind, FailureKind::Usage);
            let told = format!("{option} stands before exec: dt-cred {option} exec …");
            assert_eq!(failure.message.as_str(), told, "{words:?}");
        }
    }

    #[test]
    fn what_stands_before_a_command_holds_for_it_unless_it_is_said_anew() {
        let globals = |words: &[&str]| match read(words) {
            Ok(Asked::Run(cli)) => Some(cli.globals),
            _ => None,
        };
        let expected = globals(&["-p", "a", "--timeout", "3", "--no-start", "-vv", "exec", "ls"]);
        assert!(expected.is_some());
        for words in [
            &["-p", "a", "--timeout", "3", "--no-start", "-vv", "curl", "-p", "/x", "-v"][..],
            &["-p", "b", "-v", "get", "-p", "a", "--timeout=3", "--no-start", "-vv"],
            &["-p", "a", "keyring", "--timeout", "3", "list", "--no-start", "-vv"],
            &["-vvp", "a", "--no-start", "--timeout=3", "stop"],
        ] {
            assert_eq!(globals(words), expected, "{words:?}");
        }
    }

    #[test]
    fn what_stands_behind_the_program_is_its_own() {
        let command = |words: &[&str]| match read(words) {
            Ok(Asked::Run(cli)) => match *cli {
                Cli { command: Command::Exec(exec), globals } => Some((globals.profile.is_some(), exec)),
                _ => None,
            },
            _ => None,
        };
        let exec = |min_ttl, file, words: &[&str]| ExecArguments {
            min_ttl,
            file,
            command: words.iter().map(OsString::from).collect(),
        };
        let cases: [(&[&str], _); 6] = [
            (&["-p", "a", "exec", "ls"], (true, exec(None, false, &["ls"]))),
            (&["exec", "ls", "-p", "a", "--file"], (false, exec(None, false, &["ls", "-p", "a", "--file"]))),
            (
                &["exec", "--file", "--min-ttl=9", "--", "ls", "--"],
                (false, exec(Some(9), true, &["ls", "--"])),
            ),
            (&["exec", "--", "--odd", "--help"], (false, exec(None, false, &["--odd", "--help"]))),
            (&["exec", "ls", "--help", "-V"], (false, exec(None, false, &["ls", "--help", "-V"]))),
            (&["exec", "--", "ls", "", " a b ", "*"], (false, exec(None, false, &["ls", "", " a b ", "*"]))),
        ];
        for (words, expected) in cases {
            assert_eq!(command(words), Some(expected), "{words:?}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_told() {
        let token = format!("eyJ{}", "x9".repeat(40));
        for words in [
            &["inspect", &token][..],
            &["store", "client_secret=x9x9x9x9x9x9x9x9"],
            &["start", "--from-stdin", "client_secret=x9x9x9x9x9x9x9x9"],
            &["login", "--client-secret=x9x9x9x9x9x9x9x9"],
            &["login", "--client-secret", "x9x9x9x9x9x9x9x9"],
            &["login", "--keyring=x9x9x9x9x9x9x9x9x9x9x9x9x9x9x9"],
            &["get", &token],
            &[&token],
            &["-p", &token, "get"],
            &["-p", "client_secret=x9x9x9x9x9x9x9x9", "get"],
        ] {
            let message = read(words).expect_err(&words.join(" ")).message;
            assert!(
                !message.as_str().contains("x9x9x9x9x9x9x9x9x9") && !message.as_str().contains("=x9"),
                "{message}"
            );
        }
    }
}
