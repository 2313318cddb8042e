//! A keyring that is locked before anything is sent, or in the midst of it.

use std::fs;

use dt_cred_proto::{
    frame,
    message::{Action, Create, FailureKind, Managed, Request, Rotate, Save},
};
use dt_cred_tests::parts::{
    SecretService,
    secret_service::{PASSWORD, Program},
};

use super::tenancy::{Tenancy, ended};

#[test]
fn a_keyring_that_is_locked_is_exit_6_before_anything_is_sent() {
    let Some(service) = SecretService::start() else { return };
    let tenancy = Tenancy::on_desktop(&service);
    service.lock();
    for action in [
        Action::Create(tenancy.creation("line 3", "line-3")),
        Action::Rotate(tenancy.rotation()),
        Action::Rotate(Rotate { client_id: Some(tenancy.id()), ..tenancy.rotation() }),
    ] {
        let failure = tenancy.manage(action).err().expect("it is locked");
        assert_eq!(failure.kind, FailureKind::Keyring, "{}", failure.message);
        assert!(failure.message.as_str().contains("`dt-cred unlock"), "{}", failure.message);
    }
    assert_eq!(tenancy.sandbox.counts().api.total, 0);
    assert_eq!(tenancy.rotation_noted(), None);
}

#[test]
fn a_keyring_that_asks_before_it_gives_an_item_out_asks_before_anything_is_sent() {
    let Some(service) = SecretService::of(Program::AskingKeePassXc) else { return };
    let tenancy = Tenancy::on_desktop(&service);
    tenancy.user.token();
    let (prompts, said) = service.prompts_during(|| {
        let operation = tenancy.operation(Action::Rotate(tenancy.rotation()));
        let request = Request { deadline_ms: 4000, operation };
        let mut session = tenancy.session();
        assert!(session.send(&*frame::encode(&request).unwrap()));
        let failure = ended(&mut session).err().expect("nobody allows it");
        assert_eq!(failure.kind, FailureKind::Keyring, "{}", failure.message);
        assert!(failure.message.as_str().contains("`dt-cred unlock"), "{}", failure.message);
    });
    assert_eq!(prompts, 1, "{said}");
    assert_eq!(tenancy.sandbox.counts().api.total, 0);
}

#[test]
fn what_only_reads_its_secret_somewhere_is_exit_6_before_anything_is_sent() {
    let tenancy = Tenancy::in_memory();
    let lines = tenancy.user.home.path().join("lines");
    fs::write(&lines, tenancy.account.lines()).unwrap();
    let command = format!("keyring = \"command\"\nkeyring_command = [\"/bin/cat\", {lines:?}]\n");
    tenancy.user.dt_cred(&["stop"]).done();
    tenancy.user.home.configure(&format!("[profile.given]\n{command}"));
    tenancy.log_in_owner();
    tenancy.user.dt_cred(&["get", "-p", "given"]).done();
    let given = Rotate { profile: "given".parse().unwrap(), ..tenancy.rotation() };
    let save = Save { profile: "given".parse().unwrap(), keyring: None };
    for action in [
        Action::Rotate(given.clone()),
        Action::Create(Create { save: Some(save), ..tenancy.creation("line 3", "given") }),
    ] {
        let failure = tenancy.manage(action).err().expect("it can only be read");
        assert_eq!(failure.kind, FailureKind::Keyring, "{}", failure.message);
        for words in ["which can only be read", "`dt-cred unlock"] {
            assert!(failure.message.as_str().contains(words), "{words}: {}", failure.message);
        }
    }
    // One of a timer's many that is not due is no failure.
    assert_eq!(tenancy.rotate(Rotate { due: Some(1), ..given }).unwrap().stored, None);
    assert_eq!(tenancy.sandbox.counts().api.total, 0);
}

#[test]
fn a_keyring_that_is_locked_once_an_integration_is_made_says_what_there_is_and_how_to_go_on() {
    let Some(service) = SecretService::start() else { return };
    let tenancy = Tenancy::on_desktop(&service);
    tenancy.sandbox.set(|settings| settings.api_hold_answers = true);
    let mut session = tenancy.begin(Action::Create(tenancy.creation("line 3", "line-3")));
    tenancy.sandbox.wait_until("it to be made", |counts| counts.api.applications.created == 1);
    service.lock();
    tenancy.sandbox.set(|settings| settings.api_hold_answers = false);
    let failure = ended(&mut session).err().expect("it cannot be kept");
    assert_eq!(failure.kind, FailureKind::Keyring, "{}", failure.message);
    let known = tenancy.sandbox.integrations();
    let made = known.iter().find(|known| known["display_name"] == "line 3").expect("it is there");
    let id = made["client_id"].as_str().expect("a client id");
    let owner = tenancy.owner();
    for words in [
        &format!("was created with client id {id}, and its secret is lost") as &str,
        "`dt-cred unlock",
        &format!("dt-cred integration rotate line-3 --as {owner} --client-id {id}"),
        &format!("dt-cred integration delete {id} --as {owner}"),
    ] {
        assert!(failure.message.as_str().contains(words), "{words}: {}", failure.message);
    }
    tenancy.no_secret_in(failure.message.as_str());
    assert!(service.unlock_with_password(PASSWORD));
    let profile = "line-3".parse().unwrap();
    let rotate = Rotate { profile, client_id: Some(id.parse().unwrap()), ..tenancy.rotation() };
    assert!(tenancy.rotate(rotate).unwrap().stored.is_some());
    tenancy.user.dt_cred(&["get", "-p", "line-3"]).done();
}

#[test]
fn what_cannot_be_kept_is_in_the_answer_only_where_it_was_asked_for() {
    let Some(service) = SecretService::start() else { return };
    let tenancy = Tenancy::on_desktop(&service);
    tenancy.sandbox.set(|settings| settings.api_hold_answers = true);
    let create = Create { reveal: true, ..tenancy.creation("line 3", "line-3") };
    let mut session = tenancy.begin(Action::Create(create));
    tenancy.sandbox.wait_until("it to be made", |counts| counts.api.applications.created == 1);
    service.lock();
    tenancy.sandbox.set(|settings| settings.api_hold_answers = false);
    let Ok(Managed::Unkept { created, failure }) = ended(&mut session) else { panic!("another answer") };
    let secret = created.secret.expect("it was asked for");
    assert!(tenancy.sandbox.secrets().iter().any(|known| *known == secret.expose()));
    assert_eq!((created.stored, failure.kind), (None, FailureKind::Keyring), "{}", failure.message);
    tenancy.no_secret_in(failure.message.as_str());
}

#[test]
fn a_keyring_that_is_locked_once_the_secret_is_another_one_leaves_it_in_memory_and_says_how_to_finish() {
    let Some(service) = SecretService::start() else { return };
    let tenancy = Tenancy::on_desktop(&service);
    tenancy.user.token();
    tenancy.sandbox.set(|settings| settings.api_hold_answers = true);
    let mut session = tenancy.begin(Action::Rotate(tenancy.rotation()));
    tenancy
        .sandbox
        .wait_until("the secret to be another one", |counts| counts.api.applications.regenerated == 1);
    service.lock();
    tenancy.sandbox.set(|settings| settings.api_hold_answers = false);
    let failure = ended(&mut session).err().expect("it cannot be kept");
    assert_eq!(failure.kind, FailureKind::Keyring, "{}", failure.message);
    for words in ["is in the daemon's memory alone", "`dt-cred unlock", &tenancy.finish()] {
        assert!(failure.message.as_str().contains(words), "{words}: {}", failure.message);
    }
    // It serves on, by the new secret, and the note stays as the keyring has the old one.
    tenancy.user.dt_cred(&["get", "--fresh"]).done();
    assert_eq!(tenancy.rotation_noted(), Some(tenancy.owner()));
    assert!(service.unlock_with_password(PASSWORD));
    tenancy.user.dt_cred(&["stop"]).done();
    let refused = tenancy.user.dt_cred(&["get"]);
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    assert!(refused.stderr.contains(&tenancy.finish()), "{}", refused.stderr);
    tenancy.rotate(tenancy.rotation()).unwrap();
    tenancy.user.token();
    assert_eq!(tenancy.rotation_noted(), None);
}
