//! The daemon's life as its clients see it: started once, clean, on the default socket only.

use std::{collections::HashSet, thread};

use dt_cred_tests::user::User;

#[test]
fn start_and_stop_may_be_said_twice() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    let pid = user.home.daemon_pid();
    assert!(pid.is_some());
    user.dt_cred(&["start"]).done();
    assert_eq!(user.home.daemon_pid(), pid);
    user.dt_cred(&["stop"]).done();
    user.dt_cred(&["stop"]).done();
    assert_eq!(user.home.daemon_pid(), None);
}

#[test]
fn no_daemon_is_started_where_that_is_forbidden_or_another_socket_is_named() {
    let mut user = User::in_memory();
    let get = user.dt_cred(&["get", "--no-start"]);
    assert_eq!(
        (get.code, get.stdout.as_str(), get.stderr.lines().count()),
        (Some(3), "", 1),
        "{}",
        get.stderr
    );
    user.home.set("DT_CRED_NO_START", "1");
    assert_eq!(user.dt_cred(&["get"]).code, Some(3));
    user.home.unset("DT_CRED_NO_START");
    // One that a daemon would take.
    user.home.set("DT_CRED_SOCKET", user.home.another_socket("own"));
    let get = user.dt_cred(&["get"]);
    assert!(get.stderr.contains("no daemon listens on"), "{}", get.stderr);
    assert_eq!(
        (get.code, get.stdout.as_str(), get.stderr.lines().count()),
        (Some(3), "", 1),
        "{}",
        get.stderr
    );
    assert_eq!(user.home.daemon_pid(), None);
}

#[test]
fn twenty_clients_that_race_start_one_daemon() {
    let user = User::in_memory();
    let pids: HashSet<_> = thread::scope(|scope| {
        let race = |_| {
            scope.spawn(|| {
                assert_eq!(user.dt_cred(&["get"]).code, Some(5));
                user.home.daemon_pid()
            })
        };
        let racers: Vec<_> = (0..20).map(race).collect();
        racers.into_iter().map(|racer| racer.join().expect("it ends well")).collect()
    });
    assert_eq!(pids.len(), 1, "{pids:?}");
    assert!(!pids.contains(&None));
}
