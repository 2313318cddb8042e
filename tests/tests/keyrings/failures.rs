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
fn credentials_that_were_refused_are_not_sent_again_while_the_keyring_cannot_be_asked_for_others() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    let account = Account::at(&sandbox);
    desktop.store(&account.lines()).done();
    let client_secret = sandbox.regenerate_secret(&account.client_id);
    let mut item = desktop.item();
    item["client_secret"] = client_secret.into();
    desktop.provision(&[], &item.to_string());
    desktop.service.stop_provider();
    desktop.user.dt_cred(&["reject"]).done();
    for _ in 0..5 {
        let get = desktop.user.dt_cred(&["get", "--timeout", "3"]);
        assert_eq!((get.code, get.stdout.as_str()), (Some(4), ""), "{}", get.stderr);
        assert!(get.stderr.contains("invalid_client"), "{}", get.stderr);
    }
    assert_eq!(sandbox.counts().tokens.refused, 1);
    desktop.service.continue_provider();
    // The keyring is asked once more by itself, and has what somebody put there meanwhile.
    desktop.user.token();
    assert_eq!(sandbox.counts().tokens.refused, 1);
}

#[test]
fn an_item_that_was_removed_by_hand_after_a_refusal_leaves_the_refusal() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    let account = Account::at(&sandbox);
    desktop.store(&account.lines()).done();
    sandbox.regenerate_secret(&account.client_id);
    let name = desktop.user.profile().to_owned();
    desktop.service.secret_tool(&["clear", "service", "dt-cred", "username", &name], "").done();
    desktop.user.dt_cred(&["reject"]).done();
    for _ in 0..3 {
        assert_eq!(desktop.user.dt_cred(&["get"]).code, Some(4));
    }
    assert_eq!(sandbox.counts().tokens.refused, 1);
}

#[test]
fn a_keyring_that_hangs_and_not_the_issuer_is_what_a_deadline_blames() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    desktop.stop_daemon();
    desktop.user.dt_cred(&["start"]).done();
    desktop.service.stop_provider();
    let get = desktop.user.dt_cred(&["get", "--timeout", "1"]);
    is_exit_6(&get);
    assert!(get.stderr.contains("the keyring has not answered"), "{}", get.stderr);
    desktop.service.continue_provider();
    desktop.user.token();
}
