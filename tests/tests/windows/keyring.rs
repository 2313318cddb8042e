//! The Credential Manager.

use std::fs;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::keyring::Profile,
    user::{Account, User},
};

#[test]
fn store_keeps_the_contracts_json_in_the_credential_manager_of_this_machine_and_erase_removes_it() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    assert_eq!(user.item(), None);
    let account = Account::at(&sandbox);
    user.log_in(&account);
    let item: serde_json::Value = serde_json::from_str(&user.item().expect("an item")).expect("JSON");
    assert_eq!((&item["v"], &item["client_secret"]), (&1.into(), &account.client_secret.into()));
    assert!(user.item_is_local());
    assert_eq!(user.dt_cred(&["erase"]).done(), format!("erased profile {}\n", user.profile()));
    assert_eq!(user.item(), None);
}

#[test]
fn erasing_every_profile_finds_what_another_program_kept() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    let other = Profile::unique("another.one");
    user.log_in(&Account::at(&sandbox));
    user.home.dt_cred_with(&["store", "-p", other.name()], Account::at(&sandbox).lines()).done();
    user.dt_cred(&["stop"]).done();
    fs::remove_file(user.home.state().join("state.toml")).expect("a state file");
    let erased = user.dt_cred(&["erase", "--all"]).done();
    for profile in [user.profile(), other.name()] {
        assert!(erased.contains(&format!("{profile}\n")), "{erased}");
    }
    assert_eq!((user.item(), other.item()), (None, None));
}
