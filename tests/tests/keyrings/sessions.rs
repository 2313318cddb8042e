//! The kernel keyring, whatever session the daemon is started in, and when that ends.

use std::process::Command;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, Stranger, keyring, on_path, require, run},
    user::{Account, User},
};

use super::{apart::Apart, kernel::item};

/// Runs a shell script in a new session keyring.
fn in_session(user: &User, script: &str, stdin: &str) -> Output {
    let shell = user.shell_command(script);
    let mut keyctl = user.home.command("keyctl");
    keyctl.args(["session", "-"]).arg(shell.get_program()).args(shell.get_args());
    keyctl.envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))));
    run(keyctl, stdin)
}

#[test]
fn an_item_outlives_the_daemon_and_the_session_that_stored_it() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_kernel_keyring() else { return };
    let lines = format!("{}keyring=keyutils\n", Account::at(&sandbox).lines());
    in_session(&user, "dt-cred store && dt-cred stop", &lines).done();
    user.token();
    user.home.kill_daemon();
    in_session(&user, "dt-cred get", "").done();
    user.home.kill_daemon();
    user.token();
}

#[test]
fn a_daemon_serves_after_the_session_keyring_that_it_was_started_in_is_revoked() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_kernel_keyring() else { return };
    user.log_in(&Account::at(&sandbox));
    // Revoked before it starts, and revoked as a logout does while it runs.
    for script in ["keyctl revoke @s && dt-cred start", "dt-cred start && keyctl revoke @s"] {
        user.dt_cred(&["stop"]).done();
        in_session(&user, script, "").done();
        let pid = user.home.daemon_pid();
        user.token();
        user.dt_cred(&["reject"]).done();
        user.token();
        assert_eq!(user.home.daemon_pid(), pid, "{script}");
    }
    user.dt_cred(&["erase"]).done();
    assert_eq!(item(&user), None);
}

/// What a daemon does with its keyring, from the first login to the last item.
fn works(apart: &Apart, sandbox: &Sandbox) {
    let user = &apart.user;
    user.log_in(&Account::at(sandbox));
    assert!(apart.is_kept());
    user.dt_cred(&["stop"]).done();
    let token = user.token();
    user.dt_cred(&["reject"]).done();
    assert_ne!(user.token(), token);
    user.log_in(&Account::at(sandbox));
    user.dt_cred(&["erase"]).done();
    assert!(!apart.is_kept());
    user.dt_cred(&["stop"]).done();
    assert_eq!(user.dt_cred(&["get"]).code, Some(5));
}

#[test]
fn without_a_session_of_ones_own_and_in_somebody_elses_everything_works() {
    let sandbox = Sandbox::http();
    let Some(mut apart) = Apart::new() else { return };
    works(&apart, &sandbox);
    apart.user.dt_cred(&["stop"]).done();
    // As after `setpriv` in root's login, whose session keyring is no other uid's to use.
    let roots = ["keyctl", "session", "-"].map(String::from);
    apart.user.home.run_by(&[&roots[..], &apart.who.setpriv()].concat());
    works(&apart, &sandbox);
}

#[test]
fn an_item_of_one_user_is_no_other_users() {
    let sandbox = Sandbox::http();
    let (Some(mut apart), Some(user)) = (Apart::new(), User::in_kernel_keyring()) else { return };
    apart.user.home.set("DT_CRED_PROFILE", user.profile());
    user.log_in(&Account::at(&sandbox));
    let kept = item(&user);
    assert_eq!(apart.user.dt_cred(&["get"]).code, Some(5));
    apart.user.log_in(&Account::at(&sandbox));
    assert_ne!(apart.user.token(), user.token());
    apart.user.dt_cred(&["erase", "--all"]).done();
    assert!(kept.is_some() && item(&user) == kept);
    user.dt_cred(&["stop"]).done();
    user.token();
}

/// A user whom the machine knows, so that PAM opens a session for them.
struct Login {
    user: User,
    who: Stranger,
}

impl Login {
    /// None where this process may not be another user, or runuser(1) is missing.
    fn nobody() -> Option<Self> {
        let mut id = Command::new("id");
        id.args(["-u", "nobody"]);
        let uid = run(id, "").stdout.trim().parse().ok();
        if !keyring::works()
            || !require("runuser and a user `nobody`", on_path(&["runuser"]) && uid.is_some())
        {
            return None;
        }
        let (mut user, who) = (User::new("keyutils"), Stranger::of(uid?)?);
        who.moves_into(&mut user.home);
        Some(Self { user, who })
    }

    /// Runs a shell script in a login session of PAM's, which ends with it (runuser(1), pam_keyinit(8)).
    fn log_in(&self, script: &str, stdin: &str) -> String {
        let shell = self.user.shell_command("");
        let variables: Vec<_> = shell
            .get_envs()
            .filter_map(|(name, value)| Some(format!("{}='{}'", name.display(), value?.display())))
            .collect();
        let mut runuser = Command::new("runuser");
        runuser.args(["-l", "nobody", "-s", "/bin/sh", "-c"]);
        runuser.arg(format!("export {}\n{script}", variables.join(" ")));
        run(runuser, stdin).done()
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        let name = format!("keyring:{}@dt-cred", self.user.profile());
        let _ = self.who.keyctl(&format!(r#"keyctl unlink "$(keyctl search $keys user '{name}')" $keys"#));
    }
}

#[test]
fn a_daemon_serves_reads_and_keeps_after_the_pam_session_that_started_it_has_ended_and_another_finds_its_item()
 {
    let sandbox = Sandbox::http();
    let Some(nobody) = Login::nobody() else { return };
    let (user, account) = (&nobody.user, Account::at(&sandbox));
    let lines = format!("{}keyring=keyutils\n", account.lines());
    let told = nobody.log_in("keyctl show @s | sed -n 2p; dt-cred store", &lines);
    let session = told.split_whitespace().next().expect("the session's keyring");
    // The daemon is still of that session, and PAM has revoked its keyring.
    let described = nobody.who.keyctl(&format!("keyctl describe {session}"));
    assert!(described.stderr.contains("revoked"), "{told}: {}", described.stderr);
    let pid = user.home.daemon_pid();
    let token = user.token();
    // Refused, it reads again: somebody has stored the rotated secret from another session.
    let client_secret = sandbox.regenerate_secret(&account.client_id);
    let rotate = format!(
        r#"key=$(keyctl search $keys user 'keyring:{}@dt-cred') && keyctl pipe "$key" |
            sed 's/{}/{client_secret}/' | keyctl pupdate "$key""#,
        user.profile(),
        account.client_secret
    );
    nobody.who.keyctl(&rotate).done();
    user.dt_cred(&["reject"]).done();
    assert_ne!(user.token(), token);
    user.store(&format!("client_secret={client_secret}\n")).done();
    assert_eq!(user.home.daemon_pid(), pid);
    assert!(pid.is_some());
    user.dt_cred(&["stop"]).done();
    nobody.log_in("dt-cred get", "");
    user.dt_cred(&["erase"]).done();
    user.dt_cred(&["stop"]).done();
    assert_eq!(user.dt_cred(&["get"]).code, Some(5));
}
