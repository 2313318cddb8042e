//! Who listens after a login: what is enabled, and what the page says that ends it.

use super::{machine::Machine, units::PAGE};

const ENABLED: &str = "systemctl --user is-enabled dt-cred.socket dt-cred.service";

/// Ends the user's manager with all that it holds, and starts it as a login does.
fn log_in_again(machine: &Machine) {
    machine.as_root(&format!("systemctl restart user@{}", machine.uid()), "").done();
    machine.run("systemctl --user is-system-running --wait").done();
}

#[test]
fn whoever_disables_the_service_keeps_the_socket_and_after_the_next_login_it_listens() {
    let Some(machine) = Machine::in_use() else { return };
    machine.run("systemctl --user enable --quiet dt-cred.service").done();
    assert_eq!(machine.run(ENABLED).stdout, "enabled\nenabled\n");
    machine.run("systemctl --user disable --quiet --now dt-cred.service").done();
    assert_eq!(machine.run(ENABLED).stdout, "enabled\ndisabled\n");
    log_in_again(&machine);
    assert_eq!(machine.property("dt-cred.service", "ActiveState"), "inactive");
    machine.token();
}

#[test]
fn an_enabled_service_runs_from_the_login_on_and_brings_its_socket() {
    let Some(machine) = Machine::in_use() else { return };
    machine.run("systemctl --user disable --quiet dt-cred.socket && systemctl --user enable --quiet dt-cred.service").done();
    assert_eq!(machine.run(ENABLED).stdout, "disabled\nenabled\n");
    log_in_again(&machine);
    let pid = machine.main_pid();
    assert_eq!(machine.property("dt-cred.socket", "ActiveState"), "active");
    machine.token();
    assert_eq!(machine.main_pid(), pid);
}

#[test]
fn what_the_page_says_ends_it_for_good_ends_it_though_the_service_is_enabled_too() {
    let Some(machine) = Machine::in_use() else { return };
    let end =
        PAGE.split('`').find(|text| text.starts_with("systemctl --user disable --now ")).expect("a line");
    machine.run("systemctl --user enable --quiet dt-cred.service").done();
    machine.run(end).done();
    for again in [false, true] {
        if again {
            log_in_again(&machine);
        }
        for unit in ["dt-cred.socket", "dt-cred.service"] {
            assert_eq!(machine.property(unit, "ActiveState"), "inactive", "{unit}");
        }
        machine.run("test ! -e \"$XDG_RUNTIME_DIR\"/dt-cred/agent.sock").done();
    }
}
