//! A forwarded socket, brought elsewhere by a real ssh.

use dt_cred_tests::parts::Running;

use super::{
    super::is_list_of_assets,
    machine::{Machine, here},
};

/// A process of `here`'s on this machine.
fn started(machine: &Machine, name: &str) -> Running {
    Running::start(machine.systemd.command(&here(&machine.block(name))), "")
}

/// Ends the programs of this name that `here` runs, and waits until they are gone.
fn ended(machine: &Machine, program: &str) {
    let script =
        format!("pkill -u here -x {program}; while pgrep -u here -x {program} >/dev/null; do :; done");
    machine.systemd.run(&script, "").done();
}

/// Waits until `you` can connect.
const BROUGHT: &str = "until test -S .dt-cred.sock && DT_CRED_SOCKET=$HOME/.dt-cred.sock dt-cred get >/dev/null 2>&1; do :; done";

#[test]
fn a_box_that_keeps_no_secret_gets_tokens_for_as_long_as_ssh_brings_them_and_starts_no_daemon() {
    let Some(machine) = Machine::with(&["ssh", "ssh-keygen", "curl", "pgrep", "pkill"]) else { return };
    if !machine.serves_ssh() {
        return;
    }
    let store = here("dt-cred store");
    machine.systemd.run(&store, format!("{}keyring=memory\n", machine.account.lines())).done();
    let forward = started(&machine, "ssh forward");
    forward.stderr_line(|line| line.contains("serving profile default"));
    let asked = || machine.run(&machine.block("ssh there"), "");

    let mut brought = started(&machine, "ssh -R");
    machine.run(BROUGHT, "").done();
    let answer = asked();
    assert!(answer.code == Some(0) && is_list_of_assets(&answer.stdout), "{answer:?}");
    // That mode is all that guards it there.
    assert_eq!(machine.run("stat --format '%a %U' .dt-cred.sock", "").done(), "600 you\n");
    let get = "DT_CRED_SOCKET=/home/you/.dt-cred.sock exec /programs/dt-cred get";
    let stranger = machine.systemd.run(&format!("exec runuser -u nobody -- sh -c '{get}'"), "");
    assert_eq!((stranger.code, stranger.stdout.as_str()), (Some(3), ""), "{stranger:?}");
    let fresh = machine.run("DT_CRED_SOCKET=$HOME/.dt-cred.sock dt-cred get --fresh", "");
    assert!(fresh.code == Some(2) && fresh.stderr.contains("--fresh is refused"), "{fresh:?}");

    // ssh is there and `dt-cred forward` is not.
    ended(&machine, "dt-cred");
    let nobody = asked();
    assert_eq!((nobody.code, nobody.stdout.as_str()), (Some(125), ""), "{nobody:?}");
    let forward = started(&machine, "ssh forward");
    forward.stderr_line(|line| line.contains("serving profile default"));
    machine.run(BROUGHT, "").done();

    // Nor is ssh.
    ended(&machine, "ssh");
    brought.wait();
    let dead = asked();
    assert_eq!((dead.code, dead.stdout.as_str()), (Some(125), ""), "{dead:?}");
    assert!(
        dead.stderr.contains("no daemon listens on")
            && dead.stderr.contains("begin dt-cred forward and ssh again"),
        "{dead:?}"
    );
    let _brought = started(&machine, "ssh -R");
    machine.run(BROUGHT, "").done();
    asked().done();

    assert_eq!(machine.run("pgrep -u you -x dt-credd", "").code, Some(1), "no daemon of theirs runs there");
    assert_eq!((machine.answers(), machine.requests()), (2, 2));
    assert_eq!(machine.sandbox.counts().tokens.granted, 1);
    // Before the test lets go of them: what it started is only their way into the container.
    ended(&machine, "dt-cred");
    ended(&machine, "ssh");
    machine.systemd.run(&here("dt-cred stop"), "").done();
}
