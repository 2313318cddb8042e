//! Hostile frames against the real daemon.

use dt_cred_proto::{
    frame::HEADER,
    message::{Get, Operation, Response},
};
use dt_cred_tests::{
    issuer::Sandbox,
    parts::session::{Session, request},
    user::{Account, User},
};

#[cfg(target_os = "linux")]
mod linux;

pub(super) fn raw(version: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("short");
    [&[version][..], &length.to_le_bytes(), body].concat()
}

#[test]
fn another_version_is_answered_by_the_version_and_closed() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    let mut stream = Session::open(&user.home.socket());
    assert!(stream.send(raw(2, &[])));
    assert!(matches!(stream.answer(), Response::Version { version: 1, .. }));
    assert!(stream.is_closed());
}

#[test]
fn one_byte_of_another_version_is_enough_to_be_answered() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    let mut stream = Session::open(&user.home.socket());
    assert!(stream.send([2]));
    assert!(matches!(stream.answer(), Response::Version { version: 1, .. }));
}

#[test]
fn an_unknown_operation_is_unsupported_and_the_connection_goes_on() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    let mut stream = Session::open(&user.home.socket());
    assert!(stream.send(raw(1, &[0, 200])));
    assert!(matches!(stream.answer(), Response::Unsupported));
    assert!(stream.send(request(Operation::Status)));
    assert!(matches!(stream.answer(), Response::Status(_)));
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
        let mut stream = Session::open(&user.home.socket());
        assert!(stream.send(bytes));
        assert!(matches!(stream.answer(), Response::Failed(_)), "{what}");
        assert!(stream.is_closed(), "{what}");
    }
    // One that leaves in the middle of a frame.
    assert!(Session::open(&user.home.socket()).send(&status[..3]));
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
    let mut stream = Session::open(&user.home.socket());
    assert!(stream.send(all));
    assert!(matches!(stream.answer(), Response::Status(_)));
    assert!(matches!(stream.answer(), Response::Token(_)));
    assert!(matches!(stream.answer(), Response::Failed(_)));
    assert!(matches!(stream.answer(), Response::Status(_)));
}
