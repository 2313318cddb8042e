//! What a hostile or broken peer can send: each kind has its own error, nothing panics, and what is allocated depends
//! on the bytes that arrived, never on a length that they claim.

#![allow(clippy::unwrap_used, reason = "tests, and what they call")]

mod bodies;
mod counting;
mod headers;
mod values;

use std::{fs, path::Path};

use dt_cred_proto::{
    frame::{self, FrameError, HEADER, Message},
    message::{Request, Response},
};

/// Most that decoding may allocate beyond the bytes that arrived: the message itself, the first elements of a list,
/// the text of an error, and where a page for secrets has places.
const SLACK: usize = 8192;

/// The error of a body that must be refused, and nothing was allocated for what it claims.
fn refused<M: Message>(body: &[u8]) -> FrameError {
    bounded::<M>(body).err().unwrap_or_else(|| panic!("decoded: {body:02x?}"))
}

/// Decodes; panics where more was allocated than the body warrants.
fn bounded<M: Message>(body: &[u8]) -> Result<M, FrameError> {
    let (decoded, allocated) = counting::allocated(|| frame::decode::<M>(body));
    // Twice: a text is copied once when it is made safe to print.
    let most = 2 * body.len() + SLACK;
    assert!(allocated <= most, "{allocated} bytes allocated for a body of {}: {body:02x?}", body.len());
    decoded
}

/// The bodies of every kept frame of one kind, by name.
fn kept(kind: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("frames");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let named = files.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    let mut bodies: Vec<_> = named
        .filter(|(name, _)| name.starts_with(kind))
        .map(|(name, path)| (name, fs::read(path).unwrap().split_off(HEADER)))
        .collect();
    bodies.sort();
    assert!(bodies.len() > 20, "the kept frames are missing");
    bodies
}

/// An integer as the wire has it, in the widest form.
fn widest(number: u64) -> Vec<u8> {
    [[253].as_slice(), &number.to_le_bytes()].concat()
}

/// The kinds of message, for what is checked of both.
fn of_both(check: impl Fn(&str, fn(&[u8]) -> Option<FrameError>, Vec<(String, Vec<u8>)>)) {
    check("request", |body| bounded::<Request>(body).err(), kept("request-"));
    check("response", |body| bounded::<Response>(body).err(), kept("response-"));
}
