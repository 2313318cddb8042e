//! A home of a test's own: nothing of the developer's is read or written.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use super::{
    BOUND, Output, Pid, Running, binaries,
    platform::{self, Place, Process},
    private_folder, run, until,
};
use crate::transcript::{self, Channel};

/// How long a daemon has to end when it is told to, before it is killed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder that serves as the user's home and holds all of their folders. On drop a daemon that was started in it is
/// ended, then all is removed.
///
/// Where the default socket is the user's and no home's, there is one home at a time: whoever asks for another one in the
/// same thread waits for ever.
pub struct Home {
    folder: TempDir,
    variables: BTreeMap<OsString, OsString>,
    /// The program by which every command is run, and its arguments.
    by: Vec<OsString>,
    /// Where this home has the binaries; where it has none of its own they lie where they were built.
    programs: Option<PathBuf>,
    _place: Place,
}

impl Home {
    /// An empty home, whose daemons log all that they can. On Linux the session bus is one that is not there;
    /// [`Self::set`] names another.
    ///
    /// # Panics
    /// Where it cannot be made, or the user's own daemon listens where one of this home would.
    pub fn new() -> Self {
        let place = Place::take();
        let folder = tempfile::Builder::new().prefix("dtc-").tempdir_in(platform::temporary());
        let folder = folder.expect("a temporary folder");
        let variables = platform::furnish(folder.path());
        let trace = ("DT_CRED_LOG", "dt-credd=trace".into());
        let variables =
            variables.into_iter().chain([trace]).map(|(name, value)| (name.into(), value)).collect();
        let socket = platform::socket(folder.path());
        // Where the place is the user's it may be a daemon of theirs, which no test may speak to, or end.
        let listener = platform::listener(&socket);
        assert_eq!(listener, None, "a daemon listens on {socket:?} already: end it by `dt-cred stop`");
        Self { folder, variables, by: Vec::new(), programs: None, _place: place }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the daemon listens when nothing else is said.
    pub fn socket(&self) -> PathBuf {
        platform::socket(self.path())
    }

    /// Another place for a daemon to listen, by a name of its own.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn another_socket(&self, name: &str) -> PathBuf {
        platform::another_socket(self.path(), name)
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

    /// Where the daemon's configuration lies.
    pub fn configuration(&self) -> PathBuf {
        self.path().join(platform::CONFIGURATION)
    }

    /// Writes the daemon's configuration.
    ///
    /// # Panics
    /// Where it cannot.
    pub fn configure(&self, text: &str) {
        let file = self.configuration();
        private_folder(file.parent().expect("it lies in a folder"));
        fs::write(file, text).expect("a configuration");
    }

    /// Has every command that is made from now on run by this program, as setpriv(1) is one.
    pub fn run_by(&mut self, command: &[impl AsRef<OsStr>]) {
        self.by = command.iter().map(|word| word.as_ref().to_owned()).collect();
    }

    /// Gives the home binaries of its own, for somebody who may not reach those that were built.
    ///
    /// # Panics
    /// Where it cannot.
    pub fn bring_programs(&mut self) {
        let programs = self.path().join("bin");
        fs::create_dir(&programs).expect("a folder");
        for program in [binaries::client(), binaries::daemon()] {
            let place = programs.join(program.file_name().expect("it has a name"));
            if fs::hard_link(&program, &place).is_err() {
                // By another process: a program that is open for writing here cannot be run, and children of tests that
                // run beside this one inherit what is open for a moment.
                let mut copy = Command::new("cp");
                copy.arg(program).arg(place);
                run(copy, "").done();
            }
        }
        self.programs = Some(programs);
    }

    /// Where the client lies, as this home's commands reach it.
    pub fn client_program(&self) -> PathBuf {
        self.program(binaries::client())
    }

    /// Where the daemon lies, as this home's commands reach it.
    pub fn daemon_program(&self) -> PathBuf {
        self.program(binaries::daemon())
    }

    fn program(&self, built: PathBuf) -> PathBuf {
        match (&self.programs, built.file_name()) {
            (Some(programs), Some(name)) => programs.join(name),
            _ => built,
        }
    }

    /// A command that lives in this home and sees nothing of the environment outside.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut words = self.by.iter().map(OsString::as_os_str).chain([program.as_ref()]);
        let mut command = Command::new(words.next().expect("the program at least"));
        command.args(words);
        command.env_clear().envs(&self.variables).current_dir(self.path());
        command
    }

    /// The client with these arguments, not yet started.
    pub fn client(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(self.client_program());
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
        let mut daemon = Running::start(self.command(self.daemon_program()), "");
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

    /// Kills the daemon and waits until it is gone.
    ///
    /// # Panics
    /// Where there is none.
    pub fn kill_daemon(&self) {
        let (daemon, socket) = (self.daemon(), self.socket());
        let daemon = daemon.unwrap_or_else(|| panic!("no daemon listens on {socket:?}"));
        daemon.kill();
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
            daemon.terminate();
            if !daemon.ended(PATIENCE) {
                daemon.kill();
                daemon.ended(PATIENCE);
            }
        }
        keep_logs(self.path());
    }
}

/// Keeps the logs that daemons have written into files below `folder`.
fn keep_logs(folder: &Path) {
    let daemon = ["dt-credd".to_owned()];
    if !transcript::keeps(&daemon) {
        return;
    }
    // Whatever a test has done to its home: what cannot be read is of somebody else.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            keep_logs(&path);
        } else if name.to_string_lossy().starts_with("dt-credd.log") {
            transcript::keep(&daemon, Channel::Log, None, &fs::read(&path).unwrap_or_default());
        }
    }
}
