//! The item in the kernel keyring: what `store` keeps, what other programs kept, and what became of it.

use std::process::Command;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Running, run},
    user::{Account, User},
};
use serde_json::{Value, json};

use super::{apart::Apart, desktop::is_exit_6};

/// What another program finds for the profile.
pub(crate) fn item(user: &User) -> Option<Value> {
    let mut command = Command::new("keyctl");
    let key = format!("keyring:{}@dt-cred", user.profile());
    let script = r#"keyctl pipe "$(keyctl search "$(keyctl get_persistent @s)" user "$KEY")""#;
    command.args(["session", "-", "sh", "-c", script]).env("KEY", key);
    let found = run(command, "");
    (found.code == Some(0)).then(|| serde_json::from_str(&found.stdout).expect("the item is JSON"))
}

#[test]
fn another_program_finds_what_store_kept_and_nothing_once_it_is_erased() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_kernel_keyring() else { return };
    let account = Account::at(&sandbox);
    user.log_in(&account);
    let kept = json!({
        "v": 1,
        "url": account.url,
        "token_url": sandbox.token_url(),
        "client_id": account.client_id,
        "client_secret": account.client_secret,
    });
    assert_eq!(item(&user), Some(kept));
    user.dt_cred(&["erase"]).done();
    assert_eq!(item(&user), None);
}

#[test]
fn an_item_that_the_state_file_does_not_name_is_found_without_a_secret_service() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_kernel_keyring() else { return };
    user.log_in(&Account::at(&sandbox));
    user.dt_cred(&["stop"]).done();
    std::fs::remove_file(user.home.state().join("state.toml")).expect("a state file");
    user.token();
}

#[test]
fn a_token_that_was_asked_for_before_a_move_says_where_it_goes() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_kernel_keyring() else { return };
    user.log_in(&Account::at(&sandbox));
    user.dt_cred(&["stop"]).done();
    sandbox.set(|settings| settings.hold = true);
    let mut get = Running::start(user.home.client(&["get"]), "");
    sandbox.wait_until("a token to be asked for", |counts| counts.tokens.total == 2);
    // What was read before it counts no more.
    user.dt_cred(&["keyring", "move", "--to", "keyutils"]).done();
    sandbox.set(|settings| settings.hold = false);
    assert!(get.wait().success());
    let told = user.dt_cred(&["get", "--format", "env"]).done();
    assert!(told.contains(sandbox.url()), "it says no place");
    assert_eq!(sandbox.counts().tokens.total, 2, "the token is the one that was asked for then");
}

#[test]
fn nobody_but_whoever_possesses_the_key_may_read_it_and_others_of_the_uid_may_see_its_name() {
    let sandbox = Sandbox::http();
    let Some(Apart { user, who }) = &Apart::new() else { return };
    user.log_in(&Account::at(&sandbox));
    let keys = who.keys();
    let key = keys.lines().find(|line| line.contains(user.profile())).expect("the user sees it");
    // Possessor, user, group, others (keyrings(7), "Access rights").
    assert_eq!(key.split_whitespace().nth(4), Some("3f010000"), "{key}");
}

#[test]
fn an_item_is_read_where_its_possessor_may_do_no_more_than_that() {
    let sandbox = Sandbox::http();
    let Some(apart) = Apart::new() else { return };
    apart.user.log_in(&Account::at(&sandbox));
    apart.user.dt_cred(&["stop"]).done();
    // View, read and search.
    apart.keyctl(r#"keyctl setperm "$(keyctl search $keys user "$name")" 0x0b010000"#).done();
    apart.user.token();
}

#[test]
fn an_item_whose_rights_were_taken_away_is_exit_6_until_erase_removes_it_and_what_is_held_is_served_on() {
    let sandbox = Sandbox::http();
    let Some(apart) = Apart::new() else { return };
    let (user, account) = (&apart.user, Account::at(&sandbox));
    // None at all; those without which it is not found; nor is it possessed then, so that no other right counts.
    for rights in ["0", "0x00010000", "0x37010000"] {
        user.log_in(&account);
        let token = user.token();
        apart.keyctl(&format!(r#"keyctl setperm "$(keyctl search $keys user "$name")" {rights}"#)).done();
        assert_eq!(user.token(), token);
        user.dt_cred(&["reject"]).done();
        assert_ne!(user.token(), token, "by what was read before");
        user.dt_cred(&["stop"]).done();
        for arguments in [&["get"][..], &["get"], &["store"]] {
            let refused = user.home.dt_cred_with(arguments, format!("{}keyring=keyutils\n", account.lines()));
            is_exit_6(&refused);
            assert!(refused.stderr.contains("`dt-cred erase -p "), "{rights}: {}", refused.stderr);
        }
        // The message's own mend.
        user.dt_cred(&["unlock"]).done();
        user.dt_cred(&["erase"]).done();
        assert!(!apart.is_kept(), "{rights}");
        assert_eq!(user.dt_cred(&["get"]).code, Some(5));
    }
}

#[test]
fn erase_removes_an_item_from_wherever_another_program_has_linked_it_too() {
    let sandbox = Sandbox::http();
    let Some(apart) = Apart::new() else { return };
    apart.user.log_in(&Account::at(&sandbox));
    apart.keyctl(r#"keyctl link "$(keyctl search $keys user "$name")" @u"#).done();
    let linked = || apart.keyctl(r#"keyctl search @u user "$name""#).code == Some(0);
    assert!(linked());
    apart.user.dt_cred(&["erase"]).done();
    assert!(!apart.is_kept() && !linked());
}

#[test]
fn an_item_that_is_no_text_is_exit_6_until_erase_removes_it() {
    let sandbox = Sandbox::http();
    let Some(apart) = Apart::new() else { return };
    apart.keyctl(r#"printf 'geheim\377' | keyctl padd user "$name" $keys"#).done();
    let get = apart.user.dt_cred(&["get"]);
    is_exit_6(&get);
    assert!(get.stderr.contains("not UTF-8") && !get.stderr.contains("geheim"), "{}", get.stderr);
    apart.user.dt_cred(&["erase"]).done();
    assert!(!apart.is_kept());
    apart.user.log_in(&Account::at(&sandbox));
    apart.user.token();
}

#[test]
fn an_item_that_is_gone_is_exit_5_that_tells_how_long_the_kernel_keeps_one_and_what_is_held_is_served_on() {
    let sandbox = Sandbox::http();
    let Some(apart) = Apart::new() else { return };
    let user = &apart.user;
    for loss in [
        r#"keyctl unlink "$(keyctl search $keys user "$name")" $keys"#,
        r#"keyctl revoke "$(keyctl search $keys user "$name")""#,
        r#"keyctl invalidate "$(keyctl search $keys user "$name")""#,
        // As the kernel does when it was not used for long.
        "keyctl invalidate $keys",
    ] {
        user.log_in(&Account::at(&sandbox));
        apart.keyctl(loss).done();
        user.token();
        user.dt_cred(&["get", "--fresh"]).done();
        user.dt_cred(&["stop"]).done();
        let get = user.dt_cred(&["get"]);
        assert_eq!((get.code, get.stdout.as_str()), (Some(5), ""), "{loss}: {}", get.stderr);
        assert_eq!(get.stderr.lines().count(), 1, "{}", get.stderr);
        for words in ["any more", "until a reboot", "`dt-cred login -p"] {
            assert!(get.stderr.contains(words), "{words}: {}", get.stderr);
        }
    }
    // What was never there is not said to be gone.
    let get = user.dt_cred(&["get", "-p", "another"]);
    assert!(get.code == Some(5) && !get.stderr.contains("any more"), "{}", get.stderr);
}
