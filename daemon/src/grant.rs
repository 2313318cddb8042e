//! Judges what a token endpoint answered (RFC 6749 §4.4.3, §5): a token, or why not and what to do.

mod answer;
mod lifetime;
mod redaction;
mod refusal;
mod retry_after;

use std::time::{Duration, SystemTime};

use dt_cred_proto::{
    message::{Failure, FailureKind},
    profile::Profile,
    secret::Secret,
    text::Text,
};
use reqwest::header::HeaderMap;

use crate::{
    credentials::{Credentials, host},
    lifecycle::Cause,
};

pub(crate) use answer::is_b64token;
pub(crate) use redaction::Redaction;
pub(crate) use refusal::reason;
pub(crate) use retry_after::read as retry_after;

/// Longest access token, in bytes: one that still fits into a frame and a header.
pub const TOKEN_LIMIT: usize = 60 * 1024;

/// Longest lifetime that is believed.
pub const LIFETIME_LIMIT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A token and how long it is valid.
pub struct Granted {
    /// The access token, of the alphabet of RFC 6750 §2.1, at most [`TOKEN_LIMIT`] bytes.
    pub access_token: Secret,
    /// Its lifetime, counted from before the request was sent; zero where it arrived expired.
    pub lifetime: Duration,
}

/// Why there is no token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Declined {
    /// When it may be asked for again.
    pub cause: Cause,
    /// How long the issuer asks to wait, as it said it: the caller sets the limit.
    pub retry_after: Option<Duration>,
    /// What to tell the user.
    pub failure: Failure,
}

/// What was asked, as far as the answer's meaning depends on it.
pub struct Asked<'a> {
    /// Whose token.
    pub profile: &'a Profile,
    /// By which credentials.
    pub credentials: &'a Credentials,
    /// The lifetime of a token that does not tell its own.
    pub default_lifetime: Duration,
    /// The wall clock when the answer came, for a `Retry-After` that is a date.
    pub now: SystemTime,
}

impl Asked<'_> {
    /// Host and, where it is not the usual one, port of the token endpoint.
    pub(crate) fn host(&self) -> Text {
        host(&self.credentials.token_url)
    }

    /// Whether the secret has ended by its date.
    pub(crate) fn secret_has_ended(&self) -> bool {
        let now = self.now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        self.credentials.ends().is_some_and(|end| end <= i64::try_from(now).unwrap_or(i64::MAX))
    }

    /// A failure that goes away by itself, or not.
    pub(crate) fn temporary(&self, what: &str) -> Declined {
        self.declined(Cause::Temporary, FailureKind::TryLater, &format!("{what}; try again later"))
    }

    /// A failure that the user must mend; `what` ends with how.
    pub(crate) fn misconfigured(&self, what: &str) -> Declined {
        self.declined(Cause::Slow, FailureKind::Configuration, what)
    }

    fn declined(&self, cause: Cause, kind: FailureKind, what: &str) -> Declined {
        let failure = Failure::new(kind, format!("profile {}: {what}", self.profile));
        Declined { cause, retry_after: None, failure }
    }
}

/// Judges an answer. It has no side effects.
///
/// # Errors
/// Why the answer holds no token. The issuer's own text is in it only as far as it can hold no secret.
pub fn judge(status: u16, headers: &HeaderMap, body: &[u8], asked: &Asked<'_>) -> Result<Granted, Declined> {
    let judged =
        if status == 200 { granted(body, asked) } else { Err(refusal::judge(status, body, headers, asked)) };
    judged.map_err(|declined| match declined.cause {
        Cause::Terminal => declined,
        _ => Declined { retry_after: retry_after::read(headers, asked.now), ..declined },
    })
}

fn granted(body: &[u8], asked: &Asked<'_>) -> Result<Granted, Declined> {
    let host = asked.host();
    let answer = answer::Grant::read(body)
        .map_err(|e| asked.temporary(&format!("the issuer {host} answered 200 with a body that {e}")))?;
    if let Some(other) = answer.other_type() {
        let word = Redaction::new(asked.credentials).show(&other);
        let profile = asked.profile;
        return Err(asked.misconfigured(&format!(
            "the issuer {host} gave a token of type {word}, and only Bearer is of use; give the address of an endpoint \
             that gives these: dt-cred login -p {profile} --token-url URL"
        )));
    }
    let access_token = match answer.token() {
        Ok(token) => token,
        Err(why) => {
            let reason =
                reason(body, asked.credentials).map(|reason| format!(": {reason}")).unwrap_or_default();
            return Err(asked.temporary(&format!("the issuer {host} answered 200 {why}{reason}")));
        }
    };
    let lifetime = answer
        .expires_in()
        .or_else(|| lifetime::of_jwt(access_token.expose()))
        .unwrap_or(asked.default_lifetime.min(LIFETIME_LIMIT));
    Ok(Granted { access_token, lifetime })
}
