//! The kernel keyring, whatever session keyring the daemon was started with.

use std::process::Command;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, run},
    user::{Account, User},
};
use serde_json::{Value, json};

/// Runs a shell script in a new session keyring.
fn in_session(user: &User, script: &str, stdin: &str) -> Output {
    let shell = user.shell_command(script);
    let mut keyctl = user.home.command("keyctl");
    keyctl.args(["session", "-"]).arg(shell.get_program()).args(shell.get_args());
    keyctl.envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))));
    run(keyctl, stdin)
}

/// What another program finds for the profile.
fn item(user: &User) -> Option<Value> {
    let mut command = Command::new("keyctl");
    let key = format!("keyring:{}@dt-cred", user.profile());
    let script = r#"keyctl pipe "$(keyctl search "$(keyctl get_persistent @s)" user "$KEY")""#;
    command.args(["session", "-", "sh", "-c", script]).env("KEY", key);
    let found = run(command, "");
    (found.code == Some(0)).then(|| serde_json::from_str(&found.stdout).expect("the item is JSON"))
}

#[test]
fn another_program_finds_what_store_kept_and_nothing_once_it_is_erased() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_kernel_keyring() else { return };
    let account = Account::at(&sandbox);
    user.log_in(&account);
    let kept = json!({
        "v": 1,
        "url": account.url,
        "token_url": sandbox.token_url(),
        "client_id": account.client_id,
        "client_secret": account.client_secret,
    });
    assert_eq!(item(&user), Some(kept));
    user.dt_cred(&["erase"]).done();
    assert_eq!(item(&user), None);
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

#[test]
fn an_item_that_the_state_file_does_not_name_is_found_without_a_secret_service() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_kernel_keyring() else { return };
    user.log_in(&Account::at(&sandbox));
    user.dt_cred(&["stop"]).done();
    std::fs::remove_file(user.home.state().join("state.toml")).expect("a state file");
    user.token();
}
