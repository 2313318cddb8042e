//! How much each program tells of what it does: the variable that says it is the same for both.

use thiserror::Error;

use crate::text::Text;

/// Environment variable with the level of each program, as in `debug`, `dt-credd=trace` or `info,dt-cred=debug`.
pub const LOG_VARIABLE: &str = "DT_CRED_LOG";

/// The client, as the variable names it.
pub const CLIENT: &str = "dt-cred";

/// The daemon, as the variable names it.
pub const DAEMON: &str = "dt-credd";

/// How much is told; each level tells what those before it tell too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Nothing.
    Off,
    /// What cannot be done.
    Error,
    /// What may be wrong.
    Warn,
    /// What is done.
    Info,
    /// How it is done.
    Debug,
    /// Everything but secrets and tokens.
    Trace,
}

/// The variable cannot be understood.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error(
    "{LOG_VARIABLE} is \"{0}\": it must be off, error, warn, info, debug or trace, or name a program, as in {DAEMON}=debug"
)]
pub struct LevelError(Text);

/// The level of `program` under this value of the variable; none where it says nothing of it. What names the program
/// counts for more than what names none.
///
/// # Errors
/// [`LevelError`], also for what is wrong with the other program's level: both programs get the same variable.
pub fn level(value: &str, program: &str) -> Result<Option<Level>, LevelError> {
    let wrong = || LevelError(Text::new(value));
    let (mut own, mut every) = (None, None);
    for directive in value.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        let (named, word) = match directive.split_once('=') {
            Some((named, word)) => (Some(named.trim()), word.trim()),
            None => (None, directive),
        };
        let level = LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).ok_or_else(wrong)?.1;
        match named {
            None => every = Some(level),
            Some(named) if named == program => own = Some(level),
            Some(CLIENT | DAEMON) => {}
            Some(_) => return Err(wrong()),
        }
    }
    Ok(own.or(every))
}

const LEVELS: [(&str, Level); 6] = [
    ("off", Level::Off),
    ("error", Level::Error),
    ("warn", Level::Warn),
    ("info", Level::Info),
    ("debug", Level::Debug),
    ("trace", Level::Trace),
];

#[cfg(test)]
mod tests {
    use super::{CLIENT, DAEMON, Level, level};

    #[test]
    fn a_programs_own_level_counts_for_more_than_that_of_both() {
        let cases = [
            ("", None, None),
            (" , ", None, None),
            ("debug", Some(Level::Debug), Some(Level::Debug)),
            ("TRACE", Some(Level::Trace), Some(Level::Trace)),
            ("dt-credd=trace", None, Some(Level::Trace)),
            ("dt-cred = debug", Some(Level::Debug), None),
            ("dt-cred=debug,off", Some(Level::Debug), Some(Level::Off)),
            ("info,dt-credd=warn, dt-cred=error", Some(Level::Error), Some(Level::Warn)),
        ];
        for (value, client, daemon) in cases {
            assert_eq!((level(value, CLIENT), level(value, DAEMON)), (Ok(client), Ok(daemon)), "{value}");
        }
    }

    #[test]
    fn what_is_no_level_is_told_to_both_programs_with_what_it_must_be() {
        for value in ["loud", "debug;", "dt-cred=", "=debug", "dt_credd=debug", "hyper=trace", "dt-credd=x"] {
            for program in [CLIENT, DAEMON] {
                let error = level(value, program).expect_err(value).to_string();
                assert!(error.contains(value) && error.contains("must be off, error, warn"), "{error}");
            }
        }
    }

    #[test]
    fn a_value_cannot_write_into_a_terminal() {
        let error = level("\u{1b}[2Jx", CLIENT).expect_err("no level").to_string();
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }
}
