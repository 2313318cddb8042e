//! Unix: connections, private folders, signals.

use std::{
    env, fs,
    io::{self, Write},
    os::{
        fd::AsFd,
        unix::{fs::DirBuilderExt, net::UnixStream},
    },
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use dt_cred_proto::platform::own_uid;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Signal, WaitId, WaitIdOptions, kill_process, waitid},
};

use super::{BOUND, Running};

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod system;

pub use rustix::process::Pid;
#[cfg(target_os = "linux")]
pub(super) use system::Changes;
pub(super) use system::{CONFIGURATION, Place, Process, furnish, listener, socket};

/// A longer path for temporary files leaves too little of `sun_path`'s bytes (unix(7)).
const TEMPORARY_LIMIT: usize = 40;

/// Whether this process is root, who alone can play another user; says loudly what is left out where it is not. No
/// failure also under [`super::REQUIRE_VARIABLE`]: it is no part that `tests/run` could install, and its last line says
/// so.
pub fn root(what: &str) -> bool {
    let root = own_uid() == 0;
    if !root {
        let _ = io::stderr().write_all(format!("LEFT OUT: a test that needs root: {what}\n").as_bytes());
    }
    root
}

/// Makes a folder that is the user's alone, and what is missing above it.
///
/// # Panics
/// Where it cannot.
#[track_caller]
pub fn private_folder(folder: &Path) {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).expect("a private folder");
}

/// Starts a program.
pub(super) fn spawn(command: &mut Command) -> io::Result<Child> {
    command.spawn()
}

impl Process {
    /// Asks it to end, which one that stands still does as well.
    pub(super) fn terminate(&self) {
        self.signal(Signal::CONT);
        self.signal(Signal::TERM);
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }
}

impl Running {
    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = Process::of(self.pid()) {
            process.signal(signal);
        }
    }

    /// Stops it (SIGSTOP) and waits until it stands still. `signal(Signal::CONT)` lets it go on.
    ///
    /// # Panics
    /// Where it is gone.
    pub fn stop(&self) {
        kill_process(self.pid(), Signal::STOP).expect("the child is there");
        // Looked at only, so that whoever owns the child still reaps it.
        waitid(WaitId::Pid(self.pid()), WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT)
            .expect("the child stops");
    }
}

pub(super) fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Where a home may lie.
pub(super) fn temporary() -> PathBuf {
    let temporary = env::temp_dir();
    if temporary.as_os_str().len() > TEMPORARY_LIMIT { PathBuf::from("/tmp") } else { temporary }
}

/// A socket of this name in a folder of its own, where nobody listens yet.
pub(super) fn another_socket(home: &Path, name: &str) -> PathBuf {
    let folder = home.join(name);
    private_folder(&folder);
    folder.join("agent.sock")
}

/// A connection.
pub(super) type Connection = UnixStream;

/// Connects to a socket; every wait on it has the [`BOUND`].
pub(super) fn connect(socket: &Path) -> io::Result<Connection> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(BOUND))?;
    stream.set_write_timeout(Some(BOUND))?;
    Ok(stream)
}

/// Whether something can be written now.
#[cfg(target_os = "linux")]
pub(super) fn writable(descriptor: impl AsFd) -> bool {
    let now = Timespec::try_from(Duration::ZERO).expect("no time");
    poll(&mut [PollFd::new(&descriptor, PollFlags::OUT)], Some(&now)).expect("polled") > 0
}

/// Whether something can be read within `limit`, or the other end is gone.
pub(super) fn readable(descriptor: impl AsFd, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).expect("a bound of seconds");
        match poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&left)) {
            Ok(ready) => return ready > 0,
            Err(Errno::INTR) => {}
            Err(error) => panic!("cannot poll: {error}"),
        }
    }
}
