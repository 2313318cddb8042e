//! Unix: what the process sets up before it does anything else, signals, peers.

use std::{
    ffi::OsStr,
    fs, io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    path::{Path, PathBuf},
};

use dt_cred_proto::{
    endpoint::Endpoint,
    message::{Caller, Defence},
    platform::hide_memory,
};
use interprocess::local_socket::{ListenerOptions, prelude::*, tokio as local};
use rustix::{
    fs::Mode,
    net::SocketAddrUnix,
    process::{Resource, Rlimit},
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::server::Asked;

#[path = "unix/files.rs"]
mod files;
#[path = "unix/queue.rs"]
mod queue;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod system;

pub use dt_cred_proto::platform::{
    TrustError, home, own_uid, private_file, private_folder, trusted, trusted_parents,
};
pub use files::{
    FileId, Lock, Stamp, append_private, create_private, has_read_permission, is_own_file, is_stream,
    open_regular, replace, sync_folder,
};
pub use queue::Queue;
pub use system::{
    Alarm, Journal, NotifySocket, OUTPUT_IS_KEPT, Watch, boot_time, confine, folded, give_back_memory,
    is_answered, is_managed, is_powerless, monotonic, process, starter, unmap_program, watchdog,
};

/// What no file descriptor of this process may ever exceed, whatever the system allows.
const DESCRIPTORS: u64 = 65_536;

/// Settles the process: nothing that it makes is open to others, its memory is its own, and it may hold a connection for
/// every client.
pub fn settle() {
    hide_memory();
    system::keep_the_heap_small();
    // Lowering a limit is never refused.
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    rustix::process::umask(Mode::from_raw_mode(0o077));
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Some(limit.maximum.unwrap_or(DESCRIPTORS).min(DESCRIPTORS));
    if limit.current < raised {
        // Fewer connections at once are no reason not to serve.
        let _ =
            rustix::process::setrlimit(Resource::Nofile, Rlimit { current: raised, maximum: limit.maximum });
    }
}

/// Whether this process's memory is its own.
pub fn hidden() -> Vec<Defence> {
    let core = rustix::process::getrlimit(Resource::Core);
    let core = (core.current == Some(0), "none is written, limit 0", "the limit could not be lowered");
    let told = |name: &str, (active, how, why): (bool, &str, &str)| {
        let note = if active { how } else { why };
        Defence { name: name.into(), active, note: note.into() }
    };
    vec![told("memory", system::memory_is_hidden()), told("core files", core)]
}

/// How many descriptors this process may have open at once (RLIMIT_NOFILE in getrlimit(2)).
pub fn descriptor_limit() -> usize {
    let limit = rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(DESCRIPTORS);
    usize::try_from(limit.min(DESCRIPTORS)).unwrap_or(usize::MAX)
}

/// Leaves the terminal and whatever descriptors the caller left open: a caller's `$(…)` must not wait for us.
///
/// # Errors
/// Where `/dev/null` cannot be opened.
pub fn detach() -> io::Result<()> {
    // Fails only for a process group leader, which a spawned child is not; then there is no terminal to leave.
    let _ = rustix::process::setsid();
    system::close_from(3);
    let null = null()?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    // A working folder of the caller's would keep its file system from being unmounted.
    std::env::set_current_dir("/")
}

/// Makes what is started the first of a process group of its own, so that all that it starts can be ended with it.
pub fn apart(command: &mut tokio::process::Command) {
    command.process_group(0);
}

/// Kills the process group of this number.
pub fn end_group(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    // Where all of it has ended, nothing is left to be done.
    let _ = pid.map(|pid| rustix::process::kill_process_group(pid, rustix::process::Signal::KILL));
}

/// Kills this process, which can do nothing about it.
#[cfg(debug_assertions)]
pub fn die() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}

/// Points standard output to nowhere: the word of readiness was said.
///
/// # Errors
/// Where `/dev/null` cannot be opened.
pub fn close_output() -> io::Result<()> {
    Ok(rustix::stdio::dup2_stdout(null()?)?)
}

fn null() -> io::Result<fs::File> {
    fs::OpenOptions::new().read(true).write(true).open("/dev/null")
}

/// Makes the folder of the socket; where its lock lies.
///
/// # Errors
/// [`TrustError`] where somebody else could put another socket there.
pub fn prepare(endpoint: &Endpoint) -> Result<PathBuf, TrustError> {
    let folder = endpoint.path.parent().unwrap_or(Path::new("/"));
    private_folder(folder, !endpoint.explicit)?;
    Ok(endpoint.path.with_extension("lock"))
}

/// Where files are lent: beside the socket, which mostly lies in memory, for the one daemon that listens there.
pub fn lent_folder(endpoint: &Endpoint, _state: &Path) -> PathBuf {
    endpoint.path.with_extension("lent")
}

/// Removes the socket at `path` that a daemon left behind.
///
/// # Errors
/// Where something else than a socket of ours lies there: it is left alone.
pub fn remove_stale_socket(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() && found.uid() == own_uid() => fs::remove_file(path),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "something else than a socket of ours lies there",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes the socket at `path`.
///
/// # Errors
/// As unlink(2).
pub fn remove_socket(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// The socket that a service manager gave to this process, and where it lies.
pub struct Activated {
    descriptor: OwnedFd,
    path: PathBuf,
}

/// Takes it over, if there is one. To be called before this process has opened anything: it is known by its number alone.
///
/// # Errors
/// Where what was given is no Unix socket that is listened on.
pub fn activated() -> io::Result<Option<Activated>> {
    let Some(descriptor) = system::activated()? else { return Ok(None) };
    let wrong =
        |what: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("the service manager gave {what}"));
    let address = SocketAddrUnix::try_from(rustix::net::getsockname(&descriptor)?);
    let address = address.map_err(|_| wrong("no Unix socket"))?;
    let path = address.path().map(|path| PathBuf::from(OsStr::from_bytes(path.to_bytes())));
    let path = path.ok_or_else(|| wrong("a socket without a path"))?;
    rustix::io::ioctl_fionbio(&descriptor, true)?;
    Ok(Some(Activated { descriptor, path }))
}

impl Activated {
    /// Where it listens.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint { path: self.path.clone(), explicit: true }
    }

    /// Whoever waits there, for when they cannot be served.
    ///
    /// # Errors
    /// Where there are no descriptors left.
    pub fn queue(&self) -> io::Result<Queue> {
        self.descriptor.try_clone().map(|descriptor| Queue(descriptor.into()))
    }

    /// The listener, on the runtime that this is called on.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn listener(self) -> io::Result<(local::Listener, PathBuf)> {
        Ok((local::Listener::UdSocket(self.descriptor.try_into()?), self.path))
    }
}

/// Listens at `path`, for its own user alone, where nothing may lie.
///
/// # Errors
/// Where the system refuses.
pub fn listen(path: &Path) -> io::Result<local::Listener> {
    let name =
        path.to_owned().into_os_string().to_fs_name::<interprocess::local_socket::GenericFilePath>()?;
    system::private(ListenerOptions::new().name(name).reclaim_name(false)).create_tokio()
}

/// Who connected, and whether that is our own user.
///
/// # Errors
/// Where the connection is gone.
pub fn peer(stream: &local::Stream) -> io::Result<(Caller, bool)> {
    let local::Stream::UdSocket(socket) = stream;
    let peer = dt_cred_proto::platform::peer(socket.as_fd())?;
    Ok((Caller { uid: Some(peer.uid), pid: peer.pid, ..Caller::default() }, peer.uid == own_uid()))
}

/// What the process is asked by signals. SIGHUP, of a terminal that closes, is not death.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes the signals over from their defaults.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub async fn received(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End("SIGTERM"),
            _ = self.interrupt.recv() => Asked::End("SIGINT"),
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}

/// The environment variable that names another place for the state folder.
pub const STATE_VARIABLE: &str = "XDG_STATE_HOME";
