//! A service that is told to reload: its configuration and whom it trusts are read anew, and no token is lost.

use std::fs;

use dt_cred_tests::{issuer::Sandbox, parts::until, user::Account};

use super::{machine::Machine, units::drop_in};

const RELOAD: &str = "systemctl --user reload dt-cred.service";

/// An issuer whose CA no machine trusts, kept as a profile of this name; its CA.
fn private(machine: &Machine, profile: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::https();
    let ca = fs::read_to_string(sandbox.ca_file().expect("https has one")).expect("a CA");
    let lines = Account::at(&sandbox).lines();
    let lines = lines.lines().filter(|line| !line.starts_with("ca_file=")).collect::<Vec<_>>().join("\n");
    machine.log_in(profile, &format!("{lines}\nno_check=true\n"));
    (sandbox, ca)
}

/// What a client gets that would not wait for the next attempt of its own accord, which is made after a minute.
fn get(machine: &Machine, profile: &str) -> Result<(), String> {
    let output = machine.run(&format!("dt-cred get -p {profile} --timeout 20 >/dev/null"));
    if output.code == Some(0) { Ok(()) } else { Err(output.stderr) }
}

fn is_untrusted(result: Result<(), String>) -> bool {
    result.is_err_and(|error| error.contains("signed by no CA that is trusted here"))
}

#[test]
fn a_ca_that_is_added_to_the_systems_counts_from_a_reload_on_and_no_token_is_lost() {
    let Some(machine) = Machine::in_use() else { return };
    let (token, pid) = (machine.token(), machine.main_pid());
    let (_issuer, ca) = private(&machine, "private");
    assert!(is_untrusted(get(&machine, "private")));
    machine.as_root("mkdir -p /etc/ssl/certs && cat >>/etc/ssl/certs/ca-certificates.crt", &ca).done();
    machine.run(RELOAD).done();
    machine.until_logged("the configuration was read anew");
    assert_eq!(get(&machine, "private"), Ok(()));
    assert_eq!((machine.token(), machine.main_pid()), (token, pid));
    machine.until_status("serving default, private");
    assert_eq!(machine.sandbox.counts().tokens.granted, 1);
}

#[test]
fn a_configuration_counts_from_a_reload_on_and_a_wrong_one_changes_nothing() {
    let Some(machine) = Machine::in_use() else { return };
    let (token, pid) = (machine.token(), machine.main_pid());
    machine.configure("[profile.other]\n");
    machine.run(RELOAD).done();
    machine.until_status("serving default, other");
    machine.configure("nonsense = 1\n");
    machine.run(RELOAD).done();
    machine.until_logged("the configuration is as it was");
    machine.until_status("serving by the configuration as it was before: the log says why");
    assert_eq!((machine.token(), machine.main_pid()), (token, pid));
    assert_eq!(machine.property("dt-cred.service", "ActiveState"), "active");
}

#[test]
fn ca_roots_of_the_environment_count_from_a_drop_in_alone_and_others_in_their_place_after_a_reload() {
    let Some(machine) = Machine::in_use() else { return };
    let (_one, ca) = private(&machine, "one");
    machine.run_with("umask 022 && cat >private-ca.pem", &ca).done();
    // As of a shell whose whole environment was imported.
    let stray =
        "systemctl --user set-environment SSL_CERT_FILE=\"$HOME\"/private-ca.pem SSL_CERT_DIR=\"$HOME\"";
    machine.run(stray).done();
    machine.run("systemctl --user restart dt-cred.service").done();
    assert!(is_untrusted(get(&machine, "one")));
    machine.drop_in(&drop_in("ca roots"));
    machine.run("systemctl --user restart dt-cred.service").done();
    assert_eq!(get(&machine, "one"), Ok(()));
    // As most programs write a file. The daemon's right was to the one before.
    let (_two, ca) = private(&machine, "two");
    machine.run_with("umask 022 && cat >new && mv new private-ca.pem", &ca).done();
    let pid = machine.main_pid();
    // systemctl calls it a failure that the daemon ended.
    machine.run(RELOAD);
    until("the next daemon", || {
        let now = machine.property("dt-cred.service", "MainPID");
        (now != pid && now != "0").then_some(())
    });
    assert_eq!(get(&machine, "two"), Ok(()));
    assert!(is_untrusted(get(&machine, "one")));
}
