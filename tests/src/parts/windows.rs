//! Windows: processes by their handles, the named pipe.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Write},
    os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle},
    path::{Path, PathBuf},
    process::{self, Child, Command},
    ptr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use dt_cred_proto::platform::Sid;
use windows_sys::Win32::{
    Foundation::{ERROR_INTERNAL_ERROR, ERROR_PIPE_BUSY, WAIT_OBJECT_0},
    System::{
        Pipes::{GetNamedPipeServerProcessId, PeekNamedPipe},
        Threading::{
            OpenProcess, PROCESS_SYNCHRONIZE, PROCESS_TERMINATE, TerminateProcess, WaitForSingleObject,
        },
    },
};

use super::until;

/// Where the configuration lies in a home.
pub(super) const CONFIGURATION: &str = r"config\config.toml";

/// What programs need of the environment outside: without the system's own nothing of the network works.
const NEEDED: [&str; 11] = [
    "PATH",
    "SystemRoot",
    "SystemDrive",
    "windir",
    "TEMP",
    "TMP",
    "ProgramData",
    "USERNAME",
    "USERDOMAIN",
    "APPDATA",
    "PATHEXT",
];

/// The number of a process.
pub type Pid = u32;

/// The default pipe, which is the user's and no home's: one home after another has it.
pub(super) struct Place(#[expect(dead_code, reason = "held for its lock")] MutexGuard<'static, ()>);

impl Place {
    pub(super) fn take() -> Self {
        static PLACE: Mutex<()> = Mutex::new(());
        Self(PLACE.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The default pipe.
pub(super) fn socket(_home: &Path) -> PathBuf {
    PathBuf::from(format!(r"\\.\pipe\dt-cred-{}", Sid::own().expect("the user has a SID")))
}

/// A pipe of this name, where nobody listens yet.
pub(super) fn another_socket(home: &Path, name: &str) -> PathBuf {
    let home = home.file_name().expect("a folder in another one").to_string_lossy();
    PathBuf::from(format!(r"\\.\pipe\{home}-{name}"))
}

/// Where a home may lie.
pub(super) fn temporary() -> PathBuf {
    env::temp_dir()
}

/// Makes the folders of a home, and an empty configuration there, as only a named one is looked for elsewhere than in the
/// user's own profile; the variables that lead there.
pub(super) fn furnish(home: &Path) -> Vec<(&'static str, OsString)> {
    let (state, configuration) = (home.join("state"), home.join(CONFIGURATION));
    private_folder(&state);
    private_folder(configuration.parent().expect("it lies in a folder"));
    fs::write(&configuration, "").expect("a configuration");
    let outside = NEEDED.iter().filter_map(|name| Some((*name, env::var_os(name)?)));
    let own = [
        ("USERPROFILE", home.into()),
        ("LOCALAPPDATA", state.into()),
        ("DT_CRED_CONFIG", configuration.into()),
    ];
    outside.chain(own).collect()
}

/// Makes a folder that is the user's alone, and what is missing above it.
///
/// # Panics
/// Where it cannot.
#[track_caller]
pub fn private_folder(folder: &Path) {
    dt_cred_proto::platform::private_folder(folder, false).expect("a private folder");
}

/// Starts a program. Of some thousands wine 8 loses one before it begins, and says so by an error that Windows does not
/// have for this; nothing of ours has run then.
pub(super) fn spawn(command: &mut Command) -> io::Result<Child> {
    match command.spawn() {
        Err(error) if error.raw_os_error() == i32::try_from(ERROR_INTERNAL_ERROR).ok() => command.spawn(),
        started => started,
    }
}

pub(super) fn pid(child: &Child) -> Pid {
    child.id()
}

/// A process that its number cannot slip away from: it is held by a handle.
pub(super) struct Process(OwnedHandle);

impl Process {
    /// The process `pid`; `None` where it is gone.
    pub(super) fn of(pid: Pid) -> Option<Self> {
        #[expect(unsafe_code, reason = "a process by its number has no safe wrapper")]
        // SAFETY: the handle that is opened is owned from then on.
        unsafe {
            let process = OpenProcess(PROCESS_SYNCHRONIZE | PROCESS_TERMINATE, 0, pid);
            (!process.is_null()).then(|| Self(OwnedHandle::from_raw_handle(process)))
        }
    }

    /// Ends it at once: one without a console cannot be asked.
    pub(super) fn terminate(&self) {
        self.kill();
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        #[expect(unsafe_code, reason = "the end of a process that is no child has no safe wrapper")]
        // SAFETY: the handle is owned and open.
        unsafe {
            TerminateProcess(self.0.as_raw_handle(), 1);
        }
    }

    /// Whether it ended within `limit`.
    pub(super) fn ended(&self, limit: Duration) -> bool {
        let limit = u32::try_from(limit.as_millis()).expect("a bound of seconds");
        #[expect(unsafe_code, reason = "a process's end has no safe wrapper")]
        // SAFETY: the handle is owned and open.
        let waited = unsafe { WaitForSingleObject(self.0.as_raw_handle(), limit) };
        waited == WAIT_OBJECT_0
    }
}

/// Who listens on the pipe, if anybody does and it is not this process itself.
pub(super) fn listener(pipe: &Path) -> Option<Pid> {
    let connection = connect(pipe).ok()?;
    let mut pid = 0;
    #[expect(unsafe_code, reason = "the pipe's server has no safe wrapper")]
    // SAFETY: the handle is open for as long as the file lives, and the pointer is to a live variable.
    let told = unsafe { GetNamedPipeServerProcessId(connection.0.as_raw_handle(), &raw mut pid) };
    (told != 0 && pid != process::id()).then_some(pid)
}

/// A connection on which every wait for the daemon's words has the bound.
pub(super) struct Connection(File);

/// Connects to a pipe.
pub(super) fn connect(pipe: &Path) -> io::Result<Connection> {
    until("an instance of the pipe that is free", || {
        match File::options().read(true).write(true).open(pipe) {
            Err(error) if error.raw_os_error() == i32::try_from(ERROR_PIPE_BUSY).ok() => None,
            opened => Some(opened.map(Connection)),
        }
    })
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        until("the daemon to say something or to leave", || {
            let mut available = 0;
            #[expect(unsafe_code, reason = "a look into a pipe has no safe wrapper")]
            // SAFETY: the handle is open for as long as the file lives, the pointer is to a live variable, and no bytes are
            // asked for.
            let there = unsafe {
                let (pipe, none) = (self.0.as_raw_handle(), ptr::null_mut());
                PeekNamedPipe(pipe, none, 0, ptr::null_mut(), &raw mut available, ptr::null_mut())
            };
            (there == 0 || available > 0).then_some(())
        });
        self.0.read(buffer)
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
