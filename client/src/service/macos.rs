//! launchd: an agent whose socket it listens on, and which it starts for whoever connects (launchd.plist(5)).

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use dt_cred_proto::{
    endpoint::Endpoint,
    message::{Failure, FailureKind},
    platform::{home, own_uid, private_folder},
};

use super::{
    Activity, Changes, ServiceError, State, There,
    agent::{LABEL, is_disabled, pid, plist},
    file::{self, MARKER},
    program::{self, Ended},
    shown,
};
use crate::{
    deadline::Deadline,
    platform::{self, DAEMON},
    settings::Settings,
};

/// Whether the service listens where the daemon does.
pub(super) const TAKES_SOCKET: bool = true;

const LAUNCHCTL: &str = "/bin/launchctl";

/// How often it is looked whether the agent is unloaded.
const PAUSE: Duration = Duration::from_millis(20);

fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Something of this user's in their library.
fn library(path: &str) -> Option<PathBuf> {
    home(variable).map(|home| home.join("Library").join(path))
}

/// The agent's file.
fn own_file() -> Result<PathBuf, ServiceError> {
    let none = || ServiceError::NoManager("there is no home folder to install it in: set HOME".to_owned());
    library(&format!("LaunchAgents/{LABEL}.plist")).ok_or_else(none)
}

/// A package's, for every user.
fn packaged() -> PathBuf {
    Path::new("/Library/LaunchAgents").join(format!("{LABEL}.plist"))
}

/// Where the agent's file may lie: of two of one name launchd takes one.
fn places() -> impl Iterator<Item = PathBuf> {
    own_file().ok().into_iter().chain([packaged()])
}

/// The agent's file, or one that a package brought.
pub(super) fn installed() -> Option<PathBuf> {
    file::found(places()).0
}

/// The folder of the socket.
pub(super) fn run_folder(settings: &Settings) -> Option<PathBuf> {
    settings.endpoint.path.parent().map(Path::to_owned)
}

/// What the user may have written, which stays.
pub(super) fn kept() -> Vec<PathBuf> {
    library("Application Support/dt-cred/config.toml").into_iter().collect()
}

/// The user's own domain, which is there from their login at the screen on.
fn domain() -> String {
    format!("gui/{}", own_uid())
}

/// The agent in it.
fn target() -> String {
    format!("{}/{LABEL}", domain())
}

fn launchctl(arguments: &[&str], deadline: Deadline) -> Result<Ended, ServiceError> {
    program::run(Path::new(LAUNCHCTL), arguments, &[], deadline)
}

/// What launchd tells of the agent; none where it does not know it.
fn printed(deadline: Deadline) -> Result<Option<String>, ServiceError> {
    let ended = launchctl(&["print", &target()], deadline)?;
    Ok(ended.succeeded.then_some(ended.output))
}

/// Whether launchd leaves the agent unloaded at each login.
fn disabled(deadline: Deadline) -> Result<bool, ServiceError> {
    launchctl(&["print-disabled", &domain()], deadline)?.done().map(|told| is_disabled(&told))
}

/// The service as it is; none where there is none.
///
/// # Errors
/// None: where launchd does not tell, that is told.
pub(super) fn state(_settings: &Settings, deadline: Deadline) -> Result<Option<State>, ServiceError> {
    let Some(file) = installed() else { return Ok(None) };
    let activity = printed(deadline).ok().map(|printed| match printed.as_deref().map(pid) {
        Some(Some(pid)) => Activity::Running(pid),
        Some(None) => Activity::Listening,
        None => Activity::Stopped,
    });
    Ok(Some(State {
        program: None,
        written: matches!(file::look(&file), Ok(There::Ours(_))),
        place: shown(&file),
        // That of `brew services` has a name of its own, and would start a second daemon.
        others: file::found(places().chain(library("LaunchAgents/homebrew.mxcl.dt-cred.plist"))).1,
        enabled: disabled(deadline).ok().map(|disabled| !disabled),
        activity,
        // It gives nothing up: one that ends at once is started again after ten seconds.
        failure: None,
    }))
}

/// Whether there is somebody to install it with.
///
/// # Errors
/// [`ServiceError::NoManager`].
pub(super) fn reachable(_settings: &Settings) -> Result<(), ServiceError> {
    own_file().map(|_| ())
}

/// Writes the agent's file where no package brought one.
///
/// # Errors
/// [`ServiceError`].
pub(super) fn prepare(
    settings: &Settings,
    program: &Path,
    deadline: Deadline,
    changes: &mut Changes,
) -> Result<(), ServiceError> {
    let text =
        if packaged().exists() { None } else { Some(plist(program, &settings.endpoint.path, MARKER)?) };
    // What launchd has is the old one.
    if file::place(&[(own_file()?, text)], changes)? && printed(deadline)?.is_some() {
        put_down(deadline)?;
    }
    Ok(())
}

/// Has launchd listen, now and after each login.
///
/// # Errors
/// [`ServiceError`].
pub(super) fn enable(
    settings: &Settings,
    deadline: Deadline,
    changes: &mut Changes,
) -> Result<(), ServiceError> {
    if disabled(deadline)? {
        launchctl(&["enable", &target()], deadline)?.done()?;
        changes.push(format!("enabled {LABEL}"));
    }
    if printed(deadline)?.is_none() {
        let file = installed().map_or_else(own_file, Ok)?;
        bring_up(settings, &file, deadline)?.done()?;
        changes.push(format!("loaded {LABEL}: launchd starts {DAEMON} for whoever connects"));
    }
    Ok(())
}

/// Loads the agent. launchd makes no folder for its socket, and the system may have cleared the one that there was.
fn bring_up(settings: &Settings, file: &Path, deadline: Deadline) -> Result<Ended, ServiceError> {
    private_folder(settings.endpoint.path.parent().unwrap_or(Path::new("/")), true)?;
    let file = shown(file);
    launchctl(&["bootstrap", &domain(), &file], deadline)
}

/// Unloads the agent. launchd answers before that is done, takes none of its name meanwhile, and has no event for it.
fn put_down(deadline: Deadline) -> Result<(), ServiceError> {
    launchctl(&["bootout", &target()], deadline)?.done()?;
    while printed(deadline)?.is_some() && !deadline.has_passed() {
        platform::pause(PAUSE, deadline);
    }
    Ok(())
}

/// Takes it away: what we wrote is removed, a package's is disabled.
///
/// # Errors
/// [`ServiceError`].
pub(super) fn uninstall(
    _settings: &Settings,
    deadline: Deadline,
    changes: &mut Changes,
) -> Result<(), ServiceError> {
    let file = own_file()?;
    if matches!(file::look(&file)?, There::Foreign) {
        return Err(ServiceError::Foreign(file));
    }
    if installed().is_some() && printed(deadline)?.is_some() {
        put_down(deadline)?;
        changes.push(format!("unloaded {LABEL}"));
    }
    file::take_away(&[file], changes)?;
    if packaged().exists() && !disabled(deadline)? {
        launchctl(&["disable", &target()], deadline)?.done()?;
        changes.push(format!("disabled {LABEL}"));
    }
    Ok(())
}

/// None: the folder of the socket is there from the start of the machine on.
///
/// # Errors
/// None.
pub(super) fn awaited(_settings: &Settings, _deadline: Deadline) -> Result<Option<Endpoint>, Failure> {
    Ok(None)
}

/// As [`super::start`]. One that is loaded and does not listen has lost its socket's file: it is loaded anew.
///
/// # Errors
/// That what is there cannot be loaded anew.
pub(super) fn start(settings: &Settings, deadline: Deadline) -> Result<bool, Failure> {
    let Some(file) = installed() else { return Ok(false) };
    let Ok(printed) = printed(deadline) else { return Ok(false) };
    if printed.is_some() {
        put_down(deadline).map_err(|error| Failure::new(FailureKind::Daemon, error.to_string()))?;
    }
    // Behind an SSH login alone there is no such domain: then the client starts the daemon.
    Ok(bring_up(settings, &file, deadline)?.succeeded)
}

/// As [`super::stop`].
///
/// # Errors
/// [`ServiceError`].
pub(super) fn stop(_settings: &Settings, deadline: Deadline) -> Result<Option<String>, ServiceError> {
    let Ok(Some(printed)) = printed(deadline) else { return Ok(None) };
    let ended = match pid(&printed) {
        Some(pid) => {
            launchctl(&["kill", "SIGTERM", &target()], deadline)?.done()?;
            format!("stopped {DAEMON}, pid {pid}")
        }
        None => "no daemon was running".to_owned(),
    };
    Ok(Some(format!("{ended}; launchd listens on, and starts it for the next command\n")))
}
