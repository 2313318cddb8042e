//! KeePassXC alone: it asks before it gives out an item, and one whose database is closed keeps nothing.

use std::time::{Duration, Instant};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{secret_service::Program, until},
    user::Account,
};

use super::desktop::{Desktop, is_exit_6_for};

/// An upper bound alone, for a command with a time-out of a few seconds.
const IN_TIME: Duration = Duration::from_secs(30);

/// That the command has ended, and with it the daemon's wait for the answer.
#[track_caller]
fn is_left_in_time(desktop: &Desktop, start: Instant) {
    until("the thread to end that waited for the answer", || (desktop.threads() == 0).then_some(()));
    assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
}

#[test]
fn what_asks_before_it_gives_an_item_out_is_not_asked_by_get_and_no_longer_than_unlock_waits() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::of(Program::AskingKeePassXc) else { return };
    let lines = Account::at(&sandbox).lines();
    // Whoever makes an item is let in to it, so that it can be read back.
    desktop.store(&lines).done();
    desktop.user.token();
    // Held in memory, it is written over only if somebody allows it.
    let (prompts, said) = desktop.service.prompts_during(|| {
        let start = Instant::now();
        let store = desktop.user.home.dt_cred_with(&["store", "--timeout", "4"], &lines);
        is_exit_6_for(&store, "dismissed, not answered");
        is_left_in_time(&desktop, start);
    });
    assert_eq!(prompts, 1, "{said}");
    desktop.stop_daemon();
    let (prompts, said) = desktop.service.prompts_during(|| {
        is_exit_6_for(&desktop.user.dt_cred(&["get"]), "asks a person");
        is_exit_6_for(&desktop.user.dt_cred(&["get", "--fresh"]), "asks a person");
    });
    assert!(prompts == 0 && !said.contains("member=Unlock"), "{said}");
    let (prompts, said) = desktop.service.prompts_during(|| {
        let start = Instant::now();
        is_exit_6_for(&desktop.user.dt_cred(&["unlock", "--timeout", "4"]), "dismissed, not answered");
        is_left_in_time(&desktop, start);
    });
    assert_eq!(prompts, 1, "{said}");
}

#[test]
fn what_asks_before_it_removes_an_item_is_waited_for_no_longer_than_erase_waits() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::of(Program::AskingKeePassXc) else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    let (prompts, said) = desktop.service.prompts_during(|| {
        let start = Instant::now();
        is_exit_6_for(&desktop.user.dt_cred(&["erase", "--timeout", "4"]), "dismissed, not answered");
        is_left_in_time(&desktop, start);
    });
    assert_eq!(prompts, 1, "{said}");
    assert!(desktop.is_recorded(), "what it cannot reach is still known");
}

#[test]
fn an_item_is_kept_as_a_password_that_a_person_can_see() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::of(Program::KeePassXc) else { return };
    let account = Account::at(&sandbox);
    desktop.store(&account.lines()).done();
    desktop.store(&account.lines()).done();
    // An attachment would be told of by an attribute of this name.
    let name = desktop.user.profile();
    let found = desktop.service.secret_tool(&["search", "--all", "service", "dt-cred", "username", name], "");
    assert!(found.stderr.contains("attribute.Title"), "{}", found.stderr);
    assert!(!found.stderr.contains("FDO_SECRETS_CONTENT_TYPE"), "{}", found.stderr);
}

#[test]
fn while_no_database_is_open_a_profile_kept_there_is_exit_6_and_any_other_is_not_stored() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::of(Program::KeePassXc) else { return };
    desktop.user.home.configure("[profile.configured]\nkeyring = \"secret-service\"\n");
    desktop.store(&Account::at(&sandbox).lines()).done();
    desktop.stop_daemon();
    desktop.service.close_collection();
    is_exit_6_for(&desktop.user.dt_cred(&["get"]), "no collection");
    for other in ["another", "configured"] {
        assert_eq!(desktop.user.dt_cred(&["get", "-p", other]).code, Some(5));
    }
    assert!(desktop.service.unlock_with_password(dt_cred_tests::parts::secret_service::PASSWORD));
    desktop.user.token();
}
