//! What the units are, by systemd's own tools; and the drop-ins of `docs/service.md`, each as it stands there.

use std::collections::BTreeSet;

use dt_cred_tests::{
    parts::{on_path, require},
    user::Account,
};
use serde_json::Value;

use super::machine::Machine;

pub(crate) const PAGE: &str = include_str!("../../../docs/service.md");
const EXPLAINED: &str = include_str!("../../../packaging/systemd/README.md");

/// The drop-in of this name, without its section's heading.
pub(crate) fn drop_in(name: &str) -> String {
    let begin = format!("```ini {name}\n[Service]\n");
    let (_, rest) = PAGE.split_once(&begin).unwrap_or_else(|| panic!("no block {name:?} in docs/service.md"));
    rest.split_once("```").expect("it ends").0.to_owned()
}

#[test]
fn systemd_finds_nothing_to_say_of_the_units_and_each_point_of_its_security_that_they_miss_is_explained() {
    let Some(machine) = Machine::new() else { return };
    let verify = "systemd-analyze --user --man=no verify /usr/lib/systemd/user/dt-cred.socket /usr/lib/systemd/user/dt-cred.service";
    let verified = machine.run(verify);
    assert_eq!((verified.code, verified.stderr.as_str()), (Some(0), ""), "{verified:?}");
    let judged = machine.run("systemd-analyze --user --json=short security dt-cred.service").done();
    let judged: Value = serde_json::from_str(&judged).expect("JSON");
    let missed: BTreeSet<&str> = judged
        .as_array()
        .expect("a list")
        .iter()
        .filter(|point| point["set"] == false)
        .map(|point| point["name"].as_str().expect("a name"))
        .collect();
    // The first column of the table: names in backticks.
    let table = EXPLAINED.replace(r"\|", "|");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" | "));
    let explained: BTreeSet<&str> =
        rows.flat_map(|(names, _)| names.split('`').step_by(2)).filter(|name| !name.is_empty()).collect();
    assert!(missed.len() > 20, "{judged}");
    assert_eq!(missed, explained);
}

#[test]
fn a_credential_that_a_drop_in_loads_is_served_by() {
    let Some(machine) = Machine::new() else { return };
    let lines = Account::at(&machine.sandbox).lines();
    machine
        .run_with("umask 077 && mkdir -p .config/dt-cred && cat >.config/dt-cred/default.lines", &lines)
        .done();
    machine.drop_in(&drop_in("credentials"));
    machine.enable();
    machine.token();
    let listed = machine.run("dt-cred keyring list").done();
    assert!(listed.contains("systemd's credentials"), "{listed}");
}

#[test]
fn a_credential_that_only_root_may_read_keeps_a_users_service_from_starting() {
    let Some(machine) = Machine::new() else { return };
    let path = "/etc/dt-cred.default";
    let lines = Account::at(&machine.sandbox).lines();
    machine.as_root(&format!("umask 077 && cat >{path}"), &lines).done();
    machine.drop_in(&format!("LoadCredential=dt-cred.default:{path}"));
    machine.enable();
    assert_eq!(machine.run("dt-cred get").code, Some(3));
    // systemd.exec(5): EXIT_CREDENTIALS.
    assert_eq!(machine.property("dt-cred.service", "ExecMainStatus"), "243");
    // What the page tells instead.
    machine.as_root(&format!("chown you {path}"), "").done();
    machine.run("systemctl --user reset-failed && systemctl --user start dt-cred.socket").done();
    machine.token();
}

#[test]
fn the_drop_ins_of_the_page_are_taken_and_count() {
    let Some(machine) = Machine::in_use() else { return };
    let names = ["proxy", "limits", "watchdog"];
    machine.drop_in(&names.map(drop_in).concat());
    let verified = machine.run("systemd-analyze --user --man=no verify dt-cred.service");
    assert_eq!((verified.code, verified.stderr.as_str()), (Some(0), ""), "{verified:?}");
    machine.run("systemctl --user restart dt-cred.service").done();
    for (property, value) in [
        ("Environment", "https_proxy=http://proxy.example:3128 no_proxy=.example.com"),
        ("MemoryMax", "1073741824"),
        ("TasksMax", "512"),
        ("WatchdogUSec", "1min"),
    ] {
        assert_eq!(machine.property("dt-cred.service", property), value, "{property}");
    }
    // Loopback is never reached through a proxy.
    machine.token();
}

#[test]
fn a_password_manager_runs_under_the_unit_as_it_stands() {
    if !require("pass and gpg", on_path(&["pass", "gpg", "gpgconf"])) {
        return;
    }
    let Some(machine) = Machine::new() else { return };
    machine.enable();
    let prepare = "gpg --batch --quiet --passphrase '' --quick-generate-key key 2>/dev/null && pass init key && \
         pass insert --multiline dt-cred && gpgconf --kill all";
    machine.run_with(prepare, &Account::at(&machine.sandbox).lines()).done();
    machine.configure(
        "[profile.default]\nkeyring = \"command\"\nkeyring_command = [\"/usr/bin/pass\", \"show\", \"dt-cred\"]\n",
    );
    machine.token();
}

#[test]
fn a_program_gains_a_group_by_its_set_group_id_bit_where_the_drop_in_lets_it_and_else_that_is_told() {
    let Some(machine) = Machine::new() else { return };
    machine.enable();
    // As 1Password's: what it reads is its group's.
    let install = "groupadd vault && cat >/etc/vault-lines && cp /bin/cat /usr/bin/vault-cat && \
         chgrp vault /etc/vault-lines /usr/bin/vault-cat && chmod 0640 /etc/vault-lines && chmod 2755 /usr/bin/vault-cat";
    machine.as_root(install, &Account::at(&machine.sandbox).lines()).done();
    machine.configure(
        "[profile.default]\nkeyring = \"command\"\nkeyring_command = [\"/usr/bin/vault-cat\", \"/etc/vault-lines\"]\n",
    );
    let refused = machine.run("dt-cred get");
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(6), ""), "{refused:?}");
    for words in ["Permission denied", "its set-user-id or set-group-id bit", "docs/service.md"] {
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    machine.drop_in(&drop_in("set-group-id"));
    machine.run("systemctl --user restart dt-cred.service").done();
    machine.token();
}
