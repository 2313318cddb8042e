//! More clients than anybody has, some of them silent, some of them hostile; and a daemon that has no descriptors left.
#![cfg(target_os = "linux")]

use std::{fs, process::Command, thread};

use dt_cred_proto::message::{Get, Operation, Response};
use dt_cred_tests::{
    issuer::Sandbox,
    parts::{
        Home, Running, binaries, on_path, require, run,
        session::{Session, request},
        until,
    },
    user::{Account, User},
};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};

const CLIENTS: usize = 10_000;
const SILENT: usize = 1_000;
const HOSTILE: usize = 100;

/// The most memory that a process may need more for all of these clients, in kilobytes: 8 for each.
const GROWTH: u64 = 8 * CLIENTS as u64;

/// The most memory that it may hold more when they have gone, in kilobytes: for what is told of the last thousand, and instructions
/// that had not run before.
const KEPT: u64 = 4000;

/// Lets this process and those that it starts have a connection to each client.
fn raise_descriptor_limit() -> bool {
    let wanted = CLIENTS as u64 + 500;
    let limit = getrlimit(Resource::Nofile);
    let enough = limit.maximum.is_none_or(|maximum| maximum >= wanted);
    if enough && limit.current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }).expect("up to the hard limit");
    }
    require("a hard limit of 10,500 descriptors (ulimit -Hn)", enough)
}

/// What a process holds of memory now and held at most, in kilobytes.
fn memory(daemon: Pid) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.as_raw_pid())).expect("it runs");
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("a number of kB")
    };
    (number("VmRSS:"), number("VmHWM:"))
}

fn get(home: &Home, profile: &str) -> Operation {
    assert!(home.socket().exists());
    Operation::Get(Get { profile: Some(profile.parse().expect("a name")), ..Get::default() })
}

#[test]
fn ten_thousand_clients_at_once_are_served_whatever_a_tenth_of_them_does() {
    if !raise_descriptor_limit() {
        return;
    }
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let daemon = user.home.start_daemon();
    user.log_in(&Account::at(&sandbox));
    let token = user.token();
    let (before, _) = memory(daemon.pid());
    let socket = user.home.socket();
    let mut all: Vec<Session> = (0..CLIENTS).map(|_| Session::open(&socket)).collect();
    let mut honest = all.split_off(SILENT + HOSTILE);
    let mut hostile = all.split_off(SILENT);
    let mut silent = all;
    for (at, session) in hostile.iter_mut().enumerate() {
        // Rubbish, half a header, half a body, the largest length, and a request without end.
        let garbage: &[u8] = match at % 5 {
            0 => &[0xff; 4096],
            1 => &[1, 7],
            2 => &[1, 100, 0, 0, 0, 1, 2, 3],
            3 => &[1, 0xff, 0xff, 0xff, 0xff],
            _ => &[1, 0, 0, 1, 0, 0],
        };
        session.send(garbage);
    }
    // All of them ask before any of them listens.
    for session in &mut honest {
        assert!(session.send(request(get(&user.home, user.profile()))));
    }
    for session in &mut honest {
        let Response::Token(answer) = session.answer() else { panic!("a token for each") };
        assert_eq!(answer.access_token.expose(), token);
    }
    // The command line gets through the crowd as well.
    assert_eq!(user.token(), token);
    // Who says nothing is dropped, and whoever is honest is served on.
    thread::scope(|scope| {
        scope.spawn(|| silent.iter_mut().for_each(|session| assert!(session.is_closed())));
        scope.spawn(|| {
            // Those that were told what is wrong are closed after that.
            hostile.iter_mut().for_each(|session| while !session.is_closed() {});
        });
    });
    for session in &mut honest {
        let Response::Token(_) = session.ask(get(&user.home, user.profile())) else {
            panic!("a token for each")
        };
    }
    let (after, peak) = memory(daemon.pid());
    println!("{CLIENTS} clients: {before} kB before, {peak} kB at most, {after} kB after");
    assert!(peak.saturating_sub(before) <= GROWTH, "from {before} to {peak} kB");
    assert_eq!(sandbox.counts().tokens.total, 1);
    // When they have gone the daemon is as it was.
    drop((silent, hostile, honest));
    assert_eq!(user.token(), token);
    until("their memory to be given back", || (memory(daemon.pid()).0 <= before + KEPT).then_some(()));
}

#[test]
fn a_daemon_without_descriptors_serves_those_it_has_asks_the_issuer_and_recovers() {
    if !require("prlimit, of util-linux", on_path(&["prlimit"])) {
        return;
    }
    const LIMIT: usize = 100;
    let sandbox = Sandbox::https();
    let user = User::in_memory();
    let mut limited = user.home.command("prlimit");
    limited.arg(format!("--nofile={LIMIT}:{LIMIT}")).arg(binaries::daemon());
    let mut daemon = Running::start(limited, "");
    daemon.stderr_line(|line| line.contains("listening"));
    user.log_in(&Account::at(&sandbox));
    let socket = user.home.socket();
    let mut first = Session::open(&socket);
    assert!(matches!(first.ask(get(&user.home, user.profile())), Response::Token(_)));
    // More than it can take; the rest waits in the queue.
    let crowd: Vec<Session> = (0..LIMIT).map(|_| Session::open(&socket)).collect();
    let fresh = Get { profile: Some(user.profile().parse().expect("a name")), fresh: true, ..Get::default() };
    for _ in 0..2 {
        let answer = first.ask(Operation::Get(fresh.clone()));
        assert!(matches!(answer, Response::Token(_)), "it has descriptors left for the issuer");
    }
    assert_eq!(sandbox.counts().tokens.total, 3);
    drop(crowd);
    user.token();
    assert!(daemon.is_running());
}

#[test]
fn the_daemon_raises_its_descriptor_limit_by_itself() {
    if !require("prlimit, of util-linux", on_path(&["prlimit"])) {
        return;
    }
    let user = User::in_memory();
    let mut limited = Command::new("prlimit");
    let command = user.home.command(binaries::daemon());
    limited.args(["--nofile=64:1000"]).arg(command.get_program());
    limited.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let daemon = Running::start(limited, "");
    daemon.stderr_line(|line| line.contains("listening"));
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.pid().as_raw_pid())).expect("it runs");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a line");
    assert_eq!(line.split_whitespace().nth(3), Some("1000"), "{line}");
}

#[test]
fn accepting_that_fails_never_ends_the_daemon() {
    if !require("prlimit, of util-linux", on_path(&["prlimit"])) {
        return;
    }
    let user = User::in_memory();
    let mut daemon = user.home.start_daemon();
    let limit = |soft: &str| {
        let mut prlimit = Command::new("prlimit");
        prlimit.args(["--pid", &daemon.pid().as_raw_pid().to_string(), &format!("--nofile={soft}:")]);
        run(prlimit, "").done();
    };
    limit("5");
    let mut session = Session::open(&user.home.socket());
    assert!(session.send(request(Operation::Status)));
    daemon.stderr_line(|line| line.contains("cannot accept a client"));
    limit("1000");
    // Who waited is served.
    assert!(matches!(session.answer(), Response::Status(_)));
    user.dt_cred(&["status"]).done();
    assert!(daemon.is_running());
}
