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
    /// Requests of the Applications and Access Policies APIs.
    pub api: ApiCounts,
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

/// Requests of the Applications and Access Policies APIs: `total` is `performed` + `refused` + `faulty` and those that are
/// held before they are performed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiCounts {
    /// All of them, counted when they arrive.
    pub total: u64,
    /// Done: the sum of what stands in `applications` and `policies`, and of `caps`.
    pub performed: u64,
    /// Refused on their own account: a bad token, no Owner, no such integration, a bad body.
    pub refused: u64,
    /// Those refused whose token had expired when they arrived. A client that keeps its promise leaves this at 0.
    pub late: u64,
    /// Met by a fault that was set, and not performed.
    pub faulty: u64,
    /// Those performed in whose answer's place a fault came.
    pub spoilt: u64,
    /// Performed, by kind.
    pub applications: ApplicationCounts,
    /// Performed, by kind.
    pub policies: PolicyCounts,
    /// Told how many integrations may yet be made.
    pub caps: u64,
}

/// What was done to integrations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationCounts {
    /// Made.
    pub created: u64,
    /// Pages of the list.
    pub listed: u64,
    /// Looked at, one by one.
    pub read: u64,
    /// Patched.
    pub changed: u64,
    /// Deleted.
    pub deleted: u64,
    /// Given another secret.
    pub regenerated: u64,
}

/// What was done to access policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyCounts {
    /// Made.
    pub created: u64,
    /// Pages of the list.
    pub listed: u64,
    /// Looked at, one by one.
    pub read: u64,
    /// Patched.
    pub changed: u64,
    /// Deleted.
    pub deleted: u64,
    /// Asked for the assets that it is for.
    pub assets: u64,
}
