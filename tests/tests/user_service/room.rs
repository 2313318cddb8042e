//! Whom the service finds where it is to listen.

use dt_cred_tests::parts::Systemd;

use super::{failed, install};

/// Credentials that only the daemon's memory has.
const HELD: &str = "client_id=somebody\nclient_secret=Vb7xTq2LmZ9wRe4K\nkeyring=memory\nno_check=true\n";

#[test]
fn a_daemon_that_a_command_had_started_makes_room_for_the_service() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    let started = user.run("dt-cred start", "").done();
    let pid = started.trim_end().rsplit(' ').next().expect("a number").to_owned();
    let told = install(&user);
    assert!(told.contains(&format!("ended dt-credd, pid {pid}, which a command had started\n")), "{told}");
    let now = user.run("dt-cred start; pgrep -u $(id -u) -x dt-credd", "").done();
    let main = user.run("systemctl --user show -P MainPID dt-cred.service", "").done();
    assert_eq!(now.lines().last(), main.lines().next(), "{now}");
}

#[test]
fn a_daemon_that_holds_credentials_in_memory_alone_is_ended_by_neither_install_nor_uninstall() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    user.run("dt-cred store -p in-memory >/dev/null", HELD).done();
    let words =
        ["holds credentials in memory alone, for profile in-memory", "run dt-cred stop, then try again"];
    failed(&user.run("dt-cred service install", ""), 8, &words);
    assert_eq!(user.run("find ~/.config/systemd -type f", "").stdout, "", "nothing was changed");
    assert!(user.run("dt-cred stop", "").done().starts_with("stopped dt-credd"));
    install(&user);
    user.run("dt-cred store -p in-memory >/dev/null", HELD).done();
    failed(&user.run("dt-cred service uninstall", ""), 8, &words);
    assert_eq!(install(&user), "nothing to change: the service is installed\n");
    user.run("dt-cred stop && dt-cred service uninstall", "").done();
}
