//! An issuer, or something before it, that says what would rewrite a terminal: the client, the state and the log are plain text.

use std::{fs, thread};

use dt_cred_tests::{
    issuer::{Fault, Sandbox},
    user::{Account, User},
};
use serde_json::json;

/// Clears the screen in two ways, reorders, begins a line of the log, rings, hides.
const HOSTILE: &str = "\u{1b}[2J\u{9b}2J\u{202e}\u{2066}\r\n2099-01-01 ERROR all is lost\u{7}\u{7f}\u{8}\u{85}\u{2028}\u{200b}\u{feff}\u{e0041}";

/// What of it may stand in a header: no ASCII that is a control character (RFC 9110 §5.5).
const IN_HEADER: &str = "\u{9b}2J\u{202e}\u{2066}\u{85}\u{2028}\u{200b}\u{feff}\u{e0041}";

/// Ways to say it, each with its name.
fn faults() -> Vec<(&'static str, Fault)> {
    let bearing = |status, name: &str, value: &str| Fault::Answer {
        status,
        headers: vec![(name.to_owned(), value.to_owned())],
        body: String::new(),
    };
    vec![
        ("error_description", Fault::oauth(401, "invalid_client", &format!("before {HOSTILE} after"))),
        ("error", Fault::oauth(400, HOSTILE, "no")),
        ("error of none", Fault::oauth(503, HOSTILE, HOSTILE)),
        ("error_uri", Fault::json(&json!({"error": "invalid_client", "error_uri": HOSTILE}).to_string())),
        ("a body", Fault::Answer { status: 503, headers: Vec::new(), body: HOSTILE.to_owned() }),
        ("a body of 200", Fault::json(HOSTILE)),
        ("a member", Fault::json(&json!({ HOSTILE: HOSTILE }).to_string())),
        ("a token", Fault::json(&json!({ "access_token": format!("a{HOSTILE}") }).to_string())),
        ("a type", Fault::json(&json!({"access_token": "a.b.c", "token_type": HOSTILE}).to_string())),
        ("a lifetime", Fault::json(&json!({"access_token": "a.b.c", "expires_in": HOSTILE}).to_string())),
        (
            "description of 402",
            Fault::Answer {
                status: 402,
                headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
                body: json!({"error": HOSTILE, "description": HOSTILE}).to_string(),
            },
        ),
        ("Location", Fault::Redirect { status: 302, location: format!("https://x/{IN_HEADER}") }),
        ("Location that is none", Fault::Redirect { status: 302, location: HOSTILE.to_owned() }),
        ("Retry-After", bearing(503, "Retry-After", IN_HEADER)),
        ("WWW-Authenticate", bearing(401, "WWW-Authenticate", IN_HEADER)),
        ("Content-Type", bearing(200, "Content-Type", IN_HEADER)),
        ("a header that is none", bearing(503, "X", HOSTILE)),
    ]
}

/// What of it reorders or hides, and is no control character.
const INVISIBLE: &str = "\u{202e}\u{2066}\u{2028}\u{200b}\u{feff}\u{e0041}";

/// So many issuers at once: most of the time is a wait until one may be asked again.
const ISSUERS: usize = 4;

#[track_caller]
fn is_plain(name: &str, said: &str) {
    let harms = |c: char| c != '\n' && c.is_control() || INVISIBLE.contains(c);
    assert!(!said.contains(harms), "{name}: {said:?}");
}

/// What comes of one fault.
fn told(name: &str, fault: Fault) {
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    let lines = Account::at(&sandbox).lines();
    user.store(&format!("{lines}no_check=true\n")).done();
    sandbox.set(|settings| settings.token_fault = Some(fault));
    let get = user.dt_cred(&["get", "--timeout", "1"]);
    let store = user.store(&lines);
    assert!(sandbox.counts().tokens.total > 1, "{name}: it was asked");
    for failed in [get, store] {
        if failed.code != Some(0) {
            assert_eq!(
                (failed.stdout.as_str(), failed.stderr.lines().count()),
                ("", 1),
                "{name}: {failed:?}"
            );
        }
        is_plain(name, &failed.stderr);
        is_plain(name, &failed.stdout);
    }
    for arguments in [&["status"][..], &["status", "--json"], &["keyring", "list"]] {
        is_plain(name, &user.dt_cred(arguments).done());
    }
    user.dt_cred(&["stop"]).done();
    let log = fs::read_to_string(user.home.state().join("dt-credd.log")).expect("a log");
    is_plain(name, &log);
    assert!(log.contains("ending"), "{name}: {log}");
    assert!(log.lines().all(|line| line.contains("Z ") && !line.starts_with("2099")), "{name}: {log}");
}

#[test]
fn nothing_that_an_issuer_says_does_more_to_a_terminal_or_a_log_than_to_stand_there() {
    thread::scope(|scope| {
        for first in 0..ISSUERS {
            let own = faults().into_iter().skip(first).step_by(ISSUERS);
            scope.spawn(move || own.for_each(|(name, fault)| told(name, fault)));
        }
    });
}
