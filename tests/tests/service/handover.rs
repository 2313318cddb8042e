//! From a daemon that somebody started to the service: two never serve at once.

use dt_cred_tests::{parts::until, user::Account};

use super::machine::Machine;

/// A machine on which a daemon of no service manager's serves; its process id.
fn served() -> Option<(Machine, String)> {
    let machine = Machine::new()?;
    // What a client does: it waits for the word.
    let start =
        "mkfifo word; dt-credd --background >word 2>/dev/null & read -r word <word; test \"$word\" = ready";
    machine.run(start).done();
    machine.log_in("default", &Account::at(&machine.sandbox).lines());
    let pid = machine.run("cat \"$XDG_RUNTIME_DIR\"/dt-cred/agent.lock").done().trim_end().to_owned();
    Some((machine, pid))
}

#[test]
fn a_daemon_that_somebody_started_gives_way_to_the_service_which_waits_until_it_has_ended() {
    let Some((machine, pid)) = served() else { return };
    // What it has on its way keeps it from ending at once.
    machine.sandbox.set(|issuer| issuer.hold = true);
    let mut client = machine.start("dt-cred get --fresh --format raw");
    machine.sandbox.wait_until("a request that is held", |counts| counts.tokens.total == 2);
    machine.enable();
    let mut next = machine.start("dt-cred get --format raw");
    let waiting = format!("waiting for another daemon to end pid={pid}");
    machine.until_logged(&waiting);
    assert_eq!(machine.sandbox.counts().tokens.total, 2, "the next one asks for nothing yet");
    machine.sandbox.set(|issuer| issuer.hold = false);
    assert!(client.wait().success() && next.wait().success(), "{}{}", client.said(), next.said());
    assert_ne!(machine.main_pid(), pid);
    assert_eq!(machine.run(&format!("test ! -e /proc/{pid} || grep Z /proc/{pid}/status")).code, Some(0));
}

#[test]
fn a_daemon_that_does_not_end_is_named_to_whoever_asks_and_to_the_service_manager() {
    let Some((machine, pid)) = served() else { return };
    machine.run(&format!("kill -STOP {pid}")).done();
    machine.enable();
    let refused = machine.run("dt-cred get");
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""), "{refused:?}");
    let whose = format!("another dt-credd (process {pid}) holds");
    assert!(refused.stderr.contains(&whose) && refused.stderr.contains("does not end"), "{refused:?}");
    until("the service to have failed", || {
        (machine.property("dt-cred.service", "ActiveState") == "failed").then_some(())
    });
    assert!(machine.property("dt-cred.service", "StatusText").contains(&whose));
    assert_eq!(machine.property("dt-cred.service", "NRestarts"), "0", "another start would not mend it");
    // Its socket is another one by now: it ends as soon as it can.
    machine.run(&format!("kill -CONT {pid}")).done();
    machine.token();
    assert_ne!(machine.main_pid(), pid);
}

#[test]
fn whoever_connects_while_a_daemon_ends_for_want_of_rights_is_served_by_the_next_one() {
    let Some(machine) = Machine::in_use() else { return };
    let pid = machine.main_pid();
    machine.sandbox.set(|issuer| issuer.hold = true);
    let _held = machine.start("dt-cred get --fresh >/dev/null");
    machine.sandbox.wait_until("a request that is held", |counts| counts.tokens.total == 2);
    machine.configure("[[profile.default.file]]\npath = \"~/elsewhere/token\"\n");
    // systemctl calls it a failure that the daemon ended.
    machine.run("systemctl --user reload --no-block dt-cred.service");
    machine.until_status("ending: rights are needed that were given up");
    let mut next = machine.start("dt-cred -v get >/dev/null");
    next.stderr_line(|line| line.contains(" listens"));
    machine.sandbox.set(|issuer| issuer.hold = false);
    assert!(next.wait().success(), "{}", next.said());
    assert_ne!(machine.main_pid(), pid);
    assert_eq!(machine.property("dt-cred.service", "NRestarts"), "1");
}
