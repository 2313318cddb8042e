//! The service from its first client to its end.

use dt_cred_tests::{parts::until, user::Account};
use serde_json::Value;

use super::machine::Machine;

const SERVICE: &str = "dt-cred.service";

#[test]
fn the_first_client_starts_the_service_which_serves_every_other_one_and_says_whom() {
    let Some(machine) = Machine::new() else { return };
    machine.enable();
    assert_eq!(machine.property(SERVICE, "ActiveState"), "inactive");
    let socket = machine.socket_file();
    let modes: Vec<_> = socket.lines().map(|line| line.split_once(' ').expect("a mode").1).collect();
    assert_eq!(modes, ["700 you", "600 you"]);
    assert_eq!(machine.run("dt-cred get").code, Some(5), "it is asked, and nothing is stored yet");
    assert_eq!(machine.property(SERVICE, "ActiveState"), "active");
    assert!(machine.property(SERVICE, "StatusText").contains("no profile is stored yet: dt-cred login"));
    machine.log_in("default", &Account::at(&machine.sandbox).lines());
    let (token, pid) = (machine.token(), machine.main_pid());
    assert_eq!((machine.token(), machine.main_pid()), (token, pid));
    assert_eq!(machine.sandbox.counts().tokens.granted, 1);
    machine.until_status("serving default");
    machine.run("dt-cred erase").done();
    machine.until_status("serving; no profile is stored yet: dt-cred login");
    assert_eq!(machine.socket_file(), socket);
}

#[test]
fn the_units_take_none_of_the_daemons_own_defences_and_the_service_manager_started_it() {
    let Some(machine) = Machine::in_use() else { return };
    let doctor: Value = serde_json::from_str(&machine.run("dt-cred doctor --json").stdout).expect("JSON");
    let checks = doctor["checks"].as_array().expect("a list");
    let defences: Vec<_> = checks
        .iter()
        .filter(|check| check["check"].as_str().expect("a name").starts_with("defence"))
        .collect();
    assert_eq!(defences.len(), 6, "{doctor}");
    assert!(defences.iter().all(|defence| defence["verdict"] == "ok"), "{defences:?}");
    let daemon = checks.iter().find(|check| check["check"] == "daemon").expect("one of the daemon");
    assert!(daemon["found"].as_str().expect("text").contains("started by the service manager"), "{daemon}");
    // Those of the unit are there as well: two filters of its own, and systemd's.
    let status = machine.as_root(&format!("cat /proc/{}/status", machine.main_pid()), "").done();
    let filters = status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:\t"));
    assert!(filters.expect("a count").parse::<u32>().expect("a number") > 2, "{status}");
    for limit in ["Umask:\t0077", "NoNewPrivs:\t1"] {
        assert!(status.contains(limit), "{status}");
    }
}

#[test]
fn a_service_that_is_killed_or_stopped_is_started_anew_by_the_next_client_on_the_same_socket() {
    let Some(machine) = Machine::in_use() else { return };
    let socket = machine.socket_file();
    let mut pids = vec![machine.main_pid()];
    for (tokens, ends) in (1..).zip([
        "systemctl --user kill --signal=KILL dt-cred.service",
        "systemctl --user restart dt-cred.service",
        "systemctl --user stop dt-cred.service 2>/dev/null",
        "dt-cred stop",
    ]) {
        machine.run(ends).done();
        machine.token();
        let pid = machine.main_pid();
        assert!(!pids.contains(&pid), "{ends}: {pid} is not new among {pids:?}");
        pids.push(pid);
        assert_eq!(machine.socket_file(), socket, "{ends}");
        assert_eq!(machine.sandbox.counts().tokens.granted, tokens + 1, "{ends}");
    }
}

#[test]
fn an_idle_service_waits_without_a_limit() {
    let Some(machine) = Machine::in_use() else { return };
    machine.token();
    // The system call and its arguments (proc(5)): epoll_wait(2) without a time-out.
    let (pid, script) = (machine.main_pid(), "cut -d' ' -f1,5 /proc/$1/syscall");
    let calls = || machine.as_root(&format!("set -- {pid}; {script}"), "").done();
    until("the daemon to wait for nothing but clients", || {
        let call = calls();
        call.ends_with("ffffffff\n").then_some(())
    });
}

#[test]
fn an_answer_that_is_on_its_way_arrives_though_the_service_is_stopped() {
    let Some(machine) = Machine::in_use() else { return };
    machine.sandbox.set(|issuer| issuer.hold = true);
    let mut client = machine.start("dt-cred get --fresh --format raw");
    machine.sandbox.wait_until("a request that is held", |counts| counts.tokens.total == 2);
    machine.run("systemctl --user stop --no-block dt-cred.service 2>/dev/null").done();
    machine.until_status("ending: SIGTERM");
    machine.sandbox.set(|issuer| issuer.hold = false);
    assert!(client.wait().success(), "{}", client.said());
    let token = client.first_line();
    assert!(machine.sandbox.tokens().contains(&token));
    until("the service to have ended", || {
        (machine.property(SERVICE, "ActiveState") == "inactive").then_some(())
    });
    assert_eq!(machine.property(SERVICE, "Result"), "success");
}

#[test]
fn a_service_that_hangs_is_replaced_where_the_unit_has_a_watchdog_and_one_that_works_is_not() {
    let Some(machine) = Machine::in_use() else { return };
    machine.drop_in("WatchdogSec=4s\nTimeoutStopSec=1s\n");
    machine.run("systemctl --user restart dt-cred.service").done();
    let pid = machine.main_pid();
    let sign = || machine.property(SERVICE, "WatchdogTimestampMonotonic");
    let (mut signs, mut last) = (0, sign());
    // Longer than one that gave none would live.
    until("signs of life", || {
        let next = sign();
        signs += u32::from(next != std::mem::replace(&mut last, next.clone()));
        (signs == 3).then_some(())
    });
    assert_eq!(machine.main_pid(), pid);
    machine.as_root(&format!("kill -STOP {pid}"), "").done();
    until("another daemon", || {
        let now = machine.property(SERVICE, "MainPID");
        (now != pid && now != "0").then_some(())
    });
    assert_eq!(machine.property(SERVICE, "NRestarts"), "1");
    machine.token();
}

#[test]
fn a_socket_that_is_stopped_takes_the_service_with_it_and_leaves_no_file() {
    let Some(machine) = Machine::in_use() else { return };
    machine.run("systemctl --user disable --quiet --now dt-cred.socket").done();
    assert_eq!(machine.property(SERVICE, "ActiveState"), "inactive");
    assert_eq!(machine.run("ls \"$XDG_RUNTIME_DIR\"/dt-cred").done(), "agent.lock\n");
}
