//! The service's log in systemd's journal.

use dt_cred_tests::{transcript, user::Account};
use serde_json::Value;

use super::machine::Machine;

#[test]
fn the_journal_has_each_field_by_its_name_whatever_a_client_calls_itself_and_no_secret_at_any_level() {
    let Some(machine) = Machine::new() else { return };
    machine.drop_in("Environment=DT_CRED_LOG=trace");
    machine.enable();
    let account = Account::at(&machine.sandbox);
    machine.log_in("default", &account.lines());
    let token = machine.token();
    // A program's name is what it says it is.
    let script = "name=$(printf 'a\\nDT_CRED_X=1') && cp /usr/bin/dt-cred \"$name\" && ./\"$name\" get >/dev/null && rm \"$name\"";
    machine.run(script).done();
    machine.run("systemctl --user reload dt-cred.service").done();
    machine.until_logged("the configuration was read anew");

    let log = machine.log("json");
    let entries: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let own: Vec<_> = entries.iter().filter(|entry| entry["_COMM"] == "dt-credd").collect();
    assert!(own.len() > 5, "{log}");
    for entry in &own {
        assert_eq!(entry["SYSLOG_IDENTIFIER"], "dt-credd", "{entry}");
        assert_eq!(entry["_SYSTEMD_USER_UNIT"], "dt-cred.service", "{entry}");
        // One line of text: anything else would be a list of bytes here.
        assert!(entry["MESSAGE"].as_str().is_some_and(|line| !line.contains('\n')), "{entry}");
        assert_eq!(entry.get("DT_CRED_X"), None, "{entry}");
    }
    let told = |words: &'static str| {
        own.iter().filter(move |entry| entry["MESSAGE"].as_str().is_some_and(|line| line.starts_with(words)))
    };
    let pid = machine.main_pid();
    let served: Vec<_> = told("served").collect();
    let fields = |entry: &Value| {
        ["PRIORITY", "DT_CRED_PROFILE", "DT_CRED_UID", "DT_CRED_COMM"]
            .map(|name| entry[name].as_str().unwrap_or_default().to_owned())
    };
    let uid = machine.run("id -u").done().trim_end().to_owned();
    for (entry, comm) in served.iter().zip(["dt-cred", "a\u{fffd}DT_CRED_X=1"]) {
        assert_eq!(fields(entry), ["6", "default", &uid, comm], "{entry}");
        assert!(
            entry["DT_CRED_PID"]
                .as_str()
                .is_some_and(|client| client.parse::<u32>().is_ok() && client != pid)
        );
        assert!(entry["DT_CRED_GENERATION"].is_string(), "{entry}");
    }
    assert_eq!(served.len(), 2, "{log}");
    assert_eq!(told("listening").count(), 1, "{log}");
    assert!(told("defence").all(|entry| entry["PRIORITY"] == "7"), "{log}");
    for secret in [&account.client_secret, &token] {
        assert!(!log.contains(secret.as_str()), "{log}");
    }
    transcript::token(&token);
}
