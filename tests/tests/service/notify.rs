//! What the daemon tells a service manager, line by line.

use std::{fs, os::unix::net::UnixDatagram};

use dt_cred_tests::{
    parts::{BOUND, Running},
    user::User,
};
use rustix::process::{Signal, kill_process};

/// A service manager that does nothing but listen.
struct Manager(UnixDatagram);

impl Manager {
    fn of(user: &mut User) -> Self {
        let path = user.home.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(BOUND)).expect("a bound");
        user.home.set("NOTIFY_SOCKET", path);
        Self(socket)
    }

    fn heard(&self) -> String {
        let mut lines = [0; 4096];
        let length = self.0.recv(&mut lines).expect("a message");
        String::from_utf8(lines[..length].to_vec()).expect("text")
    }
}

fn tell(daemon: &Running, signal: Signal) {
    kill_process(daemon.pid(), signal).expect("it is told");
}

#[test]
fn a_service_manager_is_told_that_the_daemon_serves_that_it_reads_its_configuration_and_that_it_ends() {
    let mut user = User::in_memory();
    let manager = Manager::of(&mut user);
    user.home.configure("[profile.one]\n");
    let mut daemon = user.home.start_daemon();
    assert_eq!(manager.heard(), "READY=1\nSTATUS=serving one");
    user.home.configure("[profile.one]\n[profile.two]\n");
    // The second one is wrong, and leaves the one before.
    for is_wrong in [false, true] {
        tell(&daemon, Signal::HUP);
        let reloading = manager.heard();
        let (lines, status) = reloading.rsplit_once('\n').expect("three lines");
        let (first, time) = lines.split_once("\nMONOTONIC_USEC=").expect("a time");
        assert_eq!((first, status), ("RELOADING=1", "STATUS=reading the configuration anew"));
        assert!(time.parse::<u64>().is_ok_and(|time| time > 0), "{time}");
        assert_eq!(manager.heard(), "READY=1\nSTATUS=serving one, two");
        if is_wrong {
            let told = "STATUS=serving by the configuration as it was before: the log says why";
            assert_eq!(manager.heard(), told);
        }
        user.home.configure("nonsense = 1\n");
    }
    tell(&daemon, Signal::TERM);
    assert_eq!(manager.heard(), "STOPPING=1\nSTATUS=ending: SIGTERM");
    assert!(daemon.wait().success());
}

#[test]
fn a_service_manager_is_told_why_a_daemon_does_not_serve() {
    let mut user = User::in_memory();
    let manager = Manager::of(&mut user);
    user.home.configure("nonsense = 1\n");
    let mut daemon = Running::start(user.home.command(user.home.daemon_program()), "");
    assert_eq!(daemon.wait().code(), Some(7));
    let why = manager.heard();
    assert!(why.starts_with("STATUS=") && why.contains("nonsense") && why.lines().count() == 1, "{why}");
}

#[test]
fn signs_of_life_are_given_to_who_wants_them_from_this_very_process_and_to_nobody_else() {
    let mut user = User::in_memory();
    let manager = Manager::of(&mut user);
    user.home.set("WATCHDOG_USEC", "20000");
    let daemon = user.home.start_daemon();
    assert!(manager.heard().starts_with("READY=1\n"));
    for _ in 0..3 {
        assert_eq!(manager.heard(), "WATCHDOG=1");
    }
    drop(daemon);
    // Another process's: what the daemon says next is that it ends.
    let socket = user.home.path().join("notify");
    fs::remove_file(&socket).expect("removed");
    let manager = Manager::of(&mut user);
    user.home.set("WATCHDOG_PID", "1");
    let daemon = user.home.start_daemon();
    assert!(manager.heard().starts_with("READY=1\n"));
    tell(&daemon, Signal::TERM);
    assert!(manager.heard().starts_with("STOPPING=1\n"));
}

#[test]
fn a_daemon_serves_though_nobody_listens_where_its_service_manager_should() {
    let mut user = User::in_memory();
    user.home.set("NOTIFY_SOCKET", "/nonexistent/notify");
    let daemon = user.home.start_daemon();
    daemon.stderr_line(|line| line.contains("the service manager cannot be told anything"));
    user.dt_cred(&["status"]).done();
}
