//! As much of HTTP/1.1 (RFC 9112) as a sandbox needs, over any stream: requests are read whole, answers
//! written whole. Written by hand because the faults need the bytes and the socket under them.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::form;

const HEAD_LIMIT: usize = 64 * 1024;
const BODY_LIMIT: usize = 1024 * 1024;

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// `POST`, `GET` and so on.
    pub method: String,
    /// What stands between method and version: path and query.
    pub target: String,
    /// In their order, as they were written.
    pub headers: Vec<(String, String)>,
    /// Raw.
    pub body: Vec<u8>,
    keep_alive: bool,
}

impl Request {
    /// The first header of that name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The fields of a form body in their order; None if the body is no well-formed form.
    pub fn fields(&self) -> Option<Vec<(String, String)>> {
        form::decode(std::str::from_utf8(&self.body).ok()?)
    }

    /// The fields of the query in their order, none where there is no query; None if it is no well-formed form.
    pub fn query(&self) -> Option<Vec<(String, String)>> {
        form::decode(self.target.split_once('?').map_or("", |(_, query)| query))
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// Whether another request may follow on the same connection.
    pub(super) fn keeps_alive(&self) -> bool {
        self.keep_alive
    }

    fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':')?;
            (!name.is_empty() && !name.contains(' ')).then(|| (name.to_owned(), value.trim().to_owned()))
        });
        let mut request = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: headers.collect::<Option<_>>()?,
            body: Vec::new(),
            keep_alive: true,
        };
        let close = request.header("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        request.keep_alive = version == "HTTP/1.1" && !close;
        (version.starts_with("HTTP/1.") && words.next().is_none()).then_some(request)
    }

    fn content_length(&self) -> Option<usize> {
        if self.header("Transfer-Encoding").is_some() {
            return None;
        }
        self.header("Content-Length").map_or(Some(0), |length| length.parse().ok())
    }
}

/// The requests of one connection.
#[derive(Default)]
pub(super) struct Requests {
    unread: Vec<u8>,
}

impl Requests {
    /// The next one; None when the client has closed the connection. `InvalidData` is what is no request, or
    /// one too large, or one without a length.
    pub(super) async fn next<S>(&mut self, stream: &mut S) -> io::Result<Option<Request>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let end = loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if self.unread.len() > HEAD_LIMIT {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if stream.read_buf(&mut self.unread).await? == 0 {
                return Ok(None);
            }
        };
        let head = std::str::from_utf8(&self.unread[..end]).ok().and_then(Request::parse);
        let mut request = head.ok_or(io::ErrorKind::InvalidData)?;
        let length = request.content_length().filter(|length| *length <= BODY_LIMIT);
        let length = length.ok_or(io::ErrorKind::InvalidData)?;
        self.unread.drain(..end + 4);
        if request.header("Expect").is_some() {
            stream.write_all(b"HTTP/1.1 100 \r\n\r\n").await?;
        }
        while self.unread.len() < length {
            if stream.read_buf(&mut self.unread).await? == 0 {
                return Ok(None);
            }
        }
        request.body = self.unread.drain(..length).collect();
        Ok(Some(request))
    }
}

/// An answer in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Self { status, headers, body: body.to_string() }
    }

    /// An error of the token endpoint (RFC 6749 §5.2).
    pub(super) fn oauth(status: u16, error: &str, description: &str) -> Self {
        Self::json(status, &json!({ "error": error, "error_description": description }))
    }

    /// An error of the API, which says `description`.
    pub(super) fn error(status: u16, error: &str, description: &str) -> Self {
        Self::json(status, &json!({ "error": error, "description": description }))
    }

    /// A request of the API that cannot be understood.
    pub(super) fn malformed(description: &str) -> Self {
        Self::error(400, "bad request", description)
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends it as the answer to a request of `method`: HEAD is told the length and given no body.
    pub(super) async fn send<S: AsyncWrite + Unpin>(&self, stream: &mut S, method: &str) -> io::Result<()> {
        let mut text = head(self.status, &self.headers);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Content-Length")) {
            text.insert_str(text.len() - 2, &format!("Content-Length: {}\r\n", self.body.len()));
        }
        if method != "HEAD" {
            text.push_str(&self.body);
        }
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await
    }
}

/// Status line and headers, with the empty line that ends them.
pub(super) fn head(status: u16, headers: &[(String, String)]) -> String {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status} \r\n{lines}\r\n")
}
