//! What an answer of a token endpoint means.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::time::{Duration, SystemTime};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use dt_cred_proto::{message::FailureKind, profile::Profile};
use dt_credd::{
    credentials::Credentials,
    grant::{Asked, Declined, Granted, LIFETIME_LIMIT, TOKEN_LIMIT, judge},
    lifecycle::Cause,
};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

const SECRET: &str = r#"s3cr&t+%="\é/<x"#;
const DEFAULT: Duration = Duration::from_secs(601);

fn credentials(secret: &str) -> Credentials {
    let item = serde_json::json!({ "v": 1, "url": "https://issuer.example", "client_id": "i d", "client_secret": secret });
    Credentials::parse(&item.to_string()).map_err(|e| e.to_string()).unwrap()
}

fn judged(status: u16, headers: &[(&'static str, &'static str)], body: &[u8]) -> Result<Granted, Declined> {
    judged_by(&credentials(SECRET), status, headers, body)
}

fn judged_by(
    credentials: &Credentials,
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: &[u8],
) -> Result<Granted, Declined> {
    let profile: Profile = "work".parse().unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT
    let asked = Asked { profile: &profile, credentials, default_lifetime: DEFAULT, now };
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    judge(status, &headers, body, &asked)
}

fn granted(body: &str) -> Granted {
    judged(200, &[], body.as_bytes()).map_err(|e| format!("{body}: {}", e.failure)).unwrap()
}

fn declined(status: u16, body: &str) -> Declined {
    let declined = judged(status, &[], body.as_bytes()).err().unwrap();
    let message = declined.failure.message.as_str();
    assert!(message.starts_with("profile work: "), "{message}");
    assert!(!message.contains(char::is_control), "{message}");
    declined
}

fn jwt(claims: &str) -> String {
    format!("eyJhbGciOiJub25lIn0.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims))
}

#[test]
fn datatrails_own_answer_is_a_grant() {
    let grant = granted(r#"{"access_token":"eyJ.abc-_~+/.x==","expires_in":3660,"token_type":"Bearer"}"#);
    assert_eq!(grant.access_token.expose(), "eyJ.abc-_~+/.x==");
    assert_eq!(grant.lifetime, Duration::from_secs(3660));
}

#[test]
fn expires_in_is_an_integer_a_float_or_a_numeric_string_and_else_absent() {
    let seconds = Duration::from_secs;
    let day = |days: u64| seconds(days * 86400);
    assert_eq!(LIFETIME_LIMIT, day(30));
    for (text, lifetime) in [
        ("3660", seconds(3660)),
        ("3660.5", Duration::from_millis(3_660_500)),
        ("3.66e3", seconds(3660)),
        (r#""3660""#, seconds(3660)),
        (r#"" 3660.0 ""#, seconds(3660)),
        ("2592000", day(30)),
        ("2592001", day(30)),
        ("1e300", day(30)),
        ("99999999999999999999999999", day(30)),
        (r#""1e300""#, day(30)),
        ("0", Duration::ZERO),
        ("-0.0", Duration::ZERO),
        ("-1", Duration::ZERO),
        ("-1e300", Duration::ZERO),
        (r#""-5""#, Duration::ZERO),
        ("null", DEFAULT),
        ("true", DEFAULT),
        ("{}", DEFAULT),
        ("[3660]", DEFAULT),
        (r#""""#, DEFAULT),
        (r#""soon""#, DEFAULT),
        (r#""1h""#, DEFAULT),
        ("1e999", DEFAULT),
        ("-1e999", DEFAULT),
        (r#""inf""#, DEFAULT),
        (r#""NaN""#, DEFAULT),
    ] {
        let grant = granted(&format!(r#"{{"access_token":"t","expires_in":{text}}}"#));
        assert_eq!(grant.lifetime, lifetime, "{text}");
    }
}

#[test]
fn without_expires_in_the_jwts_own_claims_tell_and_else_the_default() {
    let seconds = Duration::from_secs;
    for (token, lifetime) in [
        (jwt(r#"{"iat":1000,"exp":4660}"#), seconds(3660)),
        (jwt(r#"{"iat":1000.5,"exp":1600.5}"#), seconds(600)),
        (jwt(r#"{"iat":0,"exp":1e300}"#), LIFETIME_LIMIT),
        (jwt(r#"{"iat":1000,"exp":1000}"#), Duration::ZERO),
        (jwt(r#"{"iat":4660,"exp":1000}"#), Duration::ZERO),
        (jwt(r#"{"iat":-1e308,"exp":1.7e308}"#), DEFAULT),
        (jwt(r#"{"exp":4660}"#), DEFAULT),
        (jwt(r#"{"iat":1000}"#), DEFAULT),
        (jwt(r#"{"iat":null,"exp":"x"}"#), DEFAULT),
        (jwt(r#"[4660,1000]"#), DEFAULT),
        (jwt("not json"), DEFAULT),
        ("a.b".to_owned(), DEFAULT),
        (format!("{}.d", jwt(r#"{"iat":1000,"exp":4660}"#)), DEFAULT),
        ("opaque".to_owned(), DEFAULT),
    ] {
        assert_eq!(granted(&format!(r#"{{"access_token":"{token}"}}"#)).lifetime, lifetime, "{token}");
    }
    let both = format!(r#"{{"access_token":"{}","expires_in":60}}"#, jwt(r#"{"iat":1000,"exp":4660}"#));
    assert_eq!(granted(&both).lifetime, seconds(60));
}

#[test]
fn a_token_is_bearer_in_any_case_and_any_other_type_is_a_wrong_endpoint() {
    for word in [r#""Bearer""#, r#""bearer""#, r#""BEARER""#, "null"] {
        granted(&format!(r#"{{"access_token":"t","token_type":{word}}}"#));
    }
    for word in [r#""mac""#, r#""DPoP""#, r#""""#, "7", r#""N_A""#] {
        let declined = declined(200, &format!(r#"{{"access_token":"t","token_type":{word}}}"#));
        assert_eq!((declined.cause, declined.failure.kind), (Cause::Slow, FailureKind::Configuration));
    }
    let message = declined(200, r#"{"access_token":"t","token_type":"mac"}"#).failure.message;
    assert!(message.as_str().contains("gave a token of type mac"), "{message}");
}

#[test]
fn a_200_without_a_usable_token_is_temporary_and_shows_none_of_it() {
    let long = "a".repeat(TOKEN_LIMIT + 1);
    let cases = [
        (r#"{"access_token":null,"expires_in":3660}"#.to_owned(), "without an access token"),
        (r#"{"expires_in":3660}"#.to_owned(), "without an access token"),
        (r#"{"access_token":""}"#.to_owned(), "without an access token"),
        (r#"{"access_token":7}"#.to_owned(), "without an access token"),
        (r#"{"access_token":{"access_token":"t"}}"#.to_owned(), "without an access token"),
        (r#"{"access_token":"zz\nHost: evil"}"#.to_owned(), "characters that no token may"),
        (r#"{"access_token":"zz zz"}"#.to_owned(), "characters that no token may"),
        (r#"{"access_token":"=="}"#.to_owned(), "characters that no token may"),
        (r#"{"access_token":"zz=zz"}"#.to_owned(), "characters that no token may"),
        (r#"{"access_token":"zzé"}"#.to_owned(), "characters that no token may"),
        (format!(r#"{{"access_token":"{long}"}}"#), "longer than 61440 bytes"),
        (r#"{"access_token":"zz","access_token":"zzz"}"#.to_owned(), "stands there twice"),
        (r#"{"access_token":"zz""#.to_owned(), "malformed JSON (line 1, column 20)"),
        (r#"{"access_token":"zz"} zz"#.to_owned(), "malformed JSON"),
        (r#"["zz","Bearer",3660]"#.to_owned(), "no JSON object"),
        (r#""zz""#.to_owned(), "no JSON object"),
        ("<!doctype html><title>zz</title>".to_owned(), "no JSON object"),
        (String::new(), "no JSON object"),
        (
            r#"{"error":"oops","description":"in 5 min"}"#.to_owned(),
            "without an access token: oops: in 5 min",
        ),
    ];
    for (body, expected) in cases {
        let declined = declined(200, &body);
        assert_eq!(
            (declined.cause, declined.failure.kind),
            (Cause::Temporary, FailureKind::TryLater),
            "{body}"
        );
        let message = declined.failure.message.as_str();
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("zz"), "{message}");
    }
    assert!(judged(200, &[], b"{\"access_token\":\"\xff\"}").is_err());
    assert_eq!(
        granted(&format!(r#"{{"access_token":"{}"}}"#, &long[1..])).access_token.expose().len(),
        TOKEN_LIMIT
    );
}

#[test]
fn only_oauths_own_refusals_end_the_asking() {
    let codes = [
        "invalid_client",
        "unauthorized_client",
        "invalid_scope",
        "invalid_target",
        "access_denied",
        "unsupported_grant_type",
    ];
    for status in [400, 401, 403] {
        for code in codes {
            let refused = declined(status, &format!(r#"{{"error":"{code}"}}"#));
            assert_eq!(
                (refused.cause, refused.failure.kind),
                (Cause::Terminal, FailureKind::Refused),
                "{status} {code}"
            );
            assert!(refused.failure.message.as_str().contains(code));
        }
        for body in [
            r#"{"error":"invalid_request"}"#,
            r#"{"error":"invalid_grant"}"#,
            r#"{"error":"INVALID_CLIENT"}"#,
            r#"{"error":"server_error"}"#,
            r#"{"error":{"code":"invalid_client"}}"#,
            r#"{"error":["invalid_client"]}"#,
            r#"{"error":"invalid_client","error":"invalid_client"}"#,
            r#"["invalid_client"]"#,
            r#""invalid_client""#,
            "invalid_client",
            "<html>invalid_client</html>",
            "{}",
            "",
        ] {
            let declined = declined(status, body);
            assert_eq!(
                (declined.cause, declined.failure.kind),
                (Cause::Temporary, FailureKind::TryLater),
                "{status} {body}"
            );
        }
    }
    for status in [402, 409, 418, 422, 429, 500, 501, 502, 503, 504, 599] {
        let declined = declined(status, r#"{"error":"invalid_client"}"#);
        assert_eq!(
            (declined.cause, declined.failure.kind),
            (Cause::Temporary, FailureKind::TryLater),
            "{status}"
        );
    }
}

#[test]
fn an_endpoint_that_is_none_is_a_wrong_configuration() {
    for status in [301, 302, 303, 307, 308, 404, 405, 410] {
        for body in ["", "<html>", r#"{"error":"invalid_client"}"#] {
            let declined = declined(status, body);
            assert_eq!(
                (declined.cause, declined.failure.kind),
                (Cause::Slow, FailureKind::Configuration),
                "{status}"
            );
            let message = declined.failure.message.as_str();
            assert!(
                message.contains("issuer.example") && message.contains("dt-cred login -p work"),
                "{message}"
            );
        }
    }
}

#[test]
fn every_other_status_is_temporary() {
    for status in (100..600).filter(|status| !matches!(status, 200 | 300..=399 | 404 | 405 | 410)) {
        let body = r#"{"access_token":"t"}"#;
        assert_eq!(declined(status, body).cause, Cause::Temporary, "{status}");
    }
}

#[test]
fn a_message_says_what_failed_why_and_what_to_do() {
    let cases: [(u16, &str, &str); 8] = [
        (
            401,
            r#"{"error":"invalid_client","error_description":"client authentication failed"}"#,
            "profile work: the issuer refused the credentials: invalid_client: client authentication failed; \
             enter new ones: dt-cred login -p work",
        ),
        (
            400,
            r#"{"error":"invalid_scope"}"#,
            "profile work: the issuer refused the credentials: invalid_scope; \
             give another scope: dt-cred login -p work --scope SCOPE",
        ),
        (
            402,
            r#"{"error":"quota","description":"caps reached"}"#,
            "profile work: the issuer issuer.example answered 402 (a quota is used up): quota: caps reached; \
             try again later",
        ),
        (
            429,
            "",
            "profile work: the issuer issuer.example answered 429 (too many requests); try again later",
        ),
        (
            503,
            "<html>…</html>",
            "profile work: the issuer issuer.example answered 503 and no JSON; try again later",
        ),
        (
            500,
            r#"{"error":"server_error"}"#,
            "profile work: the issuer issuer.example answered 500: server_error; try again later",
        ),
        (
            404,
            "",
            "profile work: issuer.example answered 404: there is no token endpoint at /archivist/iam/v1/appidp/token; \
             give the right address: dt-cred login -p work --token-url URL",
        ),
        (
            302,
            "",
            "profile work: issuer.example answered 302, a redirect, and a secret is not sent on; give the right \
             address: dt-cred login -p work --url URL (or --token-url URL)",
        ),
    ];
    for (status, body, message) in cases {
        assert_eq!(declined(status, body).failure.message.as_str(), message);
    }
    let redirect = judged(302, &[("location", "https://login.example/?q=1")], b"").err().unwrap();
    assert!(redirect.failure.message.as_str().contains("a redirect to login.example, and"));
}

#[test]
fn the_wait_that_the_issuer_asks_for_is_read_and_nonsense_is_not() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    type Case = (&'static [(&'static str, &'static str)], Option<Duration>);
    let cases: [Case; 20] = [
        (&[("archivist-rate-limit-reset", "12.5")], Some(Duration::from_millis(12_500))),
        (&[("archivist-rate-limit-reset", "0")], seconds(0)),
        (&[("retry-after", "120")], seconds(120)),
        (&[("retry-after", " 120 ")], seconds(120)),
        (&[("archivist-rate-limit-reset", "5"), ("retry-after", "120")], seconds(5)),
        (&[("archivist-rate-limit-reset", "x"), ("retry-after", "120")], seconds(120)),
        (&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")], seconds(30)),
        (&[("retry-after", "Sunday, 06-Nov-94 08:50:07 GMT")], seconds(30)),
        (&[("retry-after", "Sun Nov  6 08:50:07 1994")], seconds(30)),
        (&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")], seconds(0)),
        (
            &[("retry-after", "Sat, 06 Nov 2094 08:50:07 GMT"), ("date", "Sat, 06 Nov 2094 08:49:57 GMT")],
            seconds(10),
        ),
        (&[("retry-after", "1e300")], Some(LIFETIME_LIMIT)),
        (&[("retry-after", "-1")], None),
        (&[("retry-after", "NaN")], None),
        (&[("retry-after", "inf")], None),
        (&[("retry-after", "")], None),
        (&[("retry-after", "soon")], None),
        (&[("retry-after", "Sun, 99 Nov 1994 08:50:07 GMT")], None),
        (&[("archivist-rate-limit-reset", "-3.5")], None),
        (&[], None),
    ];
    for status in [402, 429, 503] {
        for (headers, wait) in cases {
            let declined = judged(status, headers, b"").err().unwrap();
            assert_eq!(declined.retry_after, wait, "{status} {headers:?}");
        }
    }
    let told = judged(429, &[("archivist-rate-limit-reset", "12.5")], b"").err().unwrap();
    assert!(told.failure.message.as_str().contains("it asks to wait 13 s"));
}

/// Every byte that is no letter or digit as `%XX`, and a space as this.
fn percent(text: &str, space: &str) -> String {
    let encoded = |byte: u8| match byte {
        b' ' => space.to_owned(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

/// Every character that is no letter or digit as `\uXXXX`, as JSON may have it.
fn escaped(text: &str) -> String {
    let units = |c: char| match c {
        c if c.is_ascii_alphanumeric() => c.to_string(),
        c => c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect(),
    };
    text.chars().map(units).collect()
}

#[test]
fn an_issuer_that_echoes_the_secret_in_any_form_is_not_quoted() {
    for secret in ["AbC123xyz", SECRET, "S3 c&t+", "a%41\\\"é/𝄞", "pass word", "12%2B34+"] {
        let credentials = credentials(secret);
        let json = serde_json::to_string(secret).unwrap();
        let form = percent(secret, "+");
        let forms = [
            secret.to_owned(),
            secret.to_uppercase(),
            form.clone(),
            form.to_lowercase(),
            percent(secret, "%20"),
            percent(secret, "%20").replace("%2B", "+"),
            json.trim_matches('"').to_owned(),
            json.trim_matches('"').replace('/', "\\/"),
            escaped(secret),
            escaped(secret).to_lowercase(),
            BASE64_STANDARD.encode(secret),
            BASE64_URL_SAFE_NO_PAD.encode(secret),
            BASE64_STANDARD.encode(&form),
            BASE64_STANDARD.encode(format!("i d:{secret}")),
            BASE64_STANDARD.encode(format!("i+d:{form}")),
            BASE64_URL_SAFE.encode(format!("x:{secret}:y")),
            BASE64_STANDARD.encode(format!("xy:{secret}:y")).replace('+', "%2B").replace('=', "%3D"),
        ];
        for echo in forms {
            let text = format!("client secret [{echo}] is wrong");
            for (status, body) in [
                (401, serde_json::json!({ "error": "invalid_client", "error_description": text })),
                (400, serde_json::json!({ "error": "invalid_request", "error_description": text })),
                (401, serde_json::json!({ "error": text })),
                (402, serde_json::json!({ "error": "quota", "description": text })),
                (200, serde_json::json!({ "error": text })),
                (200, serde_json::json!({ "access_token": "t", "token_type": text })),
            ] {
                let declined =
                    judged_by(&credentials, status, &[], body.to_string().as_bytes()).err().unwrap();
                let message = declined.failure.message.as_str();
                assert!(message.contains("withheld") && !message.contains("is wrong"), "{message}");
            }
        }
    }
    let body = br#"{"error":"invalid_client","error_description":"client secret is wrong"}"#;
    assert!(
        judged(401, &[], body).err().unwrap().failure.message.as_str().contains("client secret is wrong")
    );
}

#[test]
fn a_long_run_that_may_be_a_token_is_not_quoted() {
    for (run, withheld) in [("a".repeat(47), false), ("a".repeat(48), true), ("eyJ0.e-_~+/=".repeat(4), true)]
    {
        let body =
            serde_json::json!({ "error": "invalid_request", "error_description": format!("bad ({run})") });
        let message = declined(400, &body.to_string()).failure.message;
        assert_eq!(message.as_str().contains("withheld"), withheld, "{message}");
        assert_eq!(message.as_str().contains(&run), !withheld, "{message}");
    }
}

#[test]
fn an_issuers_text_is_one_short_line() {
    let text = format!("a\r\n\u{1b}[2J\u{202e}{}", "é ".repeat(1000));
    let body = serde_json::json!({ "error": "invalid_client", "error_description": text });
    let message = declined(401, &body.to_string()).failure.message;
    assert!(message.as_str().starts_with(
        "profile work: the issuer refused the credentials: invalid_client: a\u{fffd}\u{fffd}\u{fffd}[2J\u{fffd}é é"
    ));
    assert!(message.as_str().ends_with("…; enter new ones: dt-cred login -p work"), "{message}");
    assert!(message.as_str().chars().count() < 350);
}

#[test]
fn a_refusal_names_the_date_that_is_kept_of_the_secret() {
    let item = r#"{"v":1,"client_id":"i","client_secret":"secret-x","valid_until":"2022-09-21T16:43:19Z"}"#;
    let credentials = Credentials::parse(item).map_err(|e| e.to_string()).unwrap();
    let profile: Profile = "work".parse().unwrap();
    // 2022-09-21T16:43:19Z.
    let end = 1_663_778_599;
    let said = |seconds| {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let asked = Asked { profile: &profile, credentials: &credentials, default_lifetime: DEFAULT, now };
        let declined = judge(400, &HeaderMap::new(), br#"{"error":"invalid_client"}"#, &asked).err();
        declined.unwrap().failure.message.as_str().to_owned()
    };
    let valid = "invalid_client (the secret is valid until 2022-09-21T16:43:19Z); enter new ones: dt-cred login -p work";
    assert!(said(end - 1).ends_with(valid), "{}", said(end - 1));
    let ended = "invalid_client (the secret ended at 2022-09-21T16:43:19Z); enter new ones: dt-cred login -p work, or have \
                 another secret made: dt-cred integration rotate work --as OWNER, where";
    assert!(said(end).contains(ended), "{}", said(end));
}

proptest::proptest! {
    #[test]
    fn no_body_panics_and_no_grant_is_malformed(status in 100u16..600, body in "\\PC{0,80}|\\{\"(access_token|error|expires_in)\":[\"\\\\a-z0-9e.:,{}\\[\\]-]{0,40}\\}") {
        if let Ok(grant) = judged(status, &[], body.as_bytes()) {
            proptest::prop_assert_eq!(status, 200);
            proptest::prop_assert!(!grant.access_token.expose().is_empty());
            proptest::prop_assert!(grant.access_token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
            proptest::prop_assert!(grant.lifetime <= LIFETIME_LIMIT);
        }
    }
}
