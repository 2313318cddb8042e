//! One connection: frames in, answers out, in order, each within its time.

use std::{io, sync::Arc, time::Duration};

use dt_cred_proto::{
    frame::{self, FrameError, HEADER, VERSION},
    message::{Failure, FailureKind, Operation, Request, Response},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    time::timeout,
};
use zeroize::Zeroizing;

use crate::{audit::Peer, keeper::Lease, service::Service};

/// How long a client may say nothing between two requests.
pub const IDLE: Duration = Duration::from_secs(60);

/// How long the first request may take to begin, any to arrive once it began, and an answer to be read.
pub const TRANSFER: Duration = Duration::from_secs(10);

/// How much memory a request is given at first, in bytes: more than most need.
const FIRST: usize = 1024;

/// The daemon's release.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// Serves `peer` until it leaves, breaks the protocol, or is silent for too long.
pub async fn run<S: AsyncRead + AsyncWrite + Unpin>(stream: S, peer: Peer, service: Arc<Service>) {
    // A byte, by which it is seen whether a client is still there; all else goes past it, as secrets must.
    let mut stream = BufReader::with_capacity(1, stream);
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
    stream: &mut BufReader<S>,
    peer: &Peer,
    service: &Service,
    silence: Duration,
    leases: &mut Vec<Lease>,
) -> io::Result<Next> {
    let Some(header) = header(stream, silence).await? else { return Ok(Next::Close) };
    let body = match frame::body_length::<Request>(header) {
        Ok(length) => within(TRANSFER, body(stream, length)).await?,
        Err(error) => return refuse(stream, &error).await,
    };
    let _answering = service.answering();
    match frame::decode::<Request>(&body) {
        Ok(request) => {
            drop(body);
            let waits = matches!(request.operation, Operation::Store(_));
            let response = tokio::select! {
                response = service.answer(request, peer, leases) => response,
                // Whoever leaves before credentials are kept wants them not to be. All else is done to its end.
                () = left(stream), if waits => return Ok(Next::Close),
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

/// Waits until the client has left, and takes nothing of what it says meanwhile.
async fn left<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) {
    if stream.fill_buf().await.is_ok_and(|next| !next.is_empty()) {
        // It asks something else already, and waits for both answers.
        std::future::pending().await
    }
}

/// The next frame's header; none where the client left between two requests.
async fn header<S: AsyncRead + Unpin>(stream: &mut S, silence: Duration) -> io::Result<Option<[u8; HEADER]>> {
    let mut header = [0; HEADER];
    if within(silence, stream.read(&mut header[..1])).await? == 0 {
        return Ok(None);
    }
    // Another version's frame may be shorter than ours: it is answered by its first byte.
    if header[0] == VERSION {
        within(TRANSFER, stream.read_exact(&mut header[1..])).await?;
    }
    Ok(Some(header))
}

/// A body of this length. Memory is taken for what has come, not for what was promised: many may promise much.
async fn body<S: AsyncRead + Unpin>(stream: &mut S, length: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut body = Zeroizing::new(vec![0; length.min(FIRST)]);
    let mut come = 0;
    loop {
        stream.read_exact(&mut body[come..]).await?;
        come = body.len();
        if come == length {
            return Ok(body);
        }
        // A new one, and the old one wiped: a vector that grows by itself leaves copies behind.
        let mut larger = Zeroizing::new(vec![0; (4 * come).min(length)]);
        larger[..come].copy_from_slice(&body);
        body = larger;
    }
}

async fn refuse<S: AsyncWrite + Unpin>(stream: &mut S, error: &FrameError) -> io::Result<Next> {
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

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, response: Response) -> io::Result<()> {
    let frame = frame::encode(&response).map_err(io::Error::other)?;
    // A client that reads slowly is waited for with one copy of its answer.
    drop(response);
    within(TRANSFER, stream.write_all(&frame)).await
}

async fn within<T>(limit: Duration, wait: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, wait).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
