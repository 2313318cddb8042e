//! One run of curl: the token's line goes to it outside of its arguments and its environment.

use std::{
    fs::File,
    hash::{BuildHasher, RandomState},
    io::{self, Read, Write},
    process::{Child, Command, Stdio},
    thread,
};

use dt_cred::{
    curl_answer::{Complaint, Ended, Held, Mark, Marked},
    curl_line::{self, Admitted},
};
use dt_cred_proto::message::{Failure, FailureKind};
use thiserror::Error;

use super::platform::{self, Line, Watch};
use crate::{error, output};

/// The program, as PATH has it: it is the user's own.
const PROGRAM: &str = "curl";

/// Longest file with a `--write-out` that is read, in bytes.
const FORMAT: u64 = 64 * 1024;

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
        tell(&self.errors);
        if pass(&self.output) { code } else { UNWRITTEN }
    }
}

/// Runs it and lets its answer through. Whether the server refused the token is told by the headers, where the system lets
/// curl dump them besides, and the user does not; else by marks in what it writes.
///
/// # Errors
/// [`ProgramError`].
pub(super) fn streaming(
    line: &curl_line::Line,
    admitted: &Admitted,
    header: &[u8],
) -> Result<Run, ProgramError> {
    let mut command = curl(admitted);
    let way = Line::open(&mut command)?;
    // Of a request that curl itself repeats after a 401 the headers tell both answers, a mark the last.
    let watch =
        if line.dumps_headers() || line.retries_refusals() { None } else { Watch::open(&mut command)? };
    if let Some(watch) = watch {
        crate::platform::hand_on_output();
        let mut curl = start(&mut command)?;
        way.send(&mut curl, header);
        let refused = watch.refused(line.follows())?;
        return Ok(Run { code: platform::exit_code(curl.wait()?), refused, held: None });
    }
    let mark = mark();
    let mut marked = Marked::new(mark);
    // A format that cannot be read is left to curl, which says so.
    if let Some(text) = write_out(mark, line.write_out()) {
        command.args(["--write-out", &text]).stdout(Stdio::piped());
        if !line.saves() {
            as_on_a_terminal(&mut command);
        }
    }
    crate::platform::hand_on_output();
    let mut curl = start(&mut command)?;
    way.send(&mut curl, header);
    // Who names standard output wants whatever comes (curl(1) at --output).
    let shown = |bytes: &[u8]| if line.names_standard_output() { write(bytes) } else { pass(bytes) };
    let taken = drained(curl.stdout.take(), &mut |bytes| shown(&marked.push(bytes)))?;
    let code = platform::exit_code(curl.wait()?);
    let (rest, refused) = marked.end();
    let code = if taken && shown(&rest) { code } else { UNWRITTEN };
    Ok(Run { code, refused, held: None })
}

/// Runs it and holds its answer until the status is known; and, where it `complains` of a 401, what it says at its end.
///
/// # Errors
/// [`ProgramError`].
pub(super) fn holding(admitted: &Admitted, header: &[u8], complains: bool) -> Result<Run, ProgramError> {
    let mut command = curl(admitted);
    let way = Line::open(&mut command)?;
    let mark = mark();
    command.args(["--write-out", &mark.write_out()]).stdout(Stdio::piped());
    as_on_a_terminal(&mut command);
    if complains {
        command.stderr(Stdio::piped());
    }
    let mut curl = start(&mut command)?;
    way.send(&mut curl, header);
    let (mut held, mut complaint) = (Held::new(mark), Complaint::default());
    let (output, errors) = (curl.stdout.take(), curl.stderr.take());
    // Both at once: curl waits for whichever is full.
    let (taken, told) = thread::scope(|scope| {
        let told = scope.spawn(|| drained(errors, &mut |bytes| tell(&complaint.push(bytes))));
        (drained(output, &mut |bytes| pass(&held.push(bytes))), told.join())
    });
    let taken = taken?;
    told.unwrap_or(Ok(true))?;
    let code = platform::exit_code(curl.wait()?);
    // What our own output did not take nobody is to get.
    let Ended { rest, whole, refused } = if taken { held } else { Held::new(mark) }.end();
    let written = Written { output: rest, errors: complaint.end() };
    if refused && whole {
        return Ok(Run { code, refused, held: Some(written) });
    }
    Ok(Run { code: written.show(code), refused, held: None })
}

/// A mark that no server can guess.
fn mark() -> Mark {
    Mark::new(RandomState::new().hash_one(()))
}

/// The `--write-out` with the mark and what the user's own says; none where only curl can know that.
fn write_out(mark: Mark, own: Option<&str>) -> Option<String> {
    let own = own.unwrap_or_default();
    let own = own.strip_prefix('@').map_or_else(|| Some(own.to_owned()), format_in)?;
    Some(mark.write_out() + &own)
}

/// What curl reads in a file for `--write-out @FILE`: lines without their ends.
fn format_in(file: &str) -> Option<String> {
    let file =
        File::open(file).ok().filter(|file| file.metadata().is_ok_and(|metadata| metadata.is_file()))?;
    let mut text = String::new();
    let read = file.take(FORMAT).read_to_string(&mut text).ok()?;
    ((read as u64) < FORMAT).then(|| text.replace(['\r', '\n', '\0'], ""))
}

/// As curl would do by itself if it wrote to where we write.
fn as_on_a_terminal(command: &mut Command) {
    if io::IsTerminal::is_terminal(&io::stdout()) {
        command.args(["--no-progress-meter", "--no-buffer"]);
    }
}

/// Reads a stream to its end, or until `take` has enough; whether it took all. curl then meets the end of its output.
fn drained(stream: Option<impl Read>, take: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<bool> {
    let Some(mut stream) = stream else { return Ok(true) };
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(some) if take(&buffer[..some]) => {}
            Ok(_) => return Ok(false),
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
    write(bytes)
}

/// Writes to standard error; it is there, or nobody can be told.
fn tell(bytes: &[u8]) -> bool {
    let _ = io::stderr().write_all(bytes);
    true
}

/// Writes to standard output; whether it took all.
fn write(bytes: &[u8]) -> bool {
    match output::whole(bytes) {
        Ok(()) => true,
        Err(failure) if failure.is_reader_gone() => false,
        Err(failure) => {
            error::warn(&failure.to_string().into());
            false
        }
    }
}

/// curl without the user's own `~/.curlrc`. What is added to it is the last word.
fn curl(admitted: &Admitted) -> Command {
    let mut command = Command::new(PROGRAM);
    platform::tie(&mut command);
    // curl looks for it as its first argument alone.
    command.arg("-q").args(&admitted.arguments);
    if admitted.by_http {
        // A proxy of the environment would read the token; what goes by https beside it does without one too.
        command.args(["--noproxy", "*"]);
    }
    command
}

fn start(command: &mut Command) -> Result<Child, ProgramError> {
    command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ProgramError::Missing,
        _ => ProgramError::Io(error),
    })
}
