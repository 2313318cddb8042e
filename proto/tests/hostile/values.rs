//! Messages that are well formed as bytes, with values that no message may hold.

use dt_cred_proto::{
    frame::{self, FrameError, REQUEST_LIMIT, RESPONSE_LIMIT},
    message::{
        Attributes, Failure, FailureKind, Keyring, Operation, Request, Response, Store, Stored, Token,
    },
    profile::Profile,
    secret::Secret,
    text::Text,
};

use crate::{bounded, refused};

/// That an integration of a UUID of zeros was made, with this secret.
fn created(secret: &[u8]) -> Vec<u8> {
    let length = u8::try_from(secret.len()).unwrap();
    [&[20, 0], &[0; 16][..], &[0; 6], &[0], &[1, length], secret].concat()
}

#[test]
fn a_value_that_its_field_does_not_know_is_malformed() {
    let requests: [(&str, &[u8]); 11] = [
        ("Action 9", &[0, 17, 1, b'o', 9]),
        ("IntegrationSubject 2", &[0, 17, 1, b'o', 2, 2, 1, b'p']),
        ("an option that is neither 0 nor 1", &[0, 0, 2, 0, 0]),
        ("a bool that is neither 0 nor 1", &[0, 0, 0, 0, 2]),
        ("Keyring 7", &[0, 2, 0, 1, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("ClientAuth 2", &[0, 2, 0, 0, 1, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0]),
        ("Erase 2", &[0, 3, 2]),
        ("Erase 251", &[0, 3, 251, 251, 0]),
        ("a url that is not UTF-8", &[0, 2, 0, 0, 1, 1, 2, 0xc3, 0x28, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("a secret that is not UTF-8", &[0, 2, 0, 0, 1, 0, 0, 0, 1, 1, 0xff, 0, 0, 0, 0, 0]),
        ("an integer of more than 64 bits", &[254, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]),
    ];
    for (what, body) in requests {
        assert_eq!(refused::<Request>(body), FrameError::Malformed, "{what}");
    }
    let responses: [(&str, &[u8]); 15] = [
        ("Managed 10", &[20, 10]),
        ("a secret of Created that is not UTF-8", &created(b"\xff")),
        ("Starter 3", &[18, 1, b'd', 3, 0]),
        ("Subject 8", &[18, 1, b'd', 0, 1, 8, 0, 0]),
        ("Verdict 3", &[18, 1, b'd', 0, 1, 0, 3, 0]),
        ("a bool of Tested that is neither 0 nor 1", &[17, 1, b'd', 0, 0, 0, 2, 0]),
        ("Outcome 2", &[16, 1, 0, 0, 0, 0, 0, 2]),
        ("a profile of a LogEntry that is none", &[16, 1, 0, 0, 0, 0, 0, 0, 1, b' ', 0]),
        ("a program that is not UTF-8", &[16, 1, 0, 0, 0, 1, 1, 0xff, 0, 1]),
        ("FailureKind 8", &[2, 8, 0]),
        ("Keyring 7", &[10, 7]),
        ("ProfileState 5", &[8, 0, 0, 0, 1, b'd', 0, 1, 1, b'd', 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("a bool that is neither 0 nor 1", &[4, 255]),
        ("a message that is not UTF-8", &[2, 0, 1, 0x80]),
        ("a pid of more than 32 bits", &[9, 253, 0, 0, 0, 0, 1, 0, 0, 0]),
    ];
    for (what, body) in responses {
        assert_eq!(refused::<Response>(body), FrameError::Malformed, "{what}");
    }
}

#[test]
fn the_bodies_of_the_table_above_are_right_but_for_the_one_value() {
    let requests: [&[u8]; 9] = [
        &[0, 17, 1, b'o', 1, 0],
        &[0, 17, 1, b'o', 2, 1, 1, b'p'],
        &[0, 0, 0, 0, 1],
        &[0, 2, 0, 1, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0, 2, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0],
        &[0, 3, 1],
        &[0, 2, 0, 0, 1, 1, 2, b'a', b'b', 0, 0, 0, 0, 0, 0, 0, 0],
        &[0, 2, 0, 0, 1, 0, 0, 0, 1, 1, b'a', 0, 0, 0, 0, 0],
        &[253, 1, 0, 0, 0, 0, 0, 0, 0, 5],
    ];
    for body in requests {
        assert!(bounded::<Request>(body).is_ok(), "{body:?}");
    }
    let responses: [&[u8]; 10] = [
        &created(b"s"),
        &[16, 1, 0, 0, 0, 0, 0, 1],
        &[16, 1, 0, 0, 0, 0, 0, 0, 1, b'd', 0],
        &[16, 1, 0, 0, 0, 1, 1, b'a', 0, 1],
        &[2, 7, 0],
        &[10, 6],
        &[8, 0, 0, 0, 1, b'd', 0, 1, 1, b'd', 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[4, 1],
        &[2, 0, 1, b'a'],
        &[9, 252, 0, 0, 0, 1],
    ];
    for body in responses {
        assert!(bounded::<Response>(body).is_ok(), "{body:?}");
    }
}

#[test]
fn text_with_control_characters_arrives_safe_to_print() {
    let sent = "a\r\nb\x1b[2J\x07\u{202e}c\0d";
    let body = [&[2, 0, u8::try_from(sent.len()).unwrap()], sent.as_bytes()].concat();
    let Ok(Response::Failed(failure)) = bounded(&body) else { panic!("it is a failure") };
    assert_eq!(failure.message.as_str(), "a\u{fffd}\u{fffd}b\u{fffd}[2J\u{fffd}\u{fffd}c\u{fffd}d");
    // A program calls itself what it likes.
    let body = [&[16, 1, 0, 0, 0, 1, u8::try_from(sent.len()).unwrap()], sent.as_bytes(), &[0, 1]].concat();
    let Ok(Response::Log(entries)) = bounded(&body) else { panic!("it is a log") };
    assert_eq!(
        entries[0].caller.program,
        Some(Text::new("a\u{fffd}\u{fffd}b\u{fffd}[2J\u{fffd}\u{fffd}c\u{fffd}d"))
    );
    let long = "\x1b".repeat(200);
    let body = [&[2, 0, 200], long.as_bytes()].concat();
    let Ok(Response::Failed(failure)) = bounded(&body) else { panic!("it is a failure") };
    assert_eq!(failure.message.as_str(), "\u{fffd}".repeat(200));
}

#[test]
fn text_that_is_too_long_arrives_cut() {
    let sent = "x".repeat(60_000);
    let body = [&[2, 0, 251], 60_000_u16.to_le_bytes().as_slice(), sent.as_bytes()].concat();
    let Ok(Response::Failed(failure)) = bounded(&body) else { panic!("it is a failure") };
    assert_eq!(failure.message.as_str(), "x".repeat(Text::LIMIT));
}

#[test]
fn a_profile_whose_name_is_none_is_refused() {
    let long = "x".repeat(65);
    let names: [&[u8]; 11] = [
        b"",
        b" ",
        b"a b",
        b"a/b",
        b"a\n",
        b"a\r",
        b"a\0",
        "\u{e9}".as_bytes(),
        "\u{202e}".as_bytes(),
        b"\xff",
        long.as_bytes(),
    ];
    for name in names {
        let length = u8::try_from(name.len()).unwrap();
        let get = [&[0, 0, 1, length], name, &[0, 0]].concat();
        assert_eq!(refused::<Request>(&get), FrameError::Malformed, "{name:?}");
        let erased = [&[6, 1, length], name].concat();
        assert_eq!(refused::<Response>(&erased), FrameError::Malformed, "{name:?}");
    }
    assert!(bounded::<Request>(&[0, 0, 1, 1, b'a', 0, 0]).is_ok());
    assert!(bounded::<Response>(&[6, 1, 1, b'a']).is_ok());
}

fn store(secret: usize) -> Request {
    let client_secret = Some(Secret::new("s".repeat(secret)));
    let attributes = Attributes { client_secret, ..Attributes::default() };
    let store = Store { profile: None, keyring: Some(Keyring::Memory), check: true, attributes };
    Request { deadline_ms: 0, operation: Operation::Store(Box::new(store)) }
}

/// A sequence of names of one character: no message has more numbers for its length.
fn erased(names: usize) -> Response {
    let name: Profile = "a".parse().unwrap();
    Response::Erased(vec![name; names])
}

fn token(length: usize) -> Response {
    Response::Token(Token {
        access_token: Secret::new("t".repeat(length)),
        token_type: Text::new("Bearer"),
        expires_at_ms: 0,
        expires_in_ms: 0,
        generation: 0,
        profile: "a".parse().unwrap(),
        url: Text::default(),
        warning: None,
    })
}

#[test]
fn what_is_encoded_is_decoded_up_to_the_last_byte_of_the_limit() {
    fn body_of<M: frame::Message>(message: &M) -> Result<Vec<u8>, FrameError> {
        frame::encode(message).map(|frame| frame[frame::HEADER..].to_vec())
    }
    let rest = body_of(&store(1000)).unwrap().len() - 1000;
    let full = store(REQUEST_LIMIT - rest);
    let body = body_of(&full).unwrap();
    assert_eq!(body.len(), REQUEST_LIMIT);
    assert!(frame::decode::<Request>(&body).is_ok_and(|decoded| decoded == full));
    let too_long = FrameError::TooLong { length: REQUEST_LIMIT + 1, limit: REQUEST_LIMIT };
    assert_eq!(body_of(&store(REQUEST_LIMIT - rest + 1)), Err(too_long));

    let rest = body_of(&token(100_000)).unwrap().len() - 100_000;
    let full = token(RESPONSE_LIMIT - rest);
    let body = body_of(&full).unwrap();
    assert_eq!(body.len(), RESPONSE_LIMIT);
    assert!(frame::decode::<Response>(&body).is_ok_and(|decoded| decoded == full));
    let too_long = FrameError::TooLong { length: RESPONSE_LIMIT + 1, limit: RESPONSE_LIMIT };
    assert_eq!(body_of(&token(RESPONSE_LIMIT - rest + 1)), Err(too_long));

    let rest = body_of(&erased(100_000)).unwrap().len() - 200_000;
    let full = erased((RESPONSE_LIMIT - rest) / 2);
    let body = body_of(&full).unwrap();
    assert!(body.len() > RESPONSE_LIMIT - 2);
    assert!(frame::decode::<Response>(&body).is_ok_and(|decoded| decoded == full));
}

#[test]
fn an_error_holds_nothing_of_the_message() {
    let stored = Stored {
        profile: "a".parse().unwrap(),
        keyring: Keyring::Memory,
        lasts: Text::new("hunter2"),
        expires_in_ms: None,
    };
    let failed = Failure::new(FailureKind::Other, "hunter2");
    for response in [Response::Stored(stored), Response::Failed(failed), token(7)] {
        let mut body = frame::encode(&response).unwrap()[frame::HEADER..].to_vec();
        body.push(0);
        let error = refused::<Response>(&body);
        assert_eq!(error.to_string(), "the frame has 1 bytes after its message");
    }
    let unknown = refused::<Request>(b"\x00\x00\x01\x07hunter!\x00\x00");
    assert_eq!(unknown.to_string(), "the frame's body is malformed");
}
