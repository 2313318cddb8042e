//! Asks a token endpoint for a token: one POST over a connection of its own (RFC 6749 §4.4.2).

mod request;

use std::time::{Duration, SystemTime};

use dt_cred_proto::profile::Profile;
use reqwest::header::DATE;

use crate::{
    config::Proxy,
    credentials::Credentials,
    grant::{self, Asked},
    http::{self, Body, Destination, Fault, Stage},
};

pub use crate::grant::{Declined, Granted};

/// Longest body that is read, in bytes.
pub const BODY_LIMIT: usize = 128 * 1024;

/// Asks issuers for tokens. It holds no connection and no credentials: roots, CA file and proxy are read anew at
/// each request.
pub struct Issuer {
    connect_timeout: Duration,
    timeout: Duration,
}

impl Default for Issuer {
    fn default() -> Self {
        Self::new()
    }
}

impl Issuer {
    /// With 5 s for a connection and 15 s for everything.
    pub fn new() -> Self {
        Self::with_timeouts(Duration::from_secs(5), Duration::from_secs(15))
    }

    /// With other times for a connection and for everything.
    pub fn with_timeouts(connect_timeout: Duration, timeout: Duration) -> Self {
        // Another part of the program may have chosen the provider already; it would be the same one.
        drop(rustls::crypto::ring::default_provider().install_default());
        Self { connect_timeout, timeout }
    }

    /// Asks once for a token.
    ///
    /// # Errors
    /// Why there is none, when it may be asked for again, and what to tell the user.
    pub async fn fetch(
        &self,
        profile: &Profile,
        credentials: &Credentials,
        proxy: &Proxy,
        default_lifetime: Duration,
    ) -> Result<Granted, Declined> {
        let asked = Asked { profile, credentials, default_lifetime, now: SystemTime::UNIX_EPOCH };
        match tokio::time::timeout(self.timeout, self.ask(&asked, proxy)).await {
            Ok(result) => result,
            Err(_) => {
                let (host, seconds) = (asked.host(), self.timeout.as_secs_f64());
                Err(asked.temporary(&format!("the issuer {host} gave no whole answer within {seconds} s")))
            }
        }
    }

    /// Asks the token endpoint for nothing, to see how far a request comes; the clock that its answer tells, if it does.
    /// No credentials are sent.
    pub(crate) async fn reach(
        &self,
        profile: &Profile,
        credentials: &Credentials,
        proxy: &Proxy,
    ) -> Result<Option<SystemTime>, Fault> {
        let to = to_issuer(profile, credentials, proxy);
        let reached = tokio::time::timeout(self.timeout, async {
            let client = to.client(self.connect_timeout).await?;
            let response = client.get(to.url).send().await;
            let response = response.map_err(|error| to.fault(&error, self.connect_timeout))?;
            let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
            Ok(date.and_then(|date| httpdate::parse_http_date(date).ok()))
        });
        reached.await.unwrap_or_else(|_| {
            let (host, seconds) = (to.host(), self.timeout.as_secs_f64());
            let what = format!("the issuer {host} gave no answer within {seconds} s");
            Err(Fault { stage: Stage::Answer, passes: true, what })
        })
    }

    async fn ask(&self, asked: &Asked<'_>, proxy: &Proxy) -> Result<Granted, Declined> {
        let to = to_issuer(asked.profile, asked.credentials, proxy);
        let declined = |fault: Fault| {
            if fault.passes { asked.temporary(&fault.what) } else { asked.misconfigured(&fault.what) }
        };
        let client = to.client(self.connect_timeout).await.map_err(declined)?;
        let told = |error: &reqwest::Error| declined(to.fault(error, self.connect_timeout));
        let request = request::build(&client, asked.credentials);
        let mut response = request.send().await.map_err(|error| told(&error))?;

        let asked = &Asked { now: SystemTime::now(), ..*asked };
        let status = response.status().as_u16();
        match http::body(&mut response, BODY_LIMIT).await {
            Body::Whole(body) => grant::judge(status, response.headers(), &body, asked),
            // Any other status says enough without a body.
            _ if status != 200 => grant::judge(status, response.headers(), b"", asked),
            Body::TooLong => {
                let host = asked.host();
                Err(asked
                    .temporary(&format!("the issuer {host} answered 200 with more than {BODY_LIMIT} bytes")))
            }
            Body::Broken(error) => Err(told(&error)),
        }
    }
}

fn to_issuer<'a>(profile: &'a Profile, credentials: &'a Credentials, proxy: &'a Proxy) -> Destination<'a> {
    Destination { url: &credentials.token_url, profile, credentials, proxy, option: "--token-url" }
}
