//! Asks DataTrails' API with a profile's token: an operation is a function, and no path and no body comes from a client.

mod answer;

use std::time::{Duration, SystemTime};

use dt_cred_proto::{
    message::{Failure, FailureKind},
    profile::Profile,
    secret::Secret,
};
use reqwest::{
    StatusCode,
    header::{ACCEPT, AUTHORIZATION, HeaderValue},
};
use zeroize::Zeroizing;

use crate::{
    config::Proxy,
    credentials::Credentials,
    http::{self, Body, Destination},
};
pub use answer::{Assets, judge};

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
    /// There is no such API at the address, and perhaps another one that takes it.
    NotThere,
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
    pub async fn assets(
        &self,
        profile: &Profile,
        credentials: &Credentials,
        proxy: &Proxy,
        token: &Secret,
    ) -> Result<Assets, Refused> {
        let url = format!("{}{ASSETS_PATH}", credentials.url);
        let to = Destination { url: &url, profile, credentials, proxy, option: "--url" };
        match tokio::time::timeout(self.timeout, self.get(&to, token)).await {
            Ok(result) => result,
            Err(_) => {
                let seconds = self.timeout.as_secs_f64();
                Err(refused(
                    profile,
                    FailureKind::TryLater,
                    &format!("{} gave no whole answer within {seconds} s; try again later", to.host()),
                ))
            }
        }
    }

    async fn get(&self, to: &Destination<'_>, token: &Secret) -> Result<Assets, Refused> {
        let failed = |fault: http::Fault| match fault.passes {
            true => refused(to.profile, FailureKind::TryLater, &format!("{}; try again later", fault.what)),
            false => refused(to.profile, FailureKind::Configuration, &fault.what),
        };
        let client = to.client(self.connect_timeout).await.map_err(failed)?;
        let told = |error: &reqwest::Error| failed(to.fault(error, self.connect_timeout));
        let request =
            client.get(to.url).header(ACCEPT, "application/json").header(AUTHORIZATION, bearer(token));
        let mut response = request.send().await.map_err(|error| told(&error))?;
        let now = SystemTime::now();
        let status = response.status();
        let limit = if status.is_success() { BODY_LIMIT } else { REASON_LIMIT };
        let body = match http::body(&mut response, limit).await {
            Body::Whole(body) => Some(body),
            Body::TooLong => None,
            // Any other status says enough without a body.
            Body::Broken(error) if status == StatusCode::OK => return Err(told(&error)),
            Body::Broken(_) => None,
        };
        let body = body.as_ref().map(|body| body.as_slice());
        judge(status.as_u16(), response.headers(), body, to.profile, to.credentials, now)
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
