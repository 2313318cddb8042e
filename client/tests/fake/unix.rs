//! Unix: the socket of a fake daemon, and programs that a client may find.

use std::{
    fs,
    io::Write,
    os::{
        fd::AsFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tempfile::TempDir;

/// Whoever waits for clients.
pub(crate) type Listener = UnixListener;

/// A connection to one.
pub(crate) type Stream = UnixStream;

/// A socket for tests in this folder.
pub(crate) fn socket(folder: &Path) -> PathBuf {
    folder.join("agent.sock")
}

/// Listens there.
pub(crate) fn listen(socket: &Path) -> Listener {
    UnixListener::bind(socket).expect("a socket")
}

/// What the client needs of the environment: nothing.
pub(crate) fn variables() -> [(String, String); 0] {
    []
}

/// The next client; none within half a minute is a failure and no hang.
pub(crate) fn accept(listener: &Listener) -> Stream {
    readable(listener);
    listener.accept().expect("a client").0
}

/// Waits for something to read, half a minute at most.
pub(crate) fn readable(from: &impl AsFd) {
    let limit = Timespec { tv_sec: 30, tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(from, PollFlags::IN)], Some(&limit)).expect("polled");
    assert_eq!(ready, 1, "nothing came within half a minute");
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
