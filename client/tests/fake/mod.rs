//! A daemon that does what no real one does, and the client that meets it.

#![allow(dead_code, reason = "no test file uses all of it")]

use std::{
    io::{Read, Write},
    path::PathBuf,
    process::{Command, Output, Stdio},
    thread,
};

use dt_cred_proto::{
    frame::{HEADER, body_length, decode, encode},
    message::{Request, Response, Token},
    secret::Secret,
};
use tempfile::TempDir;

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

pub(crate) use platform::*;

/// The client's program.
pub(crate) const CLIENT: &str = env!("CARGO_BIN_EXE_dt-cred");

/// A socket in a folder of its own, and a client that is pointed to it.
pub(crate) struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder") }
    }

    /// A place in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the client looks for the daemon.
    pub(crate) fn socket(&self) -> PathBuf {
        socket(self.folder.path())
    }

    /// Listens, and lets each of `clients` play with one connection, one after the other.
    pub(crate) fn serve(&self, clients: Vec<Play>) -> thread::JoinHandle<()> {
        let listener = listen(&self.socket());
        thread::spawn(move || {
            for play in clients {
                play(accept(&listener));
            }
        })
    }

    /// The client, with nothing in its environment but this socket.
    pub(crate) fn client(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(CLIENT);
        command.env_clear().envs(variables()).env("DT_CRED_SOCKET", self.socket());
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs the client to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.client(arguments).output().expect("the client").into()
    }
}

/// What a fake daemon does with one connection.
pub(crate) type Play = Box<dyn FnOnce(Stream) + Send>;

/// Reads one request and answers it so.
pub(crate) fn answer(response: Response) -> Play {
    say(encode(&response).expect("a frame").to_vec())
}

/// Reads one request and says these bytes.
pub(crate) fn say(bytes: Vec<u8>) -> Play {
    Box::new(move |mut stream| {
        request(&mut stream);
        // A client that understood enough leaves before the end.
        let _ = stream.write_all(&bytes);
    })
}

/// Reads one request and closes without a word.
pub(crate) fn close() -> Play {
    say(Vec::new())
}

/// Reads one request, says these bytes and then nothing, until the client leaves.
pub(crate) fn fall_silent_after(bytes: Vec<u8>) -> Play {
    Box::new(move |mut stream| {
        request(&mut stream);
        stream.write_all(&bytes).expect("sent");
        let _ = stream.read(&mut [0]);
    })
}

/// Reads one request.
pub(crate) fn request(stream: &mut Stream) -> Request {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).expect("a header");
    let mut body = vec![0; body_length::<Request>(header).expect("a length")];
    stream.read_exact(&mut body).expect("a body");
    decode(&body).expect("a request")
}

/// A token that is in order.
pub(crate) fn token() -> Token {
    Token {
        access_token: Secret::new("aaa.bbb.ccc".to_owned()),
        token_type: "Bearer".into(),
        expires_at_ms: 1_764_000_000_000,
        expires_in_ms: 1_800_000,
        generation: 1_763_998_200_000,
        profile: "default".parse().expect("a name"),
        url: "https://app.datatrails.ai".into(),
        warning: None,
    }
}

/// What a run of the client came to.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Outcome {
    /// Sees that it failed as failures must: with this code, silently on standard output, with one line that says `words`.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, words: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert!(self.stderr.starts_with("dt-cred: ") && self.stderr.contains(words), "{self:?}");
        assert_eq!(self.stderr.find('\n'), Some(self.stderr.len() - 1), "{self:?}");
    }

    /// Sees that it succeeded and said this and nothing else.
    #[track_caller]
    pub(crate) fn said(&self, stdout: &str) {
        assert_eq!((self.code, self.stdout.as_str(), self.stderr.as_str()), (Some(0), stdout, ""));
    }
}
