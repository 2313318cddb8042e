//! One run of curl: the token's line goes to it outside of its arguments and its environment.

use std::{
    fs::File,
    io::{self, Read, Write},
    process::{Child, Command, Stdio},
};

use dt_cred::{
    curl_answer::{Ended, Heads, Held, WRITE_OUT},
    curl_line::Admitted,
};
use dt_cred_proto::message::{Failure, FailureKind};
use thiserror::Error;

use super::platform::{self, Line, Watch};
use crate::{error, output};

/// The program, as PATH has it: it is the user's own.
const PROGRAM: &str = "curl";

/// As much as is looked at of a dump of headers, in bytes: curl takes 300 KB of one answer.
const DUMP: u64 = 1024 * 1024;

/// What curl exits with where its output takes no more (curl(1)).
const UNWRITTEN: u8 = 23;

/// Why curl was not run, or what became of it is not known.
#[derive(Debug, Error)]
pub(super) enum ProgramError {
    /// It is nowhere on PATH.
    #[error("curl is not on PATH: install it, or see that PATH names its folder")]
    Missing,
    /// The system refuses.
    #[error("cannot run curl: {0}")]
    Io(#[from] io::Error),
}

impl From<ProgramError> for Failure {
    fn from(error: ProgramError) -> Self {
        Self::new(FailureKind::Other, error.to_string())
    }
}

/// What became of a run.
pub(super) struct Run {
    /// curl's exit code.
    pub(super) code: u8,
    /// Whether the server refused the token, as far as that can be told.
    pub(super) refused: bool,
    /// What is still held back of what it wrote; none where nothing is.
    pub(super) held: Option<Written>,
}

/// What curl wrote.
#[derive(Default)]
pub(super) struct Written {
    output: Vec<u8>,
    errors: Vec<u8>,
}

impl Written {
    /// Lets go of it; the exit code, which is `code` unless it cannot be written.
    pub(super) fn show(self, code: u8) -> u8 {
        // As in `error::report`.
        let _ = io::stderr().write_all(&self.errors);
        if pass(&self.output) { code } else { UNWRITTEN }
    }
}

/// Runs it with the user's own streams. Whether the server refused the token is told where the system lets it be
/// seen.
///
/// # Errors
/// [`ProgramError`].
pub(super) fn streaming(admitted: &Admitted, line: &[u8], follows: bool) -> Result<Run, ProgramError> {
    let mut command = curl();
    let way = Line::open(&mut command)?;
    let watch = Watch::open(&mut command)?;
    let mut curl = start(&mut command, admitted)?;
    way.send(&mut curl, line);
    let refused = watch.map_or(Ok(false), |watch| watch.refused(follows))?;
    Ok(Run { code: platform::exit_code(curl.wait()?), refused, held: None })
}

/// Runs it and holds its answer until the status is known; and what it tells besides, where it is told to be `quiet`.
///
/// # Errors
/// [`ProgramError`].
pub(super) fn holding(admitted: &Admitted, line: &[u8], quiet: bool) -> Result<Run, ProgramError> {
    let mut command = curl();
    let way = Line::open(&mut command)?;
    command.args(["--write-out", WRITE_OUT]).stdout(Stdio::piped());
    if quiet {
        command.stderr(Stdio::piped());
    } else if io::IsTerminal::is_terminal(&io::stdout()) {
        // As curl would do by itself if it wrote there.
        command.arg("--no-progress-meter");
    }
    let mut curl = start(&mut command, admitted)?;
    way.send(&mut curl, line);
    let (mut held, mut errors) = (Held::default(), Vec::new());
    let mut taken = true;
    if let Some(mut stream) = curl.stdout.take() {
        // Where our own output takes no more, curl meets the end of its own.
        drain(&mut stream, &mut |bytes| {
            taken = pass(&held.push(bytes));
            taken
        })?;
    }
    if let Some(mut stream) = curl.stderr.take() {
        drain(&mut stream, &mut |bytes| {
            errors.extend_from_slice(bytes);
            true
        })?;
    }
    let code = platform::exit_code(curl.wait()?);
    let Ended { rest, whole, refused } = if taken { held } else { Held::default() }.end();
    let written = Written { output: rest, errors };
    if refused && whole {
        return Ok(Run { code, refused, held: Some(written) });
    }
    Ok(Run { code: written.show(code), refused, held: None })
}

/// Reads to the end, or until it is told that it is enough.
fn drain(stream: &mut dyn Read, take: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(some) if take(&buffer[..some]) => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes to standard output; whether it took all. As curl does it spares a terminal what is no text: that may drive it.
fn pass(bytes: &[u8]) -> bool {
    if bytes.contains(&0) && io::IsTerminal::is_terminal(&io::stdout()) {
        error::warn(
            &"the answer is binary, and would drive the terminal: give curl a file by --output".into(),
        );
        return false;
    }
    match output::whole(bytes) {
        Ok(()) => true,
        Err(failure) if failure.is_reader_gone() => false,
        Err(failure) => {
            error::warn(&failure.to_string().into());
            false
        }
    }
}

/// Whether the headers that curl has dumped to this file are those of an answer to a refused token.
pub(super) fn dumped(file: &str, follows: bool) -> bool {
    let Ok(file) = File::open(file) else { return false };
    // Standard output, say, is no file: nobody reads it twice.
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return false;
    }
    let (mut heads, mut dump) = (Heads::default(), Vec::new());
    let read = file.take(DUMP).read_to_end(&mut dump);
    heads.push(&dump);
    read.is_ok() && heads.refused(follows)
}

/// curl without the user's own `~/.curlrc`.
fn curl() -> Command {
    let mut command = Command::new(PROGRAM);
    platform::tie(&mut command);
    // curl looks for it as its first argument alone.
    command.arg("-q");
    command
}

fn start(command: &mut Command, admitted: &Admitted) -> Result<Child, ProgramError> {
    command.args(&admitted.arguments);
    if admitted.by_http {
        // A proxy of the environment would read the token; what goes by https beside it does without one too. Behind what
        // the user says: the last word counts.
        command.args(["--noproxy", "*"]);
    }
    command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ProgramError::Missing,
        _ => ProgramError::Io(error),
    })
}
