//! What the sandbox can be told to do: all of it at any time, from a test or from the control address.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::Fault;
use super::registry::Term;

/// Everything that can be set. The default behaves as DataTrails does on a good day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What a client meets when it connects. Changing it drops every connection.
    pub door: Door,
    /// What certificate the https sandbox shows. Changing it drops every connection.
    pub certificate: Certificate,
    /// Seconds that a token is accepted from the moment its request arrived.
    pub lifetime: f64,
    /// Milliseconds between a token request and its answer.
    pub latency: u64,
    /// While true no token request is answered; once false all that wait are.
    pub hold: bool,
    /// A client that still holds a live token is given that same string again, with the time it has left.
    pub repeat_token: bool,
    /// The member `access_token` of a grant. A string given here is accepted as a bearer like any other.
    pub access_token: Field,
    /// The member `expires_in` of a grant. What assets accepts follows `lifetime` all the same.
    pub expires_in: Field,
    /// The member `token_type` of a grant.
    pub token_type: Field,
    /// Characters that every token has, when that is more than it needs.
    pub token_length: Option<usize>,
    /// Seconds that the issuer's clock is ahead: added to `iat`, `exp` and the header `Date`.
    pub clock_skew: i64,
    /// Tokens are random characters and no JWT.
    pub opaque: bool,
    /// A standing policy lets every integration read two of the assets; without it a list has what the access policies
    /// grant, and is empty where there is none.
    pub policy: bool,
    /// What befalls every token request.
    pub token_fault: Option<Fault>,
    /// What befalls the next token requests, one each, before `token_fault` is looked at.
    pub token_script: VecDeque<Fault>,
    /// What befalls every request for assets.
    pub assets_fault: Option<Fault>,
    /// Seconds that a secret is valid which is made from now on.
    pub secret_lifetime: u32,
    /// The most integrations for which another one may be made by the API: beyond that it is refused with 402.
    pub quota: usize,
    /// The most that a page has of integrations or policies.
    pub page_size: usize,
    /// What befalls every request of the Applications and Access Policies APIs, which is then not performed.
    pub api_fault: Option<Fault>,
    /// What befalls the next of them, one each, before `api_fault` is looked at.
    pub api_script: VecDeque<Fault>,
    /// What comes in place of the answers to the next of them that are performed, one each.
    pub api_answer_script: VecDeque<Fault>,
    /// While true none of them is performed, faults included; once false all that wait are.
    pub api_hold: bool,
    /// While true they are performed and not answered; once false all that wait are.
    pub api_hold_answers: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            door: Door::Open,
            certificate: Certificate::Trusted,
            lifetime: 3660.0,
            latency: 0,
            hold: false,
            repeat_token: false,
            access_token: Field::Usual,
            expires_in: Field::Usual,
            token_type: Field::Usual,
            token_length: None,
            clock_skew: 0,
            opaque: false,
            policy: true,
            token_fault: None,
            token_script: VecDeque::new(),
            assets_fault: None,
            secret_lifetime: 365 * 24 * 60 * 60,
            quota: 1000,
            page_size: 50,
            api_fault: None,
            api_script: VecDeque::new(),
            api_answer_script: VecDeque::new(),
            api_hold: false,
            api_hold_answers: false,
        }
    }
}

impl Settings {
    /// Seconds since the Unix epoch by the issuer's clock.
    pub(super) fn clock(&self) -> i64 {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        wall.as_secs().cast_signed() + self.clock_skew
    }

    /// When a secret is valid that is made now.
    pub(super) fn secret_term(&self) -> Term {
        let from = self.clock();
        Term { from, until: from + i64::from(self.secret_lifetime) }
    }

    /// These settings with the members of `patch` in place of their own; an unknown member is an error.
    pub(super) fn patched(&self, patch: &Value) -> Result<Self, String> {
        let Value::Object(patch) = patch else { return Err("the body must be a JSON object".to_owned()) };
        let mut merged = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (name, value) in patch {
            merged[name] = value.clone();
        }
        let settings: Self = serde_json::from_value(merged).map_err(|error| error.to_string())?;
        let lifetime = settings.lifetime;
        if settings.page_size == 0 {
            return Err("a page has one at least".to_owned());
        }
        (0.0..=1e9).contains(&lifetime).then_some(settings).ok_or(format!("no lifetime: {lifetime}"))
    }
}

/// What a client meets when it connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Connections are accepted and answered.
    Open,
    /// Nothing listens: the connection is refused.
    Closed,
    /// The listen queue is full and nobody accepts: connecting never completes.
    Full,
    /// Connections are accepted and nothing is ever said on them, no TLS handshake either.
    Mute,
}

/// Which certificate is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certificate {
    /// For 127.0.0.1 and localhost, signed by the CA of [`super::Sandbox::ca_file`].
    Trusted,
    /// The same names, signed by a CA that nobody was told of.
    UnknownCa,
    /// The same names and CA, out of date since 2001.
    Expired,
    /// The same CA, for another host.
    WrongName,
}

/// One member of the grant's JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// What DataTrails sends.
    Usual,
    /// Left out.
    Absent,
    /// This, whatever it is.
    Value(Value),
}

impl Field {
    /// What to send in place of `usual`; None leaves the member out.
    pub(super) fn or(&self, usual: impl FnOnce() -> Value) -> Option<Value> {
        match self {
            Self::Usual => Some(usual()),
            Self::Absent => None,
            Self::Value(value) => Some(value.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let before = Settings { latency: 7, ..Settings::default() };
        let patch = json!({
            "lifetime": 4.5,
            "access_token": {"value": null},
            "expires_in": "absent",
            "token_script": ["reset", {"truncated": {"framed": true}}],
            "assets_fault": {"answer": {"status": 429, "headers": [["Retry-After", "3"]]}},
        });
        let after = before.patched(&patch).unwrap();
        let wanted = Settings {
            lifetime: 4.5,
            latency: 7,
            access_token: Field::Value(Value::Null),
            expires_in: Field::Absent,
            token_script: [Fault::Reset, Fault::Truncated { framed: true }].into(),
            assets_fault: Some(Fault::Answer {
                status: 429,
                headers: vec![("Retry-After".to_owned(), "3".to_owned())],
                body: String::new(),
            }),
            ..Settings::default()
        };
        assert_eq!(after, wanted);
        assert_eq!(after.patched(&json!({"assets_fault": null})).unwrap().assets_fault, None);
    }

    #[test]
    fn a_patch_that_makes_no_sense_is_refused() {
        for patch in [
            json!({"lifetme": 4}),
            json!({"lifetime": -1}),
            json!({"door": "ajar"}),
            json!({"page_size": 0}),
            json!([]),
        ] {
            assert!(Settings::default().patched(&patch).is_err(), "{patch}");
        }
    }
}
