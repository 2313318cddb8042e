//! A service that cannot serve: clients learn why, and systemd does not try for ever.

use dt_cred_tests::parts::until;

use super::machine::Machine;

const SERVICE: &str = "dt-cred.service";
const SOCKET: &str = "dt-cred.socket";

/// What there is to do once systemd has given up.
const MEND: &str =
    "systemctl --user reset-failed dt-cred.socket dt-cred.service && systemctl --user start dt-cred.socket";

#[test]
fn a_crash_loop_is_ended_by_systemd_and_whoever_waits_is_not_kept_waiting() {
    let Some(machine) = Machine::in_use() else { return };
    machine.drop_in("ExecStart=\nExecStart=/bin/false");
    machine.run("systemctl --user stop dt-cred.service 2>/dev/null").done();
    let refused = machine.run("dt-cred get");
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""), "{refused:?}");
    until("systemd to give up", || {
        (machine.property(SOCKET, "Result") == "service-start-limit-hit").then_some(())
    });
    assert_eq!(machine.property(SERVICE, "ActiveState"), "failed");
    assert_eq!(machine.property(SOCKET, "ActiveState"), "failed");
    machine
        .run("rm .config/systemd/user/dt-cred.service.d/test.conf && systemctl --user daemon-reload")
        .done();
    machine.run(MEND).done();
    machine.token();
}

/// What systemd writes as a time span, in seconds.
fn seconds(span: &str) -> f64 {
    let part = |part: &str| {
        let unit = part.trim_start_matches(|character: char| character.is_ascii_digit() || character == '.');
        let number: f64 = part[..part.len() - unit.len()].parse().expect("a number");
        let unit = [("min", 60.0), ("s", 1.0), ("ms", 1e-3)].into_iter().find(|(name, _)| *name == unit);
        number * unit.unwrap_or_else(|| panic!("a unit of {part}")).1
    };
    span.split(' ').map(part).sum()
}

#[test]
fn as_many_starts_as_are_a_loop_fit_into_its_interval_however_long_each_takes() {
    let Some(machine) = Machine::new() else { return };
    let span = |name| seconds(&machine.property(SERVICE, name));
    let failing = match machine.property(SERVICE, "TimeoutStartFailureMode").as_str() {
        "kill" => 0.0,
        _ => span("TimeoutStopUSec"),
    };
    let starts: f64 = machine.property(SERVICE, "StartLimitBurst").parse().expect("a number");
    let slowest = starts * (span("TimeoutStartUSec") + failing + span("RestartUSec"));
    // As long again as a fifth of it, for what systemd does in between.
    assert!(slowest * 1.2 <= span("StartLimitIntervalUSec"), "{starts} starts take {slowest} s");
}

#[test]
fn daemons_that_hang_at_their_start_and_hear_no_signal_are_ended_and_so_is_their_loop() {
    let Some(machine) = Machine::in_use() else { return };
    // Whoever waits for them to end by themselves waits for ever.
    machine.drop_in(
        "ExecStart=\nExecStart=/bin/sh -c \"trap '' TERM && exec sleep infinity\"\n\
         TimeoutStartSec=200ms\nTimeoutStopSec=infinity",
    );
    machine.run("systemctl --user stop dt-cred.service 2>/dev/null").done();
    let refused = machine.run("dt-cred get");
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""), "{refused:?}");
    until("systemd to give up", || {
        (machine.property(SOCKET, "Result") == "service-start-limit-hit").then_some(())
    });
    assert_eq!(machine.property(SERVICE, "NRestarts"), "20");
    assert_eq!(machine.property(SERVICE, "ActiveState"), "failed");
    assert_eq!(machine.property(SERVICE, "MainPID"), "0");
}

#[test]
fn a_configuration_that_is_wrong_is_told_to_whoever_asks_and_counts_at_once_when_it_is_mended() {
    let Some(machine) = Machine::in_use() else { return };
    machine.run("dt-cred stop").done();
    machine.configure("nonsense = 1\n");
    for _ in 0..2 {
        let refused = machine.run("dt-cred get");
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(7), ""), "{refused:?}");
        assert!(refused.stderr.contains("nonsense"), "{refused:?}");
    }
    until("the service to have ended", || {
        (machine.property(SERVICE, "ActiveState") == "failed").then_some(())
    });
    assert!(machine.property(SERVICE, "StatusText").contains("nonsense"));
    assert_eq!(machine.property(SERVICE, "NRestarts"), "0", "another start would not mend it");
    assert_eq!(machine.property(SOCKET, "ActiveState"), "active");
    machine.run("rm .config/dt-cred/config.toml").done();
    machine.token();
}
