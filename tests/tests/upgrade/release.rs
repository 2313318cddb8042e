//! A daemon that goes on running after an upgrade: the client beside it is told, and what ends that.

use std::{fs, process::Command};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{binaries, run},
    user::{Account, User},
};

/// Puts a daemon of another release into the user's own folder; which.
fn bring_another(user: &mut User) -> String {
    user.home.bring_programs();
    let daemon = user.home.daemon_program();
    let (release, program) = binaries::daemon_of_another_release();
    fs::remove_file(&daemon).expect("a link to the one that was built");
    // By another process: a program that is open for writing here cannot be run.
    let mut write = Command::new("sh");
    write.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(&daemon);
    run(write, program).done();
    let mut version = user.home.command(&daemon);
    version.arg("--version");
    assert_eq!(run(version, "").done(), format!("dt-credd {release}\n"));
    release
}

#[test]
fn a_daemon_of_another_release_serves_on_and_status_and_doctor_say_what_to_do_about_it() {
    let sandbox = Sandbox::http();
    let mut user = User::in_memory();
    let own = env!("CARGO_PKG_VERSION");
    let release = bring_another(&mut user);
    user.log_in(&Account::at(&sandbox));
    user.dt_cred(&["get"]).done();
    let status = user.dt_cred(&["status"]).done();
    let mut lines = status.lines();
    assert!(
        lines.next().is_some_and(|line| line.starts_with(&format!("dt-credd {release}, pid "))),
        "{status}"
    );
    let told =
        format!("this dt-cred is {own}: run dt-cred stop; the next dt-cred get starts the daemon beside it");
    assert_eq!(lines.next(), Some(told.as_str()));
    let json: serde_json::Value =
        serde_json::from_str(&user.dt_cred(&["status", "--json"]).done()).expect("JSON");
    assert_eq!(json["daemon"]["release"], release);
    let report = user.dt_cred(&["doctor"]).stdout;
    let warned = report.lines().find(|line| line.contains(&format!("this dt-cred is {own}")));
    assert!(
        warned.is_some_and(|line| line.contains("warning") && line.contains("run dt-cred stop")),
        "{report}"
    );

    // What was said ends it: the next one is the client's own.
    user.dt_cred(&["stop"]).done();
    let daemon = user.home.daemon_program();
    fs::remove_file(&daemon).expect("the old one");
    let mut copy = Command::new("cp");
    copy.arg(binaries::daemon()).arg(&daemon);
    run(copy, "").done();
    user.dt_cred(&["start"]).done();
    let status = user.dt_cred(&["status"]).done();
    assert!(
        status.starts_with(&format!("dt-credd {own}, pid ")) && !status.contains("this dt-cred is"),
        "{status}"
    );
}
