//! `create`: an integration whose secret goes from the API into the keyring, and whom it is told.

use std::fs;

use dt_cred_proto::message::{Action, Claim, Create, FailureKind, IntegrationSubject, Managed};
use dt_cred_tests::{
    issuer::{Door, Fault},
    parts::{http, keyring::Profile, until},
};

use super::tenancy::{Tenancy, created, ended};

fn claim(name: &str, value: &str) -> Claim {
    Claim { name: name.into(), value: value.into() }
}

#[test]
fn an_integration_is_made_kept_and_proven_and_nobody_is_told_its_secret() {
    let Some(tenancy) = Tenancy::kept() else { return };
    let new = Profile::unique("line-3");
    let claims = vec![claim("team", "north"), claim("area", "7")];
    let made = tenancy.create(Create { claims, ..tenancy.creation("line 3", new.name()) }).unwrap();
    assert!(made.secret.is_none());
    let stored = made.stored.expect("it is kept");
    assert!(stored.profile.as_str() == new.name() && stored.expires_in_ms.is_some(), "it is proven");
    let integration = made.integration;
    assert!(integration.valid_until.is_some());
    tenancy.no_secret_in(&format!("{integration:?}"));
    let known = tenancy.sandbox.integrations();
    let id = integration.client_id.to_string();
    let known = known.iter().find(|known| known["client_id"] == *id).expect("it is there");
    assert_eq!(
        (&known["display_name"], &known["custom_claims"]["team"]),
        (&"line 3".into(), &"north".into())
    );
    assert_eq!(known["roles"], serde_json::json!([]));
    // Another daemon finds it in the keyring, and its tokens are taken.
    tenancy.user.dt_cred(&["stop"]).done();
    let header = tenancy.user.dt_cred(&["get", "-p", new.name()]).done();
    assert_eq!(http::get(&tenancy.sandbox.assets_url(), header.trim_end()), 200);
    let shown = tenancy.manage(Action::Show(IntegrationSubject::Id(integration.client_id))).unwrap();
    let Managed::Integration(shown) = shown else { panic!("another answer") };
    assert_eq!(shown.profiles, [stored.profile]);
}

#[test]
fn an_owner_is_made_who_can_make_others() {
    let tenancy = Tenancy::in_memory();
    tenancy.create(Create { owner: true, ..tenancy.creation("boss", "boss") }).unwrap();
    let list = dt_cred_proto::message::Manage {
        owner: "boss".parse().unwrap(),
        action: Action::List { page: None },
    };
    let answer = tenancy.ask(dt_cred_proto::message::Operation::Manage(Box::new(list)));
    assert!(matches!(answer, dt_cred_proto::message::Response::Managed(_)));
}

#[test]
fn a_secret_is_in_the_answer_only_where_it_was_asked_for_and_is_kept_all_the_same() {
    let tenancy = Tenancy::in_memory();
    let made = tenancy.create(Create { reveal: true, ..tenancy.creation("both", "both") }).unwrap();
    let secret = made.secret.expect("it was asked for");
    assert!(made.stored.is_some() && tenancy.sandbox.secrets().iter().any(|known| *known == secret.expose()));
}

#[test]
fn what_cannot_be_made_or_kept_is_exit_2_before_anything_is_sent() {
    let tenancy = Tenancy::in_memory();
    let tokens = tenancy.sandbox.counts().tokens.total;
    let new = || tenancy.creation("line 3", "line-3");
    let with = |claims| Create { claims, ..new() };
    for (create, words) in [
        (with(vec![claim("jit_tenant_id", "x")]), "\"jit_tenant_id\" begins with jit_ or arc_"),
        (with(vec![claim("arc_x", "x")]), "\"arc_x\" begins with jit_ or arc_"),
        (with(vec![claim("sub", "x")]), "\"sub\" is a registered claim"),
        (with(vec![claim("team", "x"), claim("team", "y")]), "\"team\" is given twice"),
        (with(vec![claim("", "x")]), "has no name"),
        (Create { display_name: "".into(), ..new() }, "cannot be called \"\""),
        (Create { save: None, ..new() }, "would be lost"),
        (Create { save: None, reveal: true, ..new() }, "would be lost"),
        (
            tenancy.creation("line 3", tenancy.user.profile()),
            "is there already, in the daemon's memory: choose another",
        ),
    ] {
        let failure = tenancy.create(create).err().expect("it is refused");
        assert_eq!(failure.kind, FailureKind::Usage, "{}", failure.message);
        assert!(failure.message.as_str().contains(words), "{words}: {}", failure.message);
    }
    let counts = tenancy.sandbox.counts();
    assert_eq!((counts.api.total, counts.tokens.total), (0, tokens));
}

#[test]
fn what_another_has_kept_in_the_store_is_not_written_over() {
    let Some(tenancy) = Tenancy::kept() else { return };
    let name = tenancy.user.profile();
    tenancy.user.dt_cred(&["stop"]).done();
    // Nothing is known of it but by its store, in which nobody would look.
    fs::remove_file(tenancy.user.home.state().join("state.toml")).unwrap();
    tenancy.user.home.configure(&format!("[profile.{name}]\nkeyring = \"memory\"\n"));
    let failure = tenancy.create(tenancy.creation("line 3", name)).err().expect("it is refused");
    assert_eq!(failure.kind, FailureKind::Usage, "{}", failure.message);
    assert!(failure.message.as_str().contains("holds an item for profile"), "{}", failure.message);
    assert_eq!(tenancy.sandbox.counts().api.total, 0);
    assert!(tenancy.user.is_in_keyring());
}

#[test]
fn credentials_that_cannot_be_proven_yet_are_kept_all_the_same_and_that_is_said() {
    let tenancy = Tenancy::in_memory();
    tenancy.sandbox.set(|settings| settings.token_fault = Some(Fault::html(503)));
    let failure = tenancy.create(tenancy.creation("line 3", "line-3")).err().expect("it is not proven");
    assert_eq!(failure.kind, FailureKind::TryLater);
    for words in
        ["integration \"line 3\" was created with client id", "are kept as profile line-3", "answered 503"]
    {
        assert!(failure.message.as_str().contains(words), "{words}: {}", failure.message);
    }
    tenancy.sandbox.set(|settings| settings.token_fault = None);
    tenancy.user.dt_cred(&["get", "-p", "line-3"]).done();
    assert_eq!(tenancy.sandbox.counts().api.applications.created, 1);
}

#[test]
fn an_answer_that_is_lost_on_its_way_leaves_it_open_whether_there_is_an_integration() {
    let tenancy = Tenancy::in_memory();
    for fault in [Fault::Reset, Fault::html(200), Fault::html(502), Fault::json("{\"client_id\":\"x\"}")] {
        let what = format!("{fault:?}");
        tenancy.sandbox.set(|settings| settings.api_answer_script.push_back(fault));
        let failure = tenancy.create(tenancy.creation("line 3", "line-3")).err().expect("no answer");
        let open =
            "it is not known whether integration \"line 3\" was created: dt-cred integration list --as";
        assert!(failure.message.as_str().contains(open), "{what}: {}", failure.message);
        let owner = tenancy.owner();
        for next in [
            format!("rotate line-3 --as {owner} --client-id ID --keyring memory, or"),
            format!("delete ID --as {owner}"),
        ] {
            assert!(failure.message.as_str().contains(&next), "{what}: {next}: {}", failure.message);
        }
        tenancy.no_secret_in(failure.message.as_str());
        assert_eq!(tenancy.user.dt_cred(&["get", "-p", "line-3"]).code, Some(5), "{what}");
    }
}

#[test]
fn a_connection_that_is_lost_before_any_answer_leaves_it_open_too_and_one_that_was_never_made_does_not() {
    let tenancy = Tenancy::in_memory();
    tenancy.sandbox.set(|settings| settings.api_hold_answers = true);
    let mut session = tenancy.begin(Action::Create(tenancy.creation("line 3", "line-3")));
    tenancy.sandbox.wait_until("it to be made", |counts| counts.api.applications.created == 1);
    tenancy.sandbox.set(|settings| settings.door = Door::Closed);
    let open = "it is not known whether integration \"line 3\" was created";
    let failure = ended(&mut session).err().expect("no answer");
    assert_eq!(failure.kind, FailureKind::TryLater);
    assert!(failure.message.as_str().contains(open), "{}", failure.message);
    let failure = tenancy.create(tenancy.creation("line 3", "line-3")).err().expect("no connection");
    assert_eq!(failure.kind, FailureKind::TryLater);
    assert!(!failure.message.as_str().contains("not known"), "{}", failure.message);
}

#[test]
fn an_answer_without_a_secret_is_an_integration_that_is_there_and_how_to_go_on() {
    let tenancy = Tenancy::in_memory();
    let id = "01234567-89ab-cdef-0123-456789abcdef";
    let bare = Fault::json(&format!("{{\"client_id\":\"{id}\",\"display_name\":\"line 3\"}}"));
    tenancy.sandbox.set(|settings| settings.api_answer_script.push_back(bare));
    let failure = tenancy.create(tenancy.creation("line 3", "line-3")).err().expect("nothing to keep");
    let owner = tenancy.owner();
    for words in [
        &format!("was created with client id {id}, and its secret is lost") as &str,
        &format!("dt-cred integration rotate line-3 --as {owner} --client-id {id} --keyring memory"),
        &format!("dt-cred integration delete {id} --as {owner}"),
    ] {
        assert!(failure.message.as_str().contains(words), "{words}: {}", failure.message);
    }
}

#[test]
fn a_client_that_leaves_once_it_is_made_changes_nothing_of_its_being_kept() {
    let tenancy = Tenancy::in_memory();
    tenancy.sandbox.set(|settings| settings.api_hold_answers = true);
    let session = tenancy.begin(Action::Create(tenancy.creation("line 3", "line-3")));
    tenancy.sandbox.wait_until("it to be made", |counts| counts.api.applications.created == 1);
    drop(session);
    tenancy.sandbox.set(|settings| settings.api_hold_answers = false);
    until("its profile", || (tenancy.user.dt_cred(&["get", "-p", "line-3"]).code == Some(0)).then_some(()));
}

#[test]
fn two_that_want_the_same_profile_have_one_integration() {
    let tenancy = Tenancy::in_memory();
    tenancy.sandbox.set(|settings| settings.api_hold_answers = true);
    let create = || Action::Create(tenancy.creation("line 3", "line-3"));
    let (mut first, mut second) = (tenancy.begin(create()), tenancy.begin(create()));
    tenancy.sandbox.wait_until("one to be made", |counts| counts.api.applications.created == 1);
    tenancy.sandbox.set(|settings| settings.api_hold_answers = false);
    let answers = [ended(&mut first), ended(&mut second)];
    let kinds: Vec<_> = answers.map(|answer| answer.map(created).err().map(|failure| failure.kind)).into();
    assert!(kinds.contains(&None) && kinds.contains(&Some(FailureKind::Usage)), "{kinds:?}");
    assert_eq!(tenancy.sandbox.counts().api.applications.created, 1);
}
