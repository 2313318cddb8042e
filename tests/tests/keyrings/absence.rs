//! There is no Secret Service: the user chooses, and nothing is chosen in silence.

use std::fs;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, keyring, terminal::Terminal},
    user::{Account, User},
};

use super::desktop::{Desktop, is_exit_6};

#[test]
fn without_a_session_bus_store_names_the_choices_keeps_nothing_and_takes_the_one_that_is_named() {
    without_a_secret_service(&User::new("secret-service"));
}

#[test]
fn without_a_keyrings_program_on_the_bus_store_names_the_choices_and_keeps_nothing() {
    let Some(mut desktop) = Desktop::start() else { return };
    desktop.service.kill_provider();
    without_a_secret_service(&desktop.user);
}

fn without_a_secret_service(user: &User) {
    if !keyring::works() {
        return;
    }
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    let store = user.home.dt_cred_with(&["store"], account.lines());
    is_exit_6(&store);
    for choice in ["keyring=keyutils", "keyring=memory"] {
        assert!(store.stderr.contains(choice), "{choice}: {}", store.stderr);
    }
    assert!(!user.is_in_kernel_keyring());
    assert!(!is_recorded(user));
    assert_eq!(user.dt_cred(&["get"]).code, Some(5));
    assert_eq!(sandbox.counts().tokens.total, 0, "nothing was sent anywhere");
    // Nor is another taken where this one was named.
    is_exit_6(&user.store(&account.lines()));
    assert!(!user.is_in_kernel_keyring());
    let told = user.home.dt_cred_with(&["store"], format!("{}keyring=keyutils\n", account.lines())).done();
    assert!(told.contains("kernel keyring") && told.contains("reboot"), "{told}");
    assert!(user.is_in_kernel_keyring() && is_recorded(user));
    user.dt_cred(&["stop"]).done();
    user.token();
}

/// A profile that the Secret Service holds, and whose name another daemon of the same user gave to an item in the
/// kernel keyring.
fn with_a_decoy(sandbox: &Sandbox) -> Option<(Desktop, User)> {
    let mut other = User::in_kernel_keyring()?;
    let desktop = Desktop::start()?;
    desktop.store(&Account::at(sandbox).lines()).done();
    desktop.stop_daemon();
    other.home.set("DT_CRED_PROFILE", desktop.user.profile());
    other.store(&Account::at(sandbox).lines()).done();
    assert!(desktop.user.is_in_kernel_keyring());
    Some((desktop, other))
}

fn is_no_fallback(get: &Output) {
    is_exit_6(get);
    let named = ["session bus", "Secret Service"].iter().any(|name| get.stderr.contains(name));
    assert!(named, "{}", get.stderr);
}

#[test]
fn a_profile_of_the_secret_service_is_exit_6_while_the_bus_is_gone_and_no_other_store_is_asked() {
    let sandbox = Sandbox::http();
    let Some((mut desktop, _other)) = with_a_decoy(&sandbox) else { return };
    let address = desktop.service.address();
    desktop.user.home.set("DBUS_SESSION_BUS_ADDRESS", format!("{address}-gone"));
    let asked = sandbox.counts().tokens.total;
    is_no_fallback(&desktop.user.dt_cred(&["get"]));
    // Nor does `erase` say that there is nothing.
    assert_eq!(desktop.user.dt_cred(&["erase"]).code, Some(6));
    assert_eq!(sandbox.counts().tokens.total, asked);
    // What it can reach is gone all the same; what it cannot is still known.
    assert!(!desktop.user.is_in_kernel_keyring() && is_recorded(&desktop.user));
    desktop.stop_daemon();
    desktop.user.home.set("DBUS_SESSION_BUS_ADDRESS", address);
    desktop.user.token();
}

#[test]
fn a_profile_of_the_secret_service_is_exit_6_while_its_program_is_gone_and_no_other_store_is_asked() {
    let sandbox = Sandbox::http();
    let Some((mut desktop, _other)) = with_a_decoy(&sandbox) else { return };
    let asked = sandbox.counts().tokens.total;
    desktop.service.kill_provider();
    is_no_fallback(&desktop.user.dt_cred(&["get"]));
    assert_eq!(sandbox.counts().tokens.total, asked);
    desktop.service.restart_provider();
    desktop.user.token();
}

fn is_recorded(user: &User) -> bool {
    fs::read_to_string(user.home.state().join("state.toml")).is_ok_and(|text| text.contains(user.profile()))
}

#[test]
fn credentials_whose_keyring_cannot_be_read_are_kept_elsewhere_only_with_the_address_that_they_go_to() {
    let sandbox = Sandbox::http();
    if !keyring::works() {
        return;
    }
    let Some(desktop) = Desktop::start() else { return };
    let account = Account::at(&sandbox);
    desktop.store(&account.lines()).done();
    desktop.stop_daemon();
    desktop.service.lock();
    let asked = sandbox.counts().tokens.total;
    let (id, secret) = (&account.client_id, &account.client_secret);
    let without = format!("client_id={id}\nclient_secret={secret}\nkeyring=keyutils\n");
    let refused = desktop.user.home.dt_cred_with(&["store"], &without);
    is_exit_6(&refused);
    assert!(refused.stderr.contains("give url too"), "{}", refused.stderr);
    assert!(!desktop.user.is_in_kernel_keyring());
    // A person is told before anything is typed.
    let terminal = Terminal::new();
    let login = |arguments: &[&str]| {
        let arguments = [&["login", "--keyring", "keyutils"], arguments].concat();
        terminal.start(&desktop.user.home.client(&arguments))
    };
    let refused = login(&[]).ended();
    is_exit_6(&refused);
    assert!(refused.stderr.contains("give url too"), "{}", refused.stderr);
    assert_eq!(sandbox.counts().tokens.total, asked, "nothing was sent anywhere");
    let with = desktop.user.home.dt_cred_with(&["store"], format!("{without}url={}\n", account.url)).done();
    // The rest in the keyring that is locked is told of.
    assert!(with.contains("its old item in secret-service is still there"), "{with}");
    assert!(desktop.user.is_in_kernel_keyring());
}

#[test]
fn credentials_that_are_kept_elsewhere_and_cannot_be_noted_there_stay_where_they_were() {
    let sandbox = Sandbox::http();
    if !keyring::works() {
        return;
    }
    let Some(desktop) = Desktop::start() else { return };
    let account = Account::at(&sandbox);
    desktop.store(&account.lines()).done();
    let lock = desktop.lock_state();
    let lines = format!("{}keyring=keyutils\n", account.lines());
    let store = desktop.user.home.dt_cred_with(&["store"], &lines);
    assert_eq!((store.code, store.stdout.as_str()), (Some(8), ""), "{}", store.stderr);
    assert!(desktop.lookup().is_some() && is_recorded(&desktop.user));
    assert_eq!(desktop.user.status()["keyring"], "secret-service");
    drop(lock);
    desktop.stop_daemon();
    desktop.user.token();
}
