//! What a client says, read as it comes: mostly a whole request at once.

use std::io;

use dt_cred_proto::{
    frame::{self, FrameError, HEADER, VERSION},
    message::Request,
    secret::Wiped,
};
use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroize;

/// How many bytes are read ahead: every `get` fits, and each of thousands of sessions has the room for it.
const AHEAD: usize = 128;

/// How much memory a longer request is given at first, in bytes.
const FIRST: usize = 1024;

/// A stream, and what has come of it ahead. Nothing is kept of what was taken from there: it may have been a secret.
pub(super) struct Incoming<S> {
    stream: S,
    ahead: [u8; AHEAD],
    start: usize,
    end: usize,
}

impl<S> Incoming<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, ahead: [0; AHEAD], start: 0, end: 0 }
    }

    /// The way back.
    pub(super) fn outgoing(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Takes as much as fits of what has come ahead; how much that was.
    fn take(&mut self, into: &mut [u8]) -> usize {
        let length = into.len().min(self.end - self.start);
        let taken = &mut self.ahead[self.start..self.start + length];
        into[..length].copy_from_slice(taken);
        taken.zeroize();
        self.start += length;
        length
    }
}

impl<S: AsyncRead + Unpin> Incoming<S> {
    /// Waits for the next request; false where the client left before it.
    pub(super) async fn begins(&mut self) -> io::Result<bool> {
        Ok(self.start < self.end || self.read_ahead().await? > 0)
    }

    /// The next request, of which the first byte has come; or why it is none.
    pub(super) async fn request(&mut self) -> io::Result<Result<Request, FrameError>> {
        let length = match frame::body_length::<Request>(self.header().await?) {
            Ok(length) => length,
            Err(error) => return Ok(Err(error)),
        };
        if length > self.end - self.start {
            return Ok(frame::decode(&self.body(length).await?));
        }
        let body = &mut self.ahead[self.start..self.start + length];
        let request = frame::decode(body);
        body.zeroize();
        self.start += length;
        Ok(request)
    }

    async fn header(&mut self) -> io::Result<[u8; HEADER]> {
        let mut header = [0; HEADER];
        // Another version's frame may be shorter than ours: it is answered by its first byte.
        let length = if self.ahead[self.start] == VERSION { HEADER } else { 1 };
        self.fill(&mut header[..length]).await?;
        Ok(header)
    }

    /// A body of this length. Memory is taken for what has come, not for what was promised: many may promise much.
    async fn body(&mut self, length: usize) -> io::Result<Wiped> {
        let mut body = Wiped::from(vec![0; length.min(FIRST)]);
        let mut come = 0;
        loop {
            self.fill(&mut body[come..]).await?;
            come = body.len();
            if come == length {
                return Ok(body);
            }
            // A new one, and the old one wiped: a vector that grows by itself leaves copies behind.
            let mut larger = Wiped::from(vec![0; (4 * come).min(length)]);
            larger[..come].copy_from_slice(&body);
            body = larger;
        }
    }

    /// Waits until the client has left, and takes nothing of what it says meanwhile.
    pub(super) async fn left(&mut self) {
        if self.begins().await.is_ok_and(|begins| begins) {
            // It asks something else already, and waits for both answers.
            std::future::pending().await
        }
    }

    /// Reads all of `buffer`: what has come ahead, and then past it.
    async fn fill(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let mut filled = self.take(buffer);
        while filled < buffer.len() {
            // What is longer than what is read ahead goes straight to where it belongs.
            if buffer.len() - filled >= AHEAD {
                self.stream.read_exact(&mut buffer[filled..]).await?;
                return Ok(());
            }
            if self.read_ahead().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += self.take(&mut buffer[filled..]);
        }
        Ok(())
    }

    /// Reads ahead where nothing is left of what came before; zero is the end.
    async fn read_ahead(&mut self) -> io::Result<usize> {
        (self.start, self.end) = (0, 0);
        self.end = self.stream.read(&mut self.ahead).await?;
        Ok(self.end)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use dt_cred_proto::{
        message::{Attributes, Get, Operation, Store},
        secret::Secret,
    };
    use tokio::io::{AsyncWriteExt, DuplexStream, ReadBuf, duplex};

    use super::*;

    fn get(name: usize) -> Request {
        let profile = (name > 0).then(|| "p".repeat(name).parse().unwrap());
        Request { deadline_ms: 10_000, operation: Operation::Get(Get { profile, ..Get::default() }) }
    }

    /// One whose secret has so many bytes.
    fn store(secret: usize) -> Request {
        let letters = (b'a'..=b'z').cycle().map(char::from);
        let client_secret = Some(Secret::new(letters.take(secret).collect()));
        let attributes = Attributes { client_secret, ..Attributes::default() };
        let store = Store { profile: None, keyring: None, check: true, attributes };
        Request { deadline_ms: 10_000, operation: Operation::Store(Box::new(store)) }
    }

    /// Short ones, and some around each length that is treated in another way.
    fn requests() -> Vec<Request> {
        let short = [0, 0, 1, 64, 0].map(get);
        let around = [AHEAD, FIRST, 4 * FIRST].into_iter().flat_map(|length| length - 40..length + 5);
        short.into_iter().chain(around.map(store)).chain([get(64), store(60_000), get(0)]).collect()
    }

    fn said(requests: &[Request]) -> Vec<u8> {
        requests.iter().flat_map(|request| frame::encode(request).unwrap().to_vec()).collect()
    }

    /// A stream on which this comes, so many bytes at once.
    fn coming(said: Vec<u8>, at_once: usize) -> Incoming<DuplexStream> {
        let (mut client, server) = duplex(at_once);
        tokio::spawn(async move { client.write_all(&said).await });
        Incoming::new(server)
    }

    #[tokio::test]
    async fn requests_are_read_whole_and_in_their_order_however_their_bytes_come() {
        let requests = requests();
        for at_once in [1, 2, HEADER, HEADER + 1, 17, AHEAD - 1, AHEAD, AHEAD + 1, FIRST, 1_000_000] {
            let mut incoming = coming(said(&requests), at_once);
            for (at, request) in requests.iter().enumerate() {
                assert!(incoming.begins().await.unwrap());
                let read = incoming.request().await.unwrap();
                assert!(read.is_ok_and(|read| read == *request), "number {at}, {at_once} bytes at once");
            }
            assert!(!incoming.begins().await.unwrap(), "the end");
        }
    }

    /// Gives so many bytes and then waits; how much room it was given at most.
    struct Watched {
        left: usize,
        room: usize,
    }

    impl AsyncRead for Watched {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.room = self.room.max(buffer.remaining());
            let length = self.left.min(buffer.remaining());
            if length == 0 {
                return Poll::Pending;
            }
            buffer.put_slice(&vec![1; length]);
            self.left -= length;
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn memory_is_taken_for_what_has_come_and_not_for_what_was_promised() {
        for come in [0, 1, FIRST - 1, FIRST, 4 * FIRST + 1] {
            let mut incoming = Incoming::new(Watched { left: come, room: 0 });
            tokio::select! {
                biased;
                _ = incoming.body(60_000) => panic!("it has not come"),
                () = tokio::task::yield_now() => {}
            }
            let room = incoming.stream.room;
            assert!((1..=FIRST.max(4 * come)).contains(&room), "{room} bytes for {come}");
        }
    }

    #[tokio::test]
    async fn a_request_that_is_cut_off_is_none() {
        let said = said(&[store(2 * AHEAD)]);
        for end in 1..said.len() {
            let mut incoming = coming(said[..end].to_vec(), said.len());
            assert!(incoming.begins().await.unwrap());
            let error = incoming.request().await.err().map(|error| error.kind());
            assert_eq!(error, Some(io::ErrorKind::UnexpectedEof), "{end}");
        }
    }

    #[tokio::test]
    async fn the_first_byte_of_another_versions_frame_is_enough() {
        let (mut client, server) = duplex(1);
        client.write_all(&[VERSION + 1]).await.unwrap();
        drop(client);
        let mut incoming = Incoming::new(server);
        assert!(incoming.begins().await.unwrap());
        let refused = incoming.request().await.unwrap().err();
        assert_eq!(refused, Some(FrameError::Version(VERSION + 1)));
    }

    #[tokio::test]
    async fn nothing_of_a_request_stays_in_what_was_read_ahead() {
        // One that fits, one that begins there, one that fits again.
        let requests = [store(20), store(AHEAD), store(30)];
        let mut incoming = coming(said(&requests), 1_000_000);
        for _ in &requests {
            assert!(incoming.begins().await.unwrap());
            assert!(incoming.request().await.unwrap().is_ok());
            let taken = &incoming.ahead[..incoming.start];
            assert!(!taken.is_empty() && taken.iter().all(|byte| *byte == 0), "{taken:?}");
        }
        assert_eq!(incoming.ahead, [0; AHEAD]);
    }

    #[tokio::test]
    async fn what_comes_while_a_client_is_looked_for_is_read_afterwards() {
        let (mut client, server) = duplex(1000);
        let mut incoming = Incoming::new(server);
        client.write_all(&said(&[get(9)])).await.unwrap();
        tokio::select! {
            biased;
            () = incoming.left() => panic!("it is there"),
            () = tokio::task::yield_now() => {}
        }
        assert!(incoming.request().await.unwrap().is_ok_and(|request| request == get(9)));
        drop(client);
        incoming.left().await;
    }
}
