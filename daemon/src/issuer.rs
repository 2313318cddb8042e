//! Asks a token endpoint for a token: one POST over a connection of its own (RFC 6749 §4.4.2).

mod client;
mod request;
mod transport;

use std::time::{Duration, SystemTime};

use dt_cred_proto::profile::Profile;
use reqwest::{Response, header};
use zeroize::Zeroizing;

use crate::{
    config::Proxy,
    credentials::Credentials,
    grant::{self, Asked},
};
use client::Route;

pub use crate::grant::{Declined, Granted};

/// Longest body that is read, in bytes.
pub const BODY_LIMIT: usize = 128 * 1024;

/// Asks issuers for tokens. It holds no connection and no credentials: roots, CA file and proxy are read anew at
/// each request.
pub struct Issuer {
    connect_timeout: Duration,
    timeout: Duration,
}

/// How much of a body came.
enum Body {
    Whole(Zeroizing<Vec<u8>>),
    TooLong,
    Broken(reqwest::Error),
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

    async fn ask(&self, asked: &Asked<'_>, proxy: &Proxy) -> Result<Granted, Declined> {
        let route = Route::new(asked.credentials, proxy).map_err(|e| e.declined(asked))?;
        let connect_timeout = self.connect_timeout;
        // Roots and CA file are on file systems, which may hang, and the runtime has one thread.
        let client = tokio::task::spawn_blocking(move || route.client(connect_timeout)).await;
        let client = match client {
            Ok(client) => client.map_err(|e| e.declined(asked))?,
            Err(_) => return Err(asked.temporary("the client for the issuer could not be made")),
        };
        let request = request::build(&client, asked.credentials);
        let told = |e: &reqwest::Error| transport::declined(e, asked, connect_timeout);
        let mut response = request.send().await.map_err(|e| told(&e))?;

        let asked = &Asked { now: SystemTime::now(), ..*asked };
        let status = response.status().as_u16();
        match body(&mut response).await {
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

async fn body(response: &mut Response) -> Body {
    let declared = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if declared.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > BODY_LIMIT) {
        return Body::TooLong;
    }
    // As large as it may become: a buffer that grows leaves copies behind.
    let mut body = Zeroizing::new(Vec::with_capacity(BODY_LIMIT));
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > BODY_LIMIT => return Body::TooLong,
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Body::Whole(body),
            Err(error) => return Body::Broken(error),
        }
    }
}
