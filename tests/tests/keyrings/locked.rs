//! A keyring that is locked: said at once, and nobody is asked.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Running, on_path, require, secret_service::PASSWORD},
    user::Account,
};

use super::desktop::{Desktop, is_exit_6};

/// An upper bound alone: without a display a prompt fails in its own time, and one that is shown waits for a minute.
const AT_ONCE: Duration = Duration::from_secs(30);

#[test]
fn a_locked_keyring_is_exit_6_at_once_and_an_unlocked_one_is_served_by_the_same_daemon() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    desktop.stop_daemon();
    desktop.service.lock();
    for _ in 0..3 {
        let start = Instant::now();
        let get = desktop.user.dt_cred(&["get"]);
        assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
        is_exit_6(&get);
        assert!(get.stderr.contains("locked"), "{}", get.stderr);
    }
    let pid = desktop.user.home.daemon_pid();
    assert!(desktop.service.is_locked());
    assert_eq!(sandbox.counts().tokens.total, 1);
    assert!(desktop.service.unlock_with_password(PASSWORD));
    desktop.user.token();
    assert_eq!(desktop.user.home.daemon_pid(), pid);
}

#[test]
fn what_is_held_is_served_on_while_the_keyring_is_locked() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    desktop.service.lock();
    desktop.user.token();
    desktop.user.dt_cred(&["get", "--fresh"]).done();
}

#[test]
fn a_profile_that_was_never_stored_is_exit_6_while_its_keyring_is_locked_and_5_once_it_is_open() {
    let Some(desktop) = Desktop::start() else { return };
    desktop.service.lock();
    is_exit_6(&desktop.user.dt_cred(&["get"]));
    assert!(desktop.service.unlock_with_password(PASSWORD));
    assert_eq!(desktop.user.dt_cred(&["get"]).code, Some(5));
}

#[test]
fn get_raises_no_prompt_and_unlock_raises_one() {
    if !require("dbus-monitor", on_path(&["dbus-monitor"])) {
        return;
    }
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    desktop.stop_daemon();
    desktop.service.lock();
    let mut monitor = Command::new("dbus-monitor");
    monitor.args(["--address", &desktop.service.address()]);
    monitor.args(["Service", "Prompt"].map(|name| format!("interface='org.freedesktop.Secret.{name}'")));
    let monitor = Running::start(monitor, "");
    // Its connection loses its name when it becomes a monitor's.
    monitor.stdout_line(|line| line.contains("member=NameLost"));
    let asks = |line: &str| line.contains("member=Unlock") || line.contains("member=Prompt");
    is_exit_6(&desktop.user.dt_cred(&["get"]));
    is_exit_6(&desktop.user.dt_cred(&["get", "--fresh"]));
    // The bus keeps the order: when this is seen, all that came before it has been.
    desktop.service.lock();
    monitor.stdout_line(|line| line.contains("member=Lock"));
    let seen = monitor.said();
    assert!(seen.contains("member=SearchItems"), "{seen}");
    assert!(!seen.lines().any(asks), "{seen}");
    // Without a display it is dismissed by itself.
    is_exit_6(&desktop.user.dt_cred(&["unlock"]));
    monitor.stdout_line(asks);
}

#[test]
fn store_into_a_keyring_that_stays_locked_keeps_nothing_new() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    let account = Account::at(&sandbox);
    desktop.store(&account.lines()).done();
    let item = desktop.lookup();
    desktop.stop_daemon();
    desktop.service.lock();
    is_exit_6(&desktop.store(&Account::at(&sandbox).lines()));
    assert!(desktop.service.unlock_with_password(PASSWORD));
    assert_eq!(desktop.lookup(), item);
    desktop.user.token();
}
