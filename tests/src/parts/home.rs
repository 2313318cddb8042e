//! A home of a test's own: nothing of the developer's is read or written.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use super::{
    BOUND, Output, Running, binaries,
    platform::{self, Process},
    run, until,
};

/// A longer path for temporary files leaves too little of `sun_path`'s 107 bytes (unix(7)).
const TEMPORARY_LIMIT: usize = 40;

/// How long a daemon has to end when it is told to, before it is killed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder that serves as HOME and holds the XDG folders. On drop a daemon that was started in it is ended, then
/// all is removed.
pub struct Home {
    folder: TempDir,
    variables: BTreeMap<OsString, OsString>,
}

impl Home {
    /// An empty home. The session bus is one that is not there; [`Self::set`] names another.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn new() -> Self {
        let temporary = env::temp_dir();
        let parent =
            if temporary.as_os_str().len() > TEMPORARY_LIMIT { Path::new("/tmp") } else { &temporary };
        let folder = tempfile::Builder::new().prefix("dtc-").tempdir_in(parent).expect("a temporary folder");
        let path = folder.path().to_owned();
        let mut home = Self { folder, variables: BTreeMap::new() };
        home.set("PATH", env::var_os("PATH").unwrap_or_default());
        home.set("LANG", "C.UTF-8");
        home.set("HOME", &path);
        home.set("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}/no-bus", path.display()));
        for (variable, name) in [
            ("XDG_RUNTIME_DIR", "run"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CACHE_HOME", "cache"),
        ] {
            let folder = path.join(name);
            DirBuilder::new().mode(0o700).create(&folder).expect("a folder in the home");
            home.set(variable, folder);
        }
        home
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the daemon listens when nothing else is said.
    pub fn socket(&self) -> PathBuf {
        self.path().join("run/dt-cred/agent.sock")
    }

    /// The daemon's state folder, with its log and `state.toml`.
    pub fn state(&self) -> PathBuf {
        self.path().join("state/dt-cred")
    }

    /// Sets an environment variable for every command that is made from now on.
    pub fn set(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.variables.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
    }

    /// Takes a variable away again.
    pub fn unset(&mut self, name: impl AsRef<OsStr>) {
        self.variables.remove(name.as_ref());
    }

    /// Writes the daemon's configuration.
    ///
    /// # Panics
    /// Where it cannot.
    pub fn configure(&self, text: &str) {
        let folder = self.path().join("config/dt-cred");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .expect("a folder for the configuration");
        fs::write(folder.join("config.toml"), text).expect("a configuration");
    }

    /// A command that lives in this home and sees nothing of the environment outside.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.variables).current_dir(self.path());
        command
    }

    /// The client with these arguments, not yet started.
    pub fn client(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(binaries::client());
        command.args(arguments);
        command
    }

    /// Runs the client with nothing on standard input.
    #[track_caller]
    pub fn dt_cred(&self, arguments: &[&str]) -> Output {
        run(self.client(arguments), "")
    }

    /// Runs the client with `stdin`.
    #[track_caller]
    pub fn dt_cred_with(&self, arguments: &[&str], stdin: impl AsRef<[u8]>) -> Output {
        run(self.client(arguments), stdin)
    }

    /// A daemon in the foreground, once it listens. Its log is its standard error.
    ///
    /// # Panics
    /// Where it ends instead.
    pub fn start_daemon(&self) -> Running {
        let mut daemon = Running::start(self.command(binaries::daemon()), "");
        until("dt-credd to listen", || {
            let listens = platform::listener(&self.socket()) == Some(daemon.pid());
            assert!(listens || daemon.is_running(), "dt-credd ended: {}", daemon.said());
            listens.then_some(())
        });
        daemon
    }

    /// The process that listens on the daemon's socket.
    pub fn daemon_pid(&self) -> Option<Pid> {
        platform::listener(&self.socket())
    }

    /// Kills the daemon (SIGKILL) and waits until it is gone.
    ///
    /// # Panics
    /// Where there is none.
    pub fn kill_daemon(&self) {
        let (daemon, socket) = (self.daemon(), self.socket());
        let daemon = daemon.unwrap_or_else(|| panic!("no daemon listens on {socket:?}"));
        daemon.signal(Signal::KILL);
        assert!(daemon.ended(BOUND), "waited {} s for a killed daemon to be gone", BOUND.as_secs());
    }

    /// Waits until nobody listens on the daemon's socket.
    pub fn until_no_daemon(&self) {
        until("the daemon to end", || self.daemon_pid().is_none().then_some(()));
    }

    /// The daemon by a handle that stays its own: asked for twice, so that the process id was not reused meanwhile.
    fn daemon(&self) -> Option<Process> {
        let pid = self.daemon_pid()?;
        Process::of(pid).filter(|_| self.daemon_pid() == Some(pid))
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(daemon) = self.daemon() {
            daemon.signal(Signal::CONT);
            daemon.signal(Signal::TERM);
            if !daemon.ended(PATIENCE) {
                daemon.signal(Signal::KILL);
                daemon.ended(PATIENCE);
            }
        }
    }
}
