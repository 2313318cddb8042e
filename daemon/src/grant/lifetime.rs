//! How long a token is valid: by the answer's `expires_in`, else by the JWT's own claims.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::LIFETIME_LIMIT;

#[derive(Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    exp: Option<&'a RawValue>,
    #[serde(borrow)]
    iat: Option<&'a RawValue>,
}

/// `exp − iat` of a JWT (RFC 7519 §4.1); none where the token is opaque or does not say. Whoever wrote it is not
/// checked: the token came over TLS from the issuer, and the worst is a token fetched too early or refused.
pub(super) fn of_jwt(token: &str) -> Option<Duration> {
    let mut parts = token.split('.');
    let (_, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let json = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?);
    if json.first() != Some(&b'{') {
        return None;
    }
    let claims: Claims<'_> = serde_json::from_slice(&json).ok()?;
    of_seconds(number(claims.exp)? - number(claims.iat)?)
}

/// A lifetime of so many seconds: at most [`LIFETIME_LIMIT`], zero where there is none left, none where it is no
/// number.
pub(super) fn of_seconds(seconds: f64) -> Option<Duration> {
    seconds.is_finite().then(|| Duration::from_secs_f64(seconds.clamp(0.0, LIFETIME_LIMIT.as_secs_f64())))
}

/// A finite number, or a string that is one.
pub(super) fn number(raw: Option<&RawValue>) -> Option<f64> {
    let raw = raw?.get();
    let text: String = serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned());
    text.trim().parse::<f64>().ok().filter(|seconds| seconds.is_finite())
}
