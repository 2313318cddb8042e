//! What a machine runs by itself or for somebody elsewhere: cron, systemd, sshd, all of them real, in a booted container.

use std::fs;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, Stranger, Systemd, binaries, on_path, require, terminal::Terminal},
    user::Account,
};

use super::{super::is_list_of_assets, block};

/// Makes the user `you` on a machine that has dt-cred where a package installs it, and whose own systemd runs without a session.
const FURNISH: &str = r#"
set -eu
systemctl start dbus.service systemd-logind.service
useradd --create-home --uid "$1" --key UID_MAX="$1" --shell /bin/bash you
ln -s /programs/dt-cred /programs/dt-credd /usr/bin/
loginctl enable-linger you
systemctl start "user@$1"
"#;

/// A machine with the user of the page.
pub(super) struct Machine {
    pub(super) systemd: Systemd,
    pub(super) sandbox: Sandbox,
    pub(super) account: Account,
    uid: u32,
}

impl Machine {
    /// One with these programs; none where this machine has them not.
    pub(super) fn with(programs: &[&str]) -> Option<Self> {
        if !require(&programs.join(", "), on_path(programs)) {
            return None;
        }
        let (systemd, stranger) = (Systemd::boot()?, Stranger::new()?);
        let (sandbox, uid) = (Sandbox::http(), stranger.uid());
        let account = Account::at(&sandbox);
        let machine = Self { systemd, sandbox, account, uid };
        machine.systemd.run(&format!("set -- {uid}\n{FURNISH}"), "").done();
        Some(machine)
    }

    /// A block of the page with the machine's own address of the API.
    pub(super) fn block(&self, name: &str) -> String {
        block(name, &self.account.url)
    }

    /// Runs a script as `you`, with nothing of a session but its folder.
    #[track_caller]
    pub(super) fn run(&self, script: &str, stdin: &str) -> Output {
        let uid = self.uid;
        let enter = format!(
            "exec runuser -u you -- env -i HOME=/home/you USER=you LOGNAME=you XDG_RUNTIME_DIR=/run/user/{uid} \
             DT_CRED_TIMEOUT=60 PATH=/usr/bin:/bin sh -ec 'cd && {}'",
            script.replace('\'', r"'\''")
        );
        self.systemd.run(&enter, stdin)
    }

    /// Writes a file of `you`'s.
    fn write(&self, path: &str, text: &str) {
        self.run(&format!("mkdir -p \"$(dirname {path})\" && cat >{path}"), text).done();
    }

    /// Logs in with the kernel keyring, as a machine has it that nobody logs in to.
    fn log_in(&self) {
        self.run("dt-cred store", &format!("{}keyring=keyutils\n", self.account.lines())).done();
    }

    /// Has an SSH server that lets `here` log in as `you`; false where this machine has none.
    pub(super) fn serves_ssh(&self) -> bool {
        let server = fs::read(binaries::target().join("openssh-server.tar"));
        if !require("an SSH server", server.is_ok()) {
            return false;
        }
        let unpack = "tar --extract --keep-directory-symlink --directory=/";
        self.systemd.run(unpack, server.expect("it is there")).done();
        // An address of this test's own, as its user is: nobody else listens on its port 22.
        let [_, a, b, c] = self.uid.to_be_bytes();
        let address = format!("127.{}.{b}.{c}", 128 | a);
        self.systemd.run(&format!("set -- {address} {}\n{SERVE}", self.uid), "").done();
        true
    }

    pub(super) fn answers(&self) -> u64 {
        self.sandbox.counts().assets.ok
    }

    pub(super) fn requests(&self) -> u64 {
        self.sandbox.counts().assets.total
    }
}

impl Drop for Machine {
    /// The kernel's keyring is not the container's own.
    fn drop(&mut self) {
        self.run("dt-cred erase --all", "");
    }
}

/// Where the jobs write the list.
const LIST: &str = "until jq --exit-status .assets assets.json >/dev/null 2>&1; do :; done; cat assets.json";

#[test]
fn cron_runs_the_line_and_without_a_token_it_sends_nothing() {
    let Some(machine) = Machine::with(&["cron", "crontab", "jq", "curl"]) else { return };
    machine.log_in();
    let table = machine.block("crontab");
    machine.run("crontab -", &table).done();
    // The line at once and not at its time.
    let at_once = table.replace("17 * * * *", "@reboot");
    assert_ne!(at_once, table);
    machine.run("crontab -", &at_once).done();
    machine.systemd.run("cron", "").done();
    assert!(is_list_of_assets(&machine.run(LIST, "").done()));
    assert_eq!((machine.answers(), machine.requests()), (1, 1));
    // As cron would run it, once more.
    let command = table.lines().last().and_then(|line| line.split_once("17 * * * * ")).expect("a command").1;
    machine.run("dt-cred erase && rm assets.json", "").done();
    let environment = "HOME=/home/you LOGNAME=you SHELL=/bin/sh PATH=/usr/bin:/bin";
    let again = format!("exec env -i {environment} sh -c \"$(cat)\"");
    let without = machine.run(&again, command);
    assert_eq!((without.code, without.stdout.as_str()), (Some(125), ""), "{without:?}");
    assert!(without.stderr.contains("dt-cred login"), "{without:?}");
    assert_eq!(machine.requests(), 1);
    machine.run("test ! -e assets.json", "").done();
}

#[test]
fn the_units_run_the_job_and_hold_the_daemon_and_without_a_token_nothing_is_sent() {
    let Some(machine) = Machine::with(&["systemd-analyze", "curl"]) else { return };
    machine.log_in();
    for unit in ["assets.service", "assets.timer"] {
        machine.write(&format!(".config/systemd/user/{unit}"), &machine.block(unit));
    }
    machine.run(&machine.block("enable"), "").done();
    let verified = machine.run(
        "systemd-analyze --user --man=no verify .config/systemd/user/*.service .config/systemd/user/*.timer",
        "",
    );
    assert_eq!((verified.code, verified.stderr.as_str()), (Some(0), ""), "{verified:?}");
    let listed = machine.run("systemctl --user list-timers --no-legend assets.timer", "").done();
    assert!(listed.contains("assets.service") && !listed.starts_with("n/a"), "{listed}");
    // Twice: the daemon that the first one woke outlives it.
    for _ in 0..2 {
        machine.run("systemctl --user start assets.service", "").done();
        assert!(is_list_of_assets(&machine.run("cat assets.json && rm assets.json", "").done()));
    }
    assert_eq!((machine.answers(), machine.requests()), (2, 2));
    machine.run("systemctl --user is-active --quiet dt-cred.service", "").done();
    assert_eq!(machine.sandbox.counts().tokens.granted, 2, "one at the login, one for both jobs");
    machine.run("dt-cred erase", "").done();
    assert_eq!(machine.run("systemctl --user start assets.service", "").code, Some(1));
    let failed = machine.run("systemctl --user show --value --property=ExecMainStatus assets.service", "");
    assert_eq!(failed.done(), "125\n");
    assert_eq!(machine.requests(), 2);
    machine.run("test ! -e assets.json", "").done();
}

#[test]
fn a_timer_has_secrets_replaced_that_end_soon_and_says_where_one_could_not_be() {
    let Some(machine) = Machine::with(&["systemd-analyze"]) else { return };
    let (sandbox, days) = (&machine.sandbox, |days: u32| days * 24 * 3600);
    let owner = Account::owner_at(sandbox);
    machine.run("dt-cred store -p owner", &format!("{}keyring=keyutils\n", owner.lines())).done();
    for (name, lifetime) in [("later", days(365)), ("soon", days(10))] {
        sandbox.set(|settings| settings.secret_lifetime = lifetime);
        machine.run(&format!("dt-cred integration create {name} --as owner --keyring keyutils"), "").done();
    }
    for unit in ["rotate.service", "rotate.timer"] {
        machine.write(&format!(".config/systemd/user/{unit}"), &machine.block(unit));
    }
    machine.run(&machine.block("enable rotation"), "").done();
    let verified = machine.run(
        "systemd-analyze --user --man=no verify .config/systemd/user/*.service .config/systemd/user/*.timer",
        "",
    );
    assert_eq!((verified.code, verified.stderr.as_str()), (Some(0), ""), "{verified:?}");
    let listed = machine.run("systemctl --user list-timers --no-legend rotate.timer", "").done();
    assert!(listed.contains("rotate.service") && !listed.starts_with("n/a"), "{listed}");
    let regenerated = || sandbox.counts().api.applications.regenerated;
    machine.run("systemctl --user start rotate.service", "").done();
    assert_eq!(regenerated(), 1, "of the one that ends soon alone");
    machine.run("dt-cred get -p soon --fresh", "").done();
    let status = machine.run("dt-cred status", "").done();
    assert!(
        status.contains("\nsoon: its secret ends in ") && !status.contains("\nlater: its secret"),
        "{status}"
    );
    machine.run("dt-cred erase -p owner", "").done();
    assert_eq!(machine.run("systemctl --user start rotate.service", "").code, Some(1));
    let failed = machine.run("systemctl --user show --value --property=ExecMainStatus rotate.service", "");
    assert_eq!((failed.done().as_str(), regenerated()), ("5\n", 1));
}

/// Lets `here`, another user of the machine, reach `you` as `box`.
const SERVE: &str = r#"
set -eu
useradd --create-home --shell /bin/bash here
cd /home/here
install -d -o here -g here -m 0700 .ssh
install -d -o you -g you -m 0700 /home/you/.ssh
ssh-keygen -q -t ed25519 -N '' -f /run/box
runuser -u here -- ssh-keygen -q -t ed25519 -N '' -f .ssh/id
install -o you -g you -m 0600 .ssh/id.pub /home/you/.ssh/authorized_keys
echo "box $(cat /run/box.pub)" >.ssh/known_hosts
printf 'Host box\nHostName %s\nHostKeyAlias box\nUser you\nIdentityFile ~/.ssh/id\n' "$1" >.ssh/config
chown here:here .ssh/*
mkdir -p /run/sshd
# A person who logs in, and of whom nothing is there before or afterwards.
loginctl disable-linger you
systemctl stop "user@$2"
# As at the end of a boot: until then nobody may log in (pam_nologin(8)).
rm -f /run/nologin
id sshd >/dev/null 2>&1 || useradd --system --home-dir /run/sshd --shell /usr/sbin/nologin sshd
systemd-run --quiet --unit=sshd-of-box --service-type=notify --property=DefaultDependencies=no \
  /usr/sbin/sshd -D -f /dev/null -o ListenAddress="$1" -o HostKey=/run/box -o UsePAM=yes -o KbdInteractiveAuthentication=no
"#;

/// Has the processes of a session end with it.
const ENDS_ALL: &str = r"
set -eu
mkdir -p /etc/systemd/logind.conf.d
printf '[Login]\nKillUserProcesses=yes\n' >/etc/systemd/logind.conf.d/ends-all.conf
systemctl restart systemd-logind.service
";

/// A script as `here`.
pub(super) fn here(script: &str) -> String {
    let script = script.replace('\'', r"'\''");
    format!(
        "cd /home/here && exec runuser -u here -- env -i HOME=/home/here PATH=/programs:/usr/bin:/bin sh -c '{script}'"
    )
}

#[test]
fn a_box_is_logged_in_to_and_asked_by_ssh_and_its_daemon_outlives_a_session_where_the_box_lets_it() {
    let Some(machine) = Machine::with(&["ssh", "ssh-keygen", "curl"]) else { return };
    if !machine.serves_ssh() {
        return;
    }
    let by_ssh = |name: &str| machine.systemd.run(&here(&machine.block(name)), "");

    let nothing = by_ssh("ssh get");
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(5), ""), "{nothing:?}");
    assert!(nothing.stderr.contains("dt-cred login"), "{nothing:?}");
    assert_eq!(machine.requests(), 0);

    let mut terminal = Terminal::new();
    let login = format!("exec >/dev/tty 2>&1\n{}", machine.block("ssh login"));
    let client = terminal.start(&machine.systemd.command(&here(&login)));
    terminal.until("Client id: ");
    terminal.press(&format!("{}\n", machine.account.client_id));
    terminal.until("Client secret (not shown): ");
    terminal.press(&format!("{}\n", machine.account.client_secret));
    client.ended().done();
    assert!(!terminal.shown().contains(&machine.account.client_secret), "{}", terminal.shown());

    for name in ["ssh get", "ssh curl"] {
        let answer = by_ssh(name);
        assert!(answer.code == Some(0) && is_list_of_assets(&answer.stdout), "{answer:?}");
    }
    assert_eq!((machine.answers(), machine.requests()), (2, 2));
    assert_eq!(machine.sandbox.counts().tokens.granted, 1, "the daemon of the login serves them all");

    let mut tokens = 1;
    machine.systemd.run(ENDS_ALL, "").done();
    machine.run("dt-cred stop", "").done();
    for _ in 0..2 {
        machine.systemd.run("while pgrep --exact dt-credd >/dev/null; do :; done", "").done();
        let answer = by_ssh("ssh curl");
        assert!(answer.code == Some(0) && is_list_of_assets(&answer.stdout), "{answer:?}");
        tokens += 1;
        assert_eq!(machine.sandbox.counts().tokens.granted, tokens, "the daemon was another one");
    }
}
