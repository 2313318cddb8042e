//! Asks DataTrails' API with a profile's token: an operation is a function, and no path and no body comes from a client.
//!
//! What an answer means is judged by functions without side effects: `answer` that to a request for assets, `refusal` what is
//! said no to of an Owner's calls, `applications` and `policies` what they give.

mod answer;
pub mod applications;
pub mod call;
pub mod policies;
mod refusal;

use std::time::{Duration, SystemTime};

use dt_cred_proto::{
    message::{Failure, FailureKind},
    profile::Profile,
    secret::Secret,
};
use reqwest::{
    Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use zeroize::Zeroizing;

use crate::{
    config::Proxy,
    credentials::{Credentials, host},
    http::{self, Body, Destination},
};
pub use answer::{Assets, judge};
pub use call::Call;
pub use refusal::Asked;

/// Where the assets are, after the base URL.
pub const ASSETS_PATH: &str = "/archivist/v2/assets";

/// Longest list that is read, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// Longest body of another answer that is read, in bytes.
const REASON_LIMIT: usize = 64 * 1024;

/// Asks the API. It holds no connection and no token.
pub struct Api {
    connect_timeout: Duration,
    timeout: Duration,
}

/// Who asks: whose token it is, and what it was got by, to which address alone it goes.
#[derive(Clone, Copy)]
pub struct Holder<'a> {
    /// Whose it is.
    pub profile: &'a Profile,
    /// What it was got by.
    pub credentials: &'a Credentials,
    /// By which way it goes.
    pub proxy: &'a Proxy,
    /// The token.
    pub token: &'a Secret,
}

/// What came of a request.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
    /// What is told where the body broke off.
    broken: Refused,
    /// The wall clock when it began to come.
    now: SystemTime,
}

/// Why nothing came of a request, and whether it may have been received.
struct Lost(Refused, bool);

/// Why the API did not do what it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// What that says of the token.
    pub why: Why,
    /// What to tell the user.
    pub failure: Failure,
}

/// What a refusal says of the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// It is not taken (401): another one may be.
    Unauthorized,
    /// It is taken, and not for this (403).
    Forbidden,
    /// There is no such API at the address, and perhaps another one that takes it; or not what the call is about.
    NotThere,
    /// Nothing, and whether the API did what it was asked for is not known.
    Unknown,
    /// Nothing.
    Other,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { why: Why::Other, failure }
    }
}

impl Default for Api {
    fn default() -> Self {
        Self::new()
    }
}

impl Api {
    /// With 5 s for a connection and 30 s for everything.
    pub fn new() -> Self {
        Self { connect_timeout: Duration::from_secs(5), timeout: Duration::from_secs(30) }
    }

    /// The first page of the assets that the token may see.
    ///
    /// # Errors
    /// What the API says instead, or why it says nothing.
    pub async fn assets(&self, holder: &Holder<'_>) -> Result<Assets, Refused> {
        let Holder { profile, credentials, .. } = *holder;
        let answer = self.exchange(holder, Method::GET, ASSETS_PATH, None).await.map_err(|lost| lost.0)?;
        let body = match answer.body {
            Body::Whole(body) => Some(body),
            Body::TooLong => None,
            // Any other status says enough without a body.
            Body::Broken(_) if answer.status == StatusCode::OK => return Err(answer.broken),
            Body::Broken(_) => None,
        };
        let body = body.as_ref().map(|body| body.as_slice());
        judge(answer.status.as_u16(), &answer.headers, body, profile, credentials, answer.now)
    }

    /// Makes a call as an Owner; the body of what the API answers.
    ///
    /// # Errors
    /// What the API says instead, or why it says nothing: [`Why::Unknown`] where it may have done it.
    pub async fn call(&self, holder: &Holder<'_>, call: &Call) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let Holder { profile, credentials, .. } = *holder;
        let unknown = |refused: Refused| match call.changes() {
            true => Refused { why: Why::Unknown, ..refused },
            false => refused,
        };
        let answer = self.exchange(holder, call.method.clone(), &call.path, call.body.clone()).await;
        let answer = answer.map_err(|Lost(refused, sent)| if sent { unknown(refused) } else { refused })?;
        let body = match &answer.body {
            Body::Whole(body) => Some(body.as_slice()),
            Body::TooLong | Body::Broken(_) => None,
        };
        let asked = Asked { owner: profile, credentials, call };
        asked.judge(answer.status.as_u16(), &answer.headers, body, answer.now)?;
        match answer.body {
            Body::Whole(body) => Ok(body),
            Body::Broken(_) => Err(unknown(answer.broken)),
            Body::TooLong => {
                let host = host(&credentials.url);
                let what = format!("{host} answered with more than {BODY_LIMIT} bytes; tell whoever runs it");
                Err(unknown(refused(profile, FailureKind::Other, &what)))
            }
        }
    }

    /// One request and what came of it.
    async fn exchange(
        &self,
        holder: &Holder<'_>,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Answer, Lost> {
        let Holder { profile, credentials, proxy, token } = *holder;
        let url = format!("{}{path}", credentials.url);
        let to = Destination { url: &url, profile, credentials, proxy, option: "--url" };
        match tokio::time::timeout(self.timeout, self.send(&to, method, token, body)).await {
            Ok(result) => result,
            Err(_) => {
                let seconds = self.timeout.as_secs_f64();
                let what = format!("{} gave no whole answer within {seconds} s; try again later", to.host());
                Err(Lost(refused(profile, FailureKind::TryLater, &what), true))
            }
        }
    }

    async fn send(
        &self,
        to: &Destination<'_>,
        method: Method,
        token: &Secret,
        body: Option<String>,
    ) -> Result<Answer, Lost> {
        let failed = |fault: http::Fault| {
            // What never left this machine was not done.
            let sent = fault.stage == http::Stage::Answer;
            let refused = match fault.passes {
                true => {
                    refused(to.profile, FailureKind::TryLater, &format!("{}; try again later", fault.what))
                }
                false => refused(to.profile, FailureKind::Configuration, &fault.what),
            };
            Lost(refused, sent)
        };
        let client = to.client(self.connect_timeout).await.map_err(failed)?;
        let told = |error: &reqwest::Error| failed(to.fault(error, self.connect_timeout));
        let mut request = client
            .request(method, to.url)
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, bearer(token));
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let mut response = request.send().await.map_err(|error| told(&error))?;
        let now = SystemTime::now();
        let status = response.status();
        let limit = if status.is_success() { BODY_LIMIT } else { REASON_LIMIT };
        let body = http::body(&mut response, limit).await;
        let broken = match &body {
            Body::Broken(error) => told(error).0,
            Body::Whole(_) | Body::TooLong => refused(to.profile, FailureKind::Other, "nothing broke"),
        };
        Ok(Answer { status, headers: response.headers().clone(), body, broken, now })
    }
}

fn bearer(token: &Secret) -> HeaderValue {
    // Wiped when the last reference to it goes, as a header made of a plain string would not be.
    let header = Zeroizing::new(["Bearer ", token.expose()].concat());
    let mut header =
        HeaderValue::from_maybe_shared(http::wiped(header)).expect("a token may stand in a header");
    header.set_sensitive(true);
    header
}

fn refused(profile: &Profile, kind: FailureKind, what: &str) -> Refused {
    Failure::new(kind, format!("profile {profile}: {what}")).into()
}
