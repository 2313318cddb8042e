//! One connection: requests in, answers or mischief out.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::server::TlsStream;

use super::fault::Fault;
use super::http::{Answer, Request, Requests, head};
use super::shared::{Shared, State, record};
use super::{api, assets, control, jwt, token};

const KEY_SET_PATH: &str = "/appidpv1/.well-known/jwks.json";
/// How the body of a spoilt grant begins.
const BEGUN: &str =
    r#"{"expires_in":3660,"token_type":"Bearer","access_token":"eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0"#;

/// Who is spoken to.
#[derive(Clone, Copy)]
pub(super) enum Site {
    Issuer,
    Control,
}

/// A TCP connection, with or without TLS around it.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin {
    /// Makes closing it a reset.
    fn reset_when_dropped(&self) -> io::Result<()>;
}

impl Wire for TcpStream {
    fn reset_when_dropped(&self) -> io::Result<()> {
        self.set_zero_linger()
    }
}

impl Wire for TlsStream<TcpStream> {
    fn reset_when_dropped(&self) -> io::Result<()> {
        self.get_ref().0.set_zero_linger()
    }
}

/// Answers request after request until one side has had enough.
pub(super) async fn converse(
    mut wire: impl Wire,
    site: Site,
    shared: &std::sync::Arc<Shared>,
) -> io::Result<()> {
    let mut requests = Requests::default();
    loop {
        let request = match requests.next(&mut wire).await {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let refusal = Answer::error(400, "bad request", "this is no request that can be read");
                refusal.with("Connection", "close").send(&mut wire, "").await?;
                return wire.shutdown().await;
            }
            Err(error) => return Err(error),
        };
        let reply = match site {
            Site::Issuer => issuer(shared, &request).await,
            Site::Control => Ok(control::answer(shared, &request).await),
        };
        match reply.map(|answer| dated(answer, shared)).or_else(|fault| fault.answer().ok_or(fault)) {
            Ok(answer) => answer.send(&mut wire, &request.method).await?,
            Err(fault) => return spoil(wire, &fault).await,
        }
        if !request.keeps_alive() {
            return wire.shutdown().await;
        }
    }
}

/// An answer that tells the issuer's clock (RFC 9110 §6.6.1); a fault is sent as it was set.
fn dated(answer: Answer, shared: &Shared) -> Answer {
    let skew = shared.with(|state| state.settings.clock_skew);
    let ahead = Duration::from_secs(skew.unsigned_abs());
    let now = SystemTime::now();
    let now = if skew < 0 { now - ahead } else { now + ahead };
    answer.with("Date", &httpdate::fmt_http_date(now))
}

/// An answer, or the fault that comes in its place.
async fn issuer(shared: &Shared, request: &Request) -> Result<Answer, Fault> {
    let now = Instant::now();
    match (request.method.as_str(), request.path()) {
        (_, token::PATH) => {
            let (reply, latency) = shared.with(|state| {
                (token_reply(shared, state, request, now), Duration::from_millis(state.settings.latency))
            });
            sleep(latency).await;
            shared.released(|held| held.token_answers).await;
            reply
        }
        (_, path) if api::is_here(path) => {
            shared.with(|state| {
                record(&mut state.api_requests, request);
                state.counts.api.total += 1;
            });
            shared.released(|held| held.api_requests).await;
            let reply = shared.with(|state| api_reply(shared, state, request, now));
            shared.released(|held| held.api_answers).await;
            reply
        }
        ("GET" | "HEAD", assets::PATH) => shared.with(|state| assets_reply(shared, state, request, now)),
        ("GET" | "HEAD", KEY_SET_PATH) => Ok(Answer::json(200, &jwt::key_set(&shared.key))),
        _ => Ok(Answer::error(404, "not found", "nothing is here")),
    }
}

fn token_reply(shared: &Shared, state: &mut State, request: &Request, now: Instant) -> Result<Answer, Fault> {
    record(&mut state.requests, request);
    state.counts.tokens.total += 1;
    if let Some(fault) =
        state.settings.token_script.pop_front().or_else(|| state.settings.token_fault.clone())
    {
        state.counts.tokens.faulty += 1;
        return Err(fault);
    }
    let State { settings, registry, counts, .. } = state;
    let answer = token::answer(&shared.identity, &shared.key, settings, registry, request, now);
    let number = if answer.is_ok() { &mut counts.tokens.granted } else { &mut counts.tokens.refused };
    *number += 1;
    Ok(answer.unwrap_or_else(|refusal| refusal))
}

fn assets_reply(
    shared: &Shared,
    state: &mut State,
    request: &Request,
    now: Instant,
) -> Result<Answer, Fault> {
    let State { settings, registry, policies, counts, .. } = state;
    counts.assets.total += 1;
    if let Some(fault) = &settings.assets_fault {
        counts.assets.faulty += 1;
        return Err(fault.clone());
    }
    let tenant = &shared.identity.tenant;
    Ok(assets::answer(tenant, settings.policy, registry, policies, &mut counts.assets, request, now))
}

fn api_reply(shared: &Shared, state: &mut State, request: &Request, now: Instant) -> Result<Answer, Fault> {
    let State { settings, registry, policies, counts, .. } = state;
    if let Some(fault) = settings.api_script.pop_front().or_else(|| settings.api_fault.clone()) {
        counts.api.faulty += 1;
        return Err(fault);
    }
    let tenant = &shared.identity.tenant;
    let mut call = api::Call { tenant, settings, registry, policies, counts: &mut counts.api, request };
    match api::answer(&mut call, now) {
        Ok(answer) => {
            counts.api.performed += 1;
            let Some(fault) = settings.api_answer_script.pop_front() else { return Ok(answer) };
            counts.api.spoilt += 1;
            Err(fault)
        }
        Err(refusal) => {
            counts.api.refused += 1;
            Ok(refusal)
        }
    }
}

/// Plays a fault that HTTP itself has no words for. Everything is read and written until the client leaves.
async fn spoil(mut wire: impl Wire, fault: &Fault) -> io::Result<()> {
    match fault {
        Fault::Silence => while wire.read(&mut [0; 1024]).await? > 0 {},
        Fault::Trickle => {
            begin(&mut wire, "Content-Length: 86400").await?;
            for byte in BEGUN.bytes().chain(std::iter::repeat(b'A')) {
                wire.write_all(&[byte]).await?;
                wire.flush().await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
        Fault::Reset => {
            begin(&mut wire, "Content-Length: 1000").await?;
            wire.write_all(BEGUN.as_bytes()).await?;
            wire.flush().await?;
            wire.reset_when_dropped()?;
        }
        Fault::Endless => {
            begin(&mut wire, "Transfer-Encoding: chunked").await?;
            let chunks = std::iter::once(BEGUN.to_owned()).chain(std::iter::repeat("A".repeat(4096)));
            for chunk in chunks {
                wire.write_all(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes()).await?;
            }
        }
        Fault::Truncated { framed } => {
            let length = if *framed { BEGUN.len() } else { BEGUN.len() + 1000 };
            begin(&mut wire, &format!("Content-Length: {length}")).await?;
            wire.write_all(BEGUN.as_bytes()).await?;
            wire.shutdown().await?;
        }
        Fault::Redirect { .. } | Fault::Answer { .. } => {}
    }
    Ok(())
}

async fn begin(wire: &mut impl Wire, framing: &str) -> io::Result<()> {
    let (name, value) = framing.split_once(": ").unwrap_or((framing, ""));
    let headers = [("Content-Type", "application/json"), (name, value)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    wire.write_all(head(200, &headers).as_bytes()).await?;
    wire.flush().await
}
