use std::time::{Duration, SystemTime};

use dt_cred_proto::{message::Integration, profile::Profile, text::Text};
use dt_credd::{
    api::{
        Asked, Call,
        applications::{self, Made},
        policies,
    },
    credentials::date,
};

use crate::{
    SLACK,
    grant::{answer, credentials, refused},
    within,
};

/// How much more memory a list may take than its bytes: an empty object is three of them, and a list that grows is there twice.
const FACTOR: usize = 50;

/// The first and the last second of the years that RFC 3339 can write, in any zone.
const YEARS: std::ops::RangeInclusive<i64> = -62_167_305_600..=253_402_387_200;

/// An answer of the Applications API, in the form of [`crate::grant()`].
///
/// # Panics
/// Where a rule is broken.
pub fn applications(data: &[u8]) -> bool {
    let Some(body) = accepted(data, &Call::list(None)) else { return false };
    let (most, length) = (4 * SLACK + FACTOR * body.len(), body.len());
    let page = within(most, || applications::integrations(body));
    let made = within(most, || applications::integration(body));
    for integration in page.iter().flat_map(|page| &page.integrations) {
        is_brief(integration, length);
    }
    if let Some(Made { integration, issued }) = &made {
        is_brief(integration, length);
        let secret = issued.as_ref().map(|issued| issued.secret.expose()).filter(|secret| secret.is_ascii());
        let shown = texts(integration);
        assert!(
            secret.is_none_or(|secret| !shown.iter().any(|text| text.contains(secret))),
            "a secret is shown"
        );
        let until = issued.as_ref().and_then(|issued| issued.valid_until.as_ref());
        assert!(
            until.is_none_or(|date| !date.is_empty() && !date.contains(char::is_control)),
            "no date to keep"
        );
    }
    page.is_some() || made.is_some()
}

/// An answer of the Access Policies API.
///
/// # Panics
/// Where a rule is broken.
pub fn access_policies(data: &[u8]) -> bool {
    let Some(body) = accepted(data, &Call::policies(None)) else { return false };
    let client_id = "d1fb6c87-faa9-4d56-b2fd-a5b70a9af065".parse().expect("a UUID");
    let most = 4 * SLACK + FACTOR * body.len();
    let page = within(most, || policies::policies(body, client_id));
    let one = within(most, || policies::policy(body));
    for policy in page.iter().flat_map(|page| &page.policies).chain(&one) {
        for text in policy.filters.iter().chain(&policy.subjects).chain([&policy.display_name]) {
            assert_eq!(Text::new(text.as_str()), *text, "it is not safe to print");
        }
    }
    page.is_some() || one.is_some()
}

/// A moment as an API writes it.
///
/// # Panics
/// Where a rule is broken.
pub fn moment(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let read = within(0, || date::read(text));
    assert!(read.is_none_or(|seconds| YEARS.contains(&seconds)), "no year of four digits");
    read.is_some()
}

/// The body of a success; of anything else, that what is said of it keeps the rules.
fn accepted<'a>(data: &'a [u8], call: &Call) -> Option<&'a [u8]> {
    let (status, headers, body) = answer(data);
    let (profile, credentials): (Profile, _) = ("work".parse().expect("a name"), credentials());
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let asked = Asked { owner: &profile, credentials: &credentials, call };
    let most = 4 * SLACK + FACTOR * data.len();
    match within(most, || asked.judge(status, &headers, Some(body), now)) {
        Ok(()) => {
            assert!((200..300).contains(&status), "no success");
            Some(body)
        }
        Err(error) => {
            refused(&error, status);
            None
        }
    }
}

fn texts(integration: &Integration) -> Vec<&str> {
    let claims = integration.claims.iter().flat_map(|claim| [&claim.name, &claim.value]);
    claims.chain(&integration.roles).chain([&integration.display_name]).map(Text::as_str).collect()
}

/// That an integration has no more in it than so many bytes of JSON can say, and that it is safe to print.
fn is_brief(integration: &Integration, length: usize) {
    let texts = texts(integration);
    assert!(texts.len() <= length, "more texts than there is room for");
    for text in texts {
        assert_eq!(Text::new(text).as_str(), text, "it is not safe to print");
    }
}
