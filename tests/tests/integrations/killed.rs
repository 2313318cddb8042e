//! A daemon that is killed in the midst of a rotation: a token is to be had, or one command is named that has it.

use dt_cred_proto::message::{Action, Rotate};
use dt_cred_tests::parts::{keyring, until};

use super::tenancy::Tenancy;

/// Rotates in a daemon that dies at this point.
#[track_caller]
fn killed_at(point: &str) -> Option<Tenancy> {
    let mut tenancy = Tenancy::kept()?;
    let rotation = tenancy.rotation();
    kill_at(&mut tenancy, point, rotation);
    Some(tenancy)
}

#[track_caller]
fn kill_at(tenancy: &mut Tenancy, point: &str, rotation: Rotate) {
    tenancy.user.dt_cred(&["stop"]).done();
    tenancy.user.home.set("DT_CRED_FAULT_POINT", point);
    let mut session = tenancy.begin(Action::Rotate(rotation));
    assert!(session.is_closed(), "it lives");
    tenancy.user.home.until_no_daemon();
    tenancy.user.home.unset("DT_CRED_FAULT_POINT");
}

/// That a token is to be had, and nothing is left to be said.
#[track_caller]
fn works(tenancy: &Tenancy) {
    tenancy.user.token();
    tenancy.user.dt_cred(&["test"]).done();
    // Behind the answer to whoever asked for the token.
    until("the note to go", || tenancy.rotation_noted().is_none().then_some(()));
    let doctor = tenancy.user.dt_cred(&["doctor"]).stdout;
    assert!(!doctor.contains("has not ended"), "{doctor}");
}

#[test]
fn before_the_old_secret_has_ended_it_is_good_and_a_token_got_by_it_says_that_nothing_is_left_to_do() {
    let Some(tenancy) = killed_at("rotate-noted") else { return };
    assert_eq!(tenancy.rotation_noted(), Some(tenancy.owner()), "a rotation has begun");
    let doctor = tenancy.user.dt_cred(&["doctor"]).stdout;
    assert!(doctor.contains("has not ended"), "{doctor}");
    assert_eq!(tenancy.sandbox.counts().api.applications.regenerated, 0);
    works(&tenancy);
}

#[test]
fn between_the_old_secret_and_the_new_one_the_refusal_names_the_command_that_makes_it_work() {
    let Some(tenancy) = killed_at("rotate-regenerated") else { return };
    assert_eq!(tenancy.sandbox.counts().api.applications.regenerated, 1);
    let get = tenancy.user.dt_cred(&["get"]);
    assert_eq!((get.code, get.stdout.as_str()), (Some(4), ""), "{}", get.stderr);
    assert!(get.stderr.contains(&tenancy.finish()), "{}", get.stderr);
    assert_eq!(get.stderr.lines().count(), 1, "{}", get.stderr);
    let status = tenancy.user.dt_cred(&["status", "--check"]);
    assert!(status.code == Some(4) && status.stderr.contains(&tenancy.finish()), "{}", status.stderr);
    let doctor = tenancy.user.dt_cred(&["doctor"]).stdout;
    assert!(doctor.contains(&tenancy.finish()), "{doctor}");
    // It is what a timer finishes too, however long the secret before it would have been valid.
    let due = Rotate { due: Some(1), ..tenancy.rotation() };
    assert!(tenancy.rotate(due).unwrap().stored.is_some());
    works(&tenancy);
}

#[test]
fn once_the_new_secret_is_kept_it_is_good() {
    for point in ["rotate-written", "rotate-proven", "rotate-ended"] {
        let Some(tenancy) = killed_at(point) else { return };
        assert_eq!(tenancy.sandbox.counts().api.applications.regenerated, 1, "{point}");
        works(&tenancy);
    }
}

#[test]
fn a_profile_that_was_to_have_a_lost_secret_again_names_the_command_that_brings_it() {
    for point in ["rotate-noted", "rotate-regenerated"] {
        let Some(mut tenancy) = Tenancy::kept() else { return };
        tenancy.user.dt_cred(&["erase"]).done();
        let keyring = Some(keyring::STORE.parse().unwrap());
        let lost = Rotate { client_id: Some(tenancy.id()), keyring, ..tenancy.rotation() };
        kill_at(&mut tenancy, point, lost);
        let get = tenancy.user.dt_cred(&["get"]);
        assert_eq!((get.code, get.stdout.as_str()), (Some(5), ""), "{}", get.stderr);
        assert!(get.stderr.contains(&tenancy.finish()), "{}", get.stderr);
        assert!(tenancy.rotate(tenancy.rotation()).unwrap().stored.is_some());
        works(&tenancy);
    }
}
