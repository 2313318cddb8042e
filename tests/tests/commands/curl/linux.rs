//! Linux: what others see of curl while it runs (proc(5)), and what becomes of it when a signal ends it.

use std::fs;

use dt_cred_tests::{
    issuer::{Fault, Sandbox},
    parts::{Pid, Running, until},
};
use rustix::process::{Signal, kill_process};

use super::{ASSETS, logged_in, real::is_here};

/// The process that this one has started.
fn child(parent: Pid) -> Option<Pid> {
    let parent = parent.as_raw_nonzero().to_string();
    let of = |pid: i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // Its name stands in brackets and may hold anything.
        let (_, rest) = stat.rsplit_once(") ")?;
        rest.split(' ').nth(1).is_some_and(|of| of == parent).then(|| Pid::from_raw(pid))?
    };
    let processes = fs::read_dir("/proc").expect("proc").flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find_map(of)
}

#[test]
fn the_token_is_in_no_argument_and_no_variable_of_curl_while_it_runs() {
    if !is_here() {
        return;
    }
    for options in ["-sS", "-sSi", "-sSN"] {
        let sandbox = Sandbox::http();
        let user = logged_in(&sandbox);
        let token = user.token();
        sandbox.set(|settings| settings.assets_fault = Some(Fault::Silence));
        let mut client = Running::start(user.home.client(&["curl", options, ASSETS]), "");
        sandbox.wait_until("the request", |counts| counts.assets.total == 1);
        let curl = child(client.pid()).expect("curl runs");
        let read =
            |name: &str| fs::read(format!("/proc/{}/{name}", curl.as_raw_nonzero())).expect("readable");
        let words = String::from_utf8(read("cmdline")).expect("UTF-8");
        assert!(
            words.starts_with("curl\0--disable\0--config\0/dev/fd/") && words.contains(ASSETS),
            "{words}"
        );
        let seen = [read("cmdline"), read("environ")].concat();
        // Nor any part of it: 16 bytes are like no other text.
        for part in token.as_bytes().windows(16) {
            assert!(!seen.windows(16).any(|window| window == part), "a part of the token is seen");
        }
        // What it was told by is read, and gone.
        for descriptor in fs::read_dir(format!("/proc/{}/fd", curl.as_raw_nonzero())).expect("descriptors") {
            let target = fs::read_link(descriptor.expect("one").path()).unwrap_or_default();
            assert!(!target.to_string_lossy().contains("memfd"), "{target:?}");
        }
        sandbox.shutdown();
        assert_eq!(client.wait().code(), Some(52));
    }
}

#[test]
fn a_signal_that_ends_curl_is_told_as_a_shell_tells_it() {
    if !is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let user = logged_in(&sandbox);
    sandbox.set(|settings| settings.assets_fault = Some(Fault::Silence));
    for (at, (options, signal, code)) in
        (1..).zip([("-sS", Signal::TERM, 143), ("-sSN", Signal::INT, 130), ("-sSi", Signal::KILL, 137)])
    {
        let mut client = Running::start(user.home.client(&["curl", options, ASSETS]), "");
        sandbox.wait_until("the request", |counts| counts.assets.total == at);
        kill_process(child(client.pid()).expect("curl runs"), signal).expect("it is there");
        assert_eq!(client.wait().code(), Some(code));
    }
}

#[test]
fn ctrl_c_ends_both() {
    if !is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let user = logged_in(&sandbox);
    sandbox.set(|settings| settings.assets_fault = Some(Fault::Silence));
    for (at, options) in (1..).zip(["-sS", "-sSN"]) {
        let mut client = Running::start(user.home.client(&["curl", options, ASSETS]), "");
        sandbox.wait_until("the request", |counts| counts.assets.total == at);
        let curl = child(client.pid()).expect("curl runs");
        // As a terminal does: to every process in front.
        kill_process(client.pid(), Signal::INT).expect("it is there");
        kill_process(curl, Signal::INT).expect("it is there");
        assert!(!client.wait().success());
        until("curl to end", || {
            fs::read_to_string(format!("/proc/{}/cmdline", curl.as_raw_nonzero())).is_err().then_some(())
        });
    }
}
