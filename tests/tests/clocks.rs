//! Real clocks that jump while the daemon runs: a suspend as it sees one, and a wall clock that is set.
#![cfg(target_os = "linux")]

use std::{fs, process::Command, thread};

use dt_cred_tests::{
    issuer::{Door, Sandbox},
    parts::{Running, WallClock, on_path, require, root, run, until},
    user::{Account, User},
};
use rustix::process::Pid;
use serde_json::Value;

/// Two hours later by the boot-time clock, for this daemon alone: it is put into a time namespace (time_namespaces(7))
/// while it runs, by a debugger's hand, as no process can be put there from outside.
struct Suspend {
    /// It keeps the namespace.
    holder: Running,
}

impl Suspend {
    /// None where the machine does not permit it.
    fn of_two_hours() -> Option<Self> {
        if !root("a suspend, by a time namespace")
            || !require("gdb and unshare", on_path(&["gdb", "unshare"]))
        {
            return None;
        }
        let mut holder = Command::new("unshare");
        holder.args(["--time", "--boottime", "7200", "--fork", "sh", "-c", "echo apart; cat"]);
        let holder = Running::start(holder, "");
        holder.stdout_line(|line| line == "apart");
        Some(Self { holder })
    }

    /// Somebody whose daemon can be moved: one that runs programs keeps the rights that this takes.
    fn user() -> User {
        let user = User::in_memory();
        user.home.configure("[profile.other]\nkeyring = \"command\"\nkeyring_command = [\"/bin/true\"]\n");
        user
    }

    /// Suspends and wakes the daemon.
    fn befalls(&self, daemon: Pid) {
        let daemon = daemon.as_raw_pid();
        // The kernel moves processes of one thread only; those that wait for a file or an address end by themselves.
        until("the daemon to have one thread", || {
            let threads = fs::read_dir(format!("/proc/{daemon}/task")).expect("the daemon runs").count();
            (threads == 1).then_some(())
        });
        let namespace = format!("/proc/{}/ns/time_for_children", self.holder.pid().as_raw_pid());
        let mut gdb = Command::new("gdb");
        gdb.args(["-nx", "-batch", "-p", &daemon.to_string()]);
        for command in [
            format!("set $namespace = (int) open(\"{namespace}\", 0)"),
            "print (int) setns($namespace, 0x80)".to_owned(),
            "print (int) close($namespace)".to_owned(),
        ] {
            gdb.args(["-ex", &command]);
        }
        let done = run(gdb, "");
        assert!(done.stdout.contains("$1 = 0") && done.stdout.contains("$2 = 0"), "{done:?}");
    }
}

#[test]
fn after_a_suspend_that_outlived_the_token_nothing_stale_is_served_and_no_storm_follows() {
    let Some(suspend) = Suspend::of_two_hours() else { return };
    let sandbox = Sandbox::http();
    let user = Suspend::user();
    user.log_in(&Account::at(&sandbox));
    let token = user.token();
    suspend.befalls(user.home.daemon_pid().expect("a daemon"));
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_ne!(user.token(), token));
        }
    });
    assert_eq!(sandbox.counts().tokens.total, 2);
    let status = user.status();
    assert_eq!((&status["state"], &status["fetches"]), (&"valid".into(), &2.into()), "{status}");
}

#[test]
fn a_wake_before_the_network_is_back_is_waited_out_by_further_attempts() {
    let Some(suspend) = Suspend::of_two_hours() else { return };
    let sandbox = Sandbox::http();
    let user = Suspend::user();
    user.log_in(&Account::at(&sandbox));
    let token = user.token();
    sandbox.set(|settings| settings.door = Door::Closed);
    suspend.befalls(user.home.daemon_pid().expect("a daemon"));
    thread::scope(|scope| {
        let callers: Vec<_> = (0..5).map(|_| scope.spawn(|| user.token())).collect();
        until("an attempt to fail", || (user.status()["last_error"] != Value::Null).then_some(()));
        // The network is back: those who wait get their token by the next attempt.
        sandbox.set(|settings| settings.door = Door::Open);
        for caller in callers {
            assert_ne!(caller.join().expect("a token"), token);
        }
    });
    assert_eq!(sandbox.counts().tokens.total, 2);
}

#[test]
fn a_wall_clock_set_forward_takes_an_expired_token_out_of_a_file() {
    let Some(wall) = Wall::start() else { return };
    let sandbox = Sandbox::http();
    wall.user.log_in(&Account::at(&sandbox));
    let token = wall.user.token();
    let file = wall.user.home.path().join("tokens/token");
    let line = |token: &str| format!("Authorization: Bearer {token}\n");
    let read = || fs::read_to_string(&file).ok();
    until("the token in the file", || read().filter(|text| *text == line(&token)));
    wall.clock.set("+2h");
    // Nobody asks; the file is judged anew by itself.
    until("another token in the file", || read().filter(|text| *text != line(&token)));
    assert_eq!(read(), Some(line(&wall.user.token())));
}

/// A daemon whose wall clock is the test's to set.
struct Wall {
    user: User,
    _daemon: Running,
    clock: WallClock,
}

impl Wall {
    /// None where the machine has no libfaketime.
    fn start() -> Option<Self> {
        let user = User::in_memory();
        let clock = WallClock::of(&user.home)?;
        let profile = user.profile();
        user.home.configure(&format!("[[profile.{profile}.file]]\npath = \"~/tokens/token\"\n"));
        let daemon = clock.start_daemon(&user.home);
        Some(Self { user, _daemon: daemon, clock })
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.user.dt_cred(&["get", "--format", "json"]).done()).expect("JSON")
    }
}

#[test]
fn a_wall_clock_set_two_hours_forward_ends_the_token_and_set_back_ends_nothing() {
    let Some(wall) = Wall::start() else { return };
    let sandbox = Sandbox::http();
    wall.user.log_in(&Account::at(&sandbox));
    let first = wall.json();
    let requests = || sandbox.counts().tokens.total;
    wall.clock.set("+2h");
    let second = wall.json();
    assert_ne!(second["access_token"], first["access_token"], "it may have expired meanwhile");
    assert!(second["generation"].as_u64() > first["generation"].as_u64());
    for offset in ["+0", "-2h", "+2h", "+1h"] {
        wall.clock.set(offset);
        for _ in 0..5 {
            assert_eq!(wall.json()["access_token"], second["access_token"], "{offset}");
        }
    }
    assert_eq!(requests(), 2, "no storm");
    // Four hours back, a new grant is later than the last all the same, and lives no longer than it was granted for.
    wall.clock.set("-4h");
    wall.user.dt_cred(&["reject"]).done();
    let third = wall.json();
    assert!(third["generation"].as_u64() > second["generation"].as_u64());
    assert!(third["expires_in"].as_u64().is_some_and(|left| (3600..=3660).contains(&left)), "{third}");
    assert_eq!(requests(), 3);
    // And forward over its whole life again.
    wall.clock.set("-2h");
    assert_ne!(wall.json()["access_token"], third["access_token"]);
    assert_eq!(requests(), 4);
}
