//! A keyring that is locked: said at once, and nobody is asked.

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{secret_service::PASSWORD, terminal::Terminal},
    user::Account,
};

use super::desktop::{Desktop, is_exit_6};

#[test]
fn a_profile_that_was_never_stored_is_exit_6_while_its_keyring_is_locked_and_5_once_it_is_open() {
    let Some(desktop) = Desktop::start() else { return };
    desktop.service.lock();
    is_exit_6(&desktop.user.dt_cred(&["get"]));
    assert!(desktop.service.unlock_with_password(PASSWORD));
    assert_eq!(desktop.user.dt_cred(&["get"]).code, Some(5));
}

#[test]
fn store_into_a_keyring_that_stays_locked_keeps_nothing_new() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    let account = Account::at(&sandbox);
    desktop.store(&account.lines()).done();
    let item = desktop.lookup();
    desktop.stop_daemon();
    desktop.service.lock();
    is_exit_6(&desktop.store(&Account::at(&sandbox).lines()));
    assert!(desktop.service.unlock_with_password(PASSWORD));
    assert_eq!(desktop.lookup(), item);
    desktop.user.token();
}

#[test]
fn a_login_whose_prompt_was_dismissed_raises_no_second_one() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    let account = Account::at(&sandbox);
    desktop.store(&account.lines()).done();
    desktop.service.lock();
    let arguments = ["login", "-p", "new", "--url", &account.url, "--keyring", "secret-service"];
    let (prompts, said) = desktop.service.prompts_during(|| {
        let mut terminal = Terminal::new();
        // Without a display it is dismissed by itself.
        let login = terminal.start(&desktop.user.home.client(&arguments));
        terminal.until("Client id: ");
        terminal.press(&format!("{}\n", account.client_id));
        terminal.until("Client secret (not shown): ");
        terminal.press(&format!("{}\n", account.client_secret));
        is_exit_6(&login.ended());
    });
    assert_eq!(prompts, 1, "{said}");
    assert_eq!(sandbox.counts().tokens.total, 1);
}
