//! Unix: what only curl reads and only curl writes goes through pipes that it inherits.

use std::{
    io::{self, PipeReader, PipeWriter, Read, Write},
    os::{
        fd::{AsFd, AsRawFd},
        unix::process::ExitStatusExt,
    },
    process::{Child, Command, ExitStatus},
};

use dt_cred::curl_answer::Heads;
use rustix::io::{FdFlags, fcntl_setfd};

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod system;

pub(super) use system::tie;

/// Whether curl's standard input is left to the user.
pub(super) const LEAVES_INPUT: bool = true;

/// The way of the token's line to curl.
pub(super) struct Line {
    read: PipeReader,
    write: PipeWriter,
}

impl Line {
    /// Opens it, and says to `command` where it ends.
    ///
    /// # Errors
    /// As pipe(2).
    pub(super) fn open(command: &mut Command) -> io::Result<Self> {
        let (read, write) = io::pipe()?;
        inherited(&read)?;
        // Unlike `--header @FILE`, curl ends where it cannot read it, and sends nothing.
        command.args(["--config".to_owned(), format!("/dev/fd/{}", read.as_raw_fd())]);
        Ok(Self { read, write })
    }

    /// Writes the line to curl, which may have ended meanwhile.
    pub(super) fn send(self, _curl: &mut Child, line: &[u8]) {
        let Self { read, mut write } = self;
        drop(read);
        // curl says why it ended.
        let _ = write.write_all(line);
    }
}

/// The headers of the answers, told besides.
pub(super) struct Watch {
    read: PipeReader,
    write: PipeWriter,
}

impl Watch {
    /// Has `command` tell them.
    ///
    /// # Errors
    /// As pipe(2).
    pub(super) fn open(command: &mut Command) -> io::Result<Option<Self>> {
        let (read, write) = io::pipe()?;
        inherited(&write)?;
        command.args(["--dump-header".to_owned(), format!("/dev/fd/{}", write.as_raw_fd())]);
        Ok(Some(Self { read, write }))
    }

    /// Looks at them until curl ends; whether a server refused the token.
    ///
    /// # Errors
    /// As read(2).
    pub(super) fn refused(self, follows: bool) -> io::Result<bool> {
        let Self { mut read, write } = self;
        drop(write);
        let (mut heads, mut buffer) = (Heads::default(), [0; 4096]);
        loop {
            match read.read(&mut buffer) {
                Ok(0) => return Ok(heads.refused(follows)),
                Ok(some) => heads.push(&buffer[..some]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Lets the next child have it: nothing else is started meanwhile.
fn inherited(fd: impl AsFd) -> io::Result<()> {
    Ok(fcntl_setfd(fd, FdFlags::empty())?)
}

/// The exit code as a shell tells it: 128 and the signal's number where one ended curl.
pub(super) fn exit_code(status: ExitStatus) -> u8 {
    let signal = || status.signal().map_or(0, |signal| 128 + signal);
    u8::try_from(status.code().unwrap_or_else(signal)).unwrap_or(u8::MAX)
}
