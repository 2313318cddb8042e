//! Unix: waiting on descriptors, the standard streams without buffers, the file that a daemon is started from.

use std::{
    env,
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdout, Command},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Access, access},
    termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr},
};

#[path = "unix/canvas.rs"]
mod canvas;
#[path = "unix/socket.rs"]
mod socket;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod system;
#[path = "unix/tidy.rs"]
mod tidy;

pub(crate) use canvas::{Canvas, size};
pub(crate) use dt_cred_proto::platform::{TrustError, trusted_program};
pub(crate) use socket::{Stranger, Stream};
pub(crate) use system::{Process, boot_time, may_daemon_read, unnumbered};

use self::tidy::Tidy;
pub(crate) use self::tidy::undo as undo_terminal;
use crate::{deadline::Deadline, masked::Signal};

/// The name of the daemon's program.
pub(crate) const DAEMON: &str = "dt-credd";

/// What to look at where the socket cannot be reached.
pub(crate) const ENDPOINT_MEND: &str =
    "see that XDG_RUNTIME_DIR and HOME are your own, as after `su -`, or set DT_CRED_SOCKET";

/// What is typed at a terminal.
pub(crate) type Keys = File;

/// What a terminal shows.
pub(crate) type Screen = File;

/// The terminal of this process: its keys and its screen.
///
/// # Errors
/// Where there is none.
pub(crate) fn terminal() -> io::Result<(Keys, Screen)> {
    let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    Ok((terminal.try_clone()?, terminal))
}

/// Reads what there is of a child's output, at least a byte; zero is the end.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] once the deadline has passed.
pub(crate) fn read_child(
    output: &mut ChildStdout,
    buffer: &mut [u8],
    deadline: Deadline,
) -> io::Result<usize> {
    wait(&*output, Ready::Read, deadline)?;
    output.read(buffer)
}

/// What a child tells besides, to be read as its output is.
pub(crate) fn as_output(errors: ChildStderr) -> ChildStdout {
    OwnedFd::from(errors).into()
}

/// Becomes this program; the standard library gives it SIGPIPE back, which Rust's runtime ignores. Returns only why not.
pub(crate) fn replace_self(command: &mut Command) -> io::Error {
    hand_on_output();
    let error = command.exec();
    if error.raw_os_error() != Some(libc::ENOEXEC) {
        return error;
    }
    // Text that names no interpreter is the shell's, says execvp(3); musl's leaves that to its caller.
    let Some(text) = text(command.get_program()) else { return error };
    let mut shell = Command::new("/bin/sh");
    shell.arg(text).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.exec()
}

/// Where execvp(3) found a program: a name alone is looked for in the folders of PATH, without which musl looks in these. A shell would
/// look for it in its own folder first.
fn text(program: &OsStr) -> Option<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return Some(program.into());
    }
    let path = env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/bin:/usr/bin".into());
    // One that is empty is the folder that this runs in.
    let folders = env::split_paths(&path).map(|folder| Path::new(".").join(folder));
    let is_it = |path: &PathBuf| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    folders.map(|folder| folder.join(program)).find(is_it)
}

/// Has the program that is run next find standard output closed, if it was so when this one was started.
pub(crate) fn hand_on_output() {
    if CLOSED.load(Ordering::Relaxed) {
        // Where that cannot be it writes to nobody.
        let _ = rustix::io::fcntl_setfd(rustix::stdio::stdout(), rustix::io::FdFlags::CLOEXEC);
    }
}

/// Starts the daemon, which leaves the terminal by itself; the system closes for a child what is not meant for it.
///
/// # Errors
/// As execve(2).
pub(crate) fn start_detached(command: &mut Command) -> io::Result<Child> {
    command.spawn()
}

/// How far the local clock is ahead of UTC, in seconds, so many seconds after the Unix epoch: as TZ or /etc/localtime
/// says. Nothing where the system does not tell.
pub(crate) fn east_of_utc(seconds: i64) -> i32 {
    let mut local = MaybeUninit::<libc::tm>::zeroed();
    #[expect(unsafe_code, reason = "the local time has no safe wrapper")]
    // SAFETY: both pointers are to live variables. All zeros are a `tm`; where the call fails it stays so.
    let local = unsafe {
        libc::localtime_r(&raw const seconds, local.as_mut_ptr());
        local.assume_init()
    };
    i32::try_from(local.tm_gmtoff).unwrap_or(0)
}

/// What is waited for.
#[derive(Clone, Copy)]
pub(crate) enum Ready {
    /// There is something to read, or the other end is gone.
    Read,
    /// Something can be written, or the other end is gone.
    Write,
}

/// Waits until `fd` is ready.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] once the deadline has passed.
pub(crate) fn wait(fd: impl AsFd, ready: Ready, deadline: Deadline) -> io::Result<()> {
    let flags = match ready {
        Ready::Read => PollFlags::IN,
        Ready::Write => PollFlags::OUT,
    };
    loop {
        let remaining = deadline.remaining();
        let timeout = Timespec::try_from(remaining).map_err(io::Error::other)?;
        let mut fds = [PollFd::new(&fd, flags)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) if remaining.is_zero() => return Err(io::ErrorKind::TimedOut.into()),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether standard output was closed when this program was started. Rust's runtime opens `/dev/null` in its place
/// before `main`, where an answer would be lost in silence.
static CLOSED: AtomicBool = AtomicBool::new(false);

#[expect(unsafe_code, reason = "only what is linked so is run before Rust's runtime")]
// SAFETY: both names are of the sections of functions that the system's loader calls without arguments, and this one
// needs nothing that is set up later: it makes one system call.
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
#[used]
static LOOK: extern "C" fn() = {
    extern "C" fn look() {
        CLOSED.store(rustix::io::fcntl_getfd(rustix::stdio::stdout()).is_err(), Ordering::Relaxed);
    }
    look
};

/// Writes to standard output, past the buffer of [`io::Stdout`], which would keep a copy; returns how much was taken.
///
/// # Errors
/// As write(2); an output that does not block is waited for.
pub(crate) fn write_output(bytes: &[u8]) -> io::Result<usize> {
    if CLOSED.load(Ordering::Relaxed) {
        return Err(rustix::io::Errno::BADF.into());
    }
    let output = rustix::stdio::stdout();
    loop {
        match rustix::io::write(output, bytes) {
            Err(rustix::io::Errno::AGAIN) => {
                poll(&mut [PollFd::new(&output, PollFlags::OUT)], None)?;
            }
            Err(rustix::io::Errno::INTR) => {}
            written => return Ok(written?),
        }
    }
}

/// Reads from standard input, past the buffer of [`io::Stdin`], which would keep a copy; zero is the end.
///
/// # Errors
/// As read(2); an input that does not block is waited for.
fn read_input(buffer: &mut [u8]) -> io::Result<usize> {
    let input = rustix::stdio::stdin();
    loop {
        match rustix::io::read(input, &mut *buffer) {
            Err(rustix::io::Errno::AGAIN) => {
                poll(&mut [PollFd::new(&input, PollFlags::IN)], None)?;
            }
            Err(rustix::io::Errno::INTR) => {}
            read => return Ok(read?),
        }
    }
}

/// Standard input, to be read for its lines.
pub(crate) fn line_input() -> impl FnMut(&mut [u8]) -> io::Result<usize> {
    read_input
}

/// A terminal that shows nothing of what is typed and makes no signals of it, until this is dropped or a signal ends this
/// process.
pub(crate) struct Silence<'a> {
    terminal: &'a Keys,
    before: Termios,
    _tidy: Tidy,
}

impl<'a> Silence<'a> {
    /// Silences `terminal`.
    ///
    /// # Errors
    /// As tcgetattr(3).
    pub(crate) fn of(terminal: &'a Keys) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        let tidy = Tidy::before(terminal, Some((before.clone(), silent.clone())), ("", ""));
        tcsetattr(terminal, OptionalActions::Now, &silent)?;
        Ok(Self { terminal, before, _tidy: tidy })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

/// Does what a key does on a terminal that makes signals of keys: it signals this process and those that run along with it
/// (termios(3)). Returns once this process goes on, or where the signal is ignored.
pub(crate) fn signal_self(signal: Signal) {
    let signal = match signal {
        Signal::Interrupt => rustix::process::Signal::INT,
        Signal::Quit => rustix::process::Signal::QUIT,
        Signal::Suspend => rustix::process::Signal::TSTP,
    };
    let _ = rustix::process::kill_current_process_group(signal);
}

/// What another program has written, as text.
pub(crate) fn decoded(said: &[u8]) -> String {
    String::from_utf8_lossy(said).into_owned()
}

/// Pauses before the next try of something that the system has no event for.
pub(crate) fn pause(time: Duration, deadline: Deadline) {
    std::thread::sleep(time.min(deadline.remaining()));
}
