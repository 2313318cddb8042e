//! What the sandbox was asked, in numbers.

use serde::{Deserialize, Serialize};

/// Counted since the sandbox started. Each number is up to date before its answer is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Connections accepted, those on which no request came included.
    pub connections: u64,
    /// Requests at the token endpoint.
    pub tokens: TokenCounts,
    /// Requests for assets.
    pub assets: AssetCounts,
}

/// Requests at the token endpoint: `total` is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCounts {
    /// All of them, those that are held or still wait out the latency included.
    pub total: u64,
    /// Granted a token, whatever members the grant was then made to lack.
    pub granted: u64,
    /// Refused on their own account: wrong secret, bad form, another method.
    pub refused: u64,
    /// Met by a fault that was set.
    pub faulty: u64,
}

/// Requests for assets: `total` is `ok` + `refused` + `faulty`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetCounts {
    /// All of them.
    pub total: u64,
    /// Answered with a list.
    pub ok: u64,
    /// Answered 401: the sum of the four below.
    pub refused: u64,
    /// Refused: the token had expired when it arrived. A client that keeps its promise leaves this at 0.
    pub late: u64,
    /// Refused: no token of this issuer.
    pub unknown: u64,
    /// Refused: the token was revoked by [`super::Sandbox::revoke_tokens`].
    pub revoked: u64,
    /// Refused: no bearer token at all.
    pub unauthenticated: u64,
    /// Met by a fault that was set.
    pub faulty: u64,
}
