//! What the client asks of a daemon for `integration`, and what it makes of each answer and of none.

mod fake;

use std::{io::Write, process::Stdio, sync::mpsc};

use dt_cred_proto::{
    frame::encode,
    message::{
        Action, Claim, Create, Created, Defence, Failure, FailureKind, Get, Grant, Granted, Integration,
        IntegrationSubject, Integrations, Keyring, Manage, Managed, Operation, Policies, Policy,
        ProfileState, ProfileStatus, Response, Rotate, Rotated, Save, SecretStatus, Status, Stored,
    },
    profile::Profile,
    secret::Secret,
    uuid::Uuid,
};
use fake::{Outcome, Play, Sandbox, answer, close, fall_silent_after, request};

const ID: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const SECRET: &str = "rK5wTn8ZyQ2mHc7Vd0";

fn id() -> Uuid {
    ID.parse().expect("an id")
}

fn name(name: &str) -> Profile {
    name.parse().expect("a name")
}

fn integration() -> Integration {
    Integration {
        client_id: id(),
        display_name: "Machine".into(),
        claims: Vec::new(),
        roles: Vec::new(),
        valid_from: None,
        valid_until: Some(4_000_000_000),
        profiles: Vec::new(),
    }
}

fn stored(profile: &str) -> Stored {
    Stored {
        profile: name(profile),
        keyring: Keyring::Memory,
        lasts: "until the daemon ends".into(),
        expires_in_ms: None,
    }
}

fn managed(managed: Managed) -> Response {
    Response::Managed(Box::new(managed))
}

/// The client's outcome where a daemon answers so to what it is asked one after the other, each time over a connection of its
/// own; and what that was.
fn asked(arguments: &[&str], answers: Vec<Response>) -> (Outcome, Vec<Operation>) {
    asked_by(arguments, Stdio::piped(), answers)
}

/// [`asked`], where the client's standard output goes there.
fn asked_by(arguments: &[&str], stdout: Stdio, answers: Vec<Response>) -> (Outcome, Vec<Operation>) {
    let (sandbox, (sender, heard), count) = (Sandbox::new(), mpsc::channel(), answers.len());
    let play = |answer: Response| -> Play {
        let sender = sender.clone();
        Box::new(move |mut stream| {
            sender.send(request(&mut stream).operation).expect("told");
            stream.write_all(&encode(&answer).expect("a frame")).expect("sent");
        })
    };
    sandbox.serve(answers.into_iter().map(play).collect());
    let client = sandbox.client(arguments).stdout(stdout).stderr(Stdio::piped()).spawn();
    let outcome: Outcome = client.expect("the client").wait_with_output().expect("its end").into();
    // Each was heard before it was answered.
    let heard: Vec<_> = heard.try_iter().collect();
    assert_eq!(heard.len(), count, "{outcome:?}");
    (outcome, heard)
}

/// The one action that a daemon was asked for, as `boss`.
fn action(operations: Vec<Operation>) -> Action {
    match <[Operation; 1]>::try_from(operations) {
        Ok([Operation::Manage(manage)]) => {
            let Manage { owner, action } = *manage;
            assert_eq!(owner, name("boss"));
            action
        }
        _ => panic!("one action"),
    }
}

fn created(secret: Option<&str>) -> Managed {
    Managed::Created(Box::new(Created {
        integration: integration(),
        stored: Some(stored("Machine")),
        secret: secret.map(|secret| Secret::new(secret.to_owned())),
    }))
}

#[test]
fn what_is_made_is_what_was_asked_for_and_is_kept_under_its_own_name_unless_another_is_given() {
    let words = &[
        "integration",
        "create",
        "Machine",
        "--as",
        "boss",
        "--claim",
        "a=b=c",
        "--claim",
        "d=e",
        "--owner",
    ];
    let (outcome, heard) = asked(words, vec![managed(created(None))]);
    outcome.said(&format!(
        "created integration \"Machine\", client id {ID}; its secret is valid until 2096-10-02T07:06:40Z\n\
         kept as profile Machine in the daemon's memory, until the daemon ends; not proven by a token\n\
         next: dt-cred integration grant Machine --as boss\n"
    ));
    let claim = |name: &str, value: &str| Claim { name: name.into(), value: value.into() };
    let expected = Create {
        display_name: "Machine".into(),
        claims: vec![claim("a", "b=c"), claim("d", "e")],
        owner: true,
        save: Some(Save { profile: name("Machine"), keyring: None }),
        reveal: false,
    };
    assert!(action(heard) == Action::Create(expected), "as it was given");
    let words =
        &["integration", "create", "Our machine", "--as", "boss", "--save", "m", "--keyring", "memory"];
    let (_, heard) = asked(words, vec![managed(created(None))]);
    let Action::Create(create) = action(heard) else { panic!("another action") };
    assert_eq!(create.save, Some(Save { profile: name("m"), keyring: Some(Keyring::Memory) }));
}

#[test]
fn what_no_daemon_need_be_asked_for_is_refused_before_one_is() {
    // Nobody listens: whoever asked would fail with exit code 3.
    let sandbox = Sandbox::new();
    for (words, told) in [
        (&["create", "Our machine", "--as", "boss"][..], "--save"),
        (&["create", "m", "--as", "boss", "--print-secret"], "no terminal"),
        (&["-p", "a", "list", "--as", "boss"], "leave -p out"),
        (&["show", "a/b", "--as", "boss"], "a UUID"),
    ] {
        let words: Vec<_> = ["integration"].iter().chain(words).copied().collect();
        sandbox.run(&words).failed(2, told);
    }
}

#[test]
fn a_secret_that_nobody_asked_for_is_not_shown_whatever_the_daemon_says() {
    let words = &["integration", "create", "Machine", "--as", "boss"];
    let (outcome, _) = asked(words, vec![managed(created(Some(SECRET)))]);
    assert_eq!(outcome.code, Some(0));
    assert!(!format!("{}{}", outcome.stdout, outcome.stderr).contains(SECRET), "{outcome:?}");
}

#[test]
fn every_page_is_asked_for_and_a_list_without_an_end_ends() {
    let page = |names: &[&str], next: Option<&str>| {
        let named = |name: &&str| Integration { display_name: (*name).into(), ..integration() };
        let integrations = names.iter().map(named).collect();
        managed(Managed::Integrations(Integrations {
            integrations,
            next: next.map(str::to_owned),
            unread: vec![name("locked")],
        }))
    };
    let words = &["integration", "list", "--as", "boss"];
    let (outcome, heard) =
        asked(words, vec![page(&["one"], Some("2")), page(&[], Some("3")), page(&["two"], None)]);
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (Some(0), 4), "{outcome:?}");
    assert!(outcome.stdout.contains("  one\n") && outcome.stdout.contains("  two\n"), "{outcome:?}");
    assert_eq!(outcome.stdout.matches("profile locked").count(), 1, "{outcome:?}");
    let pages: Vec<_> = heard
        .into_iter()
        .map(|operation| match action(vec![operation]) {
            Action::List { page } => page,
            _ => panic!("another action"),
        })
        .collect();
    assert_eq!(pages, [None, Some("2".to_owned()), Some("3".to_owned())]);
    let (outcome, _) = asked(words, vec![page(&["one"], Some("2")), page(&["two"], Some("2"))]);
    outcome.failed(8, "the same page");
    let policies = |next: Option<&str>| {
        managed(Managed::Policies(Policies {
            client_id: id(),
            policies: vec![policy()],
            next: next.map(str::to_owned),
        }))
    };
    let words = &["integration", "grants", "ci", "--as", "boss", "--json"];
    let (outcome, _) = asked(words, vec![policies(Some("2")), policies(None)]);
    assert_eq!(outcome.stdout.matches("\"display_name\"").count(), 2, "{outcome:?}");
}

fn policy() -> Policy {
    Policy {
        id: id(),
        display_name: "ci: read".into(),
        filters: vec!["attributes.arc_display_type=*".into()],
        subjects: Vec::new(),
        read: true,
        write: false,
    }
}

#[test]
fn an_integration_goes_by_its_id_or_by_a_profile_and_nobody_is_asked_where_it_is_said_beforehand() {
    for (word, subject) in
        [(ID, IntegrationSubject::Id(id())), ("ci", IntegrationSubject::Profile(name("ci")))]
    {
        let words = &["integration", "delete", word, "--as", "boss", "--yes"];
        let deleted = managed(Managed::Deleted { id: id(), profiles: vec![name("ci")] });
        let (outcome, heard) = asked(words, vec![deleted]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert!(outcome.stdout.contains("dt-cred erase -p ci"), "{outcome:?}");
        assert!(action(heard) == Action::Delete(subject), "{word}");
    }
    let (outcome, heard) =
        asked(&["integration", "revoke", ID, "--as", "boss", "--yes"], vec![managed(Managed::Revoked(id()))]);
    outcome.said(&format!("deleted access policy {ID}\n"));
    assert!(action(heard) == Action::Revoke(id()));
}

#[test]
fn what_would_be_sent_is_shown_and_what_was_granted_is_told() {
    let granted = |policy| {
        managed(Managed::Granted(Box::new(Granted { client_id: id(), policy, body: "{\"a\":[]}".into() })))
    };
    let words = &["integration", "grant", "ci", "--as", "boss", "--asset-type", "T", "--write", "--dry-run"];
    let (outcome, heard) = asked(words, vec![granted(None)]);
    outcome.said("{\n  \"a\": []\n}\n");
    let expected = Grant {
        subject: IntegrationSubject::Profile(name("ci")),
        asset_types: vec!["T".into()],
        read: false,
        write: true,
        display_name: None,
        dry_run: true,
    };
    assert!(action(heard) == Action::Grant(expected));
    // One that was made where none was to be.
    asked(words, vec![granted(Some(policy()))]).0.failed(3, "something else");
    let (outcome, _) = asked(&["integration", "grant", "ci", "--as", "boss"], vec![granted(Some(policy()))]);
    assert!(outcome.stdout.ends_with("next: dt-cred test -p ci\n"), "{outcome:?}");
}

#[test]
fn where_no_answer_comes_to_what_changes_something_it_says_what_may_be_there_and_asks_once() {
    let list = "dt-cred integration list --as boss tells";
    let made = format!(
        "{list}; one that stands there without a profile gets a secret by dt-cred integration rotate m --as boss --client-id \
         ID, or goes by dt-cred integration delete ID --as boss"
    );
    for (words, told) in [
        (&["create", "m"][..], list.to_owned()),
        (&["create", "A m", "--save", "m"], made),
        (&["delete", ID, "--yes"], list.to_owned()),
        (
            &["rotate", "ci"],
            "profile ci has another secret now: dt-cred integration rotate ci --as boss finishes it"
                .to_owned(),
        ),
        (&["rotate", "ci", "--client-id", ID], format!("rotate ci --as boss --client-id {ID} finishes it")),
        (&["grant", "ci"], "dt-cred integration grants ci --as boss tells".to_owned()),
        (&["revoke", ID, "--yes"], "the same command again tells".to_owned()),
    ] {
        let words: Vec<_> = ["integration"].iter().chain(words).chain(&["--as", "boss"]).copied().collect();
        let sandbox = Sandbox::new();
        let daemon = sandbox.serve(vec![close()]);
        let outcome = sandbox.run(&words);
        outcome.failed(3, "without an answer; ");
        outcome.failed(3, &told);
        daemon.join().expect("asked once");
        let sandbox = Sandbox::new();
        sandbox.serve(vec![fall_silent_after(Vec::new())]);
        let words: Vec<_> = words.iter().chain(&["--timeout", "0.3"]).copied().collect();
        let outcome = sandbox.run(&words);
        outcome.failed(1, "did not answer within 0.3 s; ");
        outcome.failed(1, &told);
    }
}

fn rotated(profile: &str, stored: Option<Stored>) -> Response {
    managed(Managed::Rotated(Rotated {
        profile: name(profile),
        client_id: id(),
        valid_until: Some(4_000_000_000),
        stored,
    }))
}

fn status(names: &[&str]) -> Response {
    let profiles = names.iter().map(|profile| known(profile)).collect();
    Response::Status(Box::new(Status {
        release: env!("CARGO_PKG_VERSION").into(),
        pid: 1,
        uptime_ms: 1,
        default_profile: name("default"),
        requests: 1,
        profiles,
    }))
}

fn known(profile: &str) -> ProfileStatus {
    ProfileStatus {
        profile: name(profile),
        state: ProfileState::Idle,
        url: None,
        keyring: None,
        lasts: None,
        expires_in_ms: None,
        lifetime_ms: None,
        generation: None,
        next_fetch_in_ms: None,
        last_error: None,
        check: None,
        proxy: None,
        served: 0,
        fetches: 0,
    }
}

#[test]
fn of_all_profiles_each_has_a_line_what_fails_keeps_none_of_the_others_and_the_first_failure_is_the_exit_code()
 {
    let failed = |kind, message: &str| Response::Failed(Failure::new(kind, message));
    let answers = vec![
        status(&["a", "b", "c", "d", "e"]),
        rotated("a", Some(stored("a"))),
        failed(FailureKind::Keyring, "it is locked: dt-cred unlock"),
        failed(FailureKind::TryLater, "it is busy"),
        rotated("d", None),
        failed(FailureKind::Usage, "it is of another service"),
    ];
    let (outcome, heard) =
        asked(&["integration", "rotate", "--due", "30d", "--all", "--as", "boss"], answers);
    assert_eq!(outcome.code, Some(6), "{outcome:?}");
    let lines: Vec<_> = outcome.stdout.lines().collect();
    assert!(lines.len() == 5 && lines[0].starts_with("profile a: a new secret"), "{outcome:?}");
    assert_eq!(lines[1], "profile b: failed: it is locked: dt-cred unlock");
    assert_eq!(lines[2], "profile c: failed: it is busy");
    assert!(lines[3].starts_with("profile d: nothing was changed"), "{outcome:?}");
    assert_eq!(lines[4], "profile e: left as it is: it is of another service");
    assert!(outcome.stderr.starts_with("dt-cred: 2 of 5 profiles failed"), "{outcome:?}");
    for operation in heard.into_iter().skip(1) {
        let Action::Rotate(Rotate { client_id: None, keyring: None, due, .. }) = action(vec![operation])
        else {
            panic!("another action")
        };
        assert_eq!(due, Some(30 * 24 * 3600));
    }
    let (outcome, _) = asked(
        &["integration", "rotate", "--due", "30d", "--all", "--as", "boss"],
        vec![status(&["a"]), rotated("a", None)],
    );
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_profile_that_holds_nothing_is_left_as_it_is_unless_the_owner_holds_nothing_either() {
    let words = &["integration", "rotate", "--due", "30d", "--all", "--as", "boss"];
    let failed = |kind| Response::Failed(Failure::new(kind, "it says so"));
    let nothing = || failed(FailureKind::NothingStored);
    for (owner, code, told) in [
        // Of an Owner that cannot be used now, nothing is known.
        (failed(FailureKind::TryLater), 0, "profile a: left as it is: it says so\n"),
        (nothing(), 5, "profile a: failed: it says so\n"),
    ] {
        let (outcome, heard) = asked(words, vec![status(&["a"]), nothing(), owner]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(code), told));
        let [.., Operation::Get(get)] = &heard[..] else { panic!("the Owner's token is asked for") };
        assert!(*get == Get { profile: Some(name("boss")), ..Get::default() });
    }
}

#[test]
fn a_secret_that_comes_from_where_it_can_only_be_read_is_not_to_be_rotated() {
    let unchanged = || {
        let (profile, client_id) = (name("a"), id());
        managed(Managed::Rotated(Rotated { profile, client_id, valid_until: None, stored: None }))
    };
    for (keyring, next) in [
        (Keyring::Command, "it comes from an external command, which alone can give another one"),
        (Keyring::Memory, "rotate it once without --due"),
    ] {
        let status = || {
            let Response::Status(status) = status(&[]) else { panic!("a status") };
            let profiles = vec![ProfileStatus { keyring: Some(keyring), ..known("a") }];
            Response::Status(Box::new(Status { profiles, ..*status }))
        };
        let told = format!(
            "profile a: nothing was changed, as it is not known until when its secret is valid: {next}\n"
        );
        for (whose, answers) in [("--all", vec![status(), unchanged()]), ("a", vec![unchanged(), status()])] {
            let (outcome, _) =
                asked(&["integration", "rotate", whose, "--due", "30d", "--as", "boss"], answers);
            outcome.said(&told);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_line_that_cannot_be_written_keeps_no_profile_from_its_new_secret() {
    let answers = vec![status(&["a", "b"]), rotated("a", Some(stored("a"))), rotated("b", Some(stored("b")))];
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a device");
    let words = &["integration", "rotate", "--due", "30d", "--all", "--as", "boss"];
    let (outcome, _) = asked_by(words, full.into(), answers);
    assert_eq!(outcome.code, Some(8), "{outcome:?}");
    assert!(outcome.stderr.contains("cannot write to standard output"), "{outcome:?}");
}

/// A daemon that answers all of `status` on one connection, the last question so.
fn tells(sandbox: &Sandbox, secrets: Response) {
    let defences: Vec<Defence> = Vec::new();
    let answers =
        [status(&["ci", "work"]), Response::Files(Vec::new()), Response::Defences(defences), secrets];
    sandbox.serve(vec![Box::new(move |mut stream| {
        for answer in answers {
            request(&mut stream);
            stream.write_all(&encode(&answer).expect("a frame")).expect("sent");
        }
    })]);
}

#[test]
fn status_tells_a_secret_that_ends_and_a_rotation_that_has_not_ended_and_of_an_older_daemon_nothing() {
    let secrets = || {
        let secret =
            |profile, valid_until, rotation| SecretStatus { profile: name(profile), valid_until, rotation };
        Response::Secrets(vec![
            secret("ci", Some(0), None),
            secret("work", Some(4_000_000_000), Some(name("boss"))),
        ])
    };
    let sandbox = Sandbox::new();
    tells(&sandbox, secrets());
    let told = sandbox.run(&["status"]).stdout;
    assert!(told.contains("\nci: its secret ended at 1970-01-01T00:00:00Z"), "{told}");
    assert!(told.contains("\nwork: a rotation of its secret has begun and not ended: dt-cred integration rotate work --as boss finishes it\n"), "{told}");
    let sandbox = Sandbox::new();
    tells(&sandbox, secrets());
    let told = sandbox.run(&["status", "-p", "work"]).stdout;
    assert!(!told.contains("ci:") && told.contains("work: a rotation"), "{told}");
    let sandbox = Sandbox::new();
    tells(&sandbox, Response::Unsupported);
    let outcome = sandbox.run(&["status", "--json"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:?}");
    assert_eq!(outcome.stdout.matches("\"secret_valid_until\":null").count(), 2, "{outcome:?}");
}

#[test]
fn an_older_daemon_is_named_where_an_integration_is_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.serve(vec![answer(Response::Unsupported)]);
    sandbox.run(&["integration", "list", "--as", "boss"]).failed(3, "older than this dt-cred");
}
