//! What the API says no to, of an Owner's calls: whose fault it is, and what to do next.

use std::time::SystemTime;

use dt_cred_proto::{message::FailureKind, profile::Profile};
use reqwest::header::HeaderMap;

use super::{
    Refused, Why,
    call::{APPLICATIONS_PATH, Call, POLICIES_PATH, Target},
    refused,
};
use crate::{
    credentials::{Credentials, host},
    grant::{reason, retry_after},
};

/// What was asked, as far as the meaning of its answer depends on it.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The profile whose token was used.
    pub owner: &'a Profile,
    /// What the token was got by.
    pub credentials: &'a Credentials,
    /// What it was used for.
    pub call: &'a Call,
}

impl Asked<'_> {
    /// Judges an answer by its status; `body` is none where it was too long or broke off. It has no side effects.
    ///
    /// # Errors
    /// Unless it is a success: what it means. The API's own text is in it only as far as it can hold no secret.
    pub fn judge(
        &self,
        status: u16,
        headers: &HeaderMap,
        body: Option<&[u8]>,
        now: SystemTime,
    ) -> Result<(), Refused> {
        let Self { owner, credentials, call } = *self;
        let reason = reason(body.unwrap_or_default(), credentials);
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let answered = format!("{} answered {status}", host(&credentials.url));
        let later = |why, what: &str| {
            let wait = retry_after(headers, now)
                .map(|wait| format!("; it asks to wait {} s", wait.as_secs_f64().ceil()));
            let what = format!("{answered}{what}{reason}{}; try again later", wait.unwrap_or_default());
            Refused { why, ..refused(owner, FailureKind::TryLater, &what) }
        };
        Err(match status {
            200..=299 => return Ok(()),
            401 => {
                let what = format!(
                    "{answered}: it does not take the issuer's token{reason}; see that url, token_url and audience belong \
                     together (dt-cred inspect -p {owner} shows aud and iss): dt-cred login -p {owner}"
                );
                Refused { why: Why::Unauthorized, ..refused(owner, FailureKind::Refused, &what) }
            }
            402 => later(Why::Other, " (a quota of the tenancy is used up)"),
            403 => {
                let what = format!(
                    "{answered}: it knows the token, and its client {} is no Owner of the tenancy{reason}; name the \
                     profile of one with --as, or have an Owner give that client the role",
                    credentials.client_id
                );
                Refused { why: Why::Forbidden, ..refused(owner, FailureKind::Other, &what) }
            }
            300..=399 | 404 | 405 | 410 => match self.missing().filter(|_| matches!(status, 404 | 410)) {
                Some((what, list)) => {
                    let what = format!("{answered}: there is no {what} in its tenancy{reason}; {list}");
                    Refused { why: Why::NotThere, ..refused(owner, FailureKind::Other, &what) }
                }
                None => self.no_service(&format!("{answered} to {}", self.path())),
            },
            429 => later(Why::Other, " (too many requests)"),
            408 | 500..=599 => later(if call.changes() { Why::Unknown } else { Why::Other }, ""),
            // Of what has no body, whoever asked chose nothing that could be another.
            400 | 409 | 411..=428 if call.body.is_none() => {
                let what =
                    format!("{answered}: it does not take what was asked for{reason}; tell whoever runs it");
                refused(owner, FailureKind::Other, &what)
            }
            400 | 409 | 411..=428 => {
                let what = format!(
                    "{answered}: it does not take what was asked for{reason}; ask for something else"
                );
                refused(owner, FailureKind::Usage, &what)
            }
            _ => {
                let what =
                    format!("{answered}{reason}, which says nothing that is known; tell whoever runs it");
                let why = if call.changes() { Why::Unknown } else { Why::Other };
                Refused { why, ..refused(owner, FailureKind::Other, &what) }
            }
        })
    }

    /// That a success is none of this API.
    pub fn rubbish(&self) -> Refused {
        let Self { owner, credentials, call } = *self;
        let host = host(&credentials.url);
        let what = match call.target {
            Target::Integrations if !call.changes() => "list of integrations",
            Target::Policies if !call.changes() => "list of access policies",
            Target::Integrations | Target::Integration(_) => "integration",
            Target::Policies | Target::Policy(_) => "access policy",
        };
        if call.changes() {
            let what =
                format!("{host} answered without an {what} that can be understood; tell whoever runs it");
            return Refused { why: Why::Unknown, ..refused(owner, FailureKind::Other, &what) };
        }
        self.no_service(&format!("{host} answered with no {what} that can be understood"))
    }

    fn no_service(&self, what: &str) -> Refused {
        let owner = self.owner;
        let what = format!(
            "{what}: no DataTrails is there; give the right address of profile {owner}: dt-cred login -p {owner} --url URL"
        );
        Refused { why: Why::NotThere, ..refused(owner, FailureKind::Configuration, &what) }
    }

    fn path(&self) -> &'static str {
        match self.call.target {
            Target::Integrations | Target::Integration(_) => APPLICATIONS_PATH,
            Target::Policies | Target::Policy(_) => POLICIES_PATH,
        }
    }

    /// What is not there where one thing was asked for, and how to see what is.
    fn missing(&self) -> Option<(String, String)> {
        let owner = self.owner;
        match self.call.target {
            Target::Policy(id) => Some((
                format!("access policy {id}"),
                format!("dt-cred integration grants PROFILE --as {owner} shows those of a profile"),
            )),
            Target::Integration(id) => Some((
                format!("integration {id}"),
                format!("dt-cred integration list --as {owner} shows those that there are"),
            )),
            Target::Integrations | Target::Policies => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::HeaderValue;

    use super::*;

    const SECRET: &str = "Kq7v!t2Zp&9xWm4r";

    fn credentials() -> Credentials {
        let item = serde_json::json!({ "v": 1, "url": "https://app.example", "client_id": "the-client", "client_secret": SECRET });
        Credentials::parse(&item.to_string()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn calls() -> [Call; 9] {
        let id = "01234567-89ab-cdef-0123-456789abcdef".parse().unwrap();
        [
            Call::create(&"line 3".into(), &[], false),
            Call::list(None),
            Call::show(id),
            Call::delete(id),
            Call::regenerate_secret(id),
            Call::grant("{}".to_owned()),
            Call::policies(None),
            Call::policy(id),
            Call::revoke(id),
        ]
    }

    fn judged(call: &Call, status: u16, body: Option<&[u8]>) -> Result<(), Refused> {
        let (owner, credentials) = ("boss".parse().unwrap(), credentials());
        let asked = Asked { owner: &owner, credentials: &credentials, call };
        let headers = [("archivist-rate-limit-reset".parse().unwrap(), HeaderValue::from_static("2.5"))];
        let headers = if status == 429 { headers.into_iter().collect() } else { HeaderMap::new() };
        asked.judge(status, &headers, body, SystemTime::UNIX_EPOCH + Duration::from_secs(1))
    }

    #[test]
    fn every_status_of_every_call_is_a_success_or_one_kind_of_failure_with_its_mend() {
        use FailureKind::{Configuration, Other, Refused as Taken, TryLater, Usage};
        for call in calls() {
            let of_one = matches!(call.target, Target::Integration(_) | Target::Policy(_));
            let open = if call.changes() { Why::Unknown } else { Why::Other };
            for status in 100..1000 {
                let (why, kind, words) = match status {
                    200..=299 => {
                        assert_eq!(judged(&call, status, None), Ok(()), "{status}");
                        continue;
                    }
                    401 => (Why::Unauthorized, Taken, "dt-cred login -p boss"),
                    402 => (Why::Other, TryLater, "a quota of the tenancy"),
                    403 => (Why::Forbidden, Other, "its client the-client is no Owner"),
                    404 | 410 if of_one => (Why::NotThere, Other, "--as boss shows those"),
                    300..=399 | 404 | 405 | 410 => {
                        (Why::NotThere, Configuration, "dt-cred login -p boss --url URL")
                    }
                    429 => (Why::Other, TryLater, "it asks to wait 3 s"),
                    408 | 500..=599 => (open, TryLater, "try again later"),
                    400 | 409 | 411..=428 if call.body.is_some() => {
                        (Why::Other, Usage, "ask for something else")
                    }
                    400 | 409 | 411..=428 => (Why::Other, Other, "tell whoever runs it"),
                    _ => (open, Other, "tell whoever runs it"),
                };
                for body in [None, Some(&b"<html>"[..]), Some(b"{\"error\":3}"), Some(b"")] {
                    let refused = judged(&call, status, body).unwrap_err();
                    let message = refused.failure.message.as_str();
                    assert_eq!((refused.why, refused.failure.kind), (why, kind), "{status}: {message}");
                    assert!(message.starts_with("profile boss: app.example answered"), "{message}");
                    assert!(message.contains(words), "{status}: {message}");
                }
            }
        }
    }

    #[test]
    fn a_reason_is_told_and_never_with_what_may_be_a_secret() {
        let call = Call::list(None);
        let said = |body: serde_json::Value| {
            judged(&call, 400, Some(body.to_string().as_bytes())).unwrap_err().failure.message.to_string()
        };
        let plain = said(serde_json::json!({ "error": "odd", "description": "no such page" }));
        assert!(plain.contains(": odd: no such page; "), "{plain}");
        let new = "mV3^yTq8#Lw5";
        for body in [
            serde_json::json!({ "error": SECRET }),
            serde_json::json!({ "error": "odd", "description": format!("is {}", SECRET.to_uppercase()) }),
            serde_json::json!({ "error": new, "credentials": [{ "secret": new }] }),
            serde_json::json!({ "description": new, "deep": { "Client_Secret": { "is": [new] } } }),
        ] {
            let said = said(body.clone());
            assert!(said.contains("withheld"), "{body}: {said}");
            assert!(!said.to_lowercase().contains(&SECRET.to_lowercase()) && !said.contains(new), "{said}");
        }
        // An empty one is none.
        let later = said(
            serde_json::json!({ "error": "odd", "credentials": [{ "secret": "" }], "n": [1, -1, 1.5, true, null] }),
        );
        assert!(later.contains(": odd; "), "{later}");
    }

    #[test]
    fn a_success_that_cannot_be_understood_may_have_done_what_it_was_asked_for() {
        let (owner, credentials) = ("boss".parse().unwrap(), credentials());
        for call in calls() {
            let refused = Asked { owner: &owner, credentials: &credentials, call: &call }.rubbish();
            let message = refused.failure.message.as_str();
            assert!(message.contains("that can be understood"), "{message}");
            let expected = match call.changes() {
                true => (Why::Unknown, FailureKind::Other),
                false => (Why::NotThere, FailureKind::Configuration),
            };
            assert_eq!((refused.why, refused.failure.kind), expected, "{message}");
        }
    }
}
