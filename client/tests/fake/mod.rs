//! A daemon that does what no real one does, and the client that meets it.

#![allow(dead_code, reason = "no test file uses all of it")]

use std::{
    fs,
    io::{Read, Write},
    os::{
        fd::AsFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
};

use dt_cred_proto::{
    frame::{HEADER, body_length, decode, encode},
    message::{Request, Response, Token},
    secret::Secret,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tempfile::TempDir;

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
        self.path("agent.sock")
    }

    /// Listens, and lets each of `clients` play with one connection, one after the other.
    pub(crate) fn serve(&self, clients: Vec<Play>) -> thread::JoinHandle<()> {
        let listener = UnixListener::bind(self.socket()).expect("a socket");
        thread::spawn(move || {
            for play in clients {
                play(accept(&listener));
            }
        })
    }

    /// The client, with nothing in its environment but this socket.
    pub(crate) fn client(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(CLIENT);
        command.env_clear().env("DT_CRED_SOCKET", self.socket()).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs the client to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.client(arguments).output().expect("the client").into()
    }
}

/// The next client; none within half a minute is a failure and no hang.
pub(crate) fn accept(listener: &UnixListener) -> UnixStream {
    readable(listener);
    listener.accept().expect("a client").0
}

/// Waits for something to read, half a minute at most.
pub(crate) fn readable(from: &impl AsFd) {
    let limit = Timespec { tv_sec: 30, tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(from, PollFlags::IN)], Some(&limit)).expect("polled");
    assert_eq!(ready, 1, "nothing came within half a minute");
}

/// What a fake daemon does with one connection.
pub(crate) type Play = Box<dyn FnOnce(UnixStream) + Send>;

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
pub(crate) fn request(stream: &mut UnixStream) -> Request {
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

/// Writes an executable file by way of another process: a file that this one holds open for writing, or a child that
/// a parallel test is just making of it, could not be run.
pub(crate) fn script(path: &Path, text: &str) {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(path).stdin(Stdio::piped());
    let mut shell = shell.spawn().expect("a shell");
    shell.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    assert!(shell.wait().expect("ended").success());
}

/// A second name for a program, on the same file system, so that it runs as one that lies there.
pub(crate) fn link(program: impl AsRef<Path>, path: &Path) {
    fs::hard_link(program, path).expect("a link");
}

/// A folder on the file system of the programs under test.
pub(crate) fn beside_programs() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}
