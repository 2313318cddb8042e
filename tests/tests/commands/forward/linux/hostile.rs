//! Whoever connects to a forwarded socket and is up to no good.

use std::{collections::VecDeque, fs, num::NonZeroI32};

use dt_cred_proto::{
    frame::HEADER,
    message::{Attributes, FailureKind, Get, Operation, Response, Store},
    secret::Secret,
};
use dt_cred_tests::parts::{
    Running,
    session::{Session, request},
    until,
};

use super::{super::super::frames::raw, Forwarded};

/// How many are served at once (`client/src/forward/room.rs`).
const PLACES: usize = 128;

/// The forwarding process's threads: each connection's, the one that accepts and the one that waits for signals.
fn threads(pid: NonZeroI32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:")).expect("a number");
    line.trim().parse().expect("a number")
}

#[test]
fn a_thousand_who_say_nothing_or_half_a_frame_keep_nobody_waiting() {
    let forwarded = Forwarded::with(&[]);
    let half = request(Operation::Get(Get::default()));
    let mut silent = VecDeque::new();
    for count in 0..1000 {
        let mut session = Session::open(&forwarded.socket);
        // Nothing, one byte, a header that promises, all but the last byte.
        session.send(&half[..[0, 1, HEADER, half.len() - 1][count % 4]]);
        silent.push_back(session);
        if silent.len() > 2 * PLACES {
            silent.pop_front();
        }
        if count % 100 == 99 {
            forwarded.there(&["get"]).done();
        }
    }
    assert_eq!(forwarded.granted(), 1);
}

#[test]
fn whoever_was_answered_and_falls_silent_makes_room_for_the_next_and_never_more_have_a_place() {
    let forwarded = Forwarded::with(&[]);
    let mut answered = Vec::new();
    for _ in 0..400 {
        let mut session = Session::open(&forwarded.socket);
        // Each of them may be silent for a minute now, for which no other one waits.
        assert!(matches!(session.ask(Operation::Get(Get::default())), Response::Token(_)));
        answered.push(session);
    }
    // Of those that had to go a few may still be on their way.
    let threads = threads(forwarded.running.pid().as_raw_nonzero());
    assert!((PLACES..2 * PLACES).contains(&threads), "{threads}");
    assert!(answered[0].is_closed(), "the first had to go");
    forwarded.there(&["get", "--timeout", "20"]).done();
    assert_eq!(forwarded.granted(), 1);
}

#[test]
fn whoever_says_nothing_or_not_all_is_left_by_itself_in_the_end() {
    let forwarded = Forwarded::with(&[]);
    let half = request(Operation::Get(Get::default()));
    let mut silent: Vec<_> = [0, 1, HEADER, half.len() - 1]
        .into_iter()
        .map(|said| {
            let mut session = Session::open(&forwarded.socket);
            session.send(&half[..said]);
            session
        })
        .collect();
    for (at, session) in silent.iter_mut().enumerate() {
        assert!(session.is_closed(), "{at}: {}", forwarded.running.said());
    }
    forwarded.there(&["get"]).done();
}

#[test]
fn a_frame_that_is_none_is_answered_by_a_failure_and_ends_the_connection() {
    let forwarded = Forwarded::with(&[]);
    let get = request(Operation::Get(Get::default()));
    let trailing = [&get[HEADER..], b"\0"].concat();
    for (what, bytes) in [
        ("trailing bytes", raw(1, &trailing)),
        ("a body that ends early", raw(1, &get[HEADER..get.len() - 1])),
        ("an empty body", raw(1, &[])),
        ("4 GiB", vec![1, 0xff, 0xff, 0xff, 0xff]),
        ("one byte too long for any request", vec![1, 1, 0, 1, 0]),
        // Before any of it has come.
        ("longer than all that is allowed", vec![1, 1, 4, 0, 0]),
    ] {
        let mut session = Session::open(&forwarded.socket);
        assert!(session.send(bytes), "{what}");
        assert!(matches!(session.answer(), Response::Failed(_)), "{what}");
        assert!(session.is_closed(), "{what}");
    }
    forwarded.there(&["get"]).done();
}

#[test]
fn another_version_is_told_ours_and_an_operation_that_is_not_known_is_refused_and_the_connection_goes_on() {
    let forwarded = Forwarded::with(&[]);
    for bytes in [vec![2], raw(2, &[])] {
        let mut session = Session::open(&forwarded.socket);
        session.send(bytes);
        assert!(matches!(session.answer(), Response::Version { version: 1, .. }));
        assert!(session.is_closed());
    }
    let mut session = Session::open(&forwarded.socket);
    session.send(raw(1, &[0, 200]));
    let Response::Failed(failure) = session.answer() else {
        panic!("it is not Unsupported: no daemon is too old")
    };
    assert!(
        failure.kind == FailureKind::Usage && failure.message.as_str().contains("something else was asked")
    );
    assert!(matches!(session.ask(Operation::Get(Get::default())), Response::Token(_)));
}

#[test]
fn a_secret_that_is_sent_where_none_is_taken_goes_no_further() {
    let forwarded = Forwarded::with(&["-v"]);
    let secret = "Rm6wQ1zHc9TfX4Ky";
    let attributes =
        Attributes { client_secret: Some(Secret::new(secret.to_owned())), ..Attributes::default() };
    let store = Store { profile: None, keyring: None, check: false, attributes };
    let mut session = Session::open(&forwarded.socket);
    let Response::Failed(failure) = session.ask(Operation::Store(Box::new(store))) else { panic!("refused") };
    assert_eq!(failure.kind, FailureKind::Usage);
    forwarded.running.stderr_line(|line| line.contains("store of uid"));
    assert!(!failure.message.as_str().contains(secret) && !forwarded.running.said().contains(secret));
}

#[test]
fn where_all_are_being_answered_the_next_one_waits_for_its_turn() {
    let forwarded = Forwarded::with(&[]);
    // Nobody has a token until the issuer answers.
    forwarded.user.dt_cred(&["reject"]).done();
    forwarded.sandbox.set(|settings| settings.hold = true);
    let mut looks = 0;
    let mut requests = || {
        looks += 1;
        let status = forwarded.user.dt_cred(&["status", "--json"]).done();
        let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
        // A look is three of them.
        status["daemon"]["requests"].as_u64().expect("a number") - 3 * looks
    };
    let before = requests();
    let get = request(Operation::Get(Get::default()));
    let mut asking: Vec<_> = (0..PLACES)
        .map(|_| {
            let mut session = Session::open(&forwarded.socket);
            assert!(session.send(&get));
            session
        })
        .collect();
    until("the daemon to be asked for all", || (requests() >= before + PLACES as u64).then_some(()));
    let descriptors = || {
        let folder = format!("/proc/{}/fd", forwarded.running.pid().as_raw_nonzero());
        fs::read_dir(folder).expect("it runs").count()
    };
    let full = descriptors();
    let mut next = Running::start(forwarded.client(&["get"]), "");
    until("the next one to be there", || (descriptors() > full).then_some(()));
    forwarded.sandbox.set(|settings| settings.hold = false);
    assert!(asking.iter_mut().all(|session| matches!(session.answer(), Response::Token(_))));
    assert_eq!(next.wait().code(), Some(0), "{}", next.said());
    assert_eq!(forwarded.granted(), 2);
}
