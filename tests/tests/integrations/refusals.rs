//! What the API says no to, of each operation: its exit code, what it means and what to do; and where it is not known
//! whether it was done, that.

use dt_cred_proto::{
    frame,
    message::{
        Action, Failure, FailureKind, Grant, IntegrationSubject, Manage, Operation, Request, Response,
    },
    uuid::Uuid,
};
use dt_cred_tests::{
    issuer::{Fault, Sandbox},
    user::Account,
};

use super::tenancy::{Tenancy, ended, name};

/// What an operation is about.
#[derive(Clone, Copy, PartialEq, Debug)]
enum About {
    List,
    One,
    Making,
    Change,
    Removal,
}

fn policy() -> Uuid {
    "01234567-89ab-cdef-0123-456789abcdef".parse().expect("a UUID")
}

fn actions(tenancy: &Tenancy) -> Vec<(&'static str, About, Action)> {
    let grant = Grant {
        subject: tenancy.subject(),
        asset_types: vec![],
        read: true,
        write: false,
        display_name: None,
        dry_run: false,
    };
    vec![
        ("create", About::Making, Action::Create(tenancy.creation("line 3", "line-3"))),
        ("list", About::List, Action::List { page: None }),
        ("show", About::One, Action::Show(IntegrationSubject::Id(tenancy.id()))),
        ("delete", About::Removal, Action::Delete(tenancy.subject())),
        ("rotate", About::Change, Action::Rotate(tenancy.rotation())),
        ("grant", About::Making, Action::Grant(grant)),
        ("grants", About::List, Action::Policies { subject: tenancy.subject(), page: None }),
        ("policy", About::One, Action::Policy(policy())),
        ("revoke", About::Removal, Action::Revoke(policy())),
    ]
}

fn changes(about: About) -> bool {
    matches!(about, About::Making | About::Change | About::Removal)
}

#[track_caller]
fn says(what: &str, failure: &Failure, kind: FailureKind, words: &[&str]) {
    let message = failure.message.as_str();
    assert_eq!(failure.kind, kind, "{what}: {message}");
    for words in words {
        assert!(message.contains(words), "{what}: {words:?} in {message}");
    }
}

#[test]
fn each_refusal_of_each_operation_says_what_it_means_and_what_to_do() {
    use FailureKind::{Configuration, Other, Refused, TryLater, Usage};
    let tenancy = Tenancy::in_memory();
    tenancy.user.token();
    let not_known = "it is not known whether";
    let owner = tenancy.owner().to_string();
    for (action, about, _) in actions(&tenancy) {
        let items = matches!(about, About::One | About::Change | About::Removal);
        let missing = if items { Other } else { Configuration };
        // What is made is what somebody asked for in so many words.
        let wrong = if about == About::Making { Usage } else { Other };
        let (no_such, rubbish) = match about {
            About::List | About::Making => {
                ("no DataTrails is there", if changes(about) { Other } else { Configuration })
            }
            About::One => ("there is no ", Configuration),
            About::Change | About::Removal => ("there is no ", Other),
        };
        let cases = [
            (Fault::empty(401), Refused, vec!["it does not take the issuer's token", "belong together"]),
            (Fault::quota(), TryLater, vec!["a quota of the tenancy is used up", "try again later"]),
            (Fault::empty(403), Other, vec!["is no Owner of the tenancy", "--as"]),
            (Fault::html(404), missing, vec![no_such]),
            (
                Fault::rate_limited(&[("Archivist-Rate-Limit-Reset", "2.5")]),
                TryLater,
                vec!["(too many requests)", "it asks to wait 3 s", "try again later"],
            ),
            (Fault::html(500), TryLater, vec!["answered 500", "try again later"]),
            (
                Fault::Answer { status: 400, headers: vec![], body: "{\"error\":\"odd name\"}".to_owned() },
                wrong,
                vec!["answered 400", "odd name"],
            ),
            (Fault::html(200), rubbish, vec!["that can be understood"]),
        ];
        for (fault, kind, words) in cases {
            let what = format!("{action}: {fault:?}");
            let open = matches!(fault, Fault::Answer { status: 200 | 500, .. }) && changes(about);
            tenancy.sandbox.set(|settings| settings.api_fault = Some(fault));
            let (_, _, action) =
                actions(&tenancy).into_iter().find(|(name, ..)| *name == action).expect("it");
            let failure = tenancy.manage(action).err().unwrap_or_else(|| panic!("{what}: it is done"));
            says(&what, &failure, kind, &words);
            assert_eq!(failure.message.as_str().contains(not_known), open, "{what}: {}", failure.message);
            if open {
                let message = failure.message.as_str();
                let tells = [&format!("--as {owner}"), "the same command again tells"];
                assert!(tells.iter().any(|tells| message.contains(tells)), "{what}: {message}");
            }
        }
    }
    tenancy.sandbox.set(|settings| settings.api_fault = None);
    let counts = tenancy.sandbox.counts();
    assert_eq!(counts.api.performed, 0);
    tenancy.user.token();
}

#[test]
fn silence_ends_at_the_deadline_and_what_may_have_been_done_is_said() {
    let tenancy = Tenancy::in_memory();
    tenancy.user.dt_cred(&["get", "-p", tenancy.owner().as_str()]).done();
    tenancy.sandbox.set(|settings| settings.api_fault = Some(Fault::Silence));
    let asked = actions(&tenancy).into_iter().map(|(name, about, action)| {
        let operation = Operation::Manage(Box::new(Manage { owner: tenancy.owner(), action }));
        let frame = frame::encode(&Request { deadline_ms: 5000, operation }).expect("a frame");
        let mut session = tenancy.session();
        assert!(session.send(&*frame));
        (name, about, session)
    });
    for (name, about, mut session) in asked.collect::<Vec<_>>() {
        let Response::Failed(failure) = session.answer() else { panic!("{name}: it is done") };
        let words: &[&str] = match name {
            "create" => &["is being made still", "dt-cred integration list --as", "dt-cred status"],
            "rotate" => &["its rotation goes on", "dt-cred status"],
            _ if changes(about) => &["gave no answer in time", "it is not known whether"],
            _ => &["gave no answer in time", "--timeout"],
        };
        says(name, &failure, FailureKind::TryLater, words);
    }
}

#[test]
fn a_client_that_is_no_owner_is_told_so() {
    let tenancy = Tenancy::in_memory();
    let manage = Manage { owner: tenancy.profile(), action: Action::List { page: None } };
    let Response::Failed(failure) = tenancy.ask(Operation::Manage(Box::new(manage))) else {
        panic!("a list")
    };
    says("list", &failure, FailureKind::Other, &[&tenancy.account.client_id, "is no Owner of the tenancy"]);
}

#[test]
fn a_rotation_that_is_refused_leaves_no_note_and_one_whose_end_is_not_known_does() {
    let Some(tenancy) = Tenancy::kept() else { return };
    for (fault, noted) in [
        (Fault::empty(403), false),
        (Fault::quota(), false),
        (Fault::html(404), false),
        (Fault::html(500), true),
        // What had begun before has not ended.
        (Fault::empty(403), true),
    ] {
        let what = format!("{fault:?}");
        tenancy.sandbox.set(|settings| settings.api_fault = Some(fault));
        let failure = tenancy.rotate(tenancy.rotation()).unwrap_err();
        assert_eq!(tenancy.rotation_noted().is_some(), noted, "{what}: {}", failure.message);
    }
    tenancy.sandbox.set(|settings| settings.api_fault = None);
    tenancy.rotate(tenancy.rotation()).unwrap();
    assert_eq!(tenancy.rotation_noted(), None);
}

#[test]
fn a_reason_that_comes_with_a_secret_is_withheld() {
    let tenancy = Tenancy::in_memory();
    let secret = "Qm7!zr#Vx2&pW9?k";
    let body = serde_json::json!({ "error": format!("no: {secret}"), "credentials": [{ "secret": secret }] });
    let fault = Fault::Answer { status: 400, headers: vec![], body: body.to_string() };
    tenancy.sandbox.set(|settings| settings.api_fault = Some(fault));
    for (name, about, action) in actions(&tenancy) {
        let failure = tenancy.manage(action).err().expect("it is refused");
        let kind = if about == About::Making { FailureKind::Usage } else { FailureKind::Other };
        says(name, &failure, kind, &["withheld"]);
        assert!(!failure.message.as_str().contains(secret), "{name}: {}", failure.message);
    }
}

#[test]
fn an_answer_that_is_longer_than_a_client_takes_is_told_as_that_on_a_connection_that_stays_open() {
    let tenancy = Tenancy::in_memory();
    // Each of these bytes becomes three.
    let name = "\u{7f}".repeat(1000);
    let one = |last| {
        format!("{{\"client_id\":\"{:08x}-89ab-cdef-0123-456789abcdef\",\"display_name\":\"{name}\"}}", last)
    };
    let all: Vec<_> = (0..400).map(one).collect();
    let page = format!("{{\"applications\":[{}]}}", all.join(","));
    assert!(page.len() < frame::RESPONSE_LIMIT);
    tenancy.sandbox.set(|settings| settings.api_answer_script.push_back(Fault::json(&page)));
    let mut session = tenancy.session();
    let list = || tenancy.operation(Action::List { page: None });
    let Response::Failed(failure) = session.ask(list()) else { panic!("another answer") };
    says("a long list", &failure, FailureKind::Other, &["cannot be told", "at most 1048576 are taken"]);
    assert!(matches!(session.ask(list()), Response::Managed(_)), "it goes on");
}

#[test]
fn nobody_is_asked_about_a_profile_of_another_service() {
    let (tenancy, elsewhere) = (Tenancy::in_memory(), Sandbox::http());
    tenancy.store("elsewhere", &Account::at(&elsewhere)).done();
    let subject = || IntegrationSubject::Profile(name("elsewhere"));
    let grant = Grant {
        subject: subject(),
        asset_types: vec![],
        read: true,
        write: false,
        display_name: None,
        dry_run: false,
    };
    for (what, action) in [
        ("show", Action::Show(subject())),
        ("delete", Action::Delete(subject())),
        ("grant", Action::Grant(grant)),
        ("grants", Action::Policies { subject: subject(), page: None }),
    ] {
        let failure = tenancy.manage(action).err().expect("it is another service's");
        says(
            what,
            &failure,
            FailureKind::Usage,
            &["profile elsewhere is at ", "an Owner of the same service with --as"],
        );
    }
    assert_eq!((tenancy.sandbox.counts().api.total, elsewhere.counts().api.total), (0, 0));
}

#[test]
fn who_logs_in_elsewhere_while_a_token_is_not_taken_is_not_asked_in_its_place() {
    let (tenancy, elsewhere) = (Tenancy::in_memory(), Sandbox::http());
    let list = || Action::List { page: None };
    assert!(tenancy.manage(list()).is_ok());
    let integrations = tenancy.sandbox.integrations();
    let owner =
        integrations.iter().find(|one| one["roles"] == serde_json::json!(["OWNER"])).expect("an Owner");
    tenancy.sandbox.revoke_tokens(owner["client_id"].as_str().expect("a client id"));
    let before = tenancy.sandbox.counts().api.total;
    tenancy.sandbox.set(|settings| settings.api_hold = true);
    let mut session = tenancy.begin(list());
    tenancy.sandbox.wait_until("the call", |counts| counts.api.total == before + 1);
    tenancy.store(tenancy.owner().as_str(), &Account::owner_at(&elsewhere)).done();
    tenancy.sandbox.set(|settings| settings.api_hold = false);
    let failure = ended(&mut session).err().expect("it is refused");
    assert_eq!(failure.kind, FailureKind::Refused, "{}", failure.message);
    assert_eq!(elsewhere.counts().api.total, 0, "who logged in there did not mean this call");
    assert!(tenancy.manage(list()).is_ok(), "who asks now means it");
}
