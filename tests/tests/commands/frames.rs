//! Hostile frames, and many connections, against the real daemon.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use dt_cred_proto::{
    frame::{self, HEADER},
    message::{Get, Operation, Request, Response},
};
use dt_cred_tests::{
    issuer::Sandbox,
    user::{Account, User},
};

/// How long an answer may take: an upper bound alone.
const BOUND: Duration = Duration::from_secs(60);

fn connect(user: &User) -> UnixStream {
    let stream = UnixStream::connect(user.home.socket()).expect("the daemon listens");
    stream.set_read_timeout(Some(BOUND)).expect("a time-out");
    stream.set_write_timeout(Some(BOUND)).expect("a time-out");
    stream
}

fn answer(stream: &mut UnixStream) -> Response {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).expect("a header");
    let mut body = vec![0; frame::body_length::<Response>(header).expect("a length")];
    stream.read_exact(&mut body).expect("a body");
    frame::decode(&body).expect("an answer")
}

/// Whether the daemon has closed; bytes it did not read make that a reset.
fn is_closed(stream: &mut UnixStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

fn request(operation: Operation) -> Vec<u8> {
    frame::encode(&Request { deadline_ms: 60_000, operation }).expect("a frame").to_vec()
}

fn raw(version: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("short");
    [&[version][..], &length.to_le_bytes(), body].concat()
}

#[test]
fn another_version_is_answered_by_the_version_and_closed() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    let mut stream = connect(&user);
    stream.write_all(&raw(2, &[])).expect("written");
    assert!(matches!(answer(&mut stream), Response::Version { version: 1, .. }));
    assert!(is_closed(&mut stream));
}

#[test]
fn an_unknown_operation_is_unsupported_and_the_connection_goes_on() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    let mut stream = connect(&user);
    stream.write_all(&raw(1, &[0, 200])).expect("written");
    assert!(matches!(answer(&mut stream), Response::Unsupported));
    stream.write_all(&request(Operation::Status)).expect("written");
    assert!(matches!(answer(&mut stream), Response::Status(_)));
}

#[test]
fn a_malformed_frame_is_answered_by_a_failure_closed_and_harms_nobody() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    let pid = user.home.daemon_pid();
    let status = request(Operation::Status);
    let trailing = [&status[HEADER..], b"\0"].concat();
    for (what, bytes) in [
        ("trailing", raw(1, &trailing)),
        ("truncated", raw(1, &status[HEADER..status.len() - 1])),
        ("empty", raw(1, &[])),
        ("oversized", vec![1, 0xff, 0xff, 0xff, 0xff]),
        ("one byte too long", vec![1, 1, 0, 1, 0]),
    ] {
        let mut stream = connect(&user);
        stream.write_all(&bytes).expect("written");
        assert!(matches!(answer(&mut stream), Response::Failed(_)), "{what}");
        assert!(is_closed(&mut stream), "{what}");
    }
    // One that leaves in the middle of a frame.
    connect(&user).write_all(&status[..3]).expect("written");
    assert_eq!(user.dt_cred(&["get"]).code, Some(5));
    assert_eq!(user.home.daemon_pid(), pid);
}

#[test]
fn requests_sent_at_once_are_answered_in_order() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let get = |profile: &str| {
        request(Operation::Get(Get { profile: Some(profile.parse().expect("a name")), ..Get::default() }))
    };
    let all =
        [request(Operation::Status), get(user.profile()), get("nobody"), request(Operation::Status)].concat();
    let mut stream = connect(&user);
    stream.write_all(&all).expect("written");
    assert!(matches!(answer(&mut stream), Response::Status(_)));
    assert!(matches!(answer(&mut stream), Response::Token(_)));
    assert!(matches!(answer(&mut stream), Response::Failed(_)));
    assert!(matches!(answer(&mut stream), Response::Status(_)));
}

#[test]
fn a_crowd_of_idle_connections_keeps_nobody_from_being_served() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let token = user.token();
    let idle: Vec<_> = (0..1000).map_while(|_| UnixStream::connect(user.home.socket()).ok()).collect();
    assert!(idle.len() > 500, "only {} connections", idle.len());
    assert_eq!(user.token(), token);
}
