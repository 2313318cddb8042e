//! Other users of the machine: root here, who could reach every socket, and a user who listens where ours would.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
};

use dt_cred_proto::message::{Get, Operation};
use dt_cred_tests::{
    issuer::Sandbox,
    parts::{
        Home, Running, Stranger, root,
        session::{Session, request},
    },
    user::{Account, User},
};

/// Somebody without rights, whom no file of the machine belongs to.
const STRANGER: u32 = 54_321;

/// A stranger's home with a daemon of theirs in it; none where this process may not be another user.
fn stranger() -> Option<(Home, Running)> {
    let stranger = Stranger::of(STRANGER)?;
    let mut home = Home::new();
    stranger.moves_into(&mut home);
    let daemon = home.start_daemon();
    Some((home, daemon))
}

#[test]
fn a_daemon_serves_nobody_but_its_own_user_not_even_root() {
    let Some((home, daemon)) = stranger() else { return };
    let sandbox = Sandbox::http();
    home.dt_cred_with(&["store"], format!("{}keyring=memory\n", Account::at(&sandbox).lines())).done();
    // Root may connect to everything; the connection may be closed before this arrives.
    let mut root = Session::open(&home.socket());
    root.send(request(Operation::Get(Get::default())));
    assert!(root.is_closed(), "without a word");
    let pid = std::process::id();
    daemon.stderr_line(|line| {
        line.contains("WARN") && line.contains(&format!("refused a client of another user uid=0 pid={pid}"))
    });
    // And its own user is served on.
    let header = home.dt_cred(&["get"]).done();
    assert!(header.starts_with("Authorization: Bearer "));
    assert_eq!(sandbox.counts().tokens.total, 1);
}

#[test]
fn a_stranger_who_keeps_coming_is_in_the_users_log_and_fills_neither_it_nor_the_log_file() {
    const COMES: usize = 150;
    let Some((home, mut daemon)) = stranger() else { return };
    let sandbox = Sandbox::http();
    home.dt_cred_with(&["store"], format!("{}keyring=memory\n", Account::at(&sandbox).lines())).done();
    home.dt_cred(&["get"]).done();
    for _ in 0..COMES {
        assert!(Session::open(&home.socket()).is_closed(), "without a word");
    }
    let log: serde_json::Value =
        serde_json::from_str(&home.dt_cred(&["log", "--json"]).done()).expect("JSON");
    let entries = log["entries"].as_array().expect("a list");
    let (served, refused): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry["outcome"] == "served");
    assert_eq!((served.len(), refused.len()), (1, 100));
    assert_eq!(served[0]["uid"], STRANGER);
    for entry in refused {
        assert_eq!((&entry["uid"], &entry["pid"]), (&0.into(), &std::process::id().into()));
        assert_eq!((&entry["profile"], &entry["generation"]), (&().into(), &().into()));
    }
    home.dt_cred(&["stop"]).done();
    daemon.wait();
    let said = daemon.said();
    let warned: Vec<_> = said.lines().filter(|line| line.contains(" WARN refused")).collect();
    assert_eq!(warned.len(), 2, "{said}");
    // The one who has a line is the test that looked whether it listens.
    assert!(warned[1].contains("refused again") && warned[1].ends_with(&format!("times={COMES}")), "{said}");
}

#[test]
fn a_client_tells_a_socket_of_another_user_nothing() {
    let Some((home, _daemon)) = stranger() else { return };
    let mut user = User::in_memory();
    user.home.set("DT_CRED_SOCKET", home.socket());
    for arguments in [&["get"][..], &["store"], &["status"], &["reject"], &["erase"], &["stop"], &["start"]] {
        let output = user.home.dt_cred_with(arguments, "client_id=a\nclient_secret=b\n");
        assert_eq!((output.code, output.stdout.as_str()), (Some(3), ""), "{arguments:?}: {}", output.stderr);
        assert!(output.stderr.contains("belongs to uid 54321"), "{arguments:?}: {}", output.stderr);
        assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    }
    let status = home.dt_cred(&["status", "--json"]).done();
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["daemon"]["requests"], 1, "it was asked for its status alone: {status}");
}

#[test]
fn the_runtime_folder_is_made_private_repaired_where_it_is_ours_and_refused_where_it_is_not() {
    let user = User::in_memory();
    let folder = user.home.path().join("run/dt-cred");
    let mode = || fs::symlink_metadata(&folder).expect("it is there").permissions().mode() & 0o7777;
    user.dt_cred(&["start"]).done();
    assert_eq!(mode(), 0o700);
    let socket = fs::symlink_metadata(user.home.socket()).expect("a socket").permissions().mode();
    assert_eq!(socket & 0o7777, 0o600);
    user.dt_cred(&["stop"]).done();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("opened");
    user.dt_cred(&["start"]).done();
    assert_eq!(mode(), 0o700);
    user.dt_cred(&["stop"]).done();
    fs::remove_dir_all(&folder).expect("removed");
    let elsewhere = user.home.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a folder");
    let refused = |words: &str| {
        let get = user.dt_cred(&["get"]);
        assert_eq!((get.code, get.stdout.as_str()), (Some(3), ""), "{}", get.stderr);
        assert!(get.stderr.contains(words) && get.stderr.lines().count() == 1, "{}", get.stderr);
    };
    symlink(&elsewhere, &folder).expect("a symlink");
    refused("is not a folder");
    fs::remove_file(&folder).expect("removed");
    fs::write(&folder, "").expect("a file");
    refused("is not a folder");
    fs::remove_file(&folder).expect("removed");
    if root("a runtime folder that is given away") {
        fs::create_dir(&folder).expect("a folder");
        chown(&folder, Some(STRANGER), None).expect("given away");
        refused("belongs to uid 54321");
    }
    assert_eq!(fs::read_dir(elsewhere).expect("it is there").count(), 0);
}
