//! What options and environment variables say together: an option wins over its variable, an empty variable is none.

use std::{ffi::OsString, str::FromStr, time::Duration};

use dt_cred_proto::{
    endpoint::{Endpoint, EndpointError, resolve},
    message::{Failure, FailureKind},
    profile::Profile,
    text::Text,
};
use thiserror::Error;

use crate::cli::Globals;

/// How long a command may take, unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long a person may take to answer the keyring's prompt.
const PROMPT: Duration = Duration::from_secs(60);

/// A longer time-out than this is this: nobody waits for a year, and no clock overflows.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// What every command goes by.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The profile; none is the daemon's default one.
    pub(crate) profile: Option<Profile>,
    /// How long the command may take.
    pub(crate) timeout: Duration,
    /// How long a command may take that a person may have to answer: longer, unless the option says how long.
    pub(crate) patience: Duration,
    /// Whether a daemon may be started where none listens.
    pub(crate) start: bool,
    /// Whose socket is trusted beside our own and root's.
    pub(crate) server_uid: Option<u32>,
    /// Where the daemon listens.
    pub(crate) endpoint: Endpoint,
}

/// Which setting cannot be used.
#[derive(Debug, Error)]
pub(crate) enum SettingsError {
    /// A variable holds something that it may not.
    #[error("{name} is \"{value}\": {reason}")]
    Variable { name: &'static str, value: Text, reason: String },
    /// There is no place for the socket.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::new(FailureKind::Usage, error.to_string())
    }
}

impl Settings {
    /// Whether a command that needs a daemon starts one where none listens.
    pub(crate) fn starts_one(&self) -> bool {
        self.start && !self.endpoint.explicit
    }

    /// The settings of this process.
    pub(crate) fn of_process(options: &Globals) -> Result<Self, SettingsError> {
        Self::new(options, |name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    /// The settings under these options and variables.
    fn new(options: &Globals, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, SettingsError> {
        let profile = read(&variable, "DT_CRED_PROFILE", Profile::from_str)?;
        let timeout = read(&variable, "DT_CRED_TIMEOUT", seconds)?.unwrap_or(TIMEOUT);
        let no_start = read(&variable, "DT_CRED_NO_START", flag)?.unwrap_or(false);
        Ok(Self {
            profile: options.profile.clone().or(profile),
            timeout: options.timeout.unwrap_or(timeout),
            patience: options.timeout.unwrap_or(timeout + PROMPT),
            start: !(options.no_start || no_start),
            server_uid: read(&variable, "DT_CRED_SERVER_UID", uid)?,
            endpoint: resolve(variable)?,
        })
    }
}

fn read<T, E: ToString>(
    variable: &impl Fn(&str) -> Option<OsString>,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, SettingsError> {
    let Some(value) = variable(name) else { return Ok(None) };
    let text = value.to_string_lossy();
    let told = |reason| SettingsError::Variable { name, value: Text::new(&text), reason };
    parse(&text).map(Some).map_err(|error| told(error.to_string()))
}

/// A number of seconds larger than zero, whole or not.
///
/// # Errors
/// What it must be instead.
pub(crate) fn seconds(word: &str) -> Result<Duration, &'static str> {
    let seconds = word.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds > 0.0);
    let seconds = seconds.ok_or("a time-out is a number of seconds larger than 0")?;
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).clamp(Duration::from_millis(1), LONGEST))
}

/// A whole number.
///
/// # Errors
/// That it is none, or too large.
pub(crate) fn whole<T: FromStr>(word: &str) -> Result<T, &'static str> {
    word.parse().map_err(|_| "it must be a whole number, and not too large")
}

/// A user's number; the largest one is nobody's, as it says that there is none (setreuid(2)).
///
/// # Errors
/// What it must be instead.
pub(crate) fn uid(word: &str) -> Result<u32, &'static str> {
    let uid = word.parse().ok().filter(|uid| *uid != u32::MAX);
    uid.ok_or("a uid is a number from 0 to 4294967294, as id -u prints it")
}

fn flag(word: &str) -> Result<bool, &'static str> {
    match word {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("it must be 1 or 0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(options: &Globals, variables: &[(&str, &str)]) -> Result<Settings, String> {
        let socket = ("DT_CRED_SOCKET", if cfg!(windows) { r"\\.\pipe\a" } else { "/run/a.sock" });
        let find = |name: &str| {
            let found = variables.iter().chain([&socket]).find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value)).filter(|value| !value.is_empty())
        };
        Settings::new(options, find).map_err(|error| error.to_string())
    }

    #[test]
    fn an_option_wins_over_its_variable() {
        let options = Globals {
            profile: "a".parse().ok(),
            timeout: Some(Duration::from_secs(1)),
            no_start: true,
            verbose: 0,
        };
        let variables = [("DT_CRED_PROFILE", "b"), ("DT_CRED_TIMEOUT", "2"), ("DT_CRED_NO_START", "0")];
        let both = settings(&options, &variables).unwrap();
        assert_eq!(both.profile, "a".parse().ok());
        assert_eq!((both.timeout, both.patience), (Duration::from_secs(1), Duration::from_secs(1)));
        assert!(!both.start);
        let variables = settings(&Globals::default(), &variables).unwrap();
        assert_eq!(variables.profile, "b".parse().ok());
        assert_eq!(
            (variables.timeout, variables.patience),
            (Duration::from_secs(2), Duration::from_secs(62))
        );
        assert!(variables.start);
    }

    #[test]
    fn an_empty_variable_is_none() {
        let empty = ["DT_CRED_PROFILE", "DT_CRED_TIMEOUT", "DT_CRED_NO_START", "DT_CRED_SERVER_UID"];
        let settings = settings(&Globals::default(), &empty.map(|name| (name, ""))).unwrap();
        assert_eq!(settings.profile, None);
        assert_eq!((settings.timeout, settings.patience), (TIMEOUT, TIMEOUT + PROMPT));
        assert_eq!(settings.server_uid, None);
        assert!(settings.start);
    }

    #[test]
    fn a_malformed_variable_is_named() {
        let cases = [
            ("DT_CRED_PROFILE", "a b"),
            ("DT_CRED_TIMEOUT", "soon"),
            ("DT_CRED_TIMEOUT", "0"),
            ("DT_CRED_TIMEOUT", "-1"),
            ("DT_CRED_TIMEOUT", "inf"),
            ("DT_CRED_TIMEOUT", "NaN"),
            ("DT_CRED_NO_START", "yes"),
            ("DT_CRED_SERVER_UID", "root"),
            ("DT_CRED_SERVER_UID", "4294967295"),
            ("DT_CRED_SOCKET", "agent.sock"),
        ];
        for (name, value) in cases {
            let error = settings(&Globals::default(), &[(name, value)]).expect_err(value);
            assert!(error.starts_with(name) && error.contains(value), "{error}");
        }
    }

    #[test]
    fn a_time_out_is_seconds_whole_or_not() {
        for (word, milliseconds) in [("1", 1000), ("0.25", 250), ("1e1", 10_000), ("1e-9", 1)] {
            assert_eq!(seconds(word), Ok(Duration::from_millis(milliseconds)), "{word}");
        }
        assert_eq!(seconds("1e300"), Ok(LONGEST));
    }
}
