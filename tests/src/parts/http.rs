//! One request over plain HTTP (RFC 9112), without a client that a machine may not have.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use super::BOUND;

/// Asks for `url` with this header line; the answer's status.
///
/// # Panics
/// Where `url` is none of http, or nobody answers there.
#[track_caller]
pub fn get(url: &str, header: &str) -> u16 {
    let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("{url} is not of http"));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).expect("somebody listens");
    stream.set_read_timeout(Some(BOUND)).expect("a time-out");
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{header}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no status in {answer}"))
}
