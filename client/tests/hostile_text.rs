//! A daemon that is false and says what would rewrite a terminal: whatever it says, the client prints plain text.

mod fake;

use std::{
    io::Write,
    process::{Output, Stdio},
};

use dt_cred_proto::{
    frame::{HEADER, body_length, encode},
    message::{
        Caller, Claim, Created, Defence, Examined, Failure, FailureKind, FileFormat, FileStatus, Finding,
        Granted, Integration, Integrations, Keyring, KeyringStatus, Lent, LogEntry, Managed, Moved,
        Outcome as Served, Policies, Policy, ProfileState, ProfileStatus, Response, Rotated, Starter, Status,
        Stored, Subject, Tested, Token, Verdict,
    },
    text::Text,
};
use fake::{Outcome, Play, Sandbox, request, token};

/// Clears the screen in two ways, reorders, begins lines, rings, hides.
const HOSTILE: &str =
    "\u{1b}[2J\u{9b}2J\u{202e}\u{2066}\r\n\n\u{7}\u{7f}\u{8}\0\u{85}\u{2028}\u{200b}\u{feff}\u{e0041}";

/// What stands for it until the frame is made, as a [`Text`] that is made is safe.
const MARK: &str = "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~";

fn marked() -> Text {
    Text::new(&format!("before {MARK} after"))
}

/// The answers' frames with `text` where the mark is.
fn frames(answers: &[Response], text: &str) -> Vec<u8> {
    assert_eq!((text.len(), HOSTILE.len()), (MARK.len(), MARK.len()), "they are as long");
    let mut bytes: Vec<u8> =
        answers.iter().flat_map(|answer| encode(answer).expect("a frame").to_vec()).collect();
    let marks: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(MARK.as_bytes())).collect();
    assert!(!marks.is_empty(), "there is a text");
    for at in marks {
        bytes[at..at + MARK.len()].copy_from_slice(text.as_bytes());
    }
    bytes
}

/// What the client makes of a daemon that gives these answers, one for each request.
fn outcome(arguments: &[&str], answers: &[Response], text: &str) -> Outcome {
    let (sandbox, mut bytes, count) = (Sandbox::new(), frames(answers, text), answers.len());
    let play: Play = Box::new(move |mut stream| {
        for _ in 0..count {
            request(&mut stream);
            let header = bytes.first_chunk().copied().expect("a header");
            let rest = bytes.split_off(HEADER + body_length::<Response>(header).expect("a length"));
            let _ = stream.write_all(&std::mem::replace(&mut bytes, rest));
        }
    });
    let daemon = sandbox.serve(vec![play]);
    let mut client = sandbox.client(arguments);
    client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = client.spawn().expect("the client");
    let lines = b"client_id=a\nclient_secret=b\nkeyring=memory\n";
    // Most read none of it.
    let _ = client.stdin.take().expect("a pipe").write_all(lines);
    let output: Output = client.wait_with_output().expect("the client");
    daemon.join().expect("it was asked so often");
    output.into()
}

/// Whether a terminal shows it, and nothing else happens.
fn is_plain(c: char) -> bool {
    !c.is_control() && (c.is_ascii() || !HOSTILE.contains(c))
}

fn answers() -> Vec<(&'static [&'static str], Vec<Response>)> {
    let failure = || Failure::new(FailureKind::Other, marked());
    let granted =
        || Response::Token(Token { token_type: marked(), url: marked(), warning: Some(marked()), ..token() });
    let profile = || "default".parse().expect("a name");
    let known = ProfileStatus {
        profile: profile(),
        state: ProfileState::Failing,
        url: Some(marked()),
        keyring: Some(Keyring::Keyutils),
        lasts: Some(marked()),
        expires_in_ms: None,
        lifetime_ms: None,
        generation: None,
        next_fetch_in_ms: None,
        last_error: Some(failure()),
        check: Some(failure()),
        proxy: Some(marked()),
        served: 1,
        fetches: 2,
    };
    let status = || {
        let status = Status {
            release: marked(),
            pid: 1,
            uptime_ms: 1,
            default_profile: profile(),
            requests: 1,
            profiles: vec![known.clone()],
        };
        let file = FileStatus {
            profile: profile(),
            path: marked(),
            format: FileFormat::Raw,
            generation: None,
            error: Some(failure()),
        };
        let defence = Defence { name: marked(), active: false, note: marked() };
        vec![
            Response::Status(Box::new(status)),
            Response::Files(vec![file]),
            Response::Defences(vec![defence]),
            Response::Secrets(Vec::new()),
        ]
    };
    let doctor = || {
        let finding = |verdict| Finding { subject: Subject::Api, verdict, message: marked() };
        let findings = [Verdict::Ok, Verdict::Warning, Verdict::Fails].map(finding).into();
        let examined = Examined { profile: profile(), starter: Starter::Client, findings };
        let kept =
            |error| KeyringStatus { keyring: Keyring::Keyutils, lasts: marked(), items: Vec::new(), error };
        let keyrings = vec![kept(None), kept(Some(failure()))];
        let answers = [Response::Examined(examined), Response::Keyrings(keyrings)];
        answers.into_iter().chain(status()).collect()
    };
    let tested = Tested {
        profile: profile(),
        url: marked(),
        client_id: marked(),
        assets: Some(0),
        more: false,
        renewed: false,
    };
    let caller = Caller { uid: Some(1000), pid: Some(2), program: Some(marked()), parent: Some(marked()) };
    let served = LogEntry { at_ms: 0, caller, outcome: Served::Refused };
    let path = "/nowhere".to_owned();
    let lent = Lent { profile: profile(), url: marked(), path, warning: Some(marked()) };
    let kept = KeyringStatus {
        keyring: Keyring::Keyutils,
        lasts: marked(),
        items: Vec::new(),
        error: Some(failure()),
    };
    let moved =
        Moved { profile: profile(), from: Keyring::Memory, keyring: Keyring::Keyutils, lasts: marked() };
    let stored =
        Stored { profile: profile(), keyring: Keyring::Memory, lasts: marked(), expires_in_ms: None };
    let rows: Vec<(&'static [&'static str], _)> = vec![
        (&["get"], vec![granted()]),
        (&["get", "--format", "json"], vec![granted()]),
        (&["get", "--format", "env"], vec![granted()]),
        (&["get", "--format", "curl"], vec![granted()]),
        (&["get"], vec![Response::Failed(failure())]),
        (&["get"], vec![Response::Version { version: 2, release: marked() }]),
        (&["reject"], vec![Response::Failed(failure())]),
        (&["erase"], vec![Response::Failed(failure())]),
        (&["unlock"], vec![Response::Failed(failure())]),
        (&["status"], status()),
        (&["status", "--json"], status()),
        (&["status", "--check"], status()),
        (&["doctor"], doctor()),
        (&["doctor", "--json"], doctor()),
        (&["test"], vec![Response::Tested(Box::new(tested))]),
        (&["test"], vec![Response::Failed(failure())]),
        (&["log"], vec![Response::Log(vec![served.clone()])]),
        (&["log", "--json"], vec![Response::Log(vec![served])]),
        (&["exec", "no-such-program-here"], vec![Response::Failed(failure())]),
        (&["exec", "--file", "no-such-program-here"], vec![Response::Lent(lent)]),
        (&["store"], vec![Response::Stored(stored)]),
        (&["keyring", "list"], vec![Response::Keyrings(vec![kept])]),
        (&["keyring", "move", "--to", "keyutils"], vec![Response::Moved(moved)]),
    ];
    rows.into_iter().chain(integrations()).collect()
}

/// What is said of integrations and access policies, whose texts are those of the whole tenancy.
fn integrations() -> Vec<(&'static [&'static str], Vec<Response>)> {
    let name = || "default".parse().expect("a name");
    let id = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9".parse().expect("an id");
    let known = || Integration {
        client_id: id,
        display_name: marked(),
        claims: vec![Claim { name: marked(), value: marked() }],
        roles: vec![marked()],
        valid_from: None,
        valid_until: Some(1),
        profiles: vec![name()],
    };
    let stored =
        || Stored { profile: name(), keyring: Keyring::Memory, lasts: marked(), expires_in_ms: None };
    let policy = || Policy {
        id,
        display_name: marked(),
        filters: vec![marked()],
        subjects: vec![marked()],
        read: true,
        write: true,
    };
    let page = || {
        Managed::Integrations(Integrations { integrations: vec![known()], next: None, unread: vec![name()] })
    };
    let created = Created { integration: known(), stored: Some(stored()), secret: None };
    let rotated = Rotated { profile: name(), client_id: id, valid_until: None, stored: Some(stored()) };
    let granted = Granted { client_id: id, policy: Some(policy()), body: "{}".to_owned() };
    let policies = || Managed::Policies(Policies { client_id: id, policies: vec![policy()], next: None });
    let rows: Vec<(&'static [&'static str], _)> = vec![
        (&["integration", "create", "a", "--as", "o"], Managed::Created(Box::new(created))),
        (&["integration", "list", "--as", "o"], page()),
        (&["integration", "list", "--as", "o", "--json"], page()),
        (&["integration", "show", "a", "--as", "o"], Managed::Integration(Box::new(known()))),
        (&["integration", "show", "a", "--as", "o", "--json"], Managed::Integration(Box::new(known()))),
        (&["integration", "rotate", "a", "--as", "o"], Managed::Rotated(rotated)),
        (&["integration", "grant", "a", "--as", "o"], Managed::Granted(Box::new(granted))),
        (&["integration", "grants", "a", "--as", "o"], policies()),
        (&["integration", "grants", "a", "--as", "o", "--json"], policies()),
    ];
    rows.into_iter().map(|(words, managed)| (words, vec![Response::Managed(Box::new(managed))])).collect()
}

#[test]
fn nothing_that_a_daemon_says_does_more_to_a_terminal_than_to_stand_there() {
    for ((arguments, plain), (_, hostile)) in answers().into_iter().zip(answers()) {
        let plain = outcome(arguments, &plain, MARK);
        let said = outcome(arguments, &hostile, HOSTILE);
        assert!(format!("{}{}", plain.stdout, plain.stderr).contains("before"), "{arguments:?}: {plain:?}");
        assert_eq!(said.code, plain.code, "{arguments:?}: {said:?}");
        for (said, plain) in [(&said.stdout, &plain.stdout), (&said.stderr, &plain.stderr)] {
            assert_eq!(said.lines().count(), plain.lines().count(), "{arguments:?}: {said:?}");
            assert!(said.split('\n').all(|line| line.chars().all(is_plain)), "{arguments:?}: {said:?}");
        }
    }
}
