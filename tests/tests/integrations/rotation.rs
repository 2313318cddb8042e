//! `rotate`: another secret in place of the one that is kept, while everybody is served on.

use std::fs;

use dt_cred_proto::{
    frame,
    message::{Action, FailureKind, Get, Keyring, Managed, Operation, Request, Response, Rotate},
};
use dt_cred_tests::{
    issuer::{Fault, Sandbox},
    parts::{Running, until},
    user::Account,
};

use super::tenancy::{Tenancy, ended};

#[test]
fn a_rotation_keeps_a_new_secret_that_is_proven_and_tells_until_when_it_is_valid() {
    let Some(tenancy) = Tenancy::kept() else { return };
    let before = tenancy.user.token();
    let rotated = tenancy.rotate(tenancy.rotation()).unwrap();
    assert_eq!((&rotated.profile, rotated.client_id), (&tenancy.profile(), tenancy.id()));
    assert!(rotated.valid_until.is_some());
    assert!(rotated.stored.is_some_and(|stored| stored.expires_in_ms.is_some()), "it is proven");
    assert_ne!(tenancy.user.token(), before);
    assert_eq!(tenancy.rotation_noted(), None);
    let Response::Secrets(secrets) = tenancy.ask(Operation::Secrets) else { panic!("another answer") };
    let own = secrets.into_iter().find(|status| status.profile == tenancy.profile()).unwrap();
    assert_eq!(own.valid_until, rotated.valid_until);
    // Another daemon finds it in the keyring.
    tenancy.user.dt_cred(&["stop"]).done();
    tenancy.user.token();
    let counts = tenancy.sandbox.counts();
    assert_eq!((counts.api.applications.regenerated, counts.tokens.refused), (1, 0));
}

#[test]
fn the_daemon_serves_on_throughout_a_rotation() {
    let Some(tenancy) = Tenancy::kept() else { return };
    let token = tenancy.user.token();
    tenancy.sandbox.set(|settings| settings.api_hold_answers = true);
    let mut rotation = tenancy.begin(Action::Rotate(tenancy.rotation()));
    tenancy
        .sandbox
        .wait_until("the secret to be another one", |counts| counts.api.applications.regenerated == 1);
    // The old secret is not taken any more, and the new one is not here yet.
    let mut session = tenancy.session();
    for _ in 0..100 {
        let get = Get { profile: Some(tenancy.profile()), ..Get::default() };
        let Response::Token(served) = session.ask(Operation::Get(get)) else { panic!("no token") };
        assert!(served.access_token.expose() == token);
    }
    tenancy.sandbox.set(|settings| settings.api_hold_answers = false);
    ended(&mut rotation).unwrap();
    assert_ne!(tenancy.user.token(), token);
}

#[test]
fn who_needs_another_token_while_the_secret_changes_waits_for_it_and_is_not_refused() {
    let Some(tenancy) = Tenancy::kept() else { return };
    tenancy.sandbox.set(|settings| settings.api_hold_answers = true);
    let mut rotation = tenancy.begin(Action::Rotate(tenancy.rotation()));
    tenancy
        .sandbox
        .wait_until("the secret to be another one", |counts| counts.api.applications.regenerated == 1);
    tenancy.user.dt_cred(&["reject"]).done();
    let mut get = Running::start(tenancy.user.home.client(&["get"]), "");
    until("the old secret to be refused", || {
        let state = tenancy.user.status()["state"].clone();
        (state == "failing" || state == "refused").then_some(())
    });
    tenancy.sandbox.set(|settings| settings.api_hold_answers = false);
    ended(&mut rotation).unwrap();
    assert!(get.wait().success(), "{}", get.said());
}

#[test]
fn a_client_that_leaves_in_the_midst_of_a_rotation_changes_nothing_of_its_outcome() {
    let Some(tenancy) = Tenancy::kept() else { return };
    let before = tenancy.user.token();
    tenancy.sandbox.set(|settings| settings.api_hold_answers = true);
    let session = tenancy.begin(Action::Rotate(tenancy.rotation()));
    tenancy
        .sandbox
        .wait_until("the secret to be another one", |counts| counts.api.applications.regenerated == 1);
    drop(session);
    tenancy.sandbox.set(|settings| settings.api_hold_answers = false);
    until("the new secret's token", || (tenancy.user.token() != before).then_some(()));
    assert_eq!(tenancy.rotation_noted(), None);
    tenancy.user.dt_cred(&["stop"]).done();
    tenancy.user.token();
}

#[test]
fn a_deadline_ends_only_the_wait_for_a_rotation_and_says_how_to_see_its_end() {
    let Some(tenancy) = Tenancy::kept() else { return };
    let before = tenancy.user.token();
    tenancy.sandbox.set(|settings| settings.api_hold_answers = true);
    let operation = tenancy.operation(Action::Rotate(tenancy.rotation()));
    let hasty = Request { deadline_ms: 3000, operation };
    let mut session = tenancy.session();
    assert!(session.send(&*frame::encode(&hasty).unwrap()));
    let Response::Failed(failure) = session.answer() else { panic!("it has ended") };
    assert_eq!(failure.kind, FailureKind::TryLater);
    for words in ["goes on", "dt-cred status", &tenancy.finish()] {
        assert!(failure.message.as_str().contains(words), "{}", failure.message);
    }
    assert_eq!(tenancy.rotation_noted(), Some(tenancy.owner()));
    tenancy.sandbox.set(|settings| settings.api_hold_answers = false);
    until("the new secret's token", || (tenancy.user.token() != before).then_some(()));
    assert_eq!(tenancy.rotation_noted(), None);
}

#[test]
fn a_rotation_that_could_not_begin_in_time_changes_nothing() {
    let Some(tenancy) = Tenancy::kept() else { return };
    tenancy.sandbox.set(|settings| settings.api_hold_answers = true);
    let mut first = tenancy.begin(Action::Rotate(tenancy.rotation()));
    tenancy
        .sandbox
        .wait_until("the secret to be another one", |counts| counts.api.applications.regenerated == 1);
    // In the queue behind it.
    let operation = tenancy.operation(Action::Rotate(tenancy.rotation()));
    let hasty = Request { deadline_ms: 1000, operation };
    let mut session = tenancy.session();
    assert!(session.send(&*frame::encode(&hasty).unwrap()));
    let failure = ended(&mut session).err().expect("it could not begin");
    assert_eq!(failure.kind, FailureKind::TryLater, "{}", failure.message);
    assert!(failure.message.as_str().starts_with("nothing was changed"), "{}", failure.message);
    tenancy.sandbox.set(|settings| settings.api_hold_answers = false);
    ended(&mut first).unwrap();
    // And behind that.
    assert_eq!(tenancy.rotate(Rotate { due: Some(1), ..tenancy.rotation() }).unwrap().stored, None);
    assert_eq!(tenancy.sandbox.counts().api.total, 1);
}

#[test]
fn only_a_secret_that_is_known_to_end_soon_is_due() {
    let Some(tenancy) = Tenancy::kept() else { return };
    let due = |days: u64| Rotate { due: Some(days * 86_400), ..tenancy.rotation() };
    let kept = tenancy.rotate(due(10_000)).unwrap();
    assert_eq!((kept.stored, kept.valid_until), (None, None), "nothing is known of one that was entered");
    let first = tenancy.rotate(tenancy.rotation()).unwrap();
    let kept = tenancy.rotate(due(300)).unwrap();
    assert_eq!((kept.stored, kept.valid_until), (None, first.valid_until));
    let second = tenancy.rotate(due(400)).unwrap();
    assert!(second.stored.is_some() && second.valid_until >= first.valid_until);
    assert_eq!(tenancy.sandbox.counts().api.applications.regenerated, 2);
}

#[test]
fn what_is_in_memory_alone_is_rotated_there_and_noted_nowhere() {
    let tenancy = Tenancy::in_memory();
    let before = tenancy.user.token();
    tenancy.sandbox.set(|settings| settings.api_hold_answers = true);
    let mut rotation = tenancy.begin(Action::Rotate(tenancy.rotation()));
    tenancy
        .sandbox
        .wait_until("the secret to be another one", |counts| counts.api.applications.regenerated == 1);
    assert_eq!(tenancy.rotation_noted(), None);
    tenancy.sandbox.set(|settings| settings.api_hold_answers = false);
    let Managed::Rotated(rotated) = ended(&mut rotation).unwrap() else { panic!("another answer") };
    assert_eq!(rotated.stored.unwrap().keyring, Keyring::Memory);
    assert_ne!(tenancy.user.token(), before);
    let state = fs::read_to_string(tenancy.user.home.state().join("state.toml")).unwrap_or_default();
    assert!(!state.contains("rotation"), "{state}");
}

#[test]
fn a_profile_that_cannot_be_rotated_so_is_exit_2_or_5_before_anything_is_sent() {
    let tenancy = Tenancy::in_memory();
    let elsewhere = Sandbox::http();
    let (foreign, odd) =
        (Account::at(&elsewhere), Account { client_id: "no-uuid".to_owned(), ..tenancy.account.clone() });
    tenancy.store("foreign", &foreign).done();
    let lines = format!("{}keyring=memory\nno_check=true\n", odd.lines());
    tenancy.user.home.dt_cred_with(&["store", "-p", "odd"], lines).done();
    let other = Some("01234567-89ab-cdef-0123-456789abcdef".parse().unwrap());
    let of = |profile: &str| Rotate { profile: profile.parse().unwrap(), ..tenancy.rotation() };
    for (rotate, kind, words) in [
        (of("foreign"), FailureKind::Usage, "name an Owner of the same service"),
        (of("odd"), FailureKind::Usage, "its client id is no UUID"),
        (of("nobody"), FailureKind::NothingStored, "dt-cred login -p nobody"),
        (Rotate { client_id: other, ..tenancy.rotation() }, FailureKind::Usage, "name another profile"),
        (
            Rotate { keyring: Some(Keyring::Keyutils), ..tenancy.rotation() },
            FailureKind::Usage,
            "dt-cred keyring move",
        ),
    ] {
        let failure = tenancy.rotate(rotate).unwrap_err();
        assert_eq!(failure.kind, kind, "{}", failure.message);
        assert!(failure.message.as_str().contains(words), "{}", failure.message);
    }
    assert_eq!((tenancy.sandbox.counts().api.total, elsewhere.counts().api.total), (0, 0));
}

#[test]
fn a_secret_that_was_lost_is_replaced_in_a_profile_that_is_not_there_yet() {
    let Some(tenancy) = Tenancy::kept() else { return };
    tenancy.user.dt_cred(&["erase"]).done();
    let keyring = Some(dt_cred_tests::parts::keyring::STORE.parse().unwrap());
    let rotate = Rotate { client_id: Some(tenancy.id()), keyring, ..tenancy.rotation() };
    assert!(tenancy.rotate(rotate).unwrap().stored.is_some());
    tenancy.user.token();
    assert!(tenancy.user.is_in_keyring());
}

#[test]
fn a_new_secret_that_cannot_be_proven_yet_is_kept_and_what_is_held_is_served_on() {
    let Some(tenancy) = Tenancy::kept() else { return };
    let before = tenancy.user.token();
    tenancy.sandbox.set(|settings| settings.token_fault = Some(Fault::html(503)));
    let failure = tenancy.rotate(tenancy.rotation()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::TryLater);
    for words in
        ["the new secret of profile", "no token was got by it yet", "answered 503", &tenancy.finish()]
    {
        assert!(failure.message.as_str().contains(words), "{}", failure.message);
    }
    assert_eq!(tenancy.user.token(), before);
    assert_eq!(tenancy.rotation_noted(), Some(tenancy.owner()), "it was not seen to be good");
    tenancy.sandbox.set(|settings| settings.token_fault = None);
    tenancy.user.dt_cred(&["stop"]).done();
    tenancy.user.token();
    until("the note to go", || tenancy.rotation_noted().is_none().then_some(()));
}

#[test]
fn a_token_that_the_old_secret_still_gives_does_not_say_that_the_rotation_has_ended() {
    let Some(tenancy) = Tenancy::kept() else { return };
    let before = tenancy.user.token();
    tenancy.sandbox.set(|settings| settings.api_hold = true);
    let mut rotation = tenancy.begin(Action::Rotate(tenancy.rotation()));
    tenancy.sandbox.wait_until("the rotation to be sent", |counts| counts.api.total == 1);
    tenancy.user.dt_cred(&["get", "--fresh"]).done();
    assert_ne!(tenancy.user.token(), before, "it is good as yet");
    // What is noted of the second token stands behind what is noted of the first.
    tenancy.user.dt_cred(&["get", "--fresh"]).done();
    assert_eq!(tenancy.rotation_noted(), Some(tenancy.owner()));
    tenancy.sandbox.set(|settings| settings.api_hold = false);
    ended(&mut rotation).unwrap();
    assert_eq!(tenancy.rotation_noted(), None);
}

#[test]
fn an_answer_that_gives_no_secret_of_this_integration_leaves_a_note_and_says_how_to_finish() {
    let Some(tenancy) = Tenancy::kept() else { return };
    let other = "01234567-89ab-cdef-0123-456789abcdef";
    let secret = "xH4&bq9ZtL!m2WvE";
    let foreign = serde_json::json!({ "client_id": other, "credentials": [{ "secret": secret }] });
    let bare =
        serde_json::json!({ "client_id": tenancy.account.client_id, "credentials": [{ "secret": "" }] });
    for fault in [
        Fault::Reset,
        Fault::html(200),
        Fault::html(502),
        Fault::json(&foreign.to_string()),
        Fault::json(&bare.to_string()),
    ] {
        let what = format!("{fault:?}");
        tenancy.sandbox.set(|settings| settings.api_answer_script.push_back(fault));
        let failure = tenancy.rotate(tenancy.rotation()).unwrap_err();
        let message = failure.message.as_str();
        assert!(message.contains("it is not known whether the secret of profile"), "{what}: {message}");
        assert!(message.contains(&tenancy.finish()) && !message.contains(secret), "{what}: {message}");
        assert_eq!(tenancy.rotation_noted(), Some(tenancy.owner()), "{what}");
    }
    tenancy.rotate(tenancy.rotation()).unwrap();
    assert_eq!(tenancy.rotation_noted(), None);
    tenancy.user.dt_cred(&["stop"]).done();
    tenancy.user.token();
}

#[test]
fn a_secret_that_ends_soon_is_warned_of_by_a_daemon_that_nobody_has_asked_for_it() {
    let Some(tenancy) = Tenancy::kept() else { return };
    tenancy.sandbox.set(|settings| settings.secret_lifetime = 12 * 24 * 60 * 60);
    let status = || tenancy.user.dt_cred(&["status"]);
    tenancy.rotate(tenancy.rotation()).unwrap();
    tenancy.user.dt_cred(&["stop"]).done();
    tenancy.user.dt_cred(&["start"]).done();
    let told = status();
    assert!(told.stdout.contains(&format!("{}: its secret ends in", tenancy.profile())), "{told:?}");
    // Another one that was entered has no end that is known.
    tenancy.user.log_in(&Account::at(&tenancy.sandbox));
    tenancy.user.dt_cred(&["stop"]).done();
    tenancy.user.dt_cred(&["start"]).done();
    let told = status();
    assert!(!told.stdout.contains("its secret ends"), "{told:?}");
}
