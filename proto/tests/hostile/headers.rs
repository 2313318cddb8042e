//! The five bytes before the body.

use dt_cred_proto::{
    frame::{self, FrameError, HEADER, Message, REQUEST_LIMIT, RESPONSE_LIMIT, VERSION},
    message::{Request, Response},
};

use crate::counting::allocated;

fn header(version: u8, length: u32) -> [u8; HEADER] {
    let [a, b, c, d] = length.to_le_bytes();
    [version, a, b, c, d]
}

fn lengths<M: Message>(limit: usize) {
    assert_eq!(M::LIMIT, limit);
    let most = u32::try_from(limit).unwrap();
    for length in [0, 1, 255, 256, most - 1, most] {
        assert_eq!(frame::body_length::<M>(header(VERSION, length)), Ok(length as usize));
    }
    for length in [most + 1, 2 * most, 1 << 30, u32::MAX] {
        let (refused, allocated) = allocated(|| frame::body_length::<M>(header(VERSION, length)));
        assert_eq!(refused, Err(FrameError::TooLong { length: length as usize, limit }));
        assert_eq!(allocated, 0, "for a length of {length}");
    }
}

#[test]
fn a_length_over_the_limit_is_refused_before_anything_is_allocated() {
    lengths::<Request>(64 * 1024);
    lengths::<Response>(1024 * 1024);
}

#[test]
fn another_version_is_refused_whatever_the_length_says() {
    for version in (0..=255).filter(|version| *version != VERSION) {
        for length in [0, 1, u32::MAX] {
            let (refused, allocated) = allocated(|| frame::body_length::<Request>(header(version, length)));
            assert_eq!(refused, Err(FrameError::Version(version)));
            assert_eq!(
                frame::body_length::<Response>(header(version, length)),
                Err(FrameError::Version(version))
            );
            assert_eq!(allocated, 0);
        }
    }
}

#[test]
fn a_body_over_the_limit_is_refused_even_if_nobody_asked_its_header() {
    let body = vec![0; REQUEST_LIMIT + 1];
    let (refused, count) = allocated(|| frame::decode::<Request>(&body).err());
    assert_eq!(refused, Some(FrameError::TooLong { length: REQUEST_LIMIT + 1, limit: REQUEST_LIMIT }));
    assert_eq!(count, 0);
    let body = vec![0; RESPONSE_LIMIT + 1];
    let (refused, count) = allocated(|| frame::decode::<Response>(&body).err());
    assert_eq!(refused, Some(FrameError::TooLong { length: RESPONSE_LIMIT + 1, limit: RESPONSE_LIMIT }));
    assert_eq!(count, 0);
}
