//! `dt-cred curl`: runs curl with the token, where it belongs and nowhere else.

mod program;

#[cfg(unix)]
#[path = "curl/unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "curl/windows.rs"]
mod platform;

use std::{collections::BTreeSet, fs, process::ExitCode};

use dt_cred::{
    curl_line::{self, Admitted, Line, LineError},
    origin::{Origin, OriginError},
};
use dt_cred_proto::{
    message::{Failure, FailureKind, Get, Operation, Reject, Response, Token},
    profile::Profile,
    secret::Wiped,
    text::Text,
};
use thiserror::Error;

use crate::{
    cli::{CURL, CurlArguments, MisplacedError},
    daemon,
    deadline::Deadline,
    error,
    format::{self, Format, Shell},
    settings::Settings,
};
use program::{Run, Written};

/// Why curl is not run.
#[derive(Debug, Error)]
pub(crate) enum CurlError {
    /// A profile behind `curl`, where `-p` is curl's own.
    #[error("-p NAME stands before curl: dt-cred -p {0} curl …; curl's own -p is --proxytunnel")]
    Profile(Profile),
    /// `--allow-host` among curl's own words.
    #[error("--allow-host HOST stands directly behind curl: dt-cred curl --allow-host HOST …")]
    AllowHostPlace,
    /// Another of dt-cred's own options behind `curl`, which has none of that name.
    #[error(transparent)]
    Misplaced(#[from] MisplacedError),
    /// An `--allow-host` that is none.
    #[error("--allow-host \"{host}\" is no HOST or HOST:PORT: {source}")]
    AllowHost {
        /// What was given.
        host: Text,
        /// What is wrong.
        source: OriginError,
    },
    /// The command line.
    #[error(transparent)]
    Line(#[from] LineError),
    /// Windows: standard input is taken.
    #[error("on Windows curl gets the token by its standard input: give what it should read in a file")]
    InputTaken,
}

impl From<CurlError> for Failure {
    fn from(error: CurlError) -> Self {
        Self::new(FailureKind::Usage, error.to_string())
    }
}

/// Runs curl and gives its exit code.
///
/// # Errors
/// The daemon's failure, or why curl is not run.
pub(crate) fn run(settings: &Settings, arguments: &CurlArguments) -> Result<ExitCode, Failure> {
    let call = Call::read(arguments)?;
    for option in call.line.tells().collect::<BTreeSet<_>>() {
        error::warn(
            &format!("--{option} writes the token out as well: keep what it writes to yourself").into(),
        );
    }
    let token = token(settings)?;
    let (admitted, header) = call.with(&token)?;
    if !call.repeats() {
        let run = program::streaming(&call.line, &admitted, &header)?;
        return Ok(told(settings, &token, &run).into());
    }
    let complains = ["fail", "fail-with-body"].iter().any(|option| call.line.is_on(option));
    match program::holding(&admitted, &header, complains)? {
        Run { code, refused: true, held: Some(held) } => again(settings, &call, &token, held, code),
        run => Ok(told(settings, &token, &run).into()),
    }
}

/// What the user wants curl to do.
struct Call {
    line: Line,
    allowed: Vec<Origin>,
}

impl Call {
    fn read(arguments: &CurlArguments) -> Result<Self, CurlError> {
        // No URL looks like the name of a profile.
        let named = arguments.arguments.windows(2).find_map(|words| match words {
            [option, name] if option == "-p" => name.parse().ok(),
            _ => None,
        });
        if let Some(profile) = named {
            return Err(CurlError::Profile(profile));
        }
        let line = Line::read(&arguments.arguments).map_err(|error| match &error {
            LineError::Unknown(word) if word.as_str() == "--allow-host" => CurlError::AllowHostPlace,
            LineError::Unknown(word) => {
                MisplacedError::of(word.as_str(), CURL).map_or(error.into(), CurlError::from)
            }
            _ => error.into(),
        })?;
        if line.reads_standard_input() && !platform::LEAVES_INPUT {
            return Err(CurlError::InputTaken);
        }
        let mut allowed = Vec::new();
        for host in &arguments.allow_host {
            let origins = curl_line::allowed(host);
            allowed.extend(
                origins.map_err(|source| CurlError::AllowHost { host: host.as_str().into(), source })?,
            );
        }
        Ok(Self { line, allowed })
    }

    /// curl's arguments and its line with the token, where every URL is one for it.
    fn with(&self, token: &Token) -> Result<(Admitted, Wiped), Failure> {
        let admitted = self.line.admit(token.url.as_str(), &self.allowed).map_err(CurlError::from)?;
        let line = format::render(token, Format::Curl, Shell::DEFAULT)?;
        Ok((admitted, line))
    }

    /// Whether the same can be sent again without anybody noticing.
    fn repeats(&self) -> bool {
        let files = self.line.inputs();
        files.is_some_and(|files| files.into_iter().all(is_kept))
    }
}

/// Whether it reads the same a second time: what a shell's `<(…)` names does not.
fn is_kept(file: &str) -> bool {
    !["/dev/", "/proc/"].iter().any(|folder| file.starts_with(folder))
        && fs::metadata(file).is_ok_and(|metadata| metadata.is_file() || metadata.is_dir())
}

fn token(settings: &Settings) -> Result<Token, Failure> {
    let get = Get { profile: settings.profile.clone(), ..Get::default() };
    let token = daemon::token(settings, get, Deadline::after(settings.timeout))?;
    if let Some(warning) = &token.warning {
        error::warn(warning);
    }
    Ok(token)
}

/// Has a refused token replaced and says so; curl's exit code.
fn told(settings: &Settings, token: &Token, run: &Run) -> u8 {
    if run.refused {
        match reject(settings, token) {
            Ok(()) => error::warn(
                &"the API refused the token (401), and the next one is a new one: run it again".into(),
            ),
            Err(failure) => error::warn(&failure.message),
        }
    }
    run.code
}

/// Sends the same with a new token, in place of an answer that is held; where there is none, the answer is that one.
fn again(
    settings: &Settings,
    call: &Call,
    refused: &Token,
    held: Written,
    code: u8,
) -> Result<ExitCode, Failure> {
    let fresh = reject(settings, refused)
        .and_then(|()| token(settings))
        .and_then(|token| Ok((call.with(&token)?, token)));
    match fresh {
        Ok(((admitted, header), token)) if token.access_token != refused.access_token => {
            let run = program::streaming(&call.line, &admitted, &header)?;
            if run.refused {
                error::warn(&"the API refused a new token as well (401): see dt-cred inspect, and what the integration may do".into());
            }
            Ok(run.code.into())
        }
        Ok(_) => Ok(held.show(code).into()),
        Err(failure) => {
            let code = held.show(code);
            error::warn(
                &format!("the API refused the token (401), and there is no new one: {failure}").into(),
            );
            Ok(code.into())
        }
    }
}

/// A no-op where another one is held already, so that many who were refused cause one fetch.
fn reject(settings: &Settings, token: &Token) -> Result<(), Failure> {
    let reject =
        Reject { profile: settings.profile.clone(), generation: Some(token.generation), force: false };
    match daemon::ask(settings, Operation::Reject(reject), Deadline::after(settings.timeout))? {
        Response::Rejected { .. } => Ok(()),
        _ => Err(daemon::unexpected()),
    }
}
