//! What the daemon holds when nobody asks it.
#![cfg(target_os = "linux")]

use std::fs;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::until,
    user::{Account, User},
};
use rustix::process::Pid;

/// So much may stay of what commands took, in kilobytes.
const KEPT: u64 = 1000;

/// What a process holds in memory of files, or of no file, in kilobytes.
fn held(daemon: Pid, of: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.as_raw_pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(of)).expect("Linux tells it");
    line.split_whitespace().next().expect("a number").parse().expect("of kB")
}

#[test]
fn after_each_request_the_daemon_lets_go_of_what_a_request_alone_runs() {
    let (sandbox, user) = (Sandbox::https(), User::in_memory());
    let daemon = user.home.start_daemon();
    user.log_in(&Account::at(&sandbox));
    let files = || held(daemon.pid(), "RssFile:");
    for request in [&["get", "--fresh"][..], &["test"], &["get", "--fresh"]] {
        // What no request needs.
        user.dt_cred(&["keyring", "list"]).done();
        let before = files();
        user.dt_cred(request).done();
        until("less to be held", || (files() < before).then_some(()));
        user.token();
    }
}

#[test]
fn what_commands_took_of_memory_is_given_back() {
    let (sandbox, user) = (Sandbox::https(), User::in_memory());
    let daemon = user.home.start_daemon();
    user.log_in(&Account::at(&sandbox));
    let before = held(daemon.pid(), "RssAnon:");
    for _ in 0..3 {
        for command in [&["test"][..], &["keyring", "list"], &["doctor"], &["get", "--fresh"]] {
            user.dt_cred(command).done();
        }
    }
    until("their memory to be given back", || {
        (held(daemon.pid(), "RssAnon:") <= before + KEPT).then_some(())
    });
}
