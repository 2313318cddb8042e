//! What the daemon holds when nobody asks it.
#![cfg(target_os = "linux")]

use std::fs;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::until,
    user::{Account, User},
};
use rustix::process::Pid;

/// What a process has mapped of files, in kilobytes.
fn files(daemon: Pid) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.as_raw_pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).expect("Linux tells it");
    line.split_whitespace().next().expect("a number").parse().expect("of kB")
}

#[test]
fn after_each_fetch_the_daemon_lets_go_of_what_a_fetch_alone_runs() {
    let (sandbox, user) = (Sandbox::https(), User::in_memory());
    let daemon = user.home.start_daemon();
    user.log_in(&Account::at(&sandbox));
    for fetch in 2..4 {
        // A request to the service by the same library, after which nothing is let go.
        user.dt_cred(&["test"]).done();
        let held = files(daemon.pid());
        user.dt_cred(&["get", "--fresh"]).done();
        assert_eq!(sandbox.counts().tokens.total, fetch);
        until("less to be held", || (files(daemon.pid()) < held).then_some(()));
        user.token();
    }
}
