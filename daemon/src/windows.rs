//! Windows: the named pipe, the clock that counts time asleep, the events that end a process.

use std::{
    ffi::OsString,
    io,
    os::windows::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use dt_cred_proto::{
    endpoint::Endpoint,
    message::{Caller, Defence, Failure},
    platform::Sid,
};
use interprocess::{
    local_socket::{GenericFilePath, ListenerOptions, prelude::*, tokio as local},
    os::windows::{local_socket::ListenerOptionsExt, security_descriptor::SecurityDescriptor},
};
use sha2::{Digest, Sha256};
use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose};
use windows_sys::Win32::{
    Foundation::ERROR_PIPE_BUSY, Storage::FileSystem::SECURITY_IDENTIFICATION,
    System::Threading::CREATE_NO_WINDOW,
};

use crate::{confinement::Needs, server::Asked};

#[path = "windows/clock.rs"]
mod clock;
#[path = "windows/files.rs"]
mod files;
#[path = "windows/process.rs"]
mod process;
#[path = "windows/session_end.rs"]
mod session_end;

pub use crate::{
    ticks::Alarm,
    unmanaged::{Journal, NotifySocket, OUTPUT_IS_KEPT, is_powerless, monotonic, watchdog},
};
pub use clock::boot_time;
pub use dt_cred_proto::platform::{
    TrustError, create_private, home, private_file, private_folder, trusted, trusted_parents,
};
pub use files::{
    FileId, Lock, Stamp, append_private, folded, has_read_permission, is_own_file, is_stream, open_regular,
    replace, sync_folder,
};
pub use process::{process, starter};
use session_end::SessionEnd;

/// How often it is looked whether a file is still as it was written.
const LOOK: Duration = Duration::from_secs(10);

/// Nothing: what a process makes is its user's by what their folders say.
pub fn settle() {}

/// Nothing is given up: a process that started as its user's cannot lower itself.
pub fn confine(_needs: &Needs) -> Vec<Defence> {
    Vec::new()
}

/// Nothing: the heap gives back what is free by itself.
pub fn give_back_memory() {}

/// Nothing: the system takes from the working set of a process that is idle what it needs.
pub fn unmap_program() {}

/// Whether this process's memory is its own: nothing that could be told.
pub fn hidden() -> Vec<Defence> {
    Vec::new()
}

/// How many clients may be connected at once. The system has no limit of its own for handles that would be met sooner.
pub fn descriptor_limit() -> usize {
    65_536
}

/// Leaves the caller's folder: it could not be removed. The console was left by the flags that we were started with.
///
/// # Errors
/// Where the system's folder is gone.
pub fn detach() -> io::Result<()> {
    std::env::set_current_dir(std::env::var_os("SystemRoot").unwrap_or_else(|| OsString::from(r"C:\")))
}

/// Gives what is started no console: none of ours flashes up.
pub fn apart(command: &mut tokio::process::Command) {
    command.creation_flags(CREATE_NO_WINDOW);
}

/// Nothing: the process itself is killed by its owner, and the system knows no process groups that can be.
pub fn end_group(_pid: u32) {}

/// Ends this process, which can do nothing about it.
#[cfg(debug_assertions)]
pub fn die() -> ! {
    std::process::abort()
}

/// Nothing: whoever waited for the word of readiness has it, and no handle of theirs is ours.
///
/// # Errors
/// None.
pub fn close_output() -> io::Result<()> {
    Ok(())
}

/// Makes the state folder, where the lock lies: a pipe has no folder.
///
/// # Errors
/// [`TrustError`] where the folder is not the user's.
pub fn prepare(endpoint: &Endpoint) -> Result<PathBuf, TrustError> {
    let folder = dt_cred_proto::endpoint::state_folder().unwrap_or_default();
    private_folder(&folder, true)?;
    Ok(folder.join(format!("pipe-{}.lock", lock_name(&endpoint.path))))
}

/// Where files are lent: in the state folder, for the one daemon that listens on the pipe.
pub fn lent_folder(endpoint: &Endpoint, state: &Path) -> PathBuf {
    state.join(format!("lent-{}", lock_name(&endpoint.path)))
}

/// The pipe's own name where a file can have it, else one that no other pipe has: a pipe may be called almost anything, and
/// upper and lower case are the same to both.
fn lock_name(pipe: &Path) -> String {
    let name = pipe.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    if name.len() <= 100 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        return name;
    }
    Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Nothing: a pipe goes with its process.
///
/// # Errors
/// None.
pub fn remove_stale_socket(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Nothing: a pipe goes with its process.
///
/// # Errors
/// None.
pub fn remove_socket(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether a service manager started this process: none does.
pub fn is_managed() -> bool {
    false
}

/// A pipe that a service manager gave to this process: none does.
pub enum Activated {}

/// Whoever waits on such a pipe.
pub enum Queue {}

impl Queue {
    /// Answers each with `failure`.
    pub fn refuse(&self, _failure: &Failure) {
        match *self {}
    }
}

/// None is given here.
///
/// # Errors
/// None.
pub fn activated() -> io::Result<Option<Activated>> {
    Ok(None)
}

impl Activated {
    /// Where it listens.
    pub fn endpoint(&self) -> Endpoint {
        match *self {}
    }

    /// Whoever waits there.
    ///
    /// # Errors
    /// None.
    pub fn queue(&self) -> io::Result<Queue> {
        match *self {}
    }

    /// The listener.
    ///
    /// # Errors
    /// None.
    pub fn listener(self) -> io::Result<(local::Listener, PathBuf)> {
        match self {}
    }
}

/// Whether somebody listens on the pipe `path`.
pub fn is_answered(path: &Path) -> bool {
    let mut options = std::fs::File::options();
    options.read(true).write(true).security_qos_flags(SECURITY_IDENTIFICATION);
    // One whose instances are all taken listens all the same.
    let busy = |error: &io::Error| error.raw_os_error() == i32::try_from(ERROR_PIPE_BUSY).ok();
    match options.open(path) {
        Ok(_) => true,
        Err(error) => busy(&error),
    }
}

/// Listens on the pipe `path`, which nobody else may have made before: for its own user alone, and not from other
/// machines.
///
/// # Errors
/// Where the system refuses.
pub fn listen(path: &Path) -> io::Result<local::Listener> {
    let sid = Sid::own()?;
    // Owner and only right: the user's. P: nothing is inherited.
    let wide: Vec<u16> = format!("O:{sid}D:P(A;;GA;;;{sid})").encode_utf16().chain([0]).collect();
    let descriptor = widestring::U16CStr::from_slice(&wide).map_err(io::Error::other)?;
    let descriptor = SecurityDescriptor::deserialize(descriptor)?;
    let name = path.as_os_str().to_fs_name::<GenericFilePath>()?;
    ListenerOptions::new().name(name).security_descriptor(descriptor).create_tokio()
}

/// Who connected, and that it is our own user: the pipe's rights let no other one.
///
/// # Errors
/// None.
pub fn peer(stream: &local::Stream) -> io::Result<(Caller, bool)> {
    let local::Stream::NamedPipe(pipe) = stream;
    let pid = pipe.inner().client_process_id().ok();
    Ok((Caller { pid, ..Caller::default() }, true))
}

/// Tells when it is time to look at a file's folder again; never of a pipe, whose name is ours for as long as this process
/// lives.
pub struct Watch {
    is_pipe: bool,
}

impl Watch {
    /// Watches the folder of the file, or the pipe, at this path.
    ///
    /// # Errors
    /// None.
    pub fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { is_pipe: path.starts_with(r"\\.\pipe\") })
    }

    /// Waits until it may have changed.
    pub async fn changed(&mut self) {
        if self.is_pipe {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Ends when the process is asked to end: Ctrl-C, Ctrl-Break, a console that closes, a logoff, a shutdown.
pub struct Signals {
    interrupt: CtrlC,
    break_: CtrlBreak,
    close: CtrlClose,
    session_end: Option<SessionEnd>,
}

impl Signals {
    /// Takes the events over from their defaults.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn new() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close};
        let session_end = SessionEnd::watch().inspect_err(|error| {
            // What it leaves then is removed by the next one.
            tracing::info!(%error, "the end of the session will not be noticed");
        });
        Ok(Self {
            interrupt: ctrl_c()?,
            break_: ctrl_break()?,
            close: ctrl_close()?,
            session_end: session_end.ok(),
        })
    }

    /// Waits for one of them; its name.
    pub async fn received(&mut self) -> Asked {
        let session_end = async {
            match &mut self.session_end {
                Some(session_end) => session_end.reached().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Asked::End("Ctrl-C"),
            _ = self.break_.recv() => Asked::End("Ctrl-Break"),
            _ = self.close.recv() => Asked::End("the console closes"),
            () = session_end => Asked::End("the session ends"),
        }
    }
}

/// The environment variable that names another place for the state folder.
pub const STATE_VARIABLE: &str = "LOCALAPPDATA";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::lock_name;

    #[test]
    fn every_pipe_has_a_lock_of_its_own() {
        let lock = |name: &str| lock_name(Path::new(&format!(r"\\.\pipe\{name}")));
        assert_eq!(lock("dt-cred-S-1-5-21-1"), "dt-cred-s-1-5-21-1");
        assert_eq!(lock("A b"), lock("a B"));
        let names =
            ["a b", "a_b", "a:b", "a.b", "a..b", "gr\u{fc}n", "CON", &"x".repeat(200), &"x".repeat(201)];
        let mut locks: Vec<_> = names.iter().map(|name| lock(name)).collect();
        assert!(locks.iter().all(|lock| lock.len() <= 100 && !lock.contains(['.', ':', ' '])));
        locks.sort();
        locks.dedup();
        assert_eq!(locks.len(), names.len());
    }
}
