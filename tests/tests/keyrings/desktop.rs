//! A user whose session has a Secret Service.

use std::fs::{self, File};

use dt_cred_tests::{
    parts::{Output, SecretService, secret_service::Program},
    user::User,
};
use rustix::fs::{FlockOperation, flock};
use serde_json::Value;

/// A user and their keyring's program.
pub(crate) struct Desktop {
    // The daemon ends before its bus does.
    pub(crate) user: User,
    pub(crate) service: SecretService,
}

impl Desktop {
    /// One with nothing stored; none where the machine has no such program.
    pub(crate) fn start() -> Option<Self> {
        Self::of(Program::GnomeKeyring)
    }

    /// One whose keyring's program is this.
    pub(crate) fn of(program: Program) -> Option<Self> {
        SecretService::of(program).map(Self::with)
    }

    /// One whose keyring this is.
    pub(crate) fn with(service: SecretService) -> Self {
        let mut user = User::new("secret-service");
        user.home.set("DBUS_SESSION_BUS_ADDRESS", service.address());
        Self { user, service }
    }

    /// `dt-cred store` of these lines, which name no keyring.
    #[track_caller]
    pub(crate) fn store(&self, lines: &str) -> Output {
        self.user.home.dt_cred_with(&["store"], lines)
    }

    /// Keeps everybody from changing the state file, for as long as the value lives.
    #[track_caller]
    pub(crate) fn lock_state(&self) -> File {
        let lock = File::options().write(true).open(self.user.home.state().join("state.lock"));
        let lock = lock.expect("the lock of the state file");
        flock(&lock, FlockOperation::LockExclusive).expect("the lock");
        lock
    }

    /// Lets the daemon end; the next command starts another, which knows only what is kept.
    #[track_caller]
    pub(crate) fn stop_daemon(&self) {
        self.user.dt_cred(&["stop"]).done();
    }

    /// How many threads of the daemon are at the keyring.
    pub(crate) fn threads(&self) -> usize {
        let pid = self.user.home.daemon_pid().expect("a daemon").as_raw_nonzero();
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
        // One that ends meanwhile has no name any more.
        let names = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.trim_end() == "keyring").count()
    }

    /// Whether the state file names the profile.
    pub(crate) fn is_recorded(&self) -> bool {
        let state = fs::read_to_string(self.user.home.state().join("state.toml"));
        state.is_ok_and(|text| text.contains(self.user.profile()))
    }

    /// What another program finds for the profile.
    pub(crate) fn lookup(&self) -> Option<String> {
        let found =
            self.service.secret_tool(&["lookup", "service", "dt-cred", "username", self.user.profile()], "");
        (found.code == Some(0)).then_some(found.stdout)
    }

    /// [`Self::lookup`], which must find JSON.
    #[track_caller]
    pub(crate) fn item(&self) -> Value {
        let item = self.lookup().expect("an item of the profile");
        serde_json::from_str(&item).expect("the item is JSON")
    }

    /// How many items another program finds for the profile.
    pub(crate) fn items(&self) -> usize {
        let name = self.user.profile();
        let found =
            self.service.secret_tool(&["search", "--all", "service", "dt-cred", "username", name], "");
        found.stdout.lines().filter(|line| line.starts_with('[')).count()
    }

    /// Keeps an item as another program does, with these attributes beside the usual ones.
    #[track_caller]
    pub(crate) fn provision(&self, attributes: &[&str], item: &str) {
        let usual = ["store", "--label=an item", "service", "dt-cred", "username", self.user.profile()];
        self.service.secret_tool(&[&usual, attributes].concat(), item).done();
    }
}

/// That it is exit 6, and why.
#[track_caller]
pub(crate) fn is_exit_6_for(output: &Output, reason: &str) {
    is_exit_6(output);
    assert!(output.stderr.contains(reason), "{reason}: {}", output.stderr);
}

/// Whether it is exit 6 as the contract has it: one line that names the way out, and no answer.
#[track_caller]
pub(crate) fn is_exit_6(output: &Output) {
    assert_eq!((output.code, output.stdout.as_str()), (Some(6), ""), "{}", output.stderr);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains("`dt-cred unlock"), "{}", output.stderr);
}
