//! The floor: a server that does nothing but read a request and write an answer, on the runtime and the sockets of the
//! daemon. Whatever the daemon takes longer is its own.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use dt_cred_tests::parts::Running;
use interprocess::local_socket::{
    GenericFilePath, ListenerOptions, ToFsName,
    tokio::{Stream, prelude::*},
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// This program's first argument where it is to be the server.
pub(crate) const WORD: &str = "serve-floor";

/// A bare server that runs until it is dropped.
pub(crate) struct Floor {
    _process: Running,
    folder: TempDir,
}

impl Floor {
    /// One whose requests and answers are so many bytes long.
    pub(crate) fn start(request: usize, answer: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let process = Running::start(command(&folder.path().join("socket"), request, answer)?, "");
        process.first_line();
        Ok(Self { _process: process, folder })
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect(self.folder.path().join("socket"))
    }
}

/// What runs one on this socket.
pub(crate) fn command(socket: &Path, request: usize, answer: usize) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(WORD).arg(socket).args([request.to_string(), answer.to_string()]);
    Ok(command)
}

/// Serves until it is killed, by the words after [`WORD`].
pub(crate) fn serve(mut words: impl Iterator<Item = String>) -> Result<()> {
    let mut next = || words.next().context("serve-floor SOCKET REQUEST ANSWER");
    let (socket, request, answer) = (PathBuf::from(next()?), next()?.parse()?, next()?.parse()?);
    // As a daemon is: Linux gives each session a share of a busy machine (sched(7), autogroup). Where it was made the first of
    // a session already, it has one.
    let _ = rustix::process::setsid();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(accept(&socket, request, answer))
}

async fn accept(socket: &Path, request: usize, answer: usize) -> Result<()> {
    let listener = ListenerOptions::new().name(socket.to_fs_name::<GenericFilePath>()?).create_tokio()?;
    println!("ready");
    loop {
        tokio::spawn(echo(listener.accept().await?, request, answer));
    }
}

/// One client, until it leaves.
async fn echo(mut stream: Stream, request: usize, answer: usize) -> io::Result<()> {
    let (mut request, answer) = (vec![0; request], answer_frame(answer));
    loop {
        stream.read_exact(&mut request).await?;
        stream.write_all(&answer).await?;
    }
}

/// A frame of so many bytes, of which nobody reads more than how long it is.
fn answer_frame(length: usize) -> Vec<u8> {
    let mut frame = vec![b'x'; length];
    frame[0] = 1;
    let body = u32::try_from(length - 5).unwrap_or(u32::MAX);
    frame[1..5].copy_from_slice(&body.to_le_bytes());
    frame
}

/// The client's loop, for both servers alike: a request, the answer's header, its body.
pub(crate) struct Caller {
    stream: UnixStream,
    body: Vec<u8>,
}

impl Caller {
    /// Over this connection.
    pub(crate) fn over(stream: UnixStream) -> Self {
        Self { stream, body: Vec::new() }
    }

    /// One exchange; the length of the whole answer.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> io::Result<usize> {
        self.ask(request)?;
        self.answer()
    }

    /// The first half of an exchange.
    pub(crate) fn ask(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request)
    }

    /// Leaves, and waits until the server has noticed: what it does for it must not be measured as the next one's.
    pub(crate) fn leave(mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        self.stream.read_to_end(&mut self.body).map(drop)
    }

    /// The second half.
    pub(crate) fn answer(&mut self) -> io::Result<usize> {
        let mut header = [0; 5];
        self.stream.read_exact(&mut header)?;
        let [_, length @ ..] = header;
        self.body.resize(u32::from_le_bytes(length) as usize, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(header.len() + self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole_and_no_further() {
        let (client, mut server) = UnixStream::pair().unwrap();
        let mut caller = Caller::over(client);
        for length in [900, 5, 6] {
            server.write_all(&answer_frame(length)).unwrap();
        }
        for length in [900, 5, 6] {
            assert_eq!(caller.answer().unwrap(), length);
        }
    }
}
