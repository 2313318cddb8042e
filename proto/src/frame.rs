//! One message on the wire: `[version u8 = 1][length u32 little endian][body]`.
//!
//! Everything here works on bytes in memory: reading them from a socket, with a deadline, is each side's own.

use bincode::config::Configuration;
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use crate::{
    message::{Request, Response},
    secret::Wiped,
};

/// The version of the protocol.
pub const VERSION: u8 = 1;

/// Bytes before the body: the version and the length. They never change.
pub const HEADER: usize = 5;

/// A kind of message that travels in frames.
pub trait Message: Serialize + DeserializeOwned + sealed::Sealed {
    /// Longest body, in bytes.
    const LIMIT: usize;
    /// How many variants the message's enum has.
    const VARIANTS: u32;

    /// The index of the variant that `body` says it holds.
    fn variant(body: &[u8]) -> Option<u32>;

    /// Decodes with a limit, so that bincode allocates for no absurd length even where `lengths` was forgotten.
    fn decode_body(body: &[u8]) -> Result<(Self, usize), bincode::error::DecodeError>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::message::Request {}
    impl Sealed for crate::message::Response {}
}

/// Longest body of a request, in bytes.
pub const REQUEST_LIMIT: usize = 64 * 1024;

/// Longest body of an answer, in bytes.
pub const RESPONSE_LIMIT: usize = 1024 * 1024;

impl Message for Request {
    const LIMIT: usize = REQUEST_LIMIT;
    const VARIANTS: u32 = 19;

    fn variant(body: &[u8]) -> Option<u32> {
        type Prefix = (u64, u32);
        let ((_, variant), _): (Prefix, usize) = bincode::serde::decode_from_slice(body, STANDARD).ok()?;
        Some(variant)
    }

    fn decode_body(body: &[u8]) -> Result<(Self, usize), bincode::error::DecodeError> {
        bincode::serde::decode_from_slice(body, STANDARD.with_limit::<{ CLAIM * REQUEST_LIMIT }>())
    }
}

impl Message for Response {
    const LIMIT: usize = RESPONSE_LIMIT;
    const VARIANTS: u32 = 22;

    fn variant(body: &[u8]) -> Option<u32> {
        bincode::serde::decode_from_slice(body, STANDARD).ok().map(|(variant, _)| variant)
    }

    fn decode_body(body: &[u8]) -> Result<(Self, usize), bincode::error::DecodeError> {
        bincode::serde::decode_from_slice(body, STANDARD.with_limit::<{ CLAIM * RESPONSE_LIMIT }>())
    }
}

const STANDARD: Configuration = bincode::config::standard();

/// bincode counts what an integer takes in memory: at most eight times what it takes in a body. With the limit of the
/// body alone, a full one would be refused.
const CLAIM: usize = 8;

/// Why bytes are no message, or a message no frame.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum FrameError {
    /// Another version: answer it with [`Response::Version`].
    #[error("the frame is of version {0} of the protocol, this side speaks version {VERSION}")]
    Version(u8),
    /// More than the limit: nothing was allocated for it.
    #[error("the frame is {length} bytes long, at most {limit} are taken")]
    TooLong {
        /// What its header says.
        length: usize,
        /// What may be said.
        limit: usize,
    },
    /// The body ends before the message does.
    #[error("the frame ends before its message does")]
    Truncated,
    /// The body goes on after the message.
    #[error("the frame has {0} bytes after its message")]
    Trailing(usize),
    /// A variant that this release does not know: answer it with [`Response::Unsupported`].
    #[error("the frame holds message number {0}, which this release does not know")]
    UnknownVariant(u32),
    /// The body is no such message.
    #[error("the frame's body is malformed")]
    Malformed,
    /// The message cannot be written.
    #[error("the message cannot be encoded")]
    Unencodable,
}

/// The length of the body that follows this header.
///
/// # Errors
/// [`FrameError::Version`] before anything else is looked at, then [`FrameError::TooLong`].
pub fn body_length<M: Message>(header: [u8; HEADER]) -> Result<usize, FrameError> {
    let [version, length @ ..] = header;
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > M::LIMIT {
        return Err(FrameError::TooLong { length, limit: M::LIMIT });
    }
    Ok(length)
}

/// The message that `body` holds, all of it.
///
/// # Errors
/// Every [`FrameError`] but `Version` and `Unencodable`.
pub fn decode<M: Message>(body: &[u8]) -> Result<M, FrameError> {
    if body.len() > M::LIMIT {
        return Err(FrameError::TooLong { length: body.len(), limit: M::LIMIT });
    }
    if let Some(variant) = M::variant(body)
        && variant >= M::VARIANTS
    {
        return Err(FrameError::UnknownVariant(variant));
    }
    match M::decode_body(body) {
        Ok((message, used)) if used == body.len() => Ok(message),
        Ok((_, used)) => Err(FrameError::Trailing(body.len() - used)),
        Err(bincode::error::DecodeError::UnexpectedEnd { .. }) => Err(FrameError::Truncated),
        Err(_) => Err(FrameError::Malformed),
    }
}

/// The whole frame of `message`, in a buffer that is wiped when it is dropped: it may hold a secret.
///
/// # Errors
/// [`FrameError::TooLong`] where the other side would refuse it.
pub fn encode<M: Message>(message: &M) -> Result<Wiped, FrameError> {
    // Sized beforehand: a buffer that grows leaves copies of what it held behind.
    let mut counter = Counter(0);
    bincode::serde::encode_into_writer(message, &mut counter, STANDARD)
        .map_err(|_| FrameError::Unencodable)?;
    let too_long = FrameError::TooLong { length: counter.0, limit: M::LIMIT };
    let length = u32::try_from(counter.0).ok().filter(|_| counter.0 <= M::LIMIT).ok_or(too_long)?;
    let mut frame = Wiped::from(Vec::with_capacity(HEADER + counter.0));
    frame.push(VERSION);
    frame.extend_from_slice(&length.to_le_bytes());
    bincode::serde::encode_into_std_write(message, &mut *frame, STANDARD)
        .map_err(|_| FrameError::Unencodable)?;
    Ok(frame)
}

/// Counts what would be written.
struct Counter(usize);

impl bincode::enc::write::Writer for Counter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.0 += bytes.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{FrameError, HEADER, Message, RESPONSE_LIMIT, STANDARD, body_length, decode, encode};
    use crate::message::{Failure, FailureKind, Get, Operation, Request, Response};

    #[test]
    fn a_frame_is_a_version_a_length_and_a_body() {
        let get = Get { profile: "work".parse().ok(), min_ttl: Some(300), fresh: true };
        let request = Request { deadline_ms: 10_000, operation: Operation::Get(get) };
        let body = [251, 0x10, 0x27, 0, 1, 4, b'w', b'o', b'r', b'k', 1, 251, 0x2c, 0x01, 1];
        let frame = encode(&request).unwrap();
        assert_eq!(frame[..], [&[1, 15, 0, 0, 0], &body[..]].concat());
        assert!(decode::<Request>(&body) == Ok(request));

        let response = Response::Failed(Failure::new(FailureKind::TryLater, "no"));
        let frame = encode(&response).unwrap();
        assert_eq!(frame[..], [1, 5, 0, 0, 0, 2, 0, 2, b'n', b'o']);
        assert!(decode(&frame[HEADER..]) == Ok(response));
    }

    #[test]
    fn the_length_has_its_least_byte_first() {
        assert_eq!(body_length::<Response>([1, 0x12, 0x34, 0x05, 0x00]), Ok(0x0005_3412));
        let refused = Err(FrameError::TooLong { length: 0x0100_0000, limit: RESPONSE_LIMIT });
        assert_eq!(body_length::<Response>([1, 0, 0, 0, 1]), refused);
    }

    #[test]
    fn the_number_of_variants_is_the_one_that_serde_knows() {
        // serde's own list stands in its error for a number that is none.
        let said = |body: &[u8]| match bincode::serde::decode_from_slice::<Response, _>(body, STANDARD) {
            Ok(_) => panic!("there is no such variant"),
            Err(error) => error.to_string(),
        };
        assert!(
            said(&[250]).contains(&format!("variant index 0 <= i < {}\"", Response::VARIANTS)),
            "{}",
            said(&[250])
        );
        let said = |body: &[u8]| match bincode::serde::decode_from_slice::<Request, _>(body, STANDARD) {
            Ok(_) => panic!("there is no such variant"),
            Err(error) => error.to_string(),
        };
        let said = said(&[0, 250]);
        assert!(said.contains(&format!("variant index 0 <= i < {}\"", Request::VARIANTS)), "{said}");
    }
}
