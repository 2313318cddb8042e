//! `keyring list` and `keyring move`: what is kept where, and keeping it elsewhere, whatever happens meanwhile.

use std::process::Command;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, Running, keyring, on_path, require},
    user::{Account, User},
};
use serde_json::Value;

use super::desktop::{Desktop, is_exit_6};

/// A user of both stores; their item is in the Secret Service.
fn moving(sandbox: &Sandbox) -> Option<Desktop> {
    if !keyring::works() {
        return None;
    }
    let desktop = Desktop::start()?;
    desktop.store(&Account::at(sandbox).lines()).done();
    Some(desktop)
}

impl Desktop {
    fn relocate(&self, to: &str) -> Output {
        self.user.dt_cred(&["keyring", "move", "--to", to])
    }

    /// Whether the item is in the Secret Service, and whether in the kernel keyring.
    fn places(&self) -> (bool, bool) {
        (self.lookup().is_some(), self.user.is_in_kernel_keyring())
    }

    /// The stores that hold the profile, by `keyring list`, and which of them is used.
    fn listed(&self) -> Vec<(String, bool)> {
        let text = self.user.dt_cred(&["keyring", "list", "--json", "-p", self.user.profile()]).done();
        let list: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(list["schema"], 1);
        let keyrings = list["keyrings"].as_array().expect("a list of keyrings");
        let items = keyrings.iter().flat_map(|keyring| {
            let name = keyring["keyring"].as_str().expect("a name").to_owned();
            let items = keyring["items"].as_array().expect("a list of items");
            items.iter().map(move |item| (name.clone(), item["used"].as_bool().expect("a flag")))
        });
        items.collect()
    }
}

fn used(keyring: &str) -> Vec<(String, bool)> {
    vec![(keyring.to_owned(), true)]
}

#[test]
fn a_profile_moves_and_moves_back_with_all_that_its_item_holds_and_its_token_stays() {
    let sandbox = Sandbox::http();
    let Some(desktop) = moving(&sandbox) else { return };
    // As another program may write it: what this release does not know is kept too.
    let mut item = desktop.item();
    item["of-a-later-release"] = "kept".into();
    desktop.provision(&[], &item.to_string());
    let token = desktop.user.token();
    assert_eq!(desktop.listed(), used("secret-service"));
    let told = desktop.relocate("keyutils").done();
    let sentence =
        format!("moved profile {} from the Secret Service to the kernel keyring, ", desktop.user.profile());
    assert!(told.starts_with(&sentence), "{told}");
    assert_eq!((desktop.places(), desktop.listed()), ((false, true), used("keyutils")));
    assert_eq!(desktop.user.status()["keyring"], "keyutils");
    assert_eq!(desktop.user.token(), token);
    assert_eq!(sandbox.counts().tokens.total, 1);
    desktop.stop_daemon();
    desktop.user.token();
    desktop.relocate("secret-service").done();
    assert_eq!((desktop.places(), desktop.listed()), ((true, false), used("secret-service")));
    assert_eq!(desktop.item(), item);
    desktop.stop_daemon();
    desktop.user.token();
    // Where it is already nothing is done.
    let told = desktop.relocate("secret-service").done();
    assert!(told.contains("is kept in the Secret Service already"), "{told}");
    assert_eq!(desktop.places(), (true, false));
}

#[test]
fn what_is_in_memory_moves_into_a_keyring() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    let lines = format!("{}keyring=memory\n", Account::at(&sandbox).lines());
    user.home.dt_cred_with(&["store"], lines).done();
    assert!(!user.is_in_keyring());
    user.dt_cred(&["keyring", "move", "--to", "keyutils"]).done();
    assert!(user.is_in_keyring());
    user.dt_cred(&["stop"]).done();
    user.token();
}

#[test]
fn it_moves_to_no_place_that_does_not_keep_it_and_nothing_that_is_not_there_moves() {
    let sandbox = Sandbox::http();
    let Some(desktop) = moving(&sandbox) else { return };
    for to in ["memory", "systemd", "command", "keychain", "credential-manager"] {
        let refused = desktop.relocate(to);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{}", refused.stderr);
        assert!(refused.stderr.contains("--to is secret-service or keyutils"), "{}", refused.stderr);
    }
    assert_eq!(desktop.places(), (true, false));
    let nothing = desktop.user.dt_cred(&["keyring", "move", "--to", "keyutils", "-p", "nobodys"]);
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(5), ""), "{}", nothing.stderr);
}

#[test]
fn another_item_that_lies_there_already_is_not_lost() {
    let sandbox = Sandbox::http();
    let Some(desktop) = moving(&sandbox) else { return };
    desktop.relocate("keyutils").done();
    let other = r#"{"v":1,"client_id":"another","client_secret":"item"}"#;
    desktop.provision(&[], other);
    assert_eq!(desktop.listed(), [("secret-service".to_owned(), false), ("keyutils".to_owned(), true)]);
    let refused = desktop.relocate("secret-service");
    is_exit_6(&refused);
    assert!(refused.stderr.contains("holds another item for it already"), "{}", refused.stderr);
    assert_eq!((desktop.places(), desktop.item()["client_id"].as_str()), ((true, true), Some("another")));
    // Nor does a move to where it is tidy away what it has not written.
    desktop.relocate("keyutils").done();
    assert_eq!(desktop.places(), (true, true));
    desktop.stop_daemon();
    desktop.user.token();
}

#[test]
fn a_keyring_that_stays_locked_leaves_the_item_where_it_was() {
    let sandbox = Sandbox::http();
    let Some(desktop) = moving(&sandbox) else { return };
    desktop.relocate("keyutils").done();
    desktop.service.lock();
    is_exit_6(&desktop.relocate("secret-service"));
    assert_eq!(desktop.listed(), used("keyutils"));
    assert!(desktop.user.is_in_kernel_keyring());
    desktop.stop_daemon();
    desktop.user.token();
}

#[test]
fn a_move_that_cannot_be_noted_is_undone_and_told() {
    let sandbox = Sandbox::http();
    let Some(desktop) = moving(&sandbox) else { return };
    let lock = desktop.lock_state();
    let refused = desktop.relocate("keyutils");
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(8), ""), "{}", refused.stderr);
    assert!(refused.stderr.contains("it is kept where it was"), "{}", refused.stderr);
    assert_eq!((desktop.places(), desktop.listed()), ((true, false), used("secret-service")));
    drop(lock);
    desktop.relocate("keyutils").done();
    assert_eq!(desktop.places(), (false, true));
}

/// The system calls by which a move changes anything, and waits for it.
const CALLS: [&str; 6] = ["add_key", "keyctl", "sendmsg", "fsync", "rename", "unlink"];

/// A daemon that is killed when one of its threads makes this system call for the nth time from now on.
fn killed_at(desktop: &Desktop, call: &str, nth: u32) -> Running {
    let pid = desktop.user.home.daemon_pid().expect("a daemon");
    let mut strace = Command::new("strace");
    strace.args(["--follow-forks", "--output=/dev/null", "--attach"]).arg(pid.as_raw_nonzero().to_string());
    strace.args(["-e".to_owned(), format!("inject={call}:signal=KILL:when={nth}")]);
    let strace = Running::start(strace, "");
    strace.stderr_line(|line| line.contains("attached"));
    strace
}

#[test]
fn killed_at_any_point_of_a_move_one_good_item_remains_and_the_next_move_leaves_no_other() {
    if !require("strace", on_path(&["strace"])) {
        return;
    }
    let sandbox = Sandbox::http();
    let Some(desktop) = moving(&sandbox) else { return };
    let mut killed = 0;
    for (from, to) in [("secret-service", "keyutils"), ("keyutils", "secret-service")] {
        for call in CALLS {
            for nth in 1.. {
                desktop.user.dt_cred(&["start"]).done();
                let mut strace = killed_at(&desktop, call, nth);
                let moved = desktop.relocate(to);
                let through = moved.code == Some(0);
                if through {
                    desktop.stop_daemon();
                } else {
                    killed += 1;
                }
                strace.wait();
                // Whichever it is that counts now, it is good.
                desktop.user.dt_cred(&["get", "--fresh"]).done();
                let (here, there) = desktop.places();
                assert!(here || there, "{call} {nth}");
                desktop.relocate(to).done();
                let expected = (to == "secret-service", to == "keyutils");
                assert_eq!((desktop.places(), desktop.listed()), (expected, used(to)), "{call} {nth}");
                if through {
                    break;
                }
                desktop.relocate(from).done();
                desktop.stop_daemon();
            }
            desktop.relocate(from).done();
            desktop.stop_daemon();
        }
        desktop.relocate(to).done();
        desktop.stop_daemon();
    }
    // Each of the calls was met.
    assert!(killed >= 2 * CALLS.len() - 2, "{killed}");
}

#[test]
fn an_item_that_lies_there_already_and_is_no_text_is_not_lost() {
    let sandbox = Sandbox::http();
    let Some(desktop) = moving(&sandbox) else { return };
    desktop.relocate("keyutils").done();
    let name = desktop.user.profile();
    let precious = ["store", "--label=an item", "service", "dt-cred", "username", name];
    desktop.service.secret_tool(&precious, b"precious\xff").done();
    is_exit_6(&desktop.relocate("secret-service"));
    assert_eq!(desktop.places(), (true, true));
    assert_eq!(desktop.listed(), [("secret-service".to_owned(), false), ("keyutils".to_owned(), true)]);
    desktop.user.token();
}
