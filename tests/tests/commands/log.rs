//! `log`: who was served.

#[cfg(target_os = "linux")]
mod linux;

use dt_cred_tests::{
    issuer::Sandbox,
    user::{Account, User},
};
use serde_json::Value;

/// What `log --json` lists.
#[track_caller]
fn entries(user: &User, arguments: &[&str]) -> Vec<Value> {
    let text = user.dt_cred(&[&["log", "--json"], arguments].concat()).done();
    let log: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&log["schema"], &log["running"]), (&1.into(), &true.into()));
    log["entries"].as_array().expect("a list").clone()
}

#[test]
fn the_log_without_a_daemon_succeeds_and_starts_none() {
    let user = User::in_memory();
    let table = user.dt_cred(&["log"]).done();
    assert_eq!(table, "no daemon is running, and what one remembers ends with it\n");
    let json = user.dt_cred(&["log", "--json"]).done();
    assert_eq!(json, "{\"entries\":[],\"running\":false,\"schema\":1}\n");
    assert_eq!(user.home.daemon_pid(), None);
}

#[test]
fn whoever_was_served_is_in_the_log_which_outlives_the_profile_and_holds_no_token() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    assert_eq!(user.dt_cred(&["log"]).done(), "nobody was served\n");
    let token = user.token();
    // Whoever got nothing was not served.
    assert_eq!(user.dt_cred(&["get", "-p", "nobody"]).code, Some(5));
    let generation = user.status()["generation"].clone();
    let served = entries(&user, &[]);
    let [entry] = served.as_slice() else { panic!("one was served: {served:?}") };
    assert_eq!(
        (&entry["outcome"], &entry["profile"], &entry["generation"]),
        (&"served".into(), &user.profile().into(), &generation)
    );
    assert!(entry["program"].as_str().is_some_and(|program| program.starts_with("dt-cred")), "{entry}");
    assert!(entry["pid"].is_u64(), "{entry}");
    assert_eq!(entries(&user, &["-p", user.profile()]), served);
    assert!(entries(&user, &["-p", "nobody"]).is_empty());
    user.dt_cred(&["erase"]).done();
    assert_eq!(entries(&user, &[]), served);
    let table = user.dt_cred(&["log"]).done();
    assert!(table.contains(user.profile()) && table.contains("dt-cred"), "{table}");
    for text in [table, user.dt_cred(&["log", "--json"]).done()] {
        assert!(!text.contains(&token), "no token in a log");
    }
}
