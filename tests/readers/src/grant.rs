use std::time::{Duration, SystemTime};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use dt_cred_proto::{profile::Profile, text::Text};
use dt_credd::{
    api::{self, Assets, Refused, Why},
    credentials::Credentials,
    grant::{Asked, Declined, Granted, LIFETIME_LIMIT, TOKEN_LIMIT, judge},
    issuer::BODY_LIMIT,
};
use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use crate::{SLACK, within};

/// The secret by which the token was asked for: characters that each encoding writes in its own way.
pub(crate) const SECRET: &str = r#"K9v&t+%="\/<Qz7 pW"#;

/// How much more memory judging a body may take than its bytes: a text is decoded in each way that it may be encoded.
const FACTOR: usize = 8;

/// As many headers as hyper takes.
const HEADERS: usize = 100;

/// A token endpoint's answer: the status, a line for each header, an empty line, the body.
///
/// # Panics
/// Where a rule is broken.
pub fn grant(data: &[u8]) -> bool {
    let (status, headers, body) = answer(data);
    let profile: Profile = "work".parse().expect("a name");
    let credentials = credentials();
    // Sun, 06 Nov 1994 08:49:37 GMT, as the examples of RFC 9110 §5.6.7.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let asked = Asked {
        profile: &profile,
        credentials: &credentials,
        default_lifetime: Duration::from_secs(600),
        now,
    };
    let most = 4 * SLACK + FACTOR * data.len();
    match within(most, || judge(status, &headers, body, &asked)) {
        Ok(Granted { access_token, lifetime }) => {
            let token = access_token.expose();
            assert!(status == 200 && is_b64token(token) && token.len() <= TOKEN_LIMIT, "no token");
            assert!(lifetime <= LIFETIME_LIMIT, "longer than a month");
            true
        }
        Err(Declined { retry_after, failure, .. }) => {
            let message = failure.message.as_str();
            assert_eq!(Text::new(message).as_str(), message, "it is not safe to print");
            assert!(message.starts_with("profile work: "), "whose failure is it");
            assert!(retry_after.is_none_or(|wait| wait <= LIFETIME_LIMIT), "longer than a month");
            let lower = message.to_lowercase();
            for form in forms() {
                assert!(!lower.contains(&form.to_lowercase()), "the secret is in a message");
            }
            false
        }
    }
}

/// An answer of the API's list of assets, in the same form.
///
/// # Panics
/// Where a rule is broken.
pub fn assets(data: &[u8]) -> bool {
    let (status, headers, body) = answer(data);
    let profile: Profile = "work".parse().expect("a name");
    let (credentials, now) = (credentials(), SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777));
    let most = 4 * SLACK + FACTOR * data.len();
    match within(most, || api::judge(status, &headers, Some(body), &profile, &credentials, now)) {
        Ok(Assets { count, .. }) => {
            assert!(matches!(status, 200 | 206), "no list");
            let count = usize::try_from(count.expect("a whole body is counted")).expect("as many");
            assert!(2 * count <= body.len() + 1, "more than there is room for");
            true
        }
        Err(error) => {
            refused(&error, status);
            false
        }
    }
}

/// What is said where the API does not do what it was asked for: whose failure it is, in words that hold no secret.
pub(crate) fn refused(Refused { why, failure }: &Refused, status: u16) {
    assert_eq!(*why == Why::Unauthorized, status == 401, "only a 401 is about the token");
    let message = failure.message.as_str();
    assert_eq!(Text::new(message).as_str(), message, "it is not safe to print");
    assert!(message.starts_with("profile work: "), "whose failure is it");
    let lower = message.to_lowercase();
    for form in forms() {
        assert!(!lower.contains(&form.to_lowercase()), "the secret is in a message");
    }
}

/// The secret in every form in which an issuer may echo it.
pub(crate) fn forms() -> Vec<String> {
    let form = Url::parse_with_params("x:", [("", SECRET)]).expect("a URL");
    let mut forms = vec![
        SECRET.to_owned(),
        form.query().expect("it has one")[1..].to_owned(),
        serde_json::to_string(SECRET).expect("a string").trim_matches('"').to_owned(),
        SECRET.bytes().map(|byte| format!("{byte:02x}")).collect(),
    ];
    for alphabet in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
        // Behind so many other bytes; what of its ends stands for them as well is left out.
        forms.extend((0..3).map(|others| {
            let text = alphabet.encode([&vec![b':'; others], SECRET.as_bytes()].concat());
            text[(others * 8).div_ceil(6)..(others + SECRET.len()) * 8 / 6].to_owned()
        }));
    }
    forms
}

pub(crate) fn credentials() -> Credentials {
    let item = serde_json::json!({ "v": 1, "url": "https://issuer.example", "client_id": "id", "client_secret": SECRET });
    Credentials::parse(&item.to_string()).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn answer(data: &[u8]) -> (u16, HeaderMap, &[u8]) {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (head, body) = end.map_or((data, &[][..]), |end| (&data[..end], &data[end + 2..]));
    let mut lines = head.split(|&byte| byte == b'\n');
    let status = lines.next().and_then(|line| std::str::from_utf8(line).ok()?.parse().ok());
    let header = |line: &[u8]| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        Some((HeaderName::from_bytes(&line[..colon]).ok()?, value))
    };
    let status = status.filter(|status| (100..1000).contains(status)).unwrap_or(200);
    // More than that is never judged: the tests of the issuer's client show it.
    (status, lines.filter_map(header).take(HEADERS).collect(), &body[..body.len().min(BODY_LIMIT)])
}

/// `b64token` of RFC 6750 §2.1.
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}
