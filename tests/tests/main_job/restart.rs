//! The daemon comes and goes; what was stored stays, what was erased does not.

use dt_cred_proto::{
    frame,
    message::{Operation, Request},
};
use dt_cred_tests::{
    any_issuer::AnyIssuer,
    issuer::Sandbox,
    parts::session::Session,
    user::{Account, User},
};

#[test]
fn a_killed_daemon_is_started_by_the_next_get_and_needs_no_login() {
    for issuer in AnyIssuer::every() {
        let Some(user) = User::in_keyring() else { return };
        user.log_in(&issuer.account());
        let first = user.token();
        let generation = user.status()["generation"].as_u64().expect("a generation");
        user.home.kill_daemon();
        // The profile's own url and CA come from the keyring too.
        let second = user.token();
        assert_ne!(first, second);
        assert_eq!(issuer.token_requests(), 2);
        assert!(user.status()["generation"].as_u64().expect("a generation") > generation);
    }
}

#[test]
fn generations_grow_across_restarts_whatever_the_wall_clock_says() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    user.log_in(&Account::at(&sandbox));
    user.token();
    user.dt_cred(&["stop"]).done();
    // Noted while the clock was in the year 2255.
    let (file, noted) = (user.home.state().join("state.toml"), "generation = 9000000000000");
    let text = std::fs::read_to_string(&file).expect("a state file");
    let renoted: Vec<_> =
        text.lines().map(|line| if line.starts_with("generation") { noted } else { line }).collect();
    assert!(renoted.contains(&noted), "{text}");
    std::fs::write(&file, renoted.join("\n")).expect("written");
    user.token();
    assert!(user.status()["generation"].as_u64() > Some(9_000_000_000_000), "{}", user.status());
}

#[test]
fn after_erase_there_is_no_token_no_item_and_exit_5() {
    for issuer in AnyIssuer::every() {
        let Some(user) = User::in_keyring() else { return };
        user.log_in(&issuer.account());
        assert!(user.is_in_keyring());
        user.dt_cred(&["erase"]).done();
        assert!(!user.is_in_keyring());
        for round in ["the same daemon", "another daemon"] {
            let get = user.dt_cred(&["get"]);
            assert_eq!((get.code, get.stdout.as_str()), (Some(5), ""), "{round}");
            assert!(get.stderr.contains("dt-cred login"), "{}", get.stderr);
            assert_eq!(get.stderr.lines().count(), 1, "{}", get.stderr);
            user.home.kill_daemon();
        }
        assert_eq!(issuer.token_requests(), 1);
    }
}

#[test]
fn a_stop_whose_sender_has_left_ends_the_daemon_all_the_same() {
    let user = User::in_memory();
    let mut daemon = user.home.start_daemon();
    let request = Request { deadline_ms: 1000, operation: Operation::Stop };
    let frame = frame::encode(&request).expect("a frame");
    assert!(Session::open(&user.home.socket()).send(&frame), "sent, and left");
    assert!(daemon.wait().success());
}

#[test]
fn stop_ends_the_daemon_and_says_so_when_there_is_none() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    user.dt_cred(&["start"]).done();
    user.dt_cred(&["stop"]).done();
    assert!(user.home.daemon_pid().is_none());
    assert!(!user.home.socket().exists());
    user.dt_cred(&["stop"]).done();
}
