//! What is asked and answered of integrations and access policies.

use std::collections::BTreeSet;

use dt_cred_proto::{
    message::{
        Action, Claim, Create, Created, Failure, FailureKind, Grant, Granted, Integration,
        IntegrationSubject, Integrations, Keyring, Manage, Managed, Operation, Policies, Policy, Response,
        Rotate, Rotated, Save, SecretStatus, Stored,
    },
    profile::Profile,
    secret::Secret,
    uuid::Uuid,
};

fn profile(name: &str) -> Profile {
    name.parse().unwrap()
}

fn id(last: u8) -> Uuid {
    format!("01234567-89ab-cdef-0123-4567890000{last:02x}").parse().unwrap()
}

fn claim(name: &str, value: &str) -> Claim {
    Claim { name: name.into(), value: value.into() }
}

fn work() -> IntegrationSubject {
    IntegrationSubject::Profile(profile("work"))
}

/// Every request, by the name of its file.
pub(crate) fn requests() -> Vec<(String, Operation)> {
    let create =
        || Create { display_name: "line 3".into(), claims: vec![], owner: false, save: None, reveal: false };
    let rotate = || Rotate { profile: profile("work"), client_id: None, keyring: None, due: None };
    let grant = || Grant {
        subject: work(),
        asset_types: vec![],
        read: false,
        write: false,
        display_name: None,
        dry_run: false,
    };
    let save = |keyring| Some(Save { profile: profile("line-3"), keyring });
    let page = || Some("next page".to_owned());
    let actions = [
        ("create", Action::Create(create())),
        ("create-save", Action::Create(Create { save: save(None), ..create() })),
        (
            "create-all",
            Action::Create(Create {
                claims: vec![claim("team", "north"), claim("serial", "7")],
                owner: true,
                save: save(Some(Keyring::Keyutils)),
                reveal: true,
                ..create()
            }),
        ),
        ("list", Action::List { page: None }),
        ("list-page", Action::List { page: page() }),
        ("show", Action::Show(IntegrationSubject::Id(id(1)))),
        ("show-profile", Action::Show(work())),
        ("delete", Action::Delete(IntegrationSubject::Id(id(1)))),
        ("rotate", Action::Rotate(rotate())),
        (
            "rotate-all",
            Action::Rotate(Rotate {
                client_id: Some(id(1)),
                keyring: Some(Keyring::SecretService),
                due: Some(2_592_000),
                ..rotate()
            }),
        ),
        ("grant", Action::Grant(grant())),
        (
            "grant-all",
            Action::Grant(Grant {
                subject: IntegrationSubject::Id(id(1)),
                asset_types: vec!["Door".into(), "Gate".into()],
                read: true,
                write: true,
                display_name: Some("doors".into()),
                dry_run: true,
            }),
        ),
        ("policies", Action::Policies { subject: work(), page: None }),
        ("policies-page", Action::Policies { subject: work(), page: page() }),
        ("policy", Action::Policy(id(2))),
        ("revoke", Action::Revoke(id(2))),
    ];
    let managed = actions.into_iter().map(|(name, action)| {
        let manage = Manage { owner: profile("owner"), action };
        (format!("manage-{name}"), Operation::Manage(Box::new(manage)))
    });
    managed.chain([("secrets".to_owned(), Operation::Secrets)]).collect()
}

/// Every response, by the name of its file.
pub(crate) fn responses() -> Vec<(String, Response)> {
    let bare = || Integration {
        client_id: id(1),
        display_name: "line 3".into(),
        claims: vec![],
        roles: vec![],
        valid_from: None,
        valid_until: None,
        profiles: vec![],
    };
    let full = || Integration {
        claims: vec![claim("serial", "7"), claim("team", "north")],
        roles: vec!["OWNER".into()],
        valid_from: Some(1_632_242_599),
        valid_until: Some(1_663_778_599),
        profiles: vec![profile("line-3"), profile("work")],
        ..bare()
    };
    let stored = || Stored {
        profile: profile("line-3"),
        keyring: Keyring::Keyutils,
        lasts: "until the machine restarts".into(),
        expires_in_ms: Some(3_660_000),
    };
    let policy = || Policy {
        id: id(2),
        display_name: "doors".into(),
        filters: vec!["attributes.arc_display_type=Door or attributes.arc_display_type=Gate".into()],
        subjects: vec![format!("subject={}", id(1)).into()],
        read: true,
        write: false,
    };
    let rotated =
        |stored, valid_until| Rotated { profile: profile("work"), client_id: id(1), valid_until, stored };
    let body = || "{\"display_name\":\"doors\"}".to_owned();
    let next = || Some("next page".to_owned());
    let granted = |policy| Granted { client_id: id(1), policy, body: body() };
    let secret = || Some(Secret::new("0123456789abcdef".repeat(4)));
    let managed = [
        ("created", Managed::Created(Box::new(Created { integration: bare(), stored: None, secret: None }))),
        (
            "created-all",
            Managed::Created(Box::new(Created {
                integration: full(),
                stored: Some(stored()),
                secret: secret(),
            })),
        ),
        (
            "integrations-nothing",
            Managed::Integrations(Integrations { integrations: vec![], next: None, unread: vec![] }),
        ),
        (
            "integrations-two",
            Managed::Integrations(Integrations {
                integrations: vec![bare(), full()],
                next: None,
                unread: vec![profile("locked")],
            }),
        ),
        (
            "integrations-page",
            Managed::Integrations(Integrations { integrations: vec![bare()], next: next(), unread: vec![] }),
        ),
        ("integration", Managed::Integration(Box::new(full()))),
        ("deleted", Managed::Deleted { id: id(1), profiles: vec![] }),
        ("deleted-held", Managed::Deleted { id: id(1), profiles: vec![profile("work")] }),
        ("rotated", Managed::Rotated(rotated(Some(stored()), Some(1_663_778_599)))),
        ("rotated-not-due", Managed::Rotated(rotated(None, None))),
        ("granted", Managed::Granted(Box::new(granted(Some(policy()))))),
        ("granted-dry-run", Managed::Granted(Box::new(granted(None)))),
        ("policies-nothing", Managed::Policies(Policies { client_id: id(1), policies: vec![], next: None })),
        (
            "policies-one",
            Managed::Policies(Policies { client_id: id(1), policies: vec![policy()], next: None }),
        ),
        ("policies-page", Managed::Policies(Policies { client_id: id(1), policies: vec![], next: next() })),
        ("policy", Managed::Policy(Box::new(policy()))),
        ("revoked", Managed::Revoked(id(2))),
        (
            "unkept",
            Managed::Unkept {
                created: Box::new(Created { integration: bare(), stored: None, secret: secret() }),
                failure: Failure::new(FailureKind::Keyring, "the keyring is locked"),
            },
        ),
    ];
    let status = |name, valid_until, rotation| SecretStatus { profile: profile(name), valid_until, rotation };
    let before = i64::from(i32::MIN) - 1;
    let secrets = [
        ("secrets-nothing", vec![]),
        (
            "secrets-three",
            vec![
                status("a", None, None),
                status("b", Some(1_663_778_599), Some(profile("owner"))),
                status("c", Some(before), None),
            ],
        ),
    ];
    let managed = managed
        .into_iter()
        .map(|(name, managed)| (format!("managed-{name}"), Response::Managed(Box::new(managed))));
    let secrets = secrets.into_iter().map(|(name, all)| (name.to_owned(), Response::Secrets(all)));
    managed.chain(secrets).collect()
}

/// That the numbers are all of 0, 1, … `count` - 1.
fn all(what: &str, numbers: impl Iterator<Item = u32>, count: u32) {
    assert_eq!(numbers.collect::<BTreeSet<_>>(), (0..count).collect(), "{what}: every variant has a case");
}

#[test]
fn every_action_of_an_owner_and_every_answer_to_one_has_a_case() {
    let requests = requests();
    let actions = || {
        let operations = requests.iter();
        operations.filter_map(|(_, operation)| {
            if let Operation::Manage(manage) = operation { Some(&manage.action) } else { None }
        })
    };
    let action = |action: &Action| match action {
        Action::Create(_) => 0,
        Action::List { .. } => 1,
        Action::Show(_) => 2,
        Action::Delete(_) => 3,
        Action::Rotate(_) => 4,
        Action::Grant(_) => 5,
        Action::Policies { .. } => 6,
        Action::Policy(_) => 7,
        Action::Revoke(_) => 8,
    };
    all("Action", actions().map(action), 9);
    let subjects = actions().filter_map(|action| match action {
        Action::Show(IntegrationSubject::Id(_)) => Some(0),
        Action::Show(IntegrationSubject::Profile(_)) => Some(1),
        _ => None,
    });
    all("IntegrationSubject", subjects, 2);
    let managed = |managed: &Managed| match managed {
        Managed::Created(_) => 0,
        Managed::Integrations(_) => 1,
        Managed::Integration(_) => 2,
        Managed::Deleted { .. } => 3,
        Managed::Rotated(_) => 4,
        Managed::Granted(_) => 5,
        Managed::Policies(_) => 6,
        Managed::Policy(_) => 7,
        Managed::Revoked(_) => 8,
        Managed::Unkept { .. } => 9,
    };
    let responses = responses();
    let answers = responses.iter().filter_map(|(_, response)| {
        if let Response::Managed(answer) = response { Some(managed(answer)) } else { None }
    });
    all("Managed", answers, 10);
}
