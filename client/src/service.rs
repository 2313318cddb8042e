//! `dt-cred service`: the user service that starts the daemon, by what each system has for that; and starting through it.

#[cfg(any(target_os = "macos", test))]
#[path = "service/macos/agent.rs"]
mod agent;
#[cfg(unix)]
#[path = "service/unix.rs"]
mod file;
mod program;
mod removal;
pub(crate) mod stray;
#[cfg(target_os = "linux")]
#[path = "service/linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "service/macos.rs"]
mod system;
#[cfg(windows)]
#[path = "service/windows.rs"]
mod system;
#[cfg(any(windows, test))]
#[path = "service/windows/task.rs"]
mod task;
mod told;
#[cfg(any(not(target_os = "linux"), test))]
mod xml;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use dt_cred_proto::{
    message::{Failure, FailureKind, Keyring, Operation, Response},
    platform::TrustError,
};
use thiserror::Error;

use crate::{
    cli::{Globals, ServiceCommand},
    daemon,
    deadline::Deadline,
    output,
    platform::{self, DAEMON},
    settings::Settings,
    spawn, stop,
};

/// Why the service is not as it was to be.
#[derive(Debug, Error)]
pub(crate) enum ServiceError {
    /// The service listens where the daemon does by default.
    #[error("DT_CRED_SOCKET names another socket than the service would listen on: unset it, then try again")]
    Explicit,
    /// There is no service manager, or none of this user's.
    #[error("{0}")]
    NoManager(String),
    /// Another program's file.
    #[error("{0:?} is not dt-cred's and is left as it is: move it away, then try again")]
    Foreign(PathBuf),
    /// The service manager looks elsewhere.
    #[error("{0}")]
    Unseen(String),
    /// Others could change it.
    #[error(transparent)]
    Untrusted(#[from] TrustError),
    /// The system refuses.
    #[error("cannot {doing} {path:?}: {source}; see to its owner and mode, then try again")]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    /// The service manager's program cannot be run.
    #[error("cannot run {path:?}: {source}; see that it is installed")]
    Program { path: PathBuf, source: io::Error },
    /// It does not end.
    #[error("{0} did not end within {1}: try again, or give it longer with --timeout")]
    Slow(String, String),
    /// It refuses.
    #[error("{what} failed: {said}; mend that, then try again")]
    Refused { what: String, said: String },
    /// It would start a daemon again.
    #[error(
        "dt-cred forward still runs, and would start {DAEMON} again: end it (Ctrl-C where it runs; `pgrep -af dt-cred` tells its number), then try again"
    )]
    Forwarding,
    /// What the daemon holds would be lost.
    #[error(
        "{DAEMON} (pid {pid}) holds credentials in memory alone, for profile {profiles}, and would lose them: run {stop}, then try again"
    )]
    InMemory { pid: u32, profiles: String, stop: String },
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let kind = match &error {
            ServiceError::Explicit => FailureKind::Usage,
            ServiceError::Slow(..) => FailureKind::TryLater,
            _ => FailureKind::Other,
        };
        Self::new(kind, error.to_string())
    }
}

/// What the service manager makes of the daemon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(
    not(any(target_os = "linux", test)),
    expect(dead_code, reason = "no other system tells all of it")
)]
enum Activity {
    /// It runs, under this number.
    Running(u32),
    /// It is started for whoever connects.
    Listening,
    /// Neither.
    Stopped,
    /// The service manager starts it no more.
    GivenUp,
}

/// What lies where the service is to be written.
enum There {
    Nothing,
    Ours(String),
    Foreign,
}

/// The service as it is.
#[derive(Debug)]
struct State {
    /// By what it is installed: a file, or a name.
    place: String,
    /// What else would start the daemon, and does not count beside that.
    others: Vec<String>,
    /// The daemon that it starts, where that is told, and what to do where it is to be another one.
    program: Option<(PathBuf, &'static str)>,
    /// Whether `service install` wrote that.
    written: bool,
    /// Whether it is there after a login; none where nobody tells.
    enabled: Option<bool>,
    /// None where nobody tells.
    activity: Option<Activity>,
    /// Why the service manager starts it no more.
    failure: Option<Failure>,
}

/// What was changed, one line each.
type Changes = Vec<String>;

/// Installs, uninstalls or shows it.
///
/// # Errors
/// [`ServiceError`], or the daemon's failure.
pub(crate) fn run(settings: &Settings, globals: &Globals, command: &ServiceCommand) -> Result<(), Failure> {
    let deadline = Deadline::after(settings.timeout);
    if matches!(command, ServiceCommand::Uninstall { user: true }) && globals.profile.is_some() {
        return Err(Failure::new(FailureKind::Usage, "--user is every profile: leave it or --profile out"));
    }
    let text = match command {
        ServiceCommand::Install => changed(&install(settings, deadline)?, "the service is installed"),
        ServiceCommand::Uninstall { user: false } => {
            changed(&uninstall(settings, deadline)?, "no service is installed")
        }
        ServiceCommand::Uninstall { user: true } => {
            changed(&removal::run(settings, deadline)?, "nothing is left")
        }
        ServiceCommand::Status { json } => told::state(system::state(settings, deadline)?.as_ref(), *json),
    };
    Ok(output::write(text)?)
}

fn changed(changes: &[String], otherwise: &str) -> String {
    match changes {
        [] => format!("nothing to change: {otherwise}\n"),
        changes => changes.iter().map(|change| format!("{change}\n")).collect(),
    }
}

fn install(settings: &Settings, deadline: Deadline) -> Result<Changes, Failure> {
    if settings.endpoint.explicit {
        return Err(ServiceError::Explicit.into());
    }
    let program = spawn::program()?;
    platform::trusted_program(&program).map_err(spawn::SpawnError::Untrusted)?;
    system::reachable(settings)?;
    let mut changes = Changes::new();
    // Its place is taken by whoever listens for it: said before anything is changed, done once the service is known.
    let has_room = !system::TAKES_SOCKET || holds_socket(settings, deadline);
    let stray = stray::settings(settings);
    let rivals = || Some(settings).filter(|_| !has_room).into_iter().chain(&stray);
    for rival in rivals() {
        kept_in_memory(rival, deadline)?;
    }
    system::prepare(settings, &program, deadline, &mut changes)?;
    for rival in rivals() {
        if let Some(pid) = end(rival, deadline)? {
            changes.push(format!("ended {DAEMON}, pid {pid}, which a command had started"));
        }
    }
    system::enable(settings, deadline, &mut changes)?;
    Ok(changes)
}

fn uninstall(settings: &Settings, deadline: Deadline) -> Result<Changes, Failure> {
    let state = system::state(settings, deadline)?;
    if state.is_some_and(|state| matches!(state.activity, Some(Activity::Running(_)))) {
        kept_in_memory(settings, deadline)?;
    }
    let mut changes = Changes::new();
    system::uninstall(settings, deadline, &mut changes)?;
    Ok(changes)
}

/// Whether the service manager has the socket already.
fn holds_socket(settings: &Settings, deadline: Deadline) -> bool {
    activity(settings, deadline)
        .is_some_and(|activity| matches!(activity, Activity::Running(_) | Activity::Listening))
}

fn activity(settings: &Settings, deadline: Deadline) -> Option<Activity> {
    system::state(settings, deadline).ok()??.activity
}

/// Sees that the daemon which runs would lose nothing by its end.
fn kept_in_memory(settings: &Settings, deadline: Deadline) -> Result<(), Failure> {
    let Some(mut connection) = daemon::running(settings, deadline)? else { return Ok(()) };
    let Response::Status(status) = daemon::ask_over(&mut connection, Operation::Status, deadline)? else {
        return Err(daemon::unexpected());
    };
    let held = status.profiles.iter().filter(|profile| profile.keyring == Some(Keyring::Memory));
    let held: Vec<_> = held.map(|profile| profile.profile.to_string()).collect();
    if held.is_empty() {
        return Ok(());
    }
    let stop = stray::stop(&settings.endpoint);
    Err(ServiceError::InMemory { pid: status.pid, profiles: held.join(", "), stop }.into())
}

/// Ends the daemon that listens, if one does; its number.
fn end(settings: &Settings, deadline: Deadline) -> Result<Option<u32>, Failure> {
    let running = daemon::running(settings, deadline)?;
    running.map(|connection| stop::end(connection, deadline)).transpose()
}

/// Has the service manager start the daemon, or listen for it; whether it did. It does not where no service is installed,
/// or where the service manager cannot be reached, as in a container or behind `su -`.
///
/// # Errors
/// That the service manager refuses, or has given up.
pub(crate) fn start(settings: &Settings, deadline: Deadline) -> Result<bool, Failure> {
    if settings.endpoint.explicit { Ok(false) } else { system::start(settings, deadline) }
}

/// Waits for the place where the service listens, where the system is yet to make it: what a start goes by then. None where
/// nobody need wait.
///
/// # Errors
/// That it will not be there, or was not within the deadline.
pub(crate) fn awaited(settings: &Settings, deadline: Deadline) -> Result<Option<Settings>, Failure> {
    let endpoint = system::awaited(settings, deadline)?;
    Ok(endpoint.map(|endpoint| Settings { endpoint, ..settings.clone() }))
}

/// Ends the daemon where the service manager has it, and says so; none where it does not.
///
/// # Errors
/// Why it may still run.
pub(crate) fn stop(settings: &Settings, deadline: Deadline) -> Result<Option<String>, Failure> {
    if settings.endpoint.explicit || system::installed().is_none() {
        return Ok(None);
    }
    Ok(system::stop(settings, deadline)?)
}

/// Whether nothing but the service manager listens: whoever connects then starts the daemon.
pub(crate) fn sleeps(settings: &Settings, deadline: Deadline) -> bool {
    is_asked(settings) && activity(settings, deadline) == Some(Activity::Listening)
}

/// Why the service manager starts the daemon no more, where that is so.
pub(crate) fn failure(settings: &Settings, deadline: Deadline) -> Option<Failure> {
    is_asked(settings).then(|| system::state(settings, deadline).ok()??.failure).flatten()
}

/// Whether the service manager has a say: that it need not be asked costs a look at a few files.
fn is_asked(settings: &Settings) -> bool {
    !settings.endpoint.explicit && system::installed().is_some()
}

/// What to do about the service starting another daemon than lies beside this client; none where it does not.
pub(crate) fn other_program(settings: &Settings, deadline: Deadline) -> Option<String> {
    let state = is_asked(settings).then(|| system::state(settings, deadline).ok()).flatten()??;
    let (other, mend) = state.program?;
    let other = fs::canonicalize(other).ok()?;
    let own = fs::canonicalize(spawn::program().ok()?).ok()?;
    (own != other).then(|| format!("the service starts {other:?}: {mend}"))
}

/// What `doctor` tells of it.
pub(crate) struct Examined {
    /// By what it is installed.
    pub(crate) place: String,
    /// What a package has brought, and does not count beside what was written.
    pub(crate) hidden: Vec<String>,
    /// Why it does not start the daemon.
    pub(crate) failure: Option<Failure>,
}

/// The service as `doctor` tells of it; none where none is installed.
///
/// # Errors
/// Why nobody tells.
pub(crate) fn examined(settings: &Settings, deadline: Deadline) -> Result<Option<Examined>, Failure> {
    let examined = |State { place, others, written, failure, .. }| {
        // What a user or an administrator has put before a package's is theirs.
        Examined { place, hidden: if written { others } else { Vec::new() }, failure }
    };
    Ok(system::state(settings, deadline)?.map(examined))
}

/// A path for people, as a word of a line.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
