//! One connection to a forwarded socket: frames in, answers out, each within its time.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    sync::PoisonError,
    time::{Duration, Instant},
};

use dt_cred_proto::{
    frame::{self, FrameError, HEADER, VERSION},
    message::{Failure, Get, Operation, Reject, Request, Response, Token},
    secret::Wiped,
};

use super::{
    Forward,
    room::Guest,
    rules::{self, Allowed, RequestError, Wish},
};
use crate::{
    daemon,
    deadline::Deadline,
    platform::{Ready, wait},
    verbose,
};

/// How long somebody may say nothing between two requests.
const IDLE: Duration = Duration::from_secs(60);

/// How long the first request may take to begin, any to arrive once it began, and an answer to be read.
const TRANSFER: Duration = Duration::from_secs(10);

/// The longest time that the daemon is asked to take, whatever is asked for: nobody holds a place for longer.
const LONGEST: Duration = Duration::from_secs(60);

/// The longest request that may be anything that is allowed, in bytes.
const LIMIT: usize = 1024;

/// Serves `guest` until they leave, break the protocol, or are silent for too long.
pub(super) fn serve(forward: &Forward, guest: &Guest) {
    // Whoever connects has something to ask.
    let mut silence = TRANSFER;
    // Somebody who leaves early is nothing to tell anybody.
    while let Ok(true) = exchange(forward, guest, silence) {
        silence = IDLE;
    }
}

/// Answers one request; whether another one may follow.
fn exchange(forward: &Forward, guest: &Guest, silence: Duration) -> io::Result<bool> {
    let stream = &guest.stream;
    let mut header = [0; HEADER];
    receive(stream, &mut header[..1], Deadline::after(silence))?;
    let deadline = Deadline::after(TRANSFER);
    // Another version's frame may be shorter than ours: it is answered by its first byte.
    if header[0] == VERSION {
        receive(stream, &mut header[1..], deadline)?;
    }
    let (answer, goes_on) = match frame::body_length::<Request>(header) {
        Err(FrameError::Version(_)) => {
            (Response::Version { version: VERSION, release: env!("CARGO_PKG_VERSION").into() }, false)
        }
        Ok(length) if length <= LIMIT => {
            // Zeroed in the end: somebody may send a secret where none is taken.
            let mut body = Wiped::from(vec![0; length]);
            receive(stream, &mut body, deadline)?;
            match frame::decode::<Request>(&body) {
                Ok(request) => (guest.while_asking(|| answer(forward, guest, request)), true),
                Err(FrameError::UnknownVariant(_)) => (refused(RequestError::Unknown), true),
                Err(error) => (refused(RequestError::Malformed(error)), false),
            }
        }
        Ok(_) => (refused(RequestError::Unknown), false),
        Err(error) => (refused(RequestError::Malformed(error)), false),
    };
    let frame = frame::encode(&answer).map_err(io::Error::other)?;
    drop(answer);
    send(stream, &frame, Deadline::after(TRANSFER))?;
    Ok(goes_on)
}

/// Tells whoever has just come why they are not served. `stream` does not block; nothing is read from it, and nobody waits:
/// where nothing was written yet there is room for one sentence.
pub(super) fn refuse(mut stream: &UnixStream, refusal: RequestError) {
    if let Ok(frame) = frame::encode(&refused(refusal)) {
        // Whoever has left already needs no reason.
        let _ = stream.write(&frame);
    }
}

fn refused(refusal: RequestError) -> Response {
    Response::Failed(refusal.into())
}

/// The answer to one request.
fn answer(forward: &Forward, guest: &Guest, request: Request) -> Response {
    let limit = Duration::from_millis(request.deadline_ms).min(LONGEST);
    let answer = perform(forward, &request.operation, Deadline::after(limit));
    verbose::tell(|| {
        let (name, uid) = (request.operation.name(), guest.uid);
        match &answer {
            Ok(_) => format!("answered {name} of uid {uid}"),
            Err(failure) => format!("{name} of uid {uid} failed (exit code {})", failure.kind.exit_code()),
        }
    });
    answer.unwrap_or_else(Response::Failed)
}

fn perform(forward: &Forward, operation: &Operation, deadline: Deadline) -> Result<Response, Failure> {
    if forward.is_over() {
        return Err(RequestError::Over.into());
    }
    match rules::allowed(operation, &forward.profile)? {
        Allowed::Get { min_ttl: None } => token(forward, None, deadline),
        Allowed::Get { min_ttl: Some(seconds) } => lasting(forward, seconds, deadline),
        Allowed::Reject { generation } => reject(forward, generation, deadline),
    }
    .inspect(|response| {
        if let Response::Token(token) = response {
            let mut served = forward.served.lock().unwrap_or_else(PoisonError::into_inner);
            *served = served.max(Some(token.generation));
        }
    })
}

/// A token, by an ordinary `get` of the one profile.
fn token(forward: &Forward, min_ttl: Option<u32>, deadline: Deadline) -> Result<Response, Failure> {
    let get = Get { profile: Some(forward.profile.clone()), min_ttl, fresh: false };
    daemon::token(&forward.settings, get, deadline).map(Response::Token)
}

/// A token that is valid for so many seconds. The one that is held where it is; another one is asked for no more often than
/// in place of a refused one.
fn lasting(forward: &Forward, seconds: u32, deadline: Deadline) -> Result<Response, Failure> {
    let held = token(forward, None, deadline)?;
    let Response::Token(Token { expires_in_ms, generation, .. }) = &held else { return Ok(held) };
    if *expires_in_ms >= u64::from(seconds) * 1000 {
        return Ok(held);
    }
    // Said here, where nothing is asked for: whoever wants what there is not takes nobody's turn.
    if let Some(lifetime) = lifetime(forward, deadline)?
        && u64::from(seconds) * 1000 >= lifetime
    {
        return Err(RequestError::MinTtl(forward.profile.clone(), lifetime / 1000).into());
    }
    // Whoever else asked has a new one fetched already, which lasts no longer than this one's like.
    let (before, now) = (*generation, Instant::now());
    forward.wish(before, now)?;
    drop(held);
    let lasting = token(forward, Some(seconds), deadline);
    let is_new = |token: &Token| token.generation > before;
    if !matches!(&lasting, Ok(Response::Token(token)) if is_new(token)) {
        // Nothing was replaced: what is held may yet have to be.
        forward.withdraw(now);
    }
    lasting
}

/// How long the token that is held was to live, in milliseconds.
fn lifetime(forward: &Forward, deadline: Deadline) -> Result<Option<u64>, Failure> {
    match daemon::ask(&forward.settings, Operation::Status, deadline)? {
        Response::Status(status) => {
            let own = status.profiles.into_iter().find(|status| status.profile == forward.profile);
            Ok(own.and_then(|status| status.lifetime_ms))
        }
        _ => Err(daemon::unexpected()),
    }
}

/// Has a refused token replaced, at most once a minute, and never another one than was given out here.
fn reject(forward: &Forward, generation: Option<u64>, deadline: Deadline) -> Result<Response, Failure> {
    let served = *forward.served.lock().unwrap_or_else(PoisonError::into_inner);
    let nothing = Ok(Response::Rejected { dropped: false });
    let Some(refused) = generation.or(served) else { return nothing };
    let now = Instant::now();
    if forward.wish(refused, now)? == Wish::Done {
        return nothing;
    }
    let profile = Some(forward.profile.clone());
    let reject = Reject { profile, generation: Some(refused), force: false };
    let answer = daemon::ask(&forward.settings, Operation::Reject(reject), deadline);
    if !matches!(answer, Ok(Response::Rejected { dropped: true })) {
        forward.withdraw(now);
    }
    match answer? {
        answer @ Response::Rejected { .. } => Ok(answer),
        _ => Err(daemon::unexpected()),
    }
}

fn receive(mut stream: &UnixStream, mut buffer: &mut [u8], deadline: Deadline) -> io::Result<()> {
    while !buffer.is_empty() {
        match stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => buffer = &mut buffer[read..],
            Err(error) => again(stream, error, Ready::Read, deadline)?,
        }
    }
    Ok(())
}

fn send(mut stream: &UnixStream, mut bytes: &[u8], deadline: Deadline) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) => again(stream, error, Ready::Write, deadline)?,
        }
    }
    Ok(())
}

/// Waits until what failed with `error` may be tried again, if ever.
fn again(stream: &UnixStream, error: io::Error, ready: Ready, deadline: Deadline) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        io::ErrorKind::WouldBlock => wait(stream, ready, deadline),
        _ => Err(error),
    }
}
