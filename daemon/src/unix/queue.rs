//! Clients that a service manager has let connect, and that this daemon cannot serve.

use std::{
    io::{self, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    time::{Duration, Instant},
};

use dt_cred_proto::{
    frame,
    message::{Failure, Request, Response},
    platform::{own_uid, peer},
};
use zeroize::Zeroizing;

/// How long one of them may take to ask and to be answered, and how long all of them.
const EACH: Duration = Duration::from_secs(1);
const ALL: Duration = Duration::from_secs(3);

/// Whoever waits in the queue of a socket. Left there they would have the service manager start one daemon after another, and
/// learn nothing.
#[derive(Debug)]
pub struct Queue(pub(super) UnixListener);

impl Queue {
    /// Answers each that has come by now with `failure`. Blocks.
    pub fn refuse(&self, failure: &Failure) {
        let Ok(answer) = frame::encode(&Response::Failed(failure.clone())) else { return };
        let end = Instant::now() + ALL;
        while Instant::now() < end
            && let Ok((client, _)) = self.0.accept()
        {
            if let Err(error) = refuse(client, &answer) {
                tracing::debug!(%error, "a client left before it was refused");
            }
        }
    }
}

fn refuse(mut client: UnixStream, answer: &[u8]) -> io::Result<()> {
    if peer(&client)?.uid != own_uid() {
        return Ok(());
    }
    // It inherits what the listener is set to on some systems.
    client.set_nonblocking(false)?;
    client.set_read_timeout(Some(EACH))?;
    client.set_write_timeout(Some(EACH))?;
    // Whole, as whoever is still writing would not see the answer.
    let mut header = [0; frame::HEADER];
    client.read_exact(&mut header)?;
    if let Ok(length) = frame::body_length::<Request>(header) {
        client.read_exact(&mut Zeroizing::new(vec![0; length]))?;
    }
    client.write_all(answer)
}
