//! One connection to the daemon: who is at the other end, then frames, each wait with a deadline.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use dt_cred_proto::{
    frame::{self, FrameError, HEADER},
    message::{Operation, Request, Response},
    secret::Wiped,
};
use thiserror::Error;

use crate::{
    deadline::{Deadline, GRACE},
    platform::{self, Stranger, Stream},
    spinner,
};

/// How much of an answer is read at once, in bytes: all of it, where it is a usual token.
const AHEAD: usize = 2048;

/// How long the first pause is where the daemon has no room for a client yet, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// A connection to a daemon that may be trusted.
pub(crate) struct Connection {
    stream: Stream,
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    /// Nothing listens there.
    #[error("no daemon listens on {0:?}")]
    Nobody(PathBuf),
    /// Somebody listens there who may not be trusted.
    #[error("the socket {path:?} {stranger}")]
    Stranger { path: PathBuf, stranger: Stranger },
    /// Somebody listens there and takes no client.
    #[error("the daemon on {path:?} took no connection within {within}: try again, or end it and try again")]
    Busy { path: PathBuf, within: String },
    /// The system refuses, as it does where the folder is another user's.
    #[error("cannot connect to {path:?}: {source}; {MEND}", MEND = platform::ENDPOINT_MEND)]
    Io { path: PathBuf, source: io::Error },
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum ExchangeError {
    /// The request is too long to be sent.
    #[error("the request cannot be sent: {0}; give shorter values")]
    Unsendable(FrameError),
    /// The daemon closed the connection before it answered.
    #[error("the daemon ended the connection without an answer: try again")]
    Closed,
    /// The deadline passed.
    #[error("the daemon did not answer within {0}: try again, or give it longer with --timeout")]
    Silent(String),
    /// The answer's frame is of another version of the protocol.
    #[error("the daemon is {age} than this dt-cred (version {0} of the protocol, here {VERSION}): run dt-cred stop, then again", age = age(*.0), VERSION = frame::VERSION)]
    Version(u8),
    /// The answer is one that only a later release knows.
    #[error("the daemon is newer than this dt-cred {OWN}, which does not know its answer: run dt-cred stop, then again", OWN = env!("CARGO_PKG_VERSION"))]
    Newer,
    /// The answer is none of this release's.
    #[error("the daemon's answer cannot be understood ({0}): run dt-cred stop, then again")]
    Answer(FrameError),
    /// The system refuses.
    #[error("cannot talk to the daemon: {0}; try again, or run dt-cred stop first")]
    Io(io::Error),
}

/// What the daemon is beside this dt-cred, where it speaks this version of the protocol.
pub(crate) fn age(version: u8) -> &'static str {
    if version < frame::VERSION { "older" } else { "newer" }
}

impl Connection {
    /// Connects to the daemon at `path`, once it is known that our own uid, root or `server_uid` listens there.
    ///
    /// # Errors
    /// [`ConnectError`]; nothing was sent then.
    pub(crate) fn open(
        path: &Path,
        server_uid: Option<u32>,
        deadline: Deadline,
    ) -> Result<Self, ConnectError> {
        let (mut pause, longest) = PAUSES;
        let io = |source| ConnectError::Io { path: path.to_owned(), source };
        loop {
            match Stream::connect(path) {
                Ok(Some(stream)) => {
                    return match stream.stranger(server_uid).map_err(io)? {
                        None => Ok(Self { stream }),
                        Some(stranger) => Err(ConnectError::Stranger { path: path.to_owned(), stranger }),
                    };
                }
                Ok(None) if deadline.has_passed() => {
                    return Err(ConnectError::Busy { path: path.to_owned(), within: deadline.in_words() });
                }
                Ok(None) => {
                    platform::pause(pause, deadline);
                    pause = (pause * 2).min(longest);
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound
                            | io::ErrorKind::NotADirectory
                            | io::ErrorKind::ConnectionRefused
                    ) =>
                {
                    return Err(ConnectError::Nobody(path.to_owned()));
                }
                Err(error) => return Err(io(error)),
            }
        }
    }

    /// The number of the process that listens, as the kernel says it.
    pub(crate) fn listener(&self) -> Option<u32> {
        self.stream.listener()
    }

    /// Leaves the connection to the program that this process becomes, or to this process until its end.
    ///
    /// # Errors
    /// As fcntl(2).
    pub(crate) fn bequeath(self) -> io::Result<()> {
        self.stream.bequeath()
    }

    /// Sends `request`, with what is left of the deadline, and reads its answer.
    ///
    /// # Errors
    /// [`ExchangeError`]; the connection is of no more use then.
    pub(crate) fn exchange(
        &mut self,
        request: &mut Request,
        deadline: Deadline,
    ) -> Result<Response, ExchangeError> {
        let deadline = deadline.of_answer();
        let left = deadline.remaining();
        request.deadline_ms = u64::try_from(left.saturating_sub(GRACE).as_millis()).unwrap_or(u64::MAX);
        let frame = frame::encode(request).map_err(ExchangeError::Unsendable)?;
        match self.send(&frame, deadline) {
            // Whoever serves others alone has said so before anything was asked, and left.
            Ok(()) | Err(ExchangeError::Closed) => {}
            Err(error) => return Err(error),
        }
        // It may hold a secret, and the answer may take long.
        drop(frame);
        let mut ahead = Wiped::from(vec![0; AHEAD]);
        let mut come = self.first(&mut ahead, deadline, left, &request.operation)?;
        // The version alone is sure to be there in a frame of another version.
        if ahead[0] != frame::VERSION {
            return Err(ExchangeError::Version(ahead[0]));
        }
        if come < HEADER {
            self.receive(&mut ahead[come..HEADER], deadline)?;
            come = HEADER;
        }
        let (mut header, begun) = ([0; HEADER], &ahead[HEADER..come]);
        header.copy_from_slice(&ahead[..HEADER]);
        let length = frame::body_length::<Response>(header).map_err(ExchangeError::Answer)?;
        let answer = if begun.len() >= length {
            // What comes after it is refused: nobody asked for more.
            frame::decode(begun)
        } else {
            let mut body = Wiped::from(vec![0; length]);
            let (start, rest) = body.split_at_mut(begun.len());
            start.copy_from_slice(begun);
            self.receive(rest, deadline)?;
            frame::decode(&body)
        };
        answer.map_err(|error| match error {
            FrameError::UnknownVariant(_) => ExchangeError::Newer,
            other => ExchangeError::Answer(other),
        })
    }

    /// Waits until the daemon closes the connection; what it says meanwhile is dropped.
    ///
    /// # Errors
    /// [`ExchangeError::Silent`] where it does not before the deadline.
    pub(crate) fn closed(&mut self, deadline: Deadline) -> Result<(), ExchangeError> {
        loop {
            match self.receive(&mut [0], deadline) {
                Ok(()) => {}
                Err(ExchangeError::Closed) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn send(&mut self, mut bytes: &[u8], deadline: Deadline) -> Result<(), ExchangeError> {
        while !bytes.is_empty() {
            let written = self.stream.write(bytes, deadline).map_err(|error| told(error, deadline))?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// What comes first of the answer, at least a byte; how much that is. All of the time is waited that the daemon takes.
    fn first(
        &mut self,
        ahead: &mut [u8],
        deadline: Deadline,
        left: Duration,
        operation: &Operation,
    ) -> Result<usize, ExchangeError> {
        let waiting_for = || spinner::waiting_for(operation);
        let read = spinner::while_waiting(deadline, left, waiting_for, |deadline| {
            self.stream.read_later(ahead, deadline)
        });
        match read.map_err(|error| told(error, deadline))? {
            0 => Err(ExchangeError::Closed),
            come => Ok(come),
        }
    }

    fn receive(&mut self, mut buffer: &mut [u8], deadline: Deadline) -> Result<(), ExchangeError> {
        while !buffer.is_empty() {
            match self.stream.read(buffer, deadline).map_err(|error| told(error, deadline))? {
                0 => return Err(ExchangeError::Closed),
                read => buffer = &mut buffer[read..],
            }
        }
        Ok(())
    }
}

fn told(error: io::Error, deadline: Deadline) -> ExchangeError {
    match error.kind() {
        io::ErrorKind::TimedOut => ExchangeError::Silent(deadline.in_words()),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected => {
            ExchangeError::Closed
        }
        _ => ExchangeError::Io(error),
    }
}
