//! Who a request is from, by the token that it brings.

use std::time::Instant;

use super::http::{Answer, Request};
use super::registry::Registry;

/// Why a bearer was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadBearer {
    /// No bearer token at all.
    Missing,
    /// No token of this issuer.
    Unknown,
    Late,
    Revoked,
}

/// The client id of whoever sent it; `now` is when the request arrived.
pub(super) fn client_id(registry: &Registry, request: &Request, now: Instant) -> Result<String, BadBearer> {
    let header = request.header("Authorization").and_then(|header| header.split_once(' '));
    let bearer = header.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"));
    let (_, token) = bearer.ok_or(BadBearer::Missing)?;
    registry.check(token, now).map(str::to_owned)
}

impl From<BadBearer> for Answer {
    fn from(bad: BadBearer) -> Self {
        let reason = match bad {
            BadBearer::Missing => "a bearer token is needed",
            BadBearer::Unknown => "the token is not known",
            BadBearer::Late => "the token has expired",
            BadBearer::Revoked => "the token was revoked",
        };
        Self::error(401, "unauthenticated", reason).with("WWW-Authenticate", "Bearer")
    }
}
