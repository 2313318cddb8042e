//! Windows: the console, the standard streams without buffers, the program that a daemon is started from.

use std::{
    fs::File,
    io::{self, Read, Write},
    mem::ManuallyDrop,
    os::windows::{
        io::{AsHandle, AsRawHandle, FromRawHandle, OwnedHandle},
        process::CommandExt,
    },
    process::{Child, ChildStderr, ChildStdout, Command},
    time::Duration,
};

use windows_sys::Win32::{
    Foundation::{HANDLE, HANDLE_FLAG_INHERIT, SetHandleInformation, WAIT_OBJECT_0},
    System::Threading::{
        CREATE_BREAKAWAY_FROM_JOB, CREATE_NEW_PROCESS_GROUP, DETACHED_PROCESS, GetCurrentProcess,
        GetProcessHandleCount, OpenProcess, PROCESS_SYNCHRONIZE, WaitForSingleObject,
    },
};

#[path = "windows/canvas.rs"]
mod canvas;
#[path = "windows/clock.rs"]
mod clock;
#[path = "windows/code_page.rs"]
mod code_page;
#[path = "windows/console.rs"]
mod console;
#[path = "windows/exec.rs"]
mod exec;
#[path = "windows/lines.rs"]
mod lines;
#[path = "windows/pipe.rs"]
mod pipe;

pub(crate) use canvas::{Canvas, size};
pub(crate) use clock::east_of_utc;
pub(crate) use code_page::decoded;
pub(crate) use console::{Keys, Screen, Silence, terminal};
pub(crate) use dt_cred_proto::platform::{TrustError, trusted_program};
pub(crate) use exec::replace_self;
pub(crate) use pipe::{Stranger, Stream};

use crate::{deadline::Deadline, masked::Signal};

/// The name of the daemon's program.
pub(crate) const DAEMON: &str = "dt-credd.exe";

/// Whether a daemon may read the file: it has all of its user's rights.
pub(crate) fn may_daemon_read(_file: &std::path::Path) -> bool {
    true
}

/// Nothing: a program that is run finds standard output as this one did.
pub(crate) fn hand_on_output() {}

/// Makes the console as it was: this process ends.
pub(crate) fn undo_terminal() {
    canvas::undo();
    console::undo();
}

/// What to look at where the pipe cannot be reached.
pub(crate) const ENDPOINT_MEND: &str = "see that DT_CRED_SOCKET names a pipe of your own, or unset it";

/// What the exit code of a process is that Ctrl-C has ended (`STATUS_CONTROL_C_EXIT` in ntstatus.h).
const CONTROL_C_EXIT: u32 = 0xC000_013A;

/// Reads what there is of a child's output, at least a byte; zero is the end.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] once the deadline has passed.
pub(crate) fn read_child(
    output: &mut ChildStdout,
    buffer: &mut [u8],
    deadline: Deadline,
) -> io::Result<usize> {
    pipe::read(output, buffer, deadline)
}

/// What a child tells besides, to be read as its output is: both are pipes of one kind.
pub(crate) fn as_output(errors: ChildStderr) -> ChildStdout {
    OwnedHandle::from(errors).into()
}

/// Larger than any handle: they grow by four, and a million are more than a process has.
const LARGEST: usize = 1 << 22;

/// As far as is looked where the system does not count handles, as wine 8.
const LARGEST_UNCOUNTED: usize = 1 << 16;

/// Keeps every handle of this process from what it starts, whoever gave it to us. What a process inherits has the number
/// that it had before, which may be large: handles are looked for until all that there are have been found.
fn keep_handles() {
    let mut count = 0;
    #[expect(unsafe_code, reason = "handles that nobody owns have no safe wrapper")]
    // SAFETY: the pointer is to a live variable; a number that is no handle is refused, and one that is keeps all but that
    // it may be inherited.
    unsafe {
        GetProcessHandleCount(GetCurrentProcess(), &raw mut count);
        let (mut left, end) = if count == 0 { (u32::MAX, LARGEST_UNCOUNTED) } else { (count, LARGEST) };
        for handle in (4..end).step_by(4) {
            left -= u32::from(SetHandleInformation(handle as HANDLE, HANDLE_FLAG_INHERIT, 0) != 0);
            if left == 0 {
                break;
            }
        }
    }
}

/// Starts the daemon without a console, so that no Ctrl-C of ours reaches it, and outside the job that this process is in,
/// where that may be left: it would end with the job, as with an SSH session.
///
/// Every handle of ours is kept from it, whoever gave it to us: a caller that waits for the end of a pipe must not wait for
/// the daemon. The standard library lets a child inherit all that may be inherited, so nothing may be; what it makes for
/// the child itself comes after this.
///
/// # Errors
/// As CreateProcess.
pub(crate) fn start_detached(command: &mut Command) -> io::Result<Child> {
    keep_handles();
    let flags = DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP;
    match command.creation_flags(flags | CREATE_BREAKAWAY_FROM_JOB).spawn() {
        // The job lets nobody leave.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            command.creation_flags(flags).spawn()
        }
        started => started,
    }
}

/// Writes to standard output, past the buffer of [`io::Stdout`], which would keep a copy; returns how much was taken.
///
/// # Errors
/// As WriteFile or WriteConsole. A reader that left is [`io::ErrorKind::BrokenPipe`].
pub(crate) fn write_output(bytes: &[u8]) -> io::Result<usize> {
    let mut output = stream(&io::stdout())?;
    if console::is_console(&*output) { console::show(&*output, bytes) } else { output.write(bytes) }
}

/// Reads from standard input where that is no console, past the buffer of [`io::Stdin`], which would keep a copy; zero is
/// the end.
///
/// # Errors
/// As ReadFile.
fn read_input(buffer: &mut [u8]) -> io::Result<usize> {
    match stream(&io::stdin())?.read(buffer) {
        // The writer's end of a pipe was closed.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        read => read,
    }
}

/// Standard input, to be read for its lines, which end with CR LF here.
pub(crate) fn line_input() -> impl FnMut(&mut [u8]) -> io::Result<usize> {
    let (mut lines, mut keys) = (lines::Lines::default(), Keys::of(&io::stdin()));
    move |buffer| {
        lines.read(buffer, |buffer| match &mut keys {
            Some(keys) => keys.read(buffer),
            None => read_input(buffer),
        })
    }
}

/// A standard stream as a file that is not closed when it is dropped.
fn stream(standard: &impl AsHandle) -> io::Result<ManuallyDrop<File>> {
    let handle = standard.as_handle().as_raw_handle();
    if handle.is_null() {
        return Err(io::Error::new(io::ErrorKind::NotConnected, "it is closed"));
    }
    #[expect(unsafe_code, reason = "the standard streams are files to the system alone")]
    // SAFETY: the handle is open for as long as the process runs, and never closed by the file that is made of it.
    let file = unsafe { File::from_raw_handle(handle) };
    Ok(ManuallyDrop::new(file))
}

/// Ends this process as Ctrl-C would have; the other keys mean nothing here.
pub(crate) fn signal_self(signal: Signal) {
    if signal == Signal::Interrupt {
        std::process::exit(CONTROL_C_EXIT.cast_signed());
    }
}

/// Pauses before the next try of something that the system has no event for.
pub(crate) fn pause(time: Duration, deadline: Deadline) {
    std::thread::sleep(time.min(deadline.remaining()));
}

/// A running process, held so that its number cannot come to mean another one.
pub(crate) struct Process(OwnedHandle);

impl Process {
    /// The process of this number; none where it has ended or cannot be held.
    pub(crate) fn hold(pid: u32) -> Option<Self> {
        #[expect(unsafe_code, reason = "a process by its number has no safe wrapper")]
        // SAFETY: the handle that is opened is owned from then on.
        unsafe {
            let process = OpenProcess(PROCESS_SYNCHRONIZE, 0, pid);
            (!process.is_null()).then(|| Self(OwnedHandle::from_raw_handle(process)))
        }
    }

    /// Asks nothing: there is no signal that a process without a console could be sent.
    pub(crate) fn terminate(&self, _name: &str) -> bool {
        false
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] once the deadline has passed.
    pub(crate) fn ended(&self, deadline: Deadline) -> io::Result<()> {
        #[expect(unsafe_code, reason = "a process's end has no safe wrapper")]
        // SAFETY: the handle is owned and open.
        let waited = unsafe { WaitForSingleObject(self.0.as_raw_handle(), pipe::milliseconds(deadline)) };
        if waited == WAIT_OBJECT_0 { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
    }
}
