//! What the API's answer to a token means, and what to do next.

use std::{fmt, time::SystemTime};

use dt_cred_proto::{message::FailureKind, profile::Profile};
use reqwest::header::HeaderMap;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};

use super::{ASSETS_PATH, Refused, Why, refused};
use crate::{
    credentials::{Credentials, host},
    grant::{reason, retry_after},
};

/// A page of assets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Assets {
    /// How many are on it; none where it was too long to be read.
    pub count: Option<u64>,
    /// Whether there are more.
    pub more: bool,
}

/// The page, as far as it is looked at: what an asset is does not matter.
#[derive(Deserialize)]
struct Page {
    assets: Count,
    #[serde(default)]
    next_page_token: Option<String>,
}

/// How many there are in a list, whatever they are.
struct Count(u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(list: D) -> Result<Self, D::Error> {
        struct Counter;

        impl<'de> Visitor<'de> for Counter {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
        }

        list.deserialize_seq(Counter)
    }
}

/// Judges the answer to a request for the first page of `profile`'s assets; `body` is none where it was too long or broke
/// off. It has no side effects.
///
/// # Errors
/// What the API says instead. Its own text is in it only as far as it can hold no secret.
pub fn judge(
    status: u16,
    headers: &HeaderMap,
    body: Option<&[u8]>,
    profile: &Profile,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<Assets, Refused> {
    let host = host(&credentials.url);
    let reason = reason(body.unwrap_or_default(), credentials);
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let answered = format!("{host} answered {status}");
    let later = |what: &str| {
        let wait = retry_after(headers, now)
            .map(|wait| format!("; it asks to wait {} s", wait.as_secs_f64().ceil()));
        let what = format!("{answered}{what}{reason}{}; try again later", wait.unwrap_or_default());
        refused(profile, FailureKind::TryLater, &what)
    };
    let no_service = |what: &str| {
        let what = format!(
            "{answered}{what}: no DataTrails is there; give the right address: dt-cred login -p {profile} --url URL (the \
             token may be good for what is there: dt-cred -p {profile} curl tries it)"
        );
        Refused { why: Why::NotThere, ..refused(profile, FailureKind::Configuration, &what) }
    };
    match status {
        200 | 206 => match body.map(page) {
            Some(Some(page)) => Ok(page),
            Some(None) => Err(no_service(" with no list of assets")),
            None => Ok(Assets { count: None, more: true }),
        },
        401 => {
            let what = format!(
                "{answered}: it does not take the issuer's token{reason}; see that url, token_url and audience belong \
                 together (dt-cred inspect -p {profile} shows aud and iss): dt-cred login -p {profile}"
            );
            Err(Refused { why: Why::Unauthorized, ..refused(profile, FailureKind::Refused, &what) })
        }
        402 => Err(later(" (a quota of the tenancy is used up)")),
        403 => {
            let what = format!(
                "{answered}: it knows the token, and forbids its client to list assets{reason}; ask an Owner of the \
                 tenancy for an access policy with subject={}",
                credentials.client_id
            );
            Err(Refused { why: Why::Forbidden, ..refused(profile, FailureKind::Other, &what) })
        }
        429 => Err(later(" (too many requests)")),
        300..=399 | 404 | 405 | 410 => Err(no_service(&format!(" to {ASSETS_PATH}"))),
        500..=599 | 408 => Err(later("")),
        _ => {
            let what = format!("{answered}{reason}, which says nothing of the token; tell whoever runs it");
            Err(refused(profile, FailureKind::Other, &what))
        }
    }
}

fn page(body: &[u8]) -> Option<Assets> {
    let Page { assets, next_page_token } = serde_json::from_slice(body).ok()?;
    let (Count(count), more) = (assets, next_page_token.is_some_and(|token| !token.is_empty()));
    Some(Assets { count: Some(count), more })
}
