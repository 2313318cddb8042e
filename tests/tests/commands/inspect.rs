//! `inspect`: what stands in a token, decoded here; what is malformed is said to the byte.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use dt_cred_tests::{
    issuer::Sandbox,
    user::{Account, User},
};
use serde_json::{Value, json};

/// A token of these parts.
fn token(header: &str, payload: &str, signature: &str) -> String {
    [header, payload, signature].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".")
}

#[test]
fn the_token_that_is_held_is_shown_without_its_signature() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    user.log_in(&account);
    let held = user.token();
    let signature = held.rsplit('.').next().expect("three parts");
    for arguments in [&["inspect"][..], &["inspect", "--json"]] {
        let inspect = user.dt_cred(arguments);
        assert_eq!((inspect.code, inspect.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(inspect.stdout.contains(&account.client_id), "{}", inspect.stdout);
        assert!(!inspect.stdout.contains(signature), "{}", inspect.stdout);
        assert!(held.split('.').all(|part| !inspect.stdout.contains(part)), "{}", inspect.stdout);
    }
    let json: Value = serde_json::from_str(&user.dt_cred(&["inspect", "--json"]).done()).expect("JSON");
    let payload = held.split('.').nth(1).expect("three parts");
    let claims: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON");
    assert_eq!((&json["schema"], &json["payload"]), (&1.into(), &claims));
    assert_eq!(json["custom"], json!(["jit_tenant_id", "jit_tier", "name"]));
    assert_eq!(sandbox.counts().tokens.total, 1, "it is an ordinary get");
    // A header line is as good.
    let header = user.dt_cred(&["get"]).done();
    let given = user.home.dt_cred_with(&["inspect", "-", "--json"], header).done();
    assert_eq!(given, user.dt_cred(&["inspect", "--json"]).done());
}

#[test]
fn a_token_on_standard_input_is_shown_to_the_letter_and_no_daemon_is_asked() {
    let mut user = User::in_memory();
    user.home.set("TZ", "XXX-1");
    let payload =
        "{\"iss\":\"https://a.example\",\"tier\":{\"b\":[1,2.5,null]},\"scope\":\"a b\",\"exp\":1000000000}";
    let token = token("{\"alg\":\"RS256\",\"typ\":\"at+jwt\"}", payload, "signed");
    let text = user.home.dt_cred_with(&["inspect", "-"], format!("Authorization: Bearer {token}\n")).done();
    let (before, exp) = text.split_once("  exp     ").expect("exp is shown");
    let expected = "header\n  alg  RS256\n  typ  at+jwt\npayload\n  iss     https://a.example\n  \
                    tier *  {\"b\":[1,2.5,null]}\n  scope   a b\n";
    assert_eq!(before, expected);
    let (moment, after) = exp.split_once('\n').expect("more lines");
    if cfg!(unix) {
        assert!(moment.starts_with("2001-09-09 02:46:40 +01:00 ("), "{moment}");
    } else {
        // By the zone that the system has: no variable names another.
        let minutes = |text: &str| -> i64 {
            let (hours, minutes) = text.split_once(':').expect("hours and minutes");
            hours.parse::<i64>().expect("a number") * 60 + minutes.parse::<i64>().expect("a number")
        };
        let east = minutes(&moment[21..26]) * if moment[20..].starts_with('-') { -1 } else { 1 };
        assert_eq!((minutes(&moment[11..16]) - east).rem_euclid(24 * 60), 60 + 46, "{moment}");
    }
    assert!(moment.ends_with(" ago)"), "{moment}");
    let last = "* the issuer's own: neither RFC 7519 nor RFC 9068 has it\nthe signature is neither shown nor verified\n";
    assert_eq!(after, last);
    let json = user.home.dt_cred_with(&["inspect", "--json", "-"], token).done();
    let expected = "{\"schema\":1,\"header\":{\"alg\":\"RS256\",\"typ\":\"at+jwt\"},\
                    \"payload\":{\"iss\":\"https://a.example\",\"tier\":{\"b\":[1,2.5,null]},\"scope\":\"a b\",\"exp\":1000000000},\
                    \"times\":{\"iat\":null,\"nbf\":null,\"exp\":\"2001-09-09T01:46:40Z\"},\"custom\":[\"tier\"]}\n";
    assert_eq!(json, expected);
    assert_eq!(user.home.daemon_pid(), None);
}

#[test]
fn a_token_writes_nothing_of_its_own_on_the_terminal() {
    let user = User::in_memory();
    let claims =
        json!({"\u{1b}]0;title\u{7}": "a\u{1b}[2J\r\nb", "iss": "\u{202e}\u{9b}1m", "exp": "\u{7f}"});
    let token = token("{}", &claims.to_string(), "");
    for arguments in [&["inspect", "-"][..], &["inspect", "-", "--json"]] {
        let text = user.home.dt_cred_with(arguments, &token).done();
        let hostile = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(hostile), "{text:?}");
    }
}

#[test]
fn what_is_malformed_is_said_in_one_line_with_exit_code_2_and_never_quoted() {
    let user = User::in_memory();
    let signature = BASE64_URL_SAFE_NO_PAD.encode("a signature that is good");
    let cases = [
        (String::new(), "the input is empty"),
        ("opaque-but-secret".to_owned(), "it has 1 of the three parts"),
        (format!("e30.e30.{signature}.e30.e30"), "it has five parts: it is encrypted (JWE"),
        (format!("e30.e+0.{signature}"), "the payload is no base64url at its byte 2"),
        (format!("e30=.e30.{signature}"), "the header is padded with \"=\" at its byte 4"),
        (token("{}", "[1]", "a"), "the payload is JSON, but no object"),
        (
            token("{}", "{\"exp\":1,\"exp\":2}", "a"),
            "the member \"exp\" stands there twice at line 1 column 14",
        ),
        (token("{}", "{\"exp\":}", "a"), "the payload is not JSON: expected value at line 1 column 8"),
        ("x".repeat(65 * 1024), "the input is longer than 65536 bytes"),
    ];
    for (input, reason) in cases {
        let inspect = user.home.dt_cred_with(&["inspect", "-"], &input);
        assert_eq!((inspect.code, inspect.stdout.as_str()), (Some(2), ""), "{reason}: {}", inspect.stderr);
        assert!(inspect.stderr.contains(reason) && inspect.stderr.lines().count() == 1, "{}", inspect.stderr);
        assert!(
            !inspect.stderr.contains(&signature) && !inspect.stderr.contains("secret"),
            "{}",
            inspect.stderr
        );
    }
    assert_eq!(user.home.daemon_pid(), None);
}

#[test]
fn an_opaque_token_is_said_to_be_one() {
    let sandbox = Sandbox::http();
    sandbox.set(|settings| settings.opaque = true);
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let (inspect, token) = (user.dt_cred(&["inspect"]), user.token());
    assert_eq!((inspect.code, inspect.stdout.as_str()), (Some(8), ""), "{}", inspect.stderr);
    assert!(
        inspect.stderr.contains("is no JWT") && inspect.stderr.lines().count() == 1,
        "{}",
        inspect.stderr
    );
    assert!(!inspect.stderr.contains(&token), "{}", inspect.stderr);
}
