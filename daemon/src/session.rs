//! One connection: frames in, answers out, in order, each within its time.

mod incoming;

use std::{io, sync::Arc, time::Duration};

use dt_cred_proto::{
    frame::{self, FrameError, VERSION},
    message::{Failure, FailureKind, Operation, Response},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use self::incoming::Incoming;
use crate::{audit::Peer, keeper::Lease, service::Service};

/// How long a client may say nothing between two requests.
pub const IDLE: Duration = Duration::from_secs(60);

/// How long the first request may take to begin, any to arrive once it began, and an answer to be read.
pub const TRANSFER: Duration = Duration::from_secs(10);

/// The daemon's release.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// Serves `peer` until it leaves, breaks the protocol, or is silent for too long.
pub async fn run<S: AsyncRead + AsyncWrite + Unpin>(stream: S, peer: Peer, service: Arc<Service>) {
    let mut stream = Incoming::new(stream);
    // Whoever connects has something to ask.
    let mut silence = TRANSFER;
    // They end with the session, however it ends.
    let mut leases = Vec::new();
    loop {
        match exchange(&mut stream, &peer, &service, silence, &mut leases).await {
            // Whoever was lent something says nothing more: a program holds the connection open by being there.
            Ok(Next::Request) => silence = if leases.is_empty() { IDLE } else { Duration::MAX },
            Ok(Next::Close) => return,
            // A client that leaves early is nothing to tell anybody.
            Err(error) => return tracing::debug!(%error, "a session ended"),
        }
    }
}

/// What follows an exchange.
enum Next {
    Request,
    Close,
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut Incoming<S>,
    peer: &Peer,
    service: &Service,
    silence: Duration,
    leases: &mut Vec<Lease>,
) -> io::Result<Next> {
    if !within(silence, stream.begins()).await? {
        return Ok(Next::Close);
    }
    let request = within(TRANSFER, stream.request()).await?;
    let _answering = service.answering();
    match request {
        Ok(request) => {
            let waits = matches!(request.operation, Operation::Store(_));
            let response = tokio::select! {
                response = service.answer(request, peer, leases) => response,
                // Whoever leaves before credentials are kept wants them not to be. All else is done to its end.
                () = stream.left(), if waits => return Ok(Next::Close),
            };
            let stopping = matches!(response, Response::Stopping { .. });
            let sent = send(stream, response).await;
            if stopping {
                // Whether or not who asked for it is still there.
                service.stop();
            }
            sent.map(|()| if stopping { Next::Close } else { Next::Request })
        }
        Err(FrameError::UnknownVariant(_)) => {
            send(stream, Response::Unsupported).await.map(|()| Next::Request)
        }
        Err(error) => refuse(stream, &error).await,
    }
}

async fn refuse<S: AsyncWrite + Unpin>(stream: &mut Incoming<S>, error: &FrameError) -> io::Result<Next> {
    tracing::debug!(%error, "refused a frame");
    let response = match error {
        FrameError::Version(_) => Response::Version { version: VERSION, release: RELEASE.into() },
        other => Response::Failed(Failure::new(
            FailureKind::Daemon,
            format!(
                "dt-credd {RELEASE} refused the request: {other}; dt-cred is of another release: run dt-cred stop, then again"
            ),
        )),
    };
    send(stream, response).await.map(|()| Next::Close)
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut Incoming<S>, response: Response) -> io::Result<()> {
    let frame = match frame::encode(&response) {
        // What was asked for was done: whoever waits must hear of it.
        Err(error @ FrameError::TooLong { .. }) => {
            tracing::warn!(%error, "an answer is longer than a client takes");
            let message = format!(
                "what was asked for was done, and its answer cannot be told ({error}): tell whoever runs the service"
            );
            frame::encode(&Response::Failed(Failure::new(FailureKind::Other, message)))
        }
        encoded => encoded,
    }
    .map_err(io::Error::other)?;
    // A client that reads slowly is waited for with one copy of its answer.
    drop(response);
    within(TRANSFER, stream.outgoing().write_all(&frame)).await
}

async fn within<T>(limit: Duration, wait: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, wait).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
