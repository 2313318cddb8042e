//! Windows: a scheduled task at its user's logon, which starts the daemon as any command does. Nobody listens on a pipe for
//! a program that does not run, so starting needs no task, and never goes through it.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use dt_cred_proto::{
    endpoint::{Endpoint, state_folder},
    message::Failure,
    platform::{Sid, create_private, private_folder},
};
use windows_sys::Win32::{Foundation::MAX_PATH, System::SystemInformation::GetSystemDirectoryW};

use super::{
    Changes, ServiceError, State, There,
    program::{self, Ended},
    task, xml,
};
use crate::{deadline::Deadline, settings::Settings};

/// Whether the service listens where the daemon does.
pub(super) const TAKES_SOCKET: bool = false;

/// The task's name: all users' tasks lie in one folder.
fn name() -> Result<String, ServiceError> {
    let unknown = |error| {
        ServiceError::NoManager(format!("whose task it is to be is not known: {error}; log in again"))
    };
    Ok(format!("dt-cred-{}", Sid::own().map_err(unknown)?))
}

fn schtasks(arguments: &[&str], deadline: Deadline) -> Result<Ended, ServiceError> {
    program::run(&system_folder().join("schtasks.exe"), arguments, &[], deadline)
}

/// Where the system's programs lie, as no variable says it.
fn system_folder() -> PathBuf {
    let mut buffer = [0_u16; MAX_PATH as usize];
    #[expect(unsafe_code, reason = "the system's folder has no safe wrapper")]
    // SAFETY: the buffer is as long as is said.
    let length = unsafe { GetSystemDirectoryW(buffer.as_mut_ptr(), MAX_PATH) };
    let path = buffer.get(..length as usize).filter(|path| !path.is_empty());
    path.map_or(PathBuf::from(r"C:\Windows\System32"), |path| PathBuf::from(String::from_utf16_lossy(path)))
}

/// What the system has of the task of that name.
fn look(name: &str, deadline: Deadline) -> Result<There, ServiceError> {
    let ended = schtasks(&["/Query", "/TN", name, "/XML"], deadline)?;
    Ok(if !ended.succeeded || !ended.output.contains("<Task") {
        There::Nothing
    } else if task::is_ours(&ended.output) {
        There::Ours(ended.output)
    } else {
        There::Foreign
    })
}

/// None: to ask for a task takes a program, and nobody need be asked before the daemon is started.
pub(super) fn installed() -> Option<PathBuf> {
    None
}

/// None: a pipe has no folder.
pub(super) fn run_folder(_settings: &Settings) -> Option<PathBuf> {
    None
}

/// What the user may have written, which stays.
pub(super) fn kept() -> Vec<PathBuf> {
    let roaming = std::env::var_os("APPDATA").map(PathBuf::from).filter(|path| path.is_absolute());
    roaming.map(|folder| folder.join(r"dt-cred\config\config.toml")).into_iter().collect()
}

/// The service as it is; none where there is none.
///
/// # Errors
/// [`ServiceError`].
pub(super) fn state(_settings: &Settings, deadline: Deadline) -> Result<Option<State>, ServiceError> {
    let name = name()?;
    Ok(match look(&name, deadline)? {
        There::Nothing | There::Foreign => None,
        There::Ours(told) => Some(State {
            place: format!("the scheduled task {name}"),
            others: Vec::new(),
            program: None,
            written: true,
            enabled: Some(task::is_enabled(&told)),
            activity: None,
            failure: None,
        }),
    })
}

/// Whether there is somebody to install it with: every Windows has its scheduler.
///
/// # Errors
/// None.
pub(super) fn reachable(_settings: &Settings) -> Result<(), ServiceError> {
    Ok(())
}

/// Registers the task.
///
/// # Errors
/// [`ServiceError`].
pub(super) fn prepare(
    _settings: &Settings,
    daemon: &Path,
    deadline: Deadline,
    changes: &mut Changes,
) -> Result<(), ServiceError> {
    let name = name()?;
    let program = client(daemon)?;
    match look(&name, deadline)? {
        There::Foreign => return Err(ServiceError::Foreign(PathBuf::from(name))),
        There::Ours(told) if task::is_current(&told, &program) => return Ok(()),
        There::Ours(_) | There::Nothing => {}
    }
    let file = state_folder().unwrap_or_default().join("task.xml");
    let user = name.trim_start_matches("dt-cred-");
    write(&file, &task::written(user, &program)).map_err(|source| ServiceError::Io {
        doing: "write",
        path: file.clone(),
        source,
    })?;
    let path = file.display().to_string();
    let created = schtasks(&["/Create", "/TN", &name, "/XML", &path, "/F"], deadline).and_then(Ended::done);
    // It says nothing that the task does not.
    let _ = fs::remove_file(&file);
    created?;
    changes.push(format!("registered the scheduled task {name}: it starts the daemon at your logon"));
    Ok(())
}

/// The client that lies beside the daemon, as XML has it.
fn client(daemon: &Path) -> Result<String, ServiceError> {
    let path = std::env::current_exe().unwrap_or_else(|_| daemon.with_file_name("dt-cred.exe"));
    // The scheduler takes no path of this kind.
    let plain = path.to_str().and_then(|path| path.strip_prefix(r"\\?\")).map(Path::new);
    xml::text(plain.unwrap_or(&path), "the scheduler")
}

/// Writes the task where nobody else can change it, in UTF-16, which schtasks reads.
fn write(path: &Path, text: &str) -> io::Result<()> {
    private_folder(path.parent().unwrap_or(Path::new("")), true).map_err(io::Error::other)?;
    let _ = fs::remove_file(path);
    let mut file: File = create_private(path)?;
    let bytes: Vec<_> =
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    file.write_all(&bytes)
}

/// Nothing: it is there from the next logon on, and any command starts the daemon before that.
///
/// # Errors
/// None.
pub(super) fn enable(
    _settings: &Settings,
    _deadline: Deadline,
    _changes: &mut Changes,
) -> Result<(), ServiceError> {
    Ok(())
}

/// Takes the task away.
///
/// # Errors
/// [`ServiceError`].
pub(super) fn uninstall(
    _settings: &Settings,
    deadline: Deadline,
    changes: &mut Changes,
) -> Result<(), ServiceError> {
    let name = name()?;
    match look(&name, deadline)? {
        There::Nothing => return Ok(()),
        There::Foreign => return Err(ServiceError::Foreign(PathBuf::from(name))),
        There::Ours(_) => {}
    }
    schtasks(&["/Delete", "/TN", &name, "/F"], deadline)?.done()?;
    changes.push(format!("removed the scheduled task {name}"));
    Ok(())
}

/// None: a pipe needs no folder.
///
/// # Errors
/// None.
pub(super) fn awaited(_settings: &Settings, _deadline: Deadline) -> Result<Option<Endpoint>, Failure> {
    Ok(None)
}

/// Never: see above.
///
/// # Errors
/// None.
pub(super) fn start(_settings: &Settings, _deadline: Deadline) -> Result<bool, Failure> {
    Ok(false)
}

/// Never: the task's daemon is one like any other.
///
/// # Errors
/// None.
pub(super) fn stop(_settings: &Settings, _deadline: Deadline) -> Result<Option<String>, ServiceError> {
    Ok(None)
}
