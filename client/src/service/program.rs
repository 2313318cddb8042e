//! The service manager's own program, run to its end within the deadline: by a path that nobody else can change, and
//! with no variable of the shell that could change what it does.

use std::{
    io,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use dt_cred_proto::{environment, text::Text};

use super::ServiceError;
use crate::{deadline::Deadline, platform, verbose};

/// As much as is kept of what it says, in bytes.
const SAID: usize = 64 * 1024;

/// How it ended.
pub(super) struct Ended {
    pub(super) succeeded: bool,
    pub(super) output: String,
    errors: String,
    words: String,
}

impl Ended {
    /// What it wrote, where it succeeded.
    ///
    /// # Errors
    /// What it said where it did not.
    pub(super) fn done(self) -> Result<String, ServiceError> {
        if self.succeeded {
            return Ok(self.output);
        }
        let said = [self.errors, self.output].into_iter().find(|said| !said.trim().is_empty());
        let said = said.map_or("it does not say why".to_owned(), |said| {
            let lines: Vec<_> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            Text::new(&lines.join("; ")).as_str().trim_end_matches('.').to_owned()
        });
        Err(ServiceError::Refused { what: self.words, said })
    }
}

/// Runs the program at `path` with these arguments, and the variables that a daemon gets, and `more`.
///
/// # Errors
/// That it cannot be run, or does not end.
pub(super) fn run(
    path: &Path,
    arguments: &[&str],
    more: &[(&str, &Path)],
    deadline: Deadline,
) -> Result<Ended, ServiceError> {
    let io = |source: io::Error| ServiceError::Program { path: path.to_owned(), source };
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let words = format!("{name} {}", arguments.join(" "));
    let began = verbose::begun(|| format!("running {words:?}"));
    let mut child = Command::new(path)
        .args(arguments)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| environment::is_kept(name)))
        .envs(environment::PATH.map(|path| ("PATH", path)))
        .envs(more.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(io)?;
    let read = read(&mut child, deadline);
    if read.is_err() {
        // Whatever it waits for, nobody waits for it any more.
        let _ = child.kill();
    }
    let status = child.wait().map_err(io)?;
    verbose::ended(began, || status.to_string());
    match read {
        Ok((output, errors)) => Ok(Ended { succeeded: status.success(), output, errors, words }),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            Err(ServiceError::Slow(words, deadline.in_words()))
        }
        Err(error) => Err(io(error)),
    }
}

/// All that it writes. It says little: neither stream is filled while the other one is read.
fn read(child: &mut Child, deadline: Deadline) -> io::Result<(String, String)> {
    let output = child.stdout.take().map(|output| text(output, deadline)).transpose()?;
    let errors = child.stderr.take().map(|errors| text(platform::as_output(errors), deadline)).transpose()?;
    Ok((output.unwrap_or_default(), errors.unwrap_or_default()))
}

fn text(mut stream: ChildStdout, deadline: Deadline) -> io::Result<String> {
    let (mut said, mut some) = (Vec::new(), [0; 4096]);
    loop {
        match platform::read_child(&mut stream, &mut some, deadline)? {
            0 => return Ok(platform::decoded(&said)),
            read if said.len() < SAID => said.extend_from_slice(&some[..read]),
            _ => {}
        }
    }
}
