//! The faults that the sandbox can produce, as one table.
//!
//! `cargo test -p dt-cred-tests --test faults the_fault_matrix -- --nocapture` prints what each row was answered and what
//! it cost the issuer.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use dt_cred_tests::issuer::{Certificate, Door, Fault, Field, Sandbox, Settings};
use serde_json::{Value, json};

use crate::row::{Again, Row, check};

/// Headers of an answer.
type Headers = &'static [(&'static str, &'static str)];

/// How many rows run at once. They mostly wait.
const AT_ONCE: usize = 8;

#[test]
fn the_fault_matrix() {
    let elsewhere = Sandbox::http();
    let rows = rows(&elsewhere);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check(row);
                }
            });
        }
    });
    assert_eq!(elsewhere.counts().connections, 0, "no redirect was followed");
}

fn rows(elsewhere: &Sandbox) -> Vec<Row> {
    let mut rows = vec![
        // The connection.
        door("connection refused", Door::Closed, "Connection refused"),
        door("connecting never completes", Door::Full, "has not answered in time"),
        door("accepts and never answers", Door::Mute, "has not answered in time"),
        fault("reads and never answers", Fault::Silence, 1, "has not answered in time"),
        fault("trickles a byte a second", Fault::Trickle, 1, "has not answered in time"),
        fault("resets midway", Fault::Reset, 1, "broke before the whole answer came"),
        // TLS.
        certificate("a CA that nobody knows", Certificate::UnknownCa, "signed by no CA that is trusted"),
        certificate("an expired certificate", Certificate::Expired, "has expired"),
        certificate("a certificate for another name", Certificate::WrongName, "is for another name"),
        Row { tls: true, ..door("connection refused, with TLS", Door::Closed, "Connection refused") },
        Row { tls: true, ..door("accepts and never shakes hands", Door::Mute, "has not answered in time") },
        Row { tls: true, ..fault("resets midway, with TLS", Fault::Reset, 1, "broke before") },
        // The body of a good status.
        fault("truncated JSON", Fault::Truncated { framed: true }, 1, "malformed JSON"),
        fault("JSON cut off with the connection", Fault::Truncated { framed: false }, 1, "broke before"),
        fault("an endless body", Fault::Endless, 1, "more than 131072 bytes"),
        fault("HTML on 200", Fault::html(200), 1, "is no JSON object"),
        fault("nothing on 200", Fault::empty(200), 1, "is no JSON object"),
        fault("an array on 200", Fault::json("[]"), 1, "is no JSON object"),
        fault(
            "a member twice",
            Fault::json(r#"{"access_token":"a","access_token":"b"}"#),
            1,
            "stands there twice",
        ),
        fault(
            "an error on 200",
            Fault::json(r#"{"error":"server_error"}"#),
            1,
            "without an access token: server_error",
        ),
        // What no token is.
        token("access_token null", Field::Value(Value::Null), "without an access token"),
        token("access_token absent", Field::Absent, "without an access token"),
        token("access_token empty", Field::Value(json!("")), "without an access token"),
        token("access_token a number", Field::Value(json!(42)), "without an access token"),
        token(
            "access_token with CR LF",
            Field::Value(json!("a\r\nX-Evil: b")),
            "characters that no token may",
        ),
        token("access_token with LF at its end", Field::Value(json!("a\n")), "characters that no token may"),
        token("access_token with a NUL", Field::Value(json!("a\0b")), "characters that no token may"),
        token("access_token with a space", Field::Value(json!("a b")), "characters that no token may"),
        token("access_token of 70 KB", Field::Value(json!("x".repeat(70 << 10))), "longer than 61440 bytes"),
        grant("access_token of 60 KB", |settings| settings.token_length = Some(60 << 10)),
        grant("an opaque token", |settings| settings.opaque = true),
        // How long it is valid.
        grant("expires_in absent", |settings| settings.expires_in = Field::Absent),
        grant("expires_in absent and the token opaque", |settings| {
            settings.expires_in = Field::Absent;
            settings.opaque = true;
        }),
        grant("expires_in a string", |settings| settings.expires_in = Field::Value(json!("3660"))),
        grant("expires_in a float", |settings| settings.expires_in = Field::Value(json!(3659.5))),
        grant("expires_in no number", |settings| settings.expires_in = Field::Value(json!("an hour"))),
        grant("expires_in 1e300", |settings| settings.expires_in = Field::Value(json!(1e300))),
        dead("expires_in 0", json!(0)),
        dead("expires_in negative", json!(-5)),
        dead("expires_in a string that is negative", json!("-0.5")),
        Row {
            set: Box::new(|settings| {
                settings.expires_in = Field::Value(json!(0.2));
                settings.latency = 300;
            }),
            ..dead("a grant that arrives expired", json!(0))
        },
        // Its type.
        grant("token_type missing", |settings| settings.token_type = Field::Absent),
        grant("token_type bearer", |settings| settings.token_type = Field::Value(json!("bearer"))),
        Row {
            set: Box::new(|settings| settings.token_type = Field::Value(json!("mac"))),
            ..grant("token_type mac", |_| {})
        }
        .failing(7, "a token of type mac", Again::EachMinute),
        // What the issuer says of itself.
        fault("402, a quota", Fault::quota(), 1, "402 (a quota is used up): quota exceeded"),
        fault(
            "400 invalid_request",
            Fault::oauth(400, "invalid_request", "no grant_type"),
            1,
            "no grant_type",
        ),
        fault(
            "500 server_error",
            Fault::oauth(500, "server_error", "broken"),
            1,
            "500: server_error: broken",
        ),
    ];
    // A redirect to another host, which must never be asked.
    for status in [301, 302, 303, 307, 308] {
        let redirect = Fault::Redirect { status, location: elsewhere.token_url() };
        let row = fault(&format!("{status} to another host"), redirect, 7, "a redirect to 127.0.0.1");
        rows.push(Row { again: Again::EachMinute, ..row });
    }
    // HTML and nothing at all on each status.
    for status in [400, 401, 402, 403, 404, 405, 429, 500, 501, 503] {
        for (what, answer) in [("HTML", Fault::html(status)), ("nothing", Fault::empty(status))] {
            let (code, again) = match status {
                404 | 405 => (7, Again::EachMinute),
                _ => (1, Again::Backoff),
            };
            let row = fault(&format!("{what} on {status}"), answer, code, &format!("answered {status}"));
            rows.push(Row { again, ..row });
        }
    }
    // The six that are final, on each status that they may come with.
    for error in [
        "invalid_client",
        "unauthorized_client",
        "invalid_scope",
        "invalid_target",
        "access_denied",
        "unsupported_grant_type",
    ] {
        for status in [400, 401, 403] {
            let answer = Fault::oauth(status, error, "it says why");
            let row = fault(&format!("{status} {error}"), answer, 4, &format!("{error}: it says why"));
            rows.push(Row { again: Again::Never, ..row });
        }
    }
    // The same words where they mean nothing final.
    for status in [402, 404, 429, 500, 503] {
        let answer = Fault::oauth(status, "invalid_client", "it says why");
        let (code, again) = if status == 404 { (7, Again::EachMinute) } else { (1, Again::Backoff) };
        let row = fault(&format!("{status} invalid_client"), answer, code, &format!("answered {status}"));
        rows.push(Row { again, ..row });
    }
    // 429, and how long the issuer wants to be left alone.
    // By the issuer's own clock, which may be years off.
    const CLOCK: (&str, &str) = ("Date", "Mon, 01 Jan 2024 00:00:00 GMT");
    let waits: [(&str, Headers, Again); 9] = [
        ("a float", &[("Archivist-Rate-Limit-Reset", "120.5")], Again::After(120.5)),
        ("seconds", &[("Retry-After", "120")], Again::After(120.0)),
        ("a date", &[CLOCK, ("Retry-After", "Mon, 01 Jan 2024 00:02:00 GMT")], Again::After(120.0)),
        ("a date far off", &[("Retry-After", "Sun, 01 Jan 2090 00:00:00 GMT")], Again::After(900.0)),
        (
            "both, ours first",
            &[("Retry-After", "1"), ("Archivist-Rate-Limit-Reset", "120.5")],
            Again::After(120.5),
        ),
        ("a day, which is 15 minutes", &[("Retry-After", "86400")], Again::After(900.0)),
        ("neither", &[], Again::Backoff),
        ("nonsense", &[("Archivist-Rate-Limit-Reset", "soon"), ("Retry-After", "-3")], Again::Backoff),
        (
            "an infinite time",
            &[("Archivist-Rate-Limit-Reset", "inf"), ("Retry-After", "NaN")],
            Again::Backoff,
        ),
    ];
    for (what, headers, again) in waits {
        let row =
            fault(&format!("429 with {what}"), Fault::rate_limited(headers), 1, "429 (too many requests)");
        rows.push(Row { again, ..row });
    }
    // Whatever is wrong, it is left alone for as long as it asks for.
    for status in [200, 404, 307, 401] {
        let headers = vec![("Retry-After".to_owned(), "120".to_owned())];
        let answer = Fault::Answer { status, headers, body: "<html>".to_owned() };
        let code = if matches!(status, 404 | 307) { 7 } else { 1 };
        let row = fault(&format!("{status} with Retry-After"), answer, code, &format!("answered {status}"));
        rows.push(Row { again: Again::After(120.0), ..row });
    }
    let reset = [("Archivist-Rate-Limit-Reset", "120.5")];
    let Fault::Answer { headers, body, .. } = Fault::rate_limited(&reset) else { unreachable!("an answer") };
    let busy = Fault::Answer { status: 503, headers, body };
    rows.push(Row { again: Again::After(120.5), ..fault("503 with a float", busy, 1, "answered 503") });
    rows
}

/// A row whose token requests end in `fault`; it is tried again with backoff.
fn fault(name: &str, fault: Fault, code: i32, words: &str) -> Row {
    row(name, move |settings| settings.token_fault = Some(fault.clone())).failing(code, words, Again::Backoff)
}

fn door(name: &str, door: Door, words: &str) -> Row {
    row(name, move |settings| settings.door = door).failing(1, words, Again::Backoff)
}

fn certificate(name: &str, certificate: Certificate, words: &str) -> Row {
    let row = row(name, move |settings| settings.certificate = certificate);
    Row { tls: true, ..row.failing(7, words, Again::EachMinute) }
}

fn token(name: &str, token: Field, words: &str) -> Row {
    row(name, move |settings| settings.access_token = token.clone()).failing(1, words, Again::Backoff)
}

fn dead(name: &str, expires_in: Value) -> Row {
    let row = row(name, move |settings| settings.expires_in = Field::Value(expires_in.clone()));
    row.failing(1, "check this machine's clock", Again::Backoff)
}

/// A row that is no fault.
fn grant(name: &str, set: impl Fn(&mut Settings) + Send + Sync + 'static) -> Row {
    row(name, set)
}

fn row(name: &str, set: impl Fn(&mut Settings) + Send + Sync + 'static) -> Row {
    Row { name: name.to_owned(), tls: false, set: Box::new(set), failure: None, again: Again::Granted }
}
