//! An external command as a source of credentials, as for HashiCorp Vault, 1Password and pass: it prints the lines of
//! `store`. Read only.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use dt_cred_proto::{
    attributes, environment,
    message::Keyring,
    platform::{TrustError, trusted_parents, trusted_program},
    secret::Secret,
    text::Text,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::timeout,
};
use zeroize::Zeroizing;

use super::{KeyringError, in_seconds, library::text};
use crate::platform;

/// How long what a command has started may hold its output open after its own end, as an agent that stays.
const GRACE: Duration = Duration::from_millis(500);

/// How much of a standard error is shown, in bytes and characters: its end, where programs say why.
const SAID: usize = 300;

/// What `command` prints, which it has `limit` for. Its standard error is shown where it fails, its output never.
///
/// # Errors
/// [`KeyringError`].
pub(super) async fn read(command: &[String], limit: Duration) -> Result<Secret, KeyringError> {
    let [program, arguments @ ..] = command else { return Err(KeyringError::NoCommand) };
    let unusable =
        |reason: String| KeyringError::NotRun { program: Text::new(program), reason: Text::from(reason) };
    let (mut output, mut said) =
        (Zeroizing::new(Vec::with_capacity(attributes::LIMIT + 1)), Zeroizing::new(Vec::new()));
    let judged = PathBuf::from(program);
    let run = async {
        // On a thread of its own: its file system may be one that hangs.
        match tokio::task::spawn_blocking(move || trusted(&judged)).await {
            Ok(Ok(())) => run(program, arguments, &mut output, &mut said).await,
            Ok(Err(error)) => Err(Failed::Untrusted(error)),
            Err(error) => Err(Failed::Io(error.into())),
        }
    };
    let ended = timeout(limit, run).await;
    let powerless = platform::is_powerless(Path::new(program));
    let (program, said) = (Text::new(program), shown(&said));
    match ended {
        Err(_) => Err(KeyringError::Late { program, seconds: in_seconds(limit), said }),
        Ok(Err(Failed::Io(error))) => Err(unusable(error.to_string())),
        Ok(Err(Failed::Untrusted(error))) => Err(unusable(error.to_string())),
        Ok(Err(Failed::TooMuch)) => Err(KeyringError::TooMuch { program, limit: attributes::LIMIT }),
        Ok(Ok(status)) if !status.success() => {
            let status = Text::from(status.to_string());
            Err(match powerless {
                true => KeyringError::Powerless { program, status, said },
                false => KeyringError::Unsuccessful { program, status, said },
            })
        }
        Ok(Ok(_)) => text(Keyring::Command, std::mem::take(&mut *output)),
    }
}

/// Sees that nobody else can change the program, or make its path lead elsewhere.
fn trusted(program: &Path) -> Result<(), TrustError> {
    let io = |source| TrustError::Io { path: program.to_owned(), source };
    trusted_parents(program)?;
    trusted_program(&fs::canonicalize(program).map_err(io)?)
}

/// Why a command gave nothing.
enum Failed {
    Untrusted(TrustError),
    Io(io::Error),
    TooMuch,
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Runs it to its end. Where this is dropped before, it is killed, with all that it has started.
async fn run(
    program: &str,
    arguments: &[String],
    output: &mut Vec<u8>,
    said: &mut Vec<u8>,
) -> Result<ExitStatus, Failed> {
    let kept = std::env::vars_os().filter(|(name, _)| environment::is_kept(name));
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(kept)
        .envs(environment::PATH.map(|path| ("PATH", OsStr::new(path))));
    command.current_dir(Path::new(program).ancestors().last().unwrap_or(Path::new(program)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    platform::apart(&mut command);
    let mut group = Group(command.spawn()?);
    let (stdout, stderr) = (group.0.stdout.take(), group.0.stderr.take());
    let streams = async { tokio::try_join!(whole(stdout, output), end(stderr, said)) };
    tokio::pin!(streams);
    tokio::select! {
        // Whatever it has printed is there when it ends.
        status = group.0.wait() => {
            let status = status?;
            if let Ok(read) = timeout(GRACE, streams).await {
                read?;
            }
            Ok(status)
        }
        read = &mut streams => {
            read?;
            Ok(group.0.wait().await?)
        }
    }
}

/// A running command, which does not outlive this, nor does what it has started, unless it has ended itself.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // None once it was waited for: then its number may be another's.
        if let Some(pid) = self.0.id() {
            platform::end_group(pid);
        }
    }
}

/// Everything that a stream gives.
async fn whole(stream: Option<impl AsyncRead + Unpin>, output: &mut Vec<u8>) -> Result<(), Failed> {
    let Some(mut stream) = stream else { return Ok(()) };
    // Its capacity is one more than what is taken: it never grows, so it leaves no copy of the secret behind.
    while stream.read_buf(output).await? > 0 {
        if output.len() > attributes::LIMIT {
            return Err(Failed::TooMuch);
        }
    }
    Ok(())
}

/// The last [`SAID`] bytes that a stream gives.
async fn end(stream: Option<impl AsyncRead + Unpin>, said: &mut Vec<u8>) -> Result<(), Failed> {
    let Some(mut stream) = stream else { return Ok(()) };
    let mut some = [0; 1024];
    loop {
        match stream.read(&mut some).await? {
            0 => return Ok(()),
            read => said.extend_from_slice(&some[..read]),
        }
        said.drain(..said.len().saturating_sub(SAID));
    }
}

/// What a program said on its standard error, in one line.
fn shown(said: &[u8]) -> Text {
    let said = String::from_utf8_lossy(said);
    let lines: Vec<_> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let said = if lines.is_empty() { "it said nothing".to_owned() } else { lines.join("; ") };
    let rest = said.chars().count().saturating_sub(SAID);
    Text::from(said.chars().skip(rest).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::{SAID, shown};

    #[test]
    fn what_a_program_said_is_one_line_that_a_terminal_takes() {
        let said = shown(b"\n  first\r\nsecond \x1b[31mred\x1b[0m\xff\n\n");
        assert_eq!(said.as_str(), "first; second \u{fffd}[31mred\u{fffd}[0m\u{fffd}");
        assert_eq!(shown(b" \n").as_str(), "it said nothing");
        let flood = shown(&[&b"x\n".repeat(500)[..], b"the end"].concat());
        assert!(
            flood.as_str().ends_with("; x; the end") && flood.as_str().chars().count() <= SAID,
            "{flood}"
        );
    }
}
