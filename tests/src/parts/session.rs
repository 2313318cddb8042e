//! A connection to the daemon on which a test says what it wants, right or wrong.

use std::{
    io::{self, Read, Write},
    path::Path,
};

use dt_cred_proto::{
    frame::{self, HEADER},
    message::{Operation, Request, Response},
};

use super::platform::{self, Connection};

/// A connection. Every wait on it has the [`BOUND`](super::BOUND).
pub struct Session(Connection);

impl Session {
    /// Connects to the daemon that listens on this socket.
    ///
    /// # Panics
    /// Where none does.
    #[track_caller]
    pub fn open(socket: &Path) -> Self {
        let connection = platform::connect(socket);
        Self(connection.unwrap_or_else(|error| panic!("cannot connect to {socket:?}: {error}")))
    }

    /// Sends these bytes; false where the daemon has closed the connection already.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).is_ok()
    }

    /// The next answer.
    ///
    /// # Panics
    /// Where there is none, or it cannot be understood.
    #[track_caller]
    pub fn answer(&mut self) -> Response {
        frame::decode(&self.body()).expect("an answer")
    }

    /// The body of the next answer.
    ///
    /// # Panics
    /// Where there is none.
    #[track_caller]
    pub fn body(&mut self) -> Vec<u8> {
        let mut header = [0; HEADER];
        self.0.read_exact(&mut header).expect("a header");
        let mut body = vec![0; frame::body_length::<Response>(header).expect("a length")];
        self.0.read_exact(&mut body).expect("a body");
        body
    }

    /// Asks, and waits for the answer.
    #[track_caller]
    pub fn ask(&mut self, operation: Operation) -> Response {
        assert!(self.send(request(operation)), "the daemon has closed the connection");
        self.answer()
    }

    /// Waits until the daemon has closed it without a word; bytes it did not read make that a reset.
    pub fn is_closed(&mut self) -> bool {
        loop {
            match self.0.read(&mut [0]) {
                Ok(read) => return read == 0,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
            }
        }
    }
}

/// The frame of a request whose sender waits for a minute.
///
/// # Panics
/// Where it is too long for a frame.
pub fn request(operation: Operation) -> Vec<u8> {
    frame::encode(&Request { deadline_ms: 60_000, operation }).expect("a frame").to_vec()
}
