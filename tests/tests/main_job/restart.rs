//! The daemon comes and goes; what was stored stays, what was erased does not.

use std::{io::Write, os::unix::net::UnixStream};

use dt_cred_proto::{
    frame,
    message::{Operation, Request},
};
use dt_cred_tests::{
    any_issuer::AnyIssuer,
    issuer::Sandbox,
    parts::{Running, binaries, on_path, require, until},
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
fn a_caller_that_waits_for_the_clients_output_does_not_wait_for_the_daemon() {
    if !require("Python", on_path(&["python3"])) {
        return;
    }
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    user.log_in(&Account::at(&sandbox));
    user.dt_cred(&["stop"]).done();
    // It returns when every holder of the pipes has closed them; the daemon must be none.
    let python = "import subprocess\n\
        done = subprocess.run(['dt-cred', 'get'], capture_output=True, timeout=60)\n\
        print(done.returncode, done.stdout.decode().split()[0])";
    let said = user.shell(&format!("python3 -c \"{python}\"")).done();
    assert_eq!(said, "0 Authorization:\n");
    assert!(user.home.daemon_pid().is_some());
}

#[test]
fn a_daemon_whose_socket_was_removed_or_replaced_ends() {
    let user = User::in_memory();
    for replace in [false, true] {
        user.dt_cred(&["start"]).done();
        let mut socket = user.home.daemon_pid().map(|_| user.home.socket()).expect("a daemon");
        std::fs::remove_file(&socket).expect("the socket is there");
        if replace {
            std::fs::write(&socket, "other").expect("a file in its place");
        }
        let place = socket.clone();
        until("the daemon to let its lock go", || {
            socket.set_extension("lock");
            let lock = std::fs::File::open(&socket).expect("the lock file");
            rustix::fs::flock(lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).ok()
        });
        let left = std::fs::read_to_string(&place).ok();
        assert_eq!(left.as_deref(), replace.then_some("other"), "what is not its own stays");
        let _ = std::fs::remove_file(place);
    }
}

#[test]
fn a_daemon_ends_when_a_folder_above_its_socket_is_moved_away() {
    let mut user = User::in_memory();
    let folder = user.home.path().join("above/below");
    std::fs::create_dir_all(&folder).expect("a folder");
    user.home.set("DT_CRED_SOCKET", folder.join("own/agent.sock"));
    let mut daemon = Running::start(user.home.command(binaries::daemon()), "");
    daemon.stderr_line(|line| line.contains("listening"));
    // Once it has served, it watches.
    user.dt_cred(&["status"]).done();
    std::fs::rename(user.home.path().join("above"), user.home.path().join("moved")).expect("moved");
    assert!(daemon.wait().success());
}

#[test]
fn a_stop_whose_sender_has_left_ends_the_daemon_all_the_same() {
    let user = User::in_memory();
    let mut daemon = user.home.start_daemon();
    let request = Request { deadline_ms: 1000, operation: Operation::Stop };
    let frame = frame::encode(&request).expect("a frame");
    let mut socket = UnixStream::connect(user.home.socket()).expect("the daemon listens");
    socket.write_all(&frame).expect("sent");
    drop(socket);
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
