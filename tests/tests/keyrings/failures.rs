//! The keyring's program dies, is replaced, or hangs.

use std::time::{Duration, Instant};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Running, until},
    user::Account,
};

use super::desktop::{Desktop, is_exit_6};

#[test]
fn a_killed_keyring_is_exit_6_and_its_successor_is_met_without_a_restart() {
    let sandbox = Sandbox::http();
    let Some(mut desktop) = Desktop::start() else { return };
    let lines = Account::at(&sandbox).lines();
    desktop.store(&lines).done();
    desktop.user.home.dt_cred_with(&["store", "-p", "second"], &lines).done();
    desktop.stop_daemon();
    // One connection was made before the keyring is killed, one is made while it is gone.
    desktop.user.token();
    let pid = desktop.user.home.daemon_pid();
    desktop.service.kill_provider();
    is_exit_6(&desktop.user.dt_cred(&["get", "-p", "second"]));
    desktop.service.restart_provider();
    desktop.user.dt_cred(&["get", "-p", "second"]).done();
    assert_eq!(desktop.user.home.daemon_pid(), pid);
    assert!(pid.is_some());
}

#[test]
fn a_replaced_keyring_is_met_at_the_first_ask() {
    let sandbox = Sandbox::http();
    let Some(mut desktop) = Desktop::start() else { return };
    let lines = Account::at(&sandbox).lines();
    desktop.store(&lines).done();
    desktop.user.home.dt_cred_with(&["store", "-p", "second"], &lines).done();
    desktop.stop_daemon();
    desktop.user.token();
    desktop.service.restart_provider();
    desktop.user.dt_cred(&["get", "-p", "second"]).done();
    desktop.user.home.dt_cred_with(&["store", "-p", "third"], &lines).done();
}

#[test]
fn a_keyring_that_hangs_is_exit_6_in_time_while_all_else_is_served_and_it_heals() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    let lines = Account::at(&sandbox).lines();
    desktop.store(&lines).done();
    desktop.stop_daemon();
    let home = &desktop.user.home;
    home.dt_cred_with(&["store", "-p", "other"], format!("{lines}keyring=memory\n")).done();
    let pid = home.daemon_pid();
    desktop.service.stop_provider();
    let start = Instant::now();
    let mut waiting: Vec<_> = (0..4).map(|_| Running::start(home.client(&["get"]), "")).collect();
    home.dt_cred(&["status", "--json"]).done();
    home.dt_cred(&["get", "-p", "other"]).done();
    home.dt_cred(&["get", "-p", "other", "--fresh"]).done();
    for get in &mut waiting {
        assert_eq!(get.wait().code(), Some(6), "{}", get.said());
    }
    // More than what is let hang at once.
    for _ in 0..4 {
        is_exit_6(&home.dt_cred(&["get", "--timeout", "30"]));
    }
    // An upper bound alone: the deadlines of five calls, not one that never ends.
    assert!(start.elapsed() < Duration::from_secs(55), "{:?}", start.elapsed());
    desktop.service.continue_provider();
    // The calls that hung return one by one; until they have, nothing new is begun.
    until("the keyring to be read again", || (home.dt_cred(&["get"]).code == Some(0)).then_some(()));
    assert_eq!(home.daemon_pid(), pid);
}

#[test]
fn a_daemon_ends_while_its_keyring_hangs() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    desktop.stop_daemon();
    desktop.service.stop_provider();
    is_exit_6(&desktop.user.dt_cred(&["get"]));
    desktop.user.dt_cred(&["stop"]).done();
    desktop.user.home.until_no_daemon();
    desktop.service.continue_provider();
    desktop.user.token();
}
