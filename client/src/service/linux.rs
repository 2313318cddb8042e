//! systemd: a socket that it listens on, and the service that it starts for whoever connects (systemd.socket(5)).

#[path = "linux/login.rs"]
mod login;
#[path = "linux/units.rs"]
mod units;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use dt_cred_proto::message::{Failure, FailureKind};

use super::{
    Activity, Changes, ServiceError, State, There,
    file::{self, MARKER},
    program::{self, Ended},
    shown,
};
use crate::{deadline::Deadline, platform::DAEMON, settings::Settings};
pub(super) use login::awaited;
use units::{PROPERTIES, Units};

/// Whether the service listens where the daemon does.
pub(super) const TAKES_SOCKET: bool = true;

const SOCKET: &str = "dt-cred.socket";
const SERVICE: &str = "dt-cred.service";

/// What is written where no package brought it.
const UNITS: [(&str, &str); 2] = [
    (SOCKET, include_str!("../../../packaging/systemd/dt-cred.socket")),
    (SERVICE, include_str!("../../../packaging/systemd/dt-cred.service")),
];

/// The line that a package's daemon is started by.
const EXEC_START: &str = "ExecStart=/usr/bin/dt-credd";

/// Where systemctl lies.
const SYSTEMCTL: [&str; 3] = ["/usr/bin/systemctl", "/bin/systemctl", "/run/current-system/sw/bin/systemctl"];

/// This user's manager, by the folder that its sockets lie in: the one that the daemon's lies in too.
struct Manager {
    runtime: PathBuf,
}

impl Manager {
    /// The one that listens, if any: a look at one file.
    fn of(settings: &Settings) -> Option<Self> {
        let runtime = settings.endpoint.path.parent()?.parent()?.to_owned();
        runtime.join("systemd/private").exists().then_some(Self { runtime })
    }

    /// The one that there must be.
    fn needed(settings: &Settings) -> Result<Self, ServiceError> {
        Self::of(settings).ok_or_else(|| ServiceError::NoManager(no_manager(settings)))
    }

    fn systemctl(&self, words: &[&str], deadline: Deadline) -> Result<Ended, ServiceError> {
        let path = SYSTEMCTL.iter().map(Path::new).find(|path| path.exists());
        let arguments = [&["--user"], words].concat();
        let runtime = ("XDG_RUNTIME_DIR", self.runtime.as_path());
        program::run(path.unwrap_or(Path::new(SYSTEMCTL[0])), &arguments, &[runtime], deadline)
    }

    /// Has it listen no more, now and after the next login, and end the daemon.
    fn put_down(&self, deadline: Deadline, changes: &mut Changes) -> Result<(), ServiceError> {
        let units = self.units(deadline)?;
        // The service too may have been enabled, for files that are kept fresh.
        for (unit, name) in [(&units.socket, SOCKET), (&units.service, SERVICE)] {
            if unit.is_enabled() {
                self.systemctl(&["disable", "--quiet", name], deadline)?.done()?;
                changes.push(format!("disabled {name}"));
            }
        }
        if units.socket.is_active() || units.service.is_active() {
            self.systemctl(&["stop", SOCKET, SERVICE], deadline)?.done()?;
            changes.push(format!("stopped {SOCKET} and {SERVICE}"));
        }
        self.forget_failures(deadline);
        Ok(())
    }

    /// Has it forget what failed, and how often it was started.
    fn forget_failures(&self, deadline: Deadline) {
        // It refuses where there is nothing to forget.
        let _ = self.systemctl(&["reset-failed", SOCKET, SERVICE], deadline);
    }

    fn units(&self, deadline: Deadline) -> Result<Units, ServiceError> {
        self.systemctl(&["show", PROPERTIES, SOCKET, SERVICE], deadline)?
            .done()
            .map(|text| Units::parse(&text))
    }
}

fn no_manager(settings: &Settings) -> String {
    if !Path::new("/run/systemd/system").exists() {
        return "systemd does not run on this machine, so there is nothing to install: dt-cred starts the daemon by itself"
            .to_owned();
    }
    if std::env::var_os("SUDO_USER").is_some_and(|user| !user.is_empty()) {
        return "under sudo the service would be that of the user it runs as, for whom systemd runs nothing: try without sudo"
            .to_owned();
    }
    format!(
        "systemd runs no manager for you whose socket would lie beside {:?}: log in by a session of its own, or run `loginctl enable-linger` once, and leave XDG_RUNTIME_DIR as that sets it",
        settings.endpoint.path
    )
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The folder of what its user configures (XDG Base Directory Specification).
fn config_home() -> Option<PathBuf> {
    let named = variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    named.or_else(|| Some(dt_cred_proto::platform::home(variable)?.join(".config")))
}

/// Where packages and administrators put a user's units (systemd.unit(5)), what counts first at first.
const PACKAGED: [&str; 4] =
    ["/etc/systemd/user", "/run/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"];

/// The folder of the user's own units.
fn own_folder() -> Result<PathBuf, ServiceError> {
    let none = || ServiceError::NoManager("there is no home folder to install it in: set HOME".to_owned());
    config_home().map(|folder| folder.join("systemd/user")).ok_or_else(none)
}

/// Where the socket's unit may lie, what counts first at first.
fn places() -> impl Iterator<Item = PathBuf> {
    folders().map(|folder| folder.join(SOCKET))
}

/// Where a unit of this user may lie, what counts first at first.
fn folders() -> impl Iterator<Item = PathBuf> {
    own_folder().ok().into_iter().chain(PACKAGED.map(PathBuf::from))
}

/// The socket's unit that counts, where it is none that was masked.
pub(super) fn installed() -> Option<PathBuf> {
    // A link to /dev/null is how a unit is kept from being used.
    file::found(places()).0.filter(|file| file.is_file())
}

/// The folder of the socket.
pub(super) fn run_folder(settings: &Settings) -> Option<PathBuf> {
    settings.endpoint.path.parent().map(Path::to_owned)
}

/// What the user may have written, which stays: the configuration first, and what changes the units.
pub(super) fn kept() -> Vec<PathBuf> {
    let configuration = config_home().map(|folder| folder.join("dt-cred/config.toml"));
    let drop_ins = own_folder().map(|own| UNITS.map(|(name, _)| own.join(format!("{name}.d"))));
    configuration.into_iter().chain(drop_ins.into_iter().flatten()).collect()
}

/// The service as it is; none where there is none.
///
/// # Errors
/// None: where systemd does not tell, that is told.
pub(super) fn state(settings: &Settings, deadline: Deadline) -> Result<Option<State>, ServiceError> {
    let Some(file) = installed() else { return Ok(None) };
    let written = matches!(file::look(&file), Ok(There::Ours(_)));
    let units = Manager::of(settings).and_then(|manager| manager.units(deadline).ok());
    let failure = units.as_ref().map_or_else(|| login::missing(settings), Units::failure);
    Ok(Some(State {
        place: shown(&file),
        others: file::found(places()).1,
        program: units.as_ref().map(|units| {
            let mend = match (units.service.has_drop_ins, written) {
                (true, _) => "a drop-in may say so: see systemctl --user cat dt-cred.service",
                (false, true) => "run dt-cred service install, then dt-cred stop",
                (false, false) => "use the dt-cred beside that, or have one of the two installed alone",
            };
            (PathBuf::from(&units.service.program), mend)
        }),
        written,
        enabled: units.as_ref().map(|units| units.socket.is_enabled()),
        activity: units.as_ref().map(Units::activity),
        failure,
    }))
}

/// Whether there is somebody to install it with.
///
/// # Errors
/// [`ServiceError::NoManager`].
pub(super) fn reachable(settings: &Settings) -> Result<(), ServiceError> {
    Manager::needed(settings).map(|_| ())
}

/// Writes the units where no package brought them.
///
/// # Errors
/// [`ServiceError`].
pub(super) fn prepare(
    settings: &Settings,
    program: &Path,
    deadline: Deadline,
    changes: &mut Changes,
) -> Result<(), ServiceError> {
    let manager = Manager::needed(settings)?;
    let own = own_folder()?;
    let brings = |folder: &Path| UNITS.iter().all(|(name, _)| folder.join(name).is_file());
    let is_packaged = PACKAGED.map(Path::new).into_iter().any(brings);
    let file = |(name, text)| {
        let text = if is_packaged { None } else { Some(unit(text, program)?) };
        Ok((own.join(name), text))
    };
    let files = UNITS.into_iter().map(file).collect::<Result<Vec<_>, ServiceError>>()?;
    let mut is_changed = file::place(&files, changes)?;
    if !is_changed && manager.units(deadline)?.are_stale() {
        changes.push("had systemd read the units anew".to_owned());
        is_changed = true;
    }
    if is_changed {
        manager.systemctl(&["daemon-reload"], deadline)?.done()?;
        if manager.units(deadline)?.service.is_active() {
            changes.push(format!(
                "{DAEMON} goes on as it was started: dt-cred stop, and the next one is the new one"
            ));
        }
    }
    Ok(())
}

/// A unit as it is written: it says whose it is, and starts this daemon.
fn unit(text: &str, program: &Path) -> Result<String, ServiceError> {
    // What systemd takes for a program's path (`string_is_safe` in its sources), however it is quoted.
    let is_refused = |c: char| c.is_control() || ['"', '\'', '\\'].contains(&c);
    let Some(path) = program.to_str().filter(|path| !path.contains(is_refused)) else {
        return Err(ServiceError::Unseen(format!(
            "systemd starts no program at {program:?}: install dt-cred where no quote or backslash is in the path"
        )));
    };
    // Specifiers are replaced within quotes too, but no variable is in a program's path (systemd.service(5)).
    let path = path.replace('%', "%%");
    Ok(format!("# {MARKER}\n{}", text.replace(EXEC_START, &format!("ExecStart=\"{path}\""))))
}

/// Has systemd listen, now and after each login.
///
/// # Errors
/// [`ServiceError`].
pub(super) fn enable(
    settings: &Settings,
    deadline: Deadline,
    changes: &mut Changes,
) -> Result<(), ServiceError> {
    let manager = Manager::needed(settings)?;
    let units = manager.units(deadline)?;
    if let Some(file) = installed()
        && fs::canonicalize(&units.socket.file).ok() != fs::canonicalize(&file).ok()
    {
        let known = if units.socket.file.is_empty() { "none" } else { &units.socket.file };
        return Err(ServiceError::Unseen(format!(
            "systemd does not know {}, but {known}: see that XDG_CONFIG_HOME is what your session has, then try again",
            shown(&file)
        )));
    }
    if !units.socket.is_enabled() {
        manager.systemctl(&["enable", "--quiet", SOCKET], deadline)?.done()?;
        changes.push(format!("enabled {SOCKET}"));
    }
    if !units.socket.is_active() {
        // Whoever installs it begins anew.
        manager.forget_failures(deadline);
        manager.systemctl(&["start", SOCKET], deadline)?.done()?;
        changes.push(format!("started {SOCKET}: it starts {DAEMON} for whoever connects"));
    }
    Ok(())
}

/// Takes it away: what we wrote is removed, a package's is disabled.
///
/// # Errors
/// [`ServiceError`].
pub(super) fn uninstall(
    settings: &Settings,
    deadline: Deadline,
    changes: &mut Changes,
) -> Result<(), ServiceError> {
    let own = own_folder()?;
    let files = UNITS.map(|(name, _)| own.join(name));
    let manager = Manager::of(settings);
    if let Some(file) = installed() {
        if file == files[0] && !matches!(file::look(&file)?, There::Ours(_)) {
            return Err(ServiceError::Foreign(file));
        }
        if let Some(manager) = &manager {
            manager.put_down(deadline, changes)?;
        }
    }
    // Where no manager could be told: the links that it made.
    for (file, target) in files.iter().zip(["sockets.target.wants", "default.target.wants"]) {
        let link = own.join(target).join(file.file_name().unwrap_or_default());
        if matches!(file::look(file)?, There::Ours(_)) && fs::read_link(&link).is_ok_and(|to| to == *file) {
            fs::remove_file(&link).map_err(file::failed("remove", &link))?;
            changes.push(format!("removed {}", shown(&link)));
        }
    }
    if file::take_away(&files, changes)?
        && let Some(manager) = &manager
    {
        manager.systemctl(&["daemon-reload"], deadline)?.done()?;
    }
    Ok(())
}

/// As [`super::start`].
///
/// # Errors
/// That systemd refuses, or has given up.
pub(super) fn start(settings: &Settings, deadline: Deadline) -> Result<bool, Failure> {
    let Some(manager) = Manager::of(settings).filter(|_| installed().is_some()) else { return Ok(false) };
    // What has ended left its socket behind, and what is masked is not to be used.
    let Ok(units) = manager.units(deadline) else { return Ok(false) };
    if !units.socket.loaded {
        return Ok(false);
    }
    if units.is_worn_out() {
        manager.forget_failures(deadline);
    } else if let Some(failure) = units.failure() {
        return Err(failure);
    }
    // Where somebody has removed its file, systemd listens on a socket that nobody finds, and listens anew only once the
    // daemon has ended, which does so for the same reason.
    let again = units.socket.is_active() && !settings.endpoint.path.exists();
    let stopped = if again {
        manager.systemctl(&["stop", SERVICE, SOCKET], deadline)?.done()
    } else {
        Ok(String::new())
    };
    let start = || manager.systemctl(&["start", SOCKET], deadline)?.done();
    let mut started = stopped.and_then(|_| start());
    if started.is_err() && manager.units(deadline).is_ok_and(|units| units.is_worn_out()) {
        // By this start.
        manager.forget_failures(deadline);
        started = start();
    }
    started.map_err(|error| Failure::new(FailureKind::Daemon, error.to_string()))?;
    Ok(true)
}

/// As [`super::stop`].
///
/// # Errors
/// [`ServiceError`].
pub(super) fn stop(settings: &Settings, deadline: Deadline) -> Result<Option<String>, ServiceError> {
    let Some(manager) = Manager::of(settings) else { return Ok(None) };
    let Ok(units) = manager.units(deadline) else { return Ok(None) };
    if !units.socket.is_active() && !units.service.is_active() {
        return Ok(None);
    }
    let ended = if units.service.is_active() {
        manager.systemctl(&["stop", SERVICE], deadline)?.done()?;
        // Whoever stops it often has systemd start it often, which is no crash loop.
        manager.forget_failures(deadline);
        match units.service.pid {
            // Between two starts.
            0 => format!("stopped {SERVICE}, which was being started"),
            pid => format!("stopped {DAEMON}, pid {pid}"),
        }
    } else {
        "no daemon was running".to_owned()
    };
    let socket = if units.socket.is_active() {
        format!(
            "; {SOCKET} listens on, and starts it for the next command, unless you run systemctl --user stop {SOCKET}"
        )
    } else {
        String::new()
    };
    Ok(Some(format!("{ended}{socket}\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_says_whose_it_is_and_starts_this_daemon() {
        let [socket, service] = UNITS.map(|(_, text)| unit(text, Path::new("/opt/a b/50%/$x/dt-credd")));
        let (socket, service) = (socket.expect("written"), service.expect("written"));
        let line = r#"ExecStart="/opt/a b/50%%/$x/dt-credd""#;
        assert_eq!(service.lines().filter(|text| *text == line).count(), 1, "{service}");
        for text in [&socket, &service] {
            assert_eq!(text.lines().next(), Some(format!("# {MARKER}").as_str()));
            assert!(!text.contains(EXEC_START), "{text}");
        }
        assert!(
            UNITS.iter().all(|(_, text)| !text.contains(MARKER)),
            "a package's file is not ours to remove"
        );
        for path in ["/opt/a\nb/dt-credd", "/opt/a\"b/dt-credd", "/opt/a'b/dt-credd", r"/opt/a\b/dt-credd"] {
            assert!(unit(UNITS[1].1, Path::new(path)).is_err(), "{path}");
        }
    }
}
