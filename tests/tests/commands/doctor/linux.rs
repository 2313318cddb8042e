//! Linux: another user who listens where the daemon would.

use dt_cred_tests::{
    parts::{Home, Stranger},
    user::User,
};

#[test]
fn another_users_socket_fails_and_its_daemon_is_told_nothing() {
    let Some(stranger) = Stranger::new() else { return };
    let mut home = Home::new();
    stranger.moves_into(&mut home);
    let _daemon = home.start_daemon();
    let mut user = User::in_memory();
    user.home.set("DT_CRED_SOCKET", home.socket());
    let doctor = user.dt_cred(&["doctor"]);
    assert_eq!((doctor.code, doctor.stderr.lines().count()), (Some(8), 1), "{}", doctor.stderr);
    let lines: Vec<_> = doctor.stdout.lines().collect();
    assert!(lines[0].starts_with("fails  socket") && lines[0].contains("is another user's"), "{}", lines[0]);
    let uid = format!("belongs to uid {}", stranger.uid());
    assert!(lines[1].starts_with("fails  daemon") && lines[1].contains(&uid), "{}", lines[1]);
    let status: serde_json::Value =
        serde_json::from_str(&home.dt_cred(&["status", "--json"]).done()).expect("JSON");
    assert_eq!(status["daemon"]["requests"], 1, "it was asked for its status alone: {status}");
}
