use dt_cred_proto::{
    frame::{self, FrameError, HEADER, Message, VERSION},
    message::{Request, Response},
};
use serde_json::Value;

use crate::{SLACK, told, within};

/// How much more memory an answer may take than its bytes: an element of a list takes that much more, and a list
/// doubles as it grows.
const ANSWER: usize = 64;

/// A request as the daemon reads it: a header, and a body behind it, whatever the header says of its length.
///
/// # Panics
/// Where a rule is broken.
pub fn request(data: &[u8]) -> bool {
    read::<Request>(data, 2).is_some()
}

/// An answer as the client reads it, likewise.
///
/// # Panics
/// Where a rule is broken.
pub fn response(data: &[u8]) -> bool {
    let Some(response) = read::<Response>(data, ANSWER) else { return false };
    let token = matches!(response, Response::Token(_));
    let value = serde_json::to_value(&response).expect("it can be written");
    // The client checks the token's alphabet where it prints it.
    assert!(is_plain(&value, &|name| token && name == "access_token"), "a control character in an answer");
    true
}

/// Reads a header and a body; the message, where it is one.
fn read<M: Message + PartialEq>(data: &[u8], factor: usize) -> Option<M> {
    let (header, body) = data.split_at_checked(HEADER)?;
    length::<M>(header.try_into().expect("it is as long"));

    let message = match within(SLACK + factor * body.len(), || frame::decode::<M>(body)) {
        Ok(message) => message,
        Err(error) => {
            told(&error);
            return None;
        }
    };
    assert!(body.len() <= M::LIMIT, "longer than the limit");
    let longer = frame::decode::<M>(&[body, &[0]].concat()).err();
    assert!(
        matches!(longer, Some(FrameError::Trailing(1) | FrameError::TooLong { .. })),
        "something follows it"
    );
    match within(SLACK + 2 * M::LIMIT, || frame::encode(&message)) {
        Ok(frame) => {
            let again = frame::decode::<M>(&frame[HEADER..]);
            assert!(again.as_ref() == Ok(&message), "it is not what was encoded");
            let again = frame::encode(&message).expect("as before");
            assert!(*again == *frame, "encoded once so and once so");
        }
        // A character that is replaced may take more bytes than it took, so that only a full answer grows over the limit.
        Err(error) => assert!(matches!(error, FrameError::TooLong { .. }) && body.len() > M::LIMIT / 4),
    }
    Some(message)
}

fn length<M: Message>(header: [u8; HEADER]) {
    let [version, length @ ..] = header;
    let length = u32::from_le_bytes(length) as usize;
    match within(0, || frame::body_length::<M>(header)) {
        Ok(taken) => assert!(version == VERSION && taken == length && length <= M::LIMIT),
        Err(FrameError::Version(other)) => assert!(other == version && version != VERSION),
        Err(FrameError::TooLong { length: refused, limit }) => {
            assert!(version == VERSION && refused == length && length > limit && limit == M::LIMIT);
        }
        Err(other) => panic!("a header cannot say that: {other}"),
    }
}

/// Whether no text in `value` holds a control character, but for the members that are `left_out`.
fn is_plain(value: &Value, left_out: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => crate::is_plain(text),
        Value::Array(values) => values.iter().all(|value| is_plain(value, left_out)),
        Value::Object(members) => {
            members.iter().all(|(name, value)| left_out(name) || is_plain(value, left_out))
        }
        _ => true,
    }
}
