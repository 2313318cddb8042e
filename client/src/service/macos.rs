//! launchd: an agent whose socket it listens on, and which it starts for whoever connects (launchd.plist(5)).

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use dt_cred_proto::{
    message::{Failure, FailureKind},
    platform::{home, own_uid, private_folder},
};

use super::{
    Activity, Changes, ServiceError, State,
    file::{self, MARKER, There},
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

const LABEL: &str = "ai.datatrails.dt-cred";

const PLIST: &str = include_str!("../../../packaging/launchd/ai.datatrails.dt-cred.plist");

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

/// The agent's file, or one that a package brought for every user.
pub(super) fn installed() -> Option<PathBuf> {
    let files = own_file()
        .ok()
        .into_iter()
        .chain([Path::new("/Library/LaunchAgents").join(format!("{LABEL}.plist"))]);
    files.into_iter().find(|file| file.exists())
}

/// The folder of the socket.
pub(super) fn run_folder(settings: &Settings) -> Option<PathBuf> {
    settings.endpoint.path.parent().map(Path::to_owned)
}

/// Where launchd writes what the daemon logs.
pub(super) fn log() -> Option<PathBuf> {
    library("Logs/dt-cred.log")
}

/// What the user may have configured.
pub(super) fn configuration() -> Option<PathBuf> {
    library("Application Support/dt-cred/config.toml")
}

/// The user's own domain, which is there from their login at the screen on.
fn domain() -> String {
    format!("gui/{}", own_uid())
}

fn launchctl(arguments: &[&str], deadline: Deadline) -> Result<Ended, ServiceError> {
    program::run(Path::new(LAUNCHCTL), arguments, &[], deadline)
}

/// What launchd tells of the agent; none where it does not know it.
fn printed(deadline: Deadline) -> Result<Option<String>, ServiceError> {
    let ended = launchctl(&["print", &format!("{}/{LABEL}", domain())], deadline)?;
    Ok(ended.succeeded.then_some(ended.output))
}

/// The daemon's number, in what launchd tells of the agent.
fn pid(printed: &str) -> Option<u32> {
    printed.lines().find_map(|line| line.trim().strip_prefix("pid = ")?.parse().ok())
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
        written: matches!(file::look(&file), Ok(There::Ours(_))),
        place: shown(&file),
        // What lies there is loaded at each login.
        enabled: Some(true),
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

/// Writes the agent's file.
///
/// # Errors
/// [`ServiceError`].
pub(super) fn prepare(
    settings: &Settings,
    program: &Path,
    deadline: Deadline,
    changes: &mut Changes,
) -> Result<(), ServiceError> {
    let file = own_file()?;
    let log = log().ok_or_else(|| ServiceError::NoManager("there is no home folder: set HOME".to_owned()))?;
    if file::write(&file, &plist(program, &settings.endpoint.path, &log)?)? {
        changes.push(format!("wrote {}", shown(&file)));
        // What launchd has is the old one.
        if printed(deadline)?.is_some() {
            put_down(deadline)?;
        }
    }
    Ok(())
}

/// The agent's file as it is written: it says whose it is, starts this daemon and has its socket.
fn plist(program: &Path, socket: &Path, log: &Path) -> Result<String, ServiceError> {
    let text = |path: &Path| {
        let text = path.to_str().filter(|path| !path.contains(char::is_control));
        let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        text.map(escaped).ok_or_else(|| {
            ServiceError::Unseen(format!("launchd takes no such path as {path:?}: install dt-cred elsewhere"))
        })
    };
    let filled = PLIST
        .replace("@DAEMON@", &text(program)?)
        .replace("@SOCKET@", &text(socket)?)
        .replace("@LOG@", &text(log)?);
    // Behind the declaration, which must be the first line.
    Ok(filled.replacen('\n', &format!("\n<!-- {MARKER} -->\n"), 1))
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
    if printed(deadline)?.is_none() {
        bring_up(settings, &own_file()?, deadline)?.done()?;
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
    launchctl(&["bootout", &format!("{}/{LABEL}", domain())], deadline)?.done()?;
    while printed(deadline)?.is_some() && !deadline.has_passed() {
        platform::pause(PAUSE, deadline);
    }
    Ok(())
}

/// Takes it away.
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
    if file::remove(&file)? {
        changes.push(format!("removed {}", shown(&file)));
    }
    Ok(())
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
            launchctl(&["kill", "SIGTERM", &format!("{}/{LABEL}", domain())], deadline)?.done()?;
            format!("stopped {DAEMON}, pid {pid}")
        }
        None => "no daemon was running".to_owned(),
    };
    Ok(Some(format!("{ended}; launchd listens on, and starts it for the next command\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_says_whose_it_is_and_has_this_daemon_and_this_socket() {
        let written = plist(
            Path::new("/opt/a&b/dt-credd"),
            Path::new("/var/folders/x/T/dt-cred/agent.sock"),
            Path::new("/l"),
        );
        let written = written.expect("written");
        assert!(
            written.starts_with("<?xml") && written.contains(MARKER) && !written.contains('@'),
            "{written}"
        );
        assert!(written.contains("<string>/opt/a&amp;b/dt-credd</string>"), "{written}");
        assert!(written.contains("<string>/var/folders/x/T/dt-cred/agent.sock</string>"), "{written}");
        assert!(!PLIST.contains(MARKER));
    }

    #[test]
    fn the_daemons_number_is_read_of_what_launchd_tells() {
        let told =
            "gui/501/ai.datatrails.dt-cred = {\n\tactive count = 1\n\tstate = running\n\n\tpid = 4242\n}\n";
        assert_eq!(pid(told), Some(4242));
        assert_eq!(pid("gui/501/ai.datatrails.dt-cred = {\n\tstate = not running\n}\n"), None);
    }
}
