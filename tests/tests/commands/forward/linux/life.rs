//! How a forwarded socket begins and ends, and what becomes of the daemon meanwhile.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Running, private_folder, run},
    user::{Account, User},
};
use rustix::process::{Signal, kill_process};

use super::{Forwarded, serving};

#[test]
fn it_ends_by_each_signal_that_ends_a_program_says_so_and_leaves_no_socket() {
    let mut forwarded = Forwarded::with(&[]);
    for (signal, name) in [(Signal::INT, "SIGINT"), (Signal::TERM, "SIGTERM"), (Signal::HUP, "SIGHUP")] {
        forwarded.there(&["get"]).done();
        kill_process(forwarded.running.pid(), signal).expect("told");
        assert_eq!(forwarded.running.wait().code(), Some(0), "{name}");
        let said = forwarded.running.said();
        assert!(
            said.ends_with(&format!("dt-cred: ended by {name}: {:?} is served no more\n", forwarded.socket)),
            "{said}"
        );
        assert!(!forwarded.socket.exists(), "{name}");
        forwarded.is_refused(&["get"], 3, "no daemon listens on");
        forwarded.running = serving(&forwarded.user, &forwarded.socket, &[]);
    }
}

#[test]
fn a_signal_that_is_ignored_as_under_nohup_does_not_end_it() {
    let forwarded = Forwarded::with(&[]);
    let socket = forwarded.user.home.path().join("box/other.sock");
    let mut shell = forwarded.user.shell_command("trap '' HUP; exec dt-cred forward --socket \"$0\"");
    shell.arg(&socket);
    let mut running = Running::start(shell, "");
    running.stderr_line(|line| line.contains("serving profile"));
    kill_process(running.pid(), Signal::HUP).expect("told");
    let mut client = forwarded.client(&["get"]);
    client.env("DT_CRED_SOCKET", &socket);
    run(client, "").done();
    assert!(running.is_running());
}

#[test]
fn it_ends_when_its_time_is_over_and_says_so() {
    let mut forwarded = Forwarded::with(&["--ttl", "1s"]);
    assert_eq!(forwarded.running.wait().code(), Some(0));
    let said = forwarded.running.said();
    assert!(
        said.ends_with(&format!("dt-cred: its time is over: {:?} is served no more\n", forwarded.socket)),
        "{said}"
    );
    assert!(!forwarded.socket.exists());
    forwarded.is_refused(&["get"], 3, "no daemon listens on");
}

#[test]
fn it_ends_once_its_socket_is_removed_or_replaced_and_touches_no_other_one() {
    let mut removed = Forwarded::with(&[]);
    let mut replaced = Forwarded::with(&[]);
    fs::remove_file(&removed.socket).expect("it was there");
    fs::remove_file(&replaced.socket).expect("it was there");
    let other = UnixListener::bind(&replaced.socket).expect("a socket");
    for forwarded in [&mut removed, &mut replaced] {
        assert_eq!(forwarded.running.wait().code(), Some(8));
        let said = forwarded.running.said();
        assert!(said.ends_with("nobody comes any more: begin dt-cred forward again\n"), "{said}");
    }
    assert!(replaced.socket.exists());
    drop(other);
}

#[test]
fn what_a_killed_one_left_is_replaced_and_nothing_else_ever_is() {
    let mut forwarded = Forwarded::with(&[]);
    let forward = |socket: &str| forwarded.user.dt_cred(&["forward", "--socket", socket]);
    let path = forwarded.socket.display().to_string();
    let second = forward(&path);
    assert_eq!((second.code, second.stdout.as_str()), (Some(2), ""), "{second:?}");
    assert!(second.stderr.contains("somebody listens on"), "{second:?}");
    forwarded.there(&["get"]).done();
    // The daemon's own.
    let daemon = forward(&forwarded.user.home.socket().display().to_string());
    assert!(daemon.code == Some(2) && daemon.stderr.contains("somebody listens on"), "{daemon:?}");
    forwarded.user.token();

    forwarded.running.kill();
    assert!(forwarded.socket.exists());
    forwarded.is_refused(&["get"], 3, "no daemon listens on");
    forwarded.running = serving(&forwarded.user, &forwarded.socket, &[]);
    forwarded.there(&["get"]).done();

    let file = forwarded.user.home.path().join("box/file");
    fs::write(&file, "kept").expect("written");
    let occupied = forwarded.user.dt_cred(&["forward", "--socket", &file.display().to_string()]);
    assert!(occupied.code == Some(2) && occupied.stderr.contains("is no socket of yours"), "{occupied:?}");
    assert_eq!(fs::read(&file).expect("it is there"), b"kept");
}

#[test]
fn a_folder_that_is_open_to_others_is_refused_before_a_token_is_asked_for() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in_with(&format!("{}no_check=true\n", Account::at(&sandbox).lines()));
    let folder = user.home.path().join("box");
    fs::create_dir(&folder).expect("a folder");
    for (mode, options) in
        [(0o755, &[][..]), (0o775, &["--allow-uid", "4242"]), (0o1777, &["--allow-uid", "4242"])]
    {
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).expect("opened");
        let refused = user.dt_cred(&[&["forward", "--socket", "box/agent.sock"], options].concat());
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{mode:o}: {refused:?}");
        assert!(
            refused.stderr.contains("others (mode") && refused.stderr.lines().count() == 1,
            "{refused:?}"
        );
    }
    assert_eq!(sandbox.counts().tokens.total, 0);
    assert_eq!(fs::read_dir(folder).expect("a folder").count(), 0);
}

#[test]
fn one_that_does_not_begin_leaves_no_folder_that_it_made() {
    let user = User::in_memory();
    let others: &[&str] = &["--allow-uid", "4242"];
    let fails = |socket: &str, options: &[&str], code: i32| {
        let refused = user.dt_cred(&[&["forward", "--socket", socket], options].concat());
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(code), ""), "{socket}: {refused:?}");
        let made = user.home.path().join("box");
        assert!(!made.exists(), "{socket}: {refused:?}");
    };
    for (socket, options) in [("box/a", &[][..]), ("box/in/box/a", &[]), ("box/a", others)] {
        fails(socket, options, 5);
    }
    let sandbox = Sandbox::http();
    user.log_in(&Account::at(&sandbox));
    // Longer than any socket's path may be.
    let long = "a".repeat(200);
    for (socket, options) in [("box/", &[][..]), ("box/in/box/", &[]), ("box/", others)] {
        fails(&format!("{socket}{long}"), options, 8);
    }
}

#[test]
fn of_many_that_begin_at_one_place_in_the_same_moment_one_serves_and_the_others_say_so() {
    let mut forwarded = Forwarded::with(&[]);
    // All of them find what a killed one has left.
    forwarded.running.kill();
    let mut all: Vec<_> = (0..6)
        .map(|_| {
            let mut forward = forwarded.user.home.client(&["forward", "--socket"]);
            forward.arg(&forwarded.socket);
            Running::start(forward, "")
        })
        .collect();
    let first: Vec<_> = all.iter().map(|running| running.stderr_line(|_| true)).collect();
    let (serving, others): (Vec<_>, Vec<_>) =
        all.iter_mut().zip(first).partition(|(_, line)| line.contains("serving profile"));
    assert_eq!(
        serving.len(),
        1,
        "{others:?}",
        others = others.iter().map(|other| &other.1).collect::<Vec<_>>()
    );
    for (running, line) in others {
        let expected = if line.contains("somebody listens on") { 2 } else { 1 };
        assert_eq!(running.wait().code(), Some(expected), "{line}");
    }
    forwarded.there(&["get"]).done();
    let left: Vec<_> =
        fs::read_dir(forwarded.socket.parent().expect("a folder")).expect("it is there").collect();
    assert_eq!(left.len(), 1, "the socket alone: {left:?}");
}

/// A user whose credentials a program gives, so that every daemon has them.
fn with_a_source(sandbox: &Sandbox) -> User {
    let user = User::in_memory();
    let lines = user.home.path().join("lines");
    fs::write(&lines, Account::at(sandbox).lines()).expect("written");
    user.home.configure(&format!(
        "[profile.{}]\nkeyring = \"command\"\nkeyring_command = [\"/usr/bin/cat\", {lines:?}]\n",
        user.profile()
    ));
    user
}

#[test]
fn a_daemon_that_was_ended_or_killed_meanwhile_is_started_again_by_the_next_get() {
    let sandbox = Sandbox::http();
    let user = with_a_source(&sandbox);
    let socket = user.home.path().join("box/agent.sock");
    let running = serving(&user, &socket, &[]);
    let forwarded = Forwarded { account: Account::at(&sandbox), user, sandbox, socket, running };
    forwarded.there(&["get"]).done();
    forwarded.user.dt_cred(&["stop"]).done();
    forwarded.there(&["get"]).done();
    forwarded.user.home.kill_daemon();
    forwarded.there(&["get"]).done();
    assert_eq!(forwarded.granted(), 3);
    // The signals that end a forward end that daemon as well: none of them is blocked for it.
    for signal in [Signal::TERM, Signal::INT] {
        kill_process(forwarded.user.home.daemon_pid().expect("it was started"), signal).expect("told");
        forwarded.user.home.until_no_daemon();
        forwarded.there(&["get"]).done();
    }
}

#[test]
fn where_no_daemon_may_be_started_the_other_side_is_told_and_starts_none_either() {
    let sandbox = Sandbox::http();
    let user = with_a_source(&sandbox);
    user.dt_cred(&["start"]).done();
    let socket = user.home.path().join("box/agent.sock");
    let running = serving(&user, &socket, &["--no-start"]);
    let forwarded = Forwarded { account: Account::at(&sandbox), user, sandbox, socket, running };
    forwarded.there(&["get"]).done();
    forwarded.user.dt_cred(&["stop"]).done();
    forwarded.is_refused(&["get"], 3, "no daemon listens on");
    assert_eq!(forwarded.user.home.daemon_pid(), None);
}

#[test]
fn a_socket_that_leads_nowhere_any_more_starts_no_daemon_on_the_other_side() {
    let user = User::in_memory();
    let folder = user.home.path().join("remote");
    private_folder(&folder);
    let socket = folder.join("agent.sock");
    // What a dead ssh leaves: a file that nobody listens on.
    drop(UnixListener::bind(&socket).expect("a socket"));
    let mut client = user.home.client(&["get"]);
    client.env("DT_CRED_SOCKET", &socket);
    let output = run(client, "");
    assert_eq!((output.code, output.stdout.as_str()), (Some(3), ""), "{output:?}");
    assert!(
        output.stderr.contains("no daemon listens on") && output.stderr.contains("dt-cred forward"),
        "{output:?}"
    );
    assert_eq!(user.home.daemon_pid(), None);
    assert!(UnixListener::bind(&socket).is_err(), "and nothing was put into its place");
}
