//! `status`, `reject` and `erase`.

use dt_cred_tests::{
    issuer::{Door, Sandbox},
    user::{Account, User},
};
use serde_json::Value;

#[test]
fn status_without_a_daemon_succeeds_and_starts_none() {
    let user = User::in_memory();
    assert_eq!(user.dt_cred(&["status"]).code, Some(0));
    let json: Value = serde_json::from_str(&user.dt_cred(&["status", "--json"]).done()).expect("JSON");
    assert_eq!((&json["schema"], &json["daemon"]), (&1.into(), &Value::Null));
    let check = user.dt_cred(&["status", "--check"]);
    assert_eq!((check.code, check.stdout.as_str()), (Some(3), ""), "{}", check.stderr);
    assert_eq!(user.home.daemon_pid(), None);
}

#[test]
fn check_exits_as_get_would_and_asks_the_issuer_nothing() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    assert_eq!(user.dt_cred(&["status", "--check"]).code, Some(5));
    user.log_in(&Account::at(&sandbox));
    let check = user.dt_cred(&["status", "--check"]);
    assert_eq!((check.code, check.stdout.as_str(), check.stderr.as_str()), (Some(0), "", ""));
    sandbox.set(|settings| settings.door = Door::Closed);
    user.dt_cred(&["reject"]).done();
    assert_eq!(user.dt_cred(&["get", "--timeout", "2"]).code, Some(1));
    let check = user.dt_cred(&["status", "--check"]);
    assert_eq!((check.code, check.stdout.as_str()), (Some(1), ""), "{}", check.stderr);
}

#[test]
fn status_tells_of_the_profile_and_changes_nothing() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let token = user.token();
    let table = user.dt_cred(&["status"]).done();
    assert!(table.contains(user.profile()) && table.contains("memory"), "{table}");
    assert!(!table.contains(&token), "no token in a status");
    let (one, two) = (user.status(), user.status());
    assert_eq!(
        (&one["state"], &one["keyring"], &one["fetches"]),
        (&"valid".into(), &"memory".into(), &1.into())
    );
    assert_eq!((&one["served"], &one["generation"]), (&two["served"], &two["generation"]));
    assert_eq!(sandbox.counts().tokens.total, 1);
}

#[test]
fn a_reject_of_another_generation_does_nothing() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let token = user.token();
    user.dt_cred(&["reject", "--generation", "1"]).done();
    assert_eq!(user.token(), token);
    let generation = user.status()["generation"].to_string();
    user.dt_cred(&["reject", "--generation", &generation]).done();
    assert_ne!(user.token(), token);
    assert_eq!(sandbox.counts().tokens.total, 2);
}

#[test]
fn what_is_erased_is_gone_and_may_be_erased_again() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    user.dt_cred(&["erase"]).done();
    let get = user.dt_cred(&["get"]);
    assert_eq!((get.code, get.stdout.as_str()), (Some(5), ""), "{}", get.stderr);
    let again = user.dt_cred(&["logout"]);
    assert!(matches!(again.code, Some(0 | 5)), "{again:?}");
    assert_eq!(sandbox.counts().tokens.total, 1);
}

#[test]
fn check_exits_4_once_the_issuer_has_refused() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    user.log_in(&account);
    sandbox.regenerate_secret(&account.client_id);
    user.dt_cred(&["reject"]).done();
    assert_eq!(user.dt_cred(&["get"]).code, Some(4));
    let check = user.dt_cred(&["status", "--check"]);
    assert_eq!((check.code, check.stdout.as_str()), (Some(4), ""), "{}", check.stderr);
}
