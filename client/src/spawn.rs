//! Starts the daemon and waits for its word.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::{ChildStdout, Command, Stdio},
};

use dt_cred_proto::{
    environment,
    message::{Failure, FailureKind},
    text::Text,
};
use thiserror::Error;

use crate::{
    deadline::Deadline,
    platform::{self, DAEMON, TrustError},
    spinner, verbose,
};

/// Where the daemon is looked for when it does not lie beside the client: fixed when the client is built.
const BUILT_IN: Option<&str> = option_env!("DT_CRED_DAEMON");

/// Longest word of a daemon, in bytes.
const WORD: u64 = 8 * 1024;

/// Why no daemon was started.
#[derive(Debug, Error)]
pub(crate) enum SpawnError {
    /// It is nowhere.
    #[error("no daemon runs and {DAEMON} is not beside dt-cred at {0:?}: install it there")]
    Missing(PathBuf),
    /// Others could have changed it.
    #[error("the daemon is not started: {0}")]
    Untrusted(#[from] TrustError),
    /// The system refuses.
    #[error("cannot start {path:?}: {source}; see to its owner and mode, or install it again")]
    Io { path: PathBuf, source: io::Error },
    /// It ended, or said something else.
    #[error("{0:?} ended before it was ready: run it in a terminal to see why")]
    Wordless(PathBuf),
    /// The deadline passed.
    #[error("the daemon was not ready within {0}: try again, or give it longer with --timeout")]
    Slow(String),
    /// It said why it cannot run.
    #[error("{message}")]
    Refused { code: u8, message: Text },
}

impl From<SpawnError> for Failure {
    fn from(error: SpawnError) -> Self {
        let kind = match &error {
            SpawnError::Slow(_) => FailureKind::TryLater,
            SpawnError::Refused { code, .. } => kind_of(*code),
            _ => FailureKind::Daemon,
        };
        Self::new(kind, error.to_string())
    }
}

/// Starts the daemon and returns once it, or another one, listens.
///
/// # Errors
/// [`SpawnError`].
pub(crate) fn start(deadline: Deadline) -> Result<(), SpawnError> {
    let path = program()?;
    platform::trusted_program(&path)?;
    let began =
        verbose::begun(|| format!("starting {path:?}, within {}", verbose::in_ms(deadline.remaining())));
    let io = |source| SpawnError::Io { path: path.clone(), source };
    let mut command = Command::new(&path);
    command
        .arg("--background")
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| is_kept(name)))
        .envs(environment::PATH.map(|path| ("PATH", path)))
        .current_dir(path.ancestors().last().unwrap_or(&path))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let child = platform::start_detached(&mut command).map_err(io)?;
    let output = child.stdout.ok_or_else(|| SpawnError::Wordless(path.clone()))?;
    let said = match word(output, deadline) {
        Ok(word) => judge(&word, &path),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(SpawnError::Slow(deadline.in_words())),
        Err(error) => Err(io(error)),
    };
    verbose::ended(began, || if said.is_ok() { "it is ready" } else { "it is not ready" }.to_owned());
    said
}

/// The daemon's program: beside this one, symbolic links followed, else where the build says. Never by PATH.
///
/// # Errors
/// [`SpawnError::Missing`].
pub(crate) fn program() -> Result<PathBuf, SpawnError> {
    let io = |source| SpawnError::Io { path: DAEMON.into(), source };
    let own = std::env::current_exe().and_then(fs::canonicalize).map_err(io)?;
    let beside = own.with_file_name(DAEMON);
    let found =
        [Some(beside.clone()), BUILT_IN.map(PathBuf::from)].into_iter().flatten().find(|path| path.exists());
    found.ok_or(SpawnError::Missing(beside))
}

/// Whether the daemon gets this variable: it outlives the shell that happened to start it.
fn is_kept(name: &OsStr) -> bool {
    environment::is_kept(name) || name.to_str().is_some_and(|name| name.starts_with("DT_CRED_"))
}

/// The first line that the daemon says, or what it said before it closed its output.
fn word(mut output: ChildStdout, deadline: Deadline) -> io::Result<Vec<u8>> {
    let mut said = Vec::new();
    loop {
        let mut some = [0; 1024];
        let waiting_for = || "starting the daemon".into();
        let read = spinner::while_waiting(deadline, deadline.remaining(), waiting_for, |deadline| {
            platform::read_child(&mut output, &mut some, deadline)
        })?;
        let (line, ended) = match some[..read].iter().position(|&byte| byte == b'\n') {
            Some(end) => (&some[..end], true),
            None => (&some[..read], read == 0),
        };
        said.extend_from_slice(line);
        if ended || said.len() as u64 > WORD {
            return Ok(said);
        }
    }
}

fn judge(word: &[u8], path: &Path) -> Result<(), SpawnError> {
    let word = String::from_utf8_lossy(word);
    if word == "ready" {
        return Ok(());
    }
    let failed = word.strip_prefix("failed ").and_then(|rest| rest.split_once(' '));
    let refused = failed.and_then(|(code, message)| Some((code.parse().ok()?, Text::new(message))));
    match refused {
        Some((code, message)) => Err(SpawnError::Refused { code, message }),
        None => Err(SpawnError::Wordless(path.to_owned())),
    }
}

fn kind_of(code: u8) -> FailureKind {
    use FailureKind::{Configuration, Daemon, Keyring, NothingStored, Other, Refused, TryLater, Usage};
    let kinds = [TryLater, Usage, Daemon, Refused, NothingStored, Keyring, Configuration, Other];
    kinds.into_iter().find(|kind| kind.exit_code() == code).unwrap_or(Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_gets_its_own_variables_too() {
        for (name, kept) in [("DT_CRED_LOG", true), ("DT_CRED_SOCKET", true), ("MY_DT_CRED_", false)] {
            assert_eq!(is_kept(OsStr::new(name)), kept, "{name}");
        }
    }

    #[test]
    fn the_daemons_word_is_ready_or_a_failure_with_its_code() {
        let path = Path::new("/x");
        assert!(judge(b"ready", path).is_ok());
        for (word, code) in [(&b"failed 7 the file is wrong"[..], 7), (b"failed 3 a\x1b[2Jb", 3)] {
            let failure = Failure::from(judge(word, path).expect_err("refused"));
            assert_eq!(failure.kind.exit_code(), code);
            assert!(!failure.message.as_str().contains('\x1b'));
        }
        for word in [&b""[..], b"ready ", b"READY", b"failed", b"failed 7", b"failed x y", b"panicked at"] {
            assert!(matches!(judge(word, path), Err(SpawnError::Wordless(_))), "{word:?}");
        }
    }
}
