//! A machine with dt-cred installed, and a user whose own systemd runs.

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, Running, Stranger, Systemd, until},
    transcript,
    user::Account,
};

const SOCKET: &str = include_str!("../../../packaging/systemd/dt-cred.socket");
const SERVICE: &str = include_str!("../../../packaging/systemd/dt-cred.service");

/// Makes the user `you`, whose own systemd runs without a session, and a journal.
const FURNISH: &str = r#"
set -eu
systemctl start dbus.service systemd-logind.service systemd-journald.service
ln -s /programs/dt-cred /programs/dt-credd /usr/bin/
useradd --create-home --uid "$1" --key UID_MAX="$1" --shell /bin/bash you
loginctl enable-linger you
systemctl start "user@$1"
"#;

/// A machine that a package was installed on, and an issuer.
pub(crate) struct Machine {
    systemd: Systemd,
    pub(crate) sandbox: Sandbox,
    uid: u32,
}

impl Machine {
    /// One whose socket nobody has enabled yet; none where no container can be made here.
    pub(crate) fn new() -> Option<Self> {
        let (systemd, stranger) = (Systemd::boot()?, Stranger::new()?);
        let machine = Self { systemd, sandbox: Sandbox::http(), uid: stranger.uid() };
        for (name, unit) in [("dt-cred.socket", SOCKET), ("dt-cred.service", SERVICE)] {
            machine.as_root(&format!("cat >/usr/lib/systemd/user/{name}"), unit).done();
        }
        machine.as_root(&format!("set -- {}\n{FURNISH}", machine.uid), "").done();
        Some(machine)
    }

    /// One on which the socket is listened on, and credentials are kept.
    pub(crate) fn in_use() -> Option<Self> {
        let machine = Self::new()?;
        machine.enable();
        machine.log_in("default", &Account::at(&machine.sandbox).lines());
        Some(machine)
    }

    /// The number of `you`.
    pub(crate) fn uid(&self) -> u32 {
        self.uid
    }

    /// As whoever installed it does, once.
    pub(crate) fn enable(&self) {
        self.run("systemctl --user enable --quiet --now dt-cred.socket").done();
    }

    /// Keeps an account in the kernel keyring, as a machine has it that nobody logs in to.
    pub(crate) fn log_in(&self, profile: &str, lines: &str) {
        self.run_with(&format!("dt-cred store -p {profile}"), &format!("{lines}keyring=keyutils\n")).done();
    }

    /// Runs a script as root.
    #[track_caller]
    pub(crate) fn as_root(&self, script: &str, stdin: &str) -> Output {
        self.systemd.run(script, stdin)
    }

    /// Runs a script as `you`, with nothing of a session but its folder. No client starts a daemon of its own.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> Output {
        self.run_with(script, "")
    }

    /// The same with a standard input.
    #[track_caller]
    pub(crate) fn run_with(&self, script: &str, stdin: &str) -> Output {
        self.systemd.run(&self.enter(script), stdin)
    }

    /// The same, while something else is done.
    pub(crate) fn start(&self, script: &str) -> Running {
        Running::start(self.systemd.command(&self.enter(script)), "")
    }

    fn enter(&self, script: &str) -> String {
        let uid = self.uid;
        format!(
            "exec runuser -u you -- env -i HOME=/home/you USER=you LOGNAME=you XDG_RUNTIME_DIR=/run/user/{uid} \
             DT_CRED_TIMEOUT=60 DT_CRED_NO_START=1 PATH=/usr/bin:/bin sh -ec 'cd && {}'",
            script.replace('\'', r"'\''")
        )
    }

    /// Writes a drop-in for the service and has it count from its next start.
    pub(crate) fn drop_in(&self, text: &str) {
        let folder = ".config/systemd/user/dt-cred.service.d";
        let script =
            format!("mkdir -p {folder} && cat >{folder}/test.conf && systemctl --user daemon-reload");
        self.run_with(&script, &format!("[Service]\n{text}\n")).done();
    }

    /// Writes the daemon's configuration.
    pub(crate) fn configure(&self, text: &str) {
        self.run_with("mkdir -p .config/dt-cred && cat >.config/dt-cred/config.toml", text).done();
    }

    /// The raw token, which there must be.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        let token = self.run("dt-cred get --format raw").done().trim_end().to_owned();
        transcript::token(&token);
        token
    }

    /// A property of a unit of the user's.
    #[track_caller]
    pub(crate) fn property(&self, unit: &str, name: &str) -> String {
        let show = format!("systemctl --user show --value --property={name} {unit}");
        self.run(&show).done().trim_end().to_owned()
    }

    /// The process that serves, by its number there.
    #[track_caller]
    pub(crate) fn main_pid(&self) -> String {
        let pid = self.property("dt-cred.service", "MainPID");
        assert_ne!(pid, "0", "{}", self.run("systemctl --user status dt-cred.service").stdout);
        pid
    }

    /// The socket's folder and file: device, inode, mode and owner.
    #[track_caller]
    pub(crate) fn socket_file(&self) -> String {
        let stat = "cd \"$XDG_RUNTIME_DIR\" && stat --format='%d:%i %a %U' dt-cred dt-cred/agent.sock";
        self.run(stat).done()
    }

    /// Waits until the service says this of itself.
    pub(crate) fn until_status(&self, status: &str) {
        until(status, || (self.property("dt-cred.service", "StatusText") == status).then_some(()));
    }

    /// Waits until a line of the service's log has these words.
    pub(crate) fn until_logged(&self, words: &str) {
        until(words, || self.log("cat").contains(words).then_some(()));
    }

    /// The service's log, as journalctl(1) puts it out; nothing where it may not be read yet, as right after a journal was begun.
    pub(crate) fn log(&self, output: &str) -> String {
        // Written by now is what was said before.
        self.as_root("journalctl --sync", "").done();
        self.run(&format!("journalctl --user --unit=dt-cred.service --quiet --all --output={output}")).stdout
    }
}

impl Drop for Machine {
    /// The kernel's keyring is not the container's own. Whatever became of the service, it is emptied.
    fn drop(&mut self) {
        self.run("rm -f .config/dt-cred/config.toml; DT_CRED_NO_START= dt-cred erase --all");
    }
}
