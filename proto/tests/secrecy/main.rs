//! No secret can be shown or copied by accident, and none stays behind in memory that was given back.

#![allow(clippy::unwrap_used, reason = "tests, and what they call")]

mod watching;

use std::{
    fmt::{Debug, Display},
    hint::black_box,
    marker::PhantomData,
};

use dt_cred_proto::{
    attributes::Lines,
    frame::{self, HEADER},
    message::{Attributes, Failure, Operation, Request, Response, Store, Token},
    secret::{Secret, Wiped},
    text::Text,
};
use watching::{MARKER, left_behind};

/// Tells which traits `T` has: a constant of its own, which only exists where the bound holds, hides the trait's.
struct Traits<T>(PhantomData<T>);

trait Absent {
    const DEBUG: bool = false;
    const DISPLAY: bool = false;
    const CLONE: bool = false;
}

impl<T> Absent for Traits<T> {}

impl<T: Debug> Traits<T> {
    const DEBUG: bool = true;
}

impl<T: Display> Traits<T> {
    const DISPLAY: bool = true;
}

impl<T: Clone> Traits<T> {
    const CLONE: bool = true;
}

#[test]
fn nothing_that_holds_a_secret_can_be_printed_or_copied() {
    let holders = [
        ("Secret", Traits::<Secret>::DEBUG, Traits::<Secret>::DISPLAY, Traits::<Secret>::CLONE),
        (
            "Attributes",
            Traits::<Attributes>::DEBUG,
            Traits::<Attributes>::DISPLAY,
            Traits::<Attributes>::CLONE,
        ),
        ("Store", Traits::<Store>::DEBUG, Traits::<Store>::DISPLAY, Traits::<Store>::CLONE),
        ("Operation", Traits::<Operation>::DEBUG, Traits::<Operation>::DISPLAY, Traits::<Operation>::CLONE),
        ("Request", Traits::<Request>::DEBUG, Traits::<Request>::DISPLAY, Traits::<Request>::CLONE),
        ("Token", Traits::<Token>::DEBUG, Traits::<Token>::DISPLAY, Traits::<Token>::CLONE),
        ("Response", Traits::<Response>::DEBUG, Traits::<Response>::DISPLAY, Traits::<Response>::CLONE),
        ("Lines", Traits::<Lines>::DEBUG, Traits::<Lines>::DISPLAY, Traits::<Lines>::CLONE),
    ];
    for (name, debug, display, clone) in holders {
        assert!(!debug, "{name} implements Debug");
        assert!(!display, "{name} implements Display");
        assert!(!clone, "{name} implements Clone");
    }
    let open = (Traits::<Failure>::DEBUG, Traits::<Failure>::DISPLAY, Traits::<Failure>::CLONE);
    assert_eq!(open, (true, true, true), "what is looked for is found where it is");
}

/// Long enough for its allocation to be its own.
fn secret() -> Secret {
    Secret::new(MARKER.repeat(10))
}

fn store() -> Request {
    let attributes = Attributes { client_secret: Some(secret()), ..Attributes::default() };
    let store = Store { profile: None, keyring: None, check: true, attributes };
    Request { deadline_ms: 0, operation: Operation::Store(Box::new(store)) }
}

#[test]
fn memory_that_is_given_back_with_a_secret_in_it_is_found() {
    assert_eq!(left_behind(|| drop(black_box(MARKER.to_owned()))), 1);
    let mut grown = MARKER.to_owned();
    assert_eq!(left_behind(|| grown.reserve_exact(black_box(10_000))), 1);
}

#[test]
fn a_secret_is_wiped_when_it_is_dropped() {
    let made = secret();
    assert_eq!(left_behind(|| drop(made)), 0);
    let made = secret();
    assert_eq!(left_behind(|| drop(made.share())), 0, "a duplicate");
    let mut roomy = String::with_capacity(1000);
    roomy.push_str(MARKER);
    let roomy = Secret::new(roomy);
    assert_eq!(left_behind(|| drop(roomy)), 0, "with room behind it");
}

#[test]
fn bytes_that_may_hold_a_secret_are_wiped_when_they_are_dropped_to_the_end_of_their_memory() {
    let made = || Wiped::from(MARKER.repeat(10).into_bytes());
    let whole = made();
    assert_eq!(left_behind(|| drop(whole)), 0);
    let mut cut = made();
    cut.clear();
    assert_eq!(left_behind(|| drop(cut)), 0, "those behind their end");
}

#[test]
fn a_message_with_a_secret_leaves_nothing_behind_when_it_is_encoded_and_decoded() {
    let request = store();
    assert_eq!(left_behind(|| drop(frame::encode(&request).unwrap())), 0, "encoded");
    let frame = frame::encode(&request).unwrap();
    let body = &frame[HEADER..];
    assert_eq!(left_behind(|| assert!(frame::decode::<Request>(body).is_ok())), 0, "decoded");
    for end in 0..body.len() {
        assert_eq!(left_behind(|| drop(frame::decode::<Request>(&body[..end]))), 0, "cut at byte {end}");
    }
    let response = Response::Token(Token {
        access_token: secret(),
        token_type: Text::new("Bearer"),
        expires_at_ms: 0,
        expires_in_ms: 0,
        generation: 0,
        profile: "a".parse().unwrap(),
        url: Text::default(),
        warning: None,
    });
    let frame = frame::encode(&response).unwrap();
    assert_eq!(left_behind(|| assert!(frame::decode::<Response>(&frame[HEADER..]).is_ok())), 0, "a token");
    assert_eq!(left_behind(|| drop(frame)), 0, "its frame");
}

#[test]
fn the_lines_of_store_leave_nothing_behind_whether_they_are_right_or_not() {
    let endings =
        ["", "\n", "\nnonsense", "\nclient_secret=x", "\nauth=", "\nauth=digest", "\nno_check=1", "\n\r"];
    for ending in endings {
        let input = format!("client_secret={MARKER}{ending}").into_bytes();
        assert_eq!(left_behind(|| drop(Lines::parse(&input))), 0, "{ending:?}");
    }
    let misplaced = ["", "url", "auth=", "keyring=", "no_check=", "="];
    for before in misplaced {
        let input = format!("{before}{MARKER}").into_bytes();
        assert_eq!(left_behind(|| drop(Lines::parse(&input).err())), 0, "{before:?}");
    }
}
