//! The keyring's own window, as a person sees it: answered, refused, left alone.

use std::process::ExitStatus;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{
        Display, Running, SecretService, keyring,
        secret_service::{PASSWORD, Program},
        terminal::Terminal,
        until,
    },
    user::Account,
};

use super::desktop::{Desktop, is_exit_6_for};

/// gnome-keyring's window, by gcr's prompter, and KeePassXC's.
const PASSWORD_WINDOW: &str = "Unlock Login Keyring";
const DATABASE_WINDOW: &str = "Unlock Database";
const ACCESS_WINDOW: &str = "Access Request";
const REMOVAL_WINDOW: &str = "recycle bin";

/// A user before a display with this program's windows on it; the display ends last.
fn seated(program: Program) -> Option<(Desktop, Display)> {
    let display = Display::start()?;
    let desktop = Desktop::with(SecretService::on(program, &display)?);
    Some((desktop, display))
}

/// Runs the client while a person answers a window.
fn answered(desktop: &Desktop, arguments: &[&str], answer: impl FnOnce()) -> (ExitStatus, String) {
    let mut client = Running::start(desktop.user.home.client(arguments), "");
    client.close_stdin();
    answer();
    (client.wait(), client.said())
}

#[test]
fn gnome_keyrings_password_is_asked_for_once_and_what_it_opens_is_served() {
    let sandbox = Sandbox::http();
    let Some((desktop, display)) = seated(Program::GnomeKeyring) else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    desktop.stop_daemon();
    desktop.service.lock();
    let (prompts, said) = desktop.service.prompts_during(|| {
        let (status, said) =
            answered(&desktop, &["unlock"], || display.answer(PASSWORD_WINDOW, PASSWORD, &["Return"]));
        assert!(status.success(), "{said}");
    });
    assert_eq!(prompts, 1, "{said}");
    desktop.user.token();
}

#[test]
fn a_window_that_nobody_answers_is_exit_6_and_answered_later_it_heals_by_itself() {
    let sandbox = Sandbox::http();
    let Some((desktop, display)) = seated(Program::GnomeKeyring) else { return };
    let lines = Account::at(&sandbox).lines();
    desktop.store(&lines).done();
    let item = desktop.lookup();
    desktop.service.lock();
    let store = desktop.user.home.dt_cred_with(&["store", "--timeout", "6"], Account::at(&sandbox).lines());
    is_exit_6_for(&store, "dismissed, not answered");
    until("the thread to end that waited for the answer", || (desktop.threads() == 0).then_some(()));
    desktop.stop_daemon();
    is_exit_6_for(&desktop.user.dt_cred(&["get"]), "locked");
    // The window stays: no provider takes it away. What is typed into it opens the keyring all the same.
    assert!(display.shows(PASSWORD_WINDOW));
    display.answer(PASSWORD_WINDOW, PASSWORD, &["Return"]);
    until("the keyring to be open", || (!desktop.service.is_locked()).then_some(()));
    desktop.user.token();
    assert_eq!(desktop.lookup(), item, "what was given up is not kept later");
}

#[test]
fn what_keepassxc_is_allowed_to_give_out_once_is_held_until_the_daemon_ends() {
    let sandbox = Sandbox::http();
    let Some((desktop, display)) = seated(Program::AskingKeePassXc) else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    desktop.stop_daemon();
    is_exit_6_for(&desktop.user.dt_cred(&["get"]), "asks a person");
    let (status, said) = answered(&desktop, &["unlock"], || display.answer(ACCESS_WINDOW, "", &["Return"]));
    assert!(status.success(), "{said}");
    desktop.user.token();
    desktop.user.dt_cred(&["get", "--fresh"]).done();
    desktop.stop_daemon();
    is_exit_6_for(&desktop.user.dt_cred(&["get"]), "asks a person");
}

#[test]
fn a_locked_keepassxc_that_also_guards_its_items_asks_once_for_each_command() {
    let sandbox = Sandbox::http();
    let Some((desktop, display)) = seated(Program::AskingKeePassXc) else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    desktop.stop_daemon();
    desktop.service.lock();
    let (prompts, said) = desktop.service.prompts_during(|| {
        let (status, said) =
            answered(&desktop, &["unlock"], || display.answer(DATABASE_WINDOW, PASSWORD, &["Return"]));
        assert_eq!(status.code(), Some(6), "{said}");
        assert!(said.contains("the keyring is open, and asks a person"), "{said}");
    });
    assert_eq!(prompts, 1, "{said}");
    let (prompts, said) = desktop.service.prompts_during(|| {
        let (status, said) =
            answered(&desktop, &["unlock"], || display.answer(ACCESS_WINDOW, "", &["Return"]));
        assert!(status.success(), "{said}");
    });
    assert_eq!(prompts, 1, "{said}");
    desktop.user.token();
}

#[test]
fn login_on_a_locked_keyring_asks_once_and_before_anything_is_typed() {
    let sandbox = Sandbox::http();
    let Some((desktop, display)) = seated(Program::GnomeKeyring) else { return };
    let account = Account::at(&sandbox);
    // Of a profile that is kept there already, and of one that is new.
    desktop.store(&account.lines()).done();
    for arguments in [&["login"][..], &["login", "-p", "new", "--url", &account.url]] {
        desktop.stop_daemon();
        desktop.service.lock();
        let (prompts, said) = desktop.service.prompts_during(|| {
            let mut terminal = Terminal::new();
            let login = terminal.start(&desktop.user.home.client(arguments));
            display.answer(PASSWORD_WINDOW, PASSWORD, &["Return"]);
            terminal.until("Client id");
            terminal.press(&format!("{}\n", account.client_id));
            terminal.until("Client secret (not shown): ");
            terminal.press(&format!("{}\n", account.client_secret));
            login.ended().done();
        });
        assert_eq!(prompts, 1, "{said}");
    }
    desktop.stop_daemon();
    desktop.user.token();
    desktop.user.dt_cred(&["get", "-p", "new"]).done();
}

#[test]
fn a_profile_that_moves_into_a_locked_keepassxc_is_asked_for_by_one_prompt() {
    let sandbox = Sandbox::http();
    let Some((desktop, display)) = seated(Program::AskingKeePassXc) else { return };
    let lines = Account::at(&sandbox).lines();
    desktop.store(&format!("{lines}keyring=memory\n")).done();
    desktop.service.lock();
    let (prompts, said) = desktop.service.prompts_during(|| {
        let store = desktop.user.home.client(&["store"]);
        let mut store = Running::start(store, format!("{lines}keyring=secret-service\n"));
        store.close_stdin();
        display.answer(DATABASE_WINDOW, PASSWORD, &["Return"]);
        assert!(store.wait().success(), "{}", store.said());
    });
    assert_eq!(prompts, 1, "{said}");
    assert!(desktop.is_recorded());
}

#[test]
fn a_profile_moves_out_of_a_keepassxc_that_asks_and_back_by_one_prompt_each() {
    let sandbox = Sandbox::http();
    if !keyring::works() {
        return;
    }
    let Some((desktop, display)) = seated(Program::AskingKeePassXc) else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    let (prompts, said) = desktop.service.prompts_during(|| {
        let (status, said) = answered(&desktop, &["keyring", "move", "--to", "keyutils"], || {
            display.answer(REMOVAL_WINDOW, "", &["Tab", "Return"]);
        });
        assert!(status.success(), "{said}");
    });
    assert_eq!(prompts, 1, "{said}");
    assert!(desktop.items() == 0 && desktop.user.is_in_kernel_keyring());
    // Making an item is a prompt of KeePassXC's too, but none that shows a window.
    let (windowless, said) = desktop.service.prompts_during(|| {
        desktop.user.home.dt_cred_with(&["store", "-p", "another"], Account::at(&sandbox).lines()).done();
    });
    assert_eq!(windowless, 1, "{said}");
    desktop.service.lock();
    let (prompts, said) = desktop.service.prompts_during(|| {
        let (status, said) = answered(&desktop, &["keyring", "move", "--to", "secret-service"], || {
            display.answer(DATABASE_WINDOW, PASSWORD, &["Return"]);
        });
        assert!(status.success(), "{said}");
    });
    assert_eq!(prompts, 1 + windowless, "{said}");
    assert!(!desktop.user.is_in_kernel_keyring());
    desktop.user.token();
}

#[test]
fn what_a_move_leaves_in_a_locked_keyring_is_told_of_until_unlock_and_one_more_move_have_removed_it() {
    let sandbox = Sandbox::http();
    if !keyring::works() {
        return;
    }
    let Some((desktop, display)) = seated(Program::GnomeKeyring) else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    desktop.service.lock();
    let relocate = || desktop.user.dt_cred(&["keyring", "move", "--to", "keyutils"]);
    // What is held in memory moves; what cannot be removed is told of, once more too.
    for _ in 0..2 {
        is_exit_6_for(&relocate(), "its old item in secret-service is still there");
        assert!(desktop.user.is_in_kernel_keyring());
    }
    let (status, said) =
        answered(&desktop, &["unlock"], || display.answer(PASSWORD_WINDOW, PASSWORD, &["Return"]));
    assert!(status.success(), "{said}");
    relocate().done();
    assert_eq!(desktop.items(), 0);
    desktop.stop_daemon();
    desktop.user.token();
}

#[test]
fn what_keepassxc_is_not_allowed_to_give_out_is_exit_6() {
    let sandbox = Sandbox::http();
    let Some((desktop, display)) = seated(Program::AskingKeePassXc) else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    desktop.stop_daemon();
    let (status, said) = answered(&desktop, &["unlock"], || display.answer(ACCESS_WINDOW, "", &["Escape"]));
    assert_eq!(status.code(), Some(6), "{said}");
    assert!(said.contains("dismissed"), "{said}");
    is_exit_6_for(&desktop.user.dt_cred(&["get"]), "asks a person");
}

#[test]
fn what_keepassxc_is_allowed_to_remove_is_erased() {
    let sandbox = Sandbox::http();
    let Some((desktop, display)) = seated(Program::AskingKeePassXc) else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    let (status, said) =
        answered(&desktop, &["erase"], || display.answer(REMOVAL_WINDOW, "", &["Tab", "Return"]));
    assert!(status.success(), "{said}");
    assert_eq!(desktop.items(), 0);
    assert_eq!(desktop.user.dt_cred(&["get"]).code, Some(5));
}
