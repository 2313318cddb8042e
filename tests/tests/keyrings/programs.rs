//! What holds for gnome-keyring and for KeePassXC.

use std::time::{Duration, Instant};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{
        Running,
        secret_service::{PASSWORD, PROGRAMS},
        until,
    },
    user::Account,
};
use serde_json::json;

use super::desktop::{Desktop, is_exit_6, is_exit_6_for};

/// An upper bound alone, for what has deadlines of a few seconds.
const IN_TIME: Duration = Duration::from_secs(45);

fn desktops() -> impl Iterator<Item = Desktop> {
    PROGRAMS.into_iter().filter_map(Desktop::of)
}

#[test]
fn what_store_keeps_is_found_by_other_programs_and_by_the_next_daemon_until_it_is_erased() {
    let sandbox = Sandbox::http();
    for desktop in desktops() {
        let account = Account::at(&sandbox);
        desktop.store(&account.lines()).done();
        assert_eq!(desktop.item()["client_secret"], *account.client_secret);
        desktop.stop_daemon();
        desktop.user.token();
        // Rotated, it stays one item.
        let client_secret = sandbox.regenerate_secret(&account.client_id);
        desktop.store(&format!("client_secret={client_secret}\n")).done();
        assert_eq!((desktop.item()["client_secret"].as_str(), desktop.items()), (Some(&*client_secret), 1));
        desktop.stop_daemon();
        desktop.user.token();
        desktop.user.dt_cred(&["erase"]).done();
        assert_eq!(desktop.items(), 0);
        assert_eq!(desktop.user.dt_cred(&["get"]).code, Some(5));
        desktop.stop_daemon();
        assert_eq!(desktop.user.dt_cred(&["get"]).code, Some(5));
    }
}

#[test]
fn erasing_one_profile_leaves_the_others() {
    let sandbox = Sandbox::http();
    for desktop in desktops() {
        let lines = Account::at(&sandbox).lines();
        desktop.store(&lines).done();
        desktop.user.home.dt_cred_with(&["store", "-p", "another"], &lines).done();
        desktop.user.dt_cred(&["erase"]).done();
        desktop.stop_daemon();
        assert_eq!(desktop.user.dt_cred(&["get"]).code, Some(5));
        desktop.user.dt_cred(&["get", "-p", "another"]).done();
    }
}

#[test]
fn a_locked_keyring_is_exit_6_without_a_prompt_and_heals_when_the_user_opens_it() {
    let sandbox = Sandbox::http();
    for desktop in desktops() {
        desktop.store(&Account::at(&sandbox).lines()).done();
        desktop.stop_daemon();
        desktop.service.lock();
        let (prompts, said) = desktop.service.prompts_during(|| {
            is_exit_6_for(&desktop.user.dt_cred(&["get"]), "locked");
            is_exit_6_for(&desktop.user.dt_cred(&["get", "--fresh"]), "locked");
            is_exit_6_for(&desktop.user.dt_cred(&["get", "-p", "another"]), "locked");
            is_exit_6_for(&desktop.user.dt_cred(&["erase"]), "locked");
            desktop.user.dt_cred(&["status"]).done();
        });
        assert!(said.contains("member=OpenSession"), "{said}");
        assert!(prompts == 0 && !said.contains("member=Unlock"), "{said}");
        // KeePassXC shows its window for this one.
        assert!(!said.contains("Secret.Service; member=SearchItems"), "{said}");
        assert!(desktop.service.is_locked());
        let pid = desktop.user.home.daemon_pid();
        assert!(desktop.service.unlock_with_password(PASSWORD));
        desktop.user.token();
        assert_eq!(desktop.user.home.daemon_pid(), pid);
    }
}

#[test]
fn with_the_keyring_locked_stopped_or_gone_a_token_in_memory_is_served_without_it() {
    let sandbox = Sandbox::http();
    for mut desktop in desktops() {
        desktop.store(&Account::at(&sandbox).lines()).done();
        let served = |desktop: &Desktop| {
            desktop.user.token();
            desktop.user.dt_cred(&["get", "--fresh"]).done();
        };
        desktop.service.lock();
        let (_, said) = desktop.service.prompts_during(|| served(&desktop));
        assert!(!said.contains("member=OpenSession"), "{said}");
        desktop.service.stop_provider();
        served(&desktop);
        desktop.service.continue_provider();
        desktop.service.kill_provider();
        served(&desktop);
    }
}

#[test]
fn a_killed_program_is_exit_6_and_its_successor_is_met_by_the_same_daemon() {
    let sandbox = Sandbox::http();
    for mut desktop in desktops() {
        desktop.store(&Account::at(&sandbox).lines()).done();
        desktop.stop_daemon();
        // KeePassXC writes the database a moment after each change, and at once when it locks it.
        desktop.service.lock();
        desktop.service.kill_provider();
        is_exit_6_for(&desktop.user.dt_cred(&["get"]), "Secret Service");
        is_exit_6_for(&desktop.user.dt_cred(&["unlock"]), "Secret Service");
        let pid = desktop.user.home.daemon_pid();
        desktop.service.restart_provider();
        desktop.user.token();
        assert_eq!(desktop.user.home.daemon_pid(), pid);
    }
}

#[test]
fn a_program_that_stands_still_holds_two_threads_at_most_and_nobody_longer_than_their_deadline() {
    let sandbox = Sandbox::http();
    for desktop in desktops() {
        let lines = Account::at(&sandbox).lines();
        desktop.store(&lines).done();
        desktop.stop_daemon();
        desktop.user.dt_cred(&["start"]).done();
        let home = &desktop.user.home;
        let pid = home.daemon_pid();
        desktop.service.stop_provider();
        let start = Instant::now();
        let commands: &[(&[&str], i32)] = &[
            (&["get"], 6),
            (&["get"], 6),
            (&["get", "-p", "b"], 6),
            (&["get", "-p", "c", "--fresh"], 6),
            (&["unlock"], 6),
            (&["unlock", "-p", "b"], 6),
            (&["store", "-p", "d"], 6),
            (&["store", "-p", "e"], 6),
            (&["erase", "-p", "f"], 6),
            (&["erase", "-p", "g"], 6),
            (&["status"], 0),
        ];
        let ask = |arguments: &[&str]| {
            let stdin = if arguments[0] == "store" { lines.as_str() } else { "" };
            let mut asked = Running::start(home.client(&[arguments, &["--timeout", "20"]].concat()), stdin);
            asked.close_stdin();
            asked
        };
        let mut asked: Vec<_> = commands.iter().map(|(arguments, _)| ask(arguments)).collect();
        let mut most = 0;
        until("every client to be answered", || {
            most = most.max(desktop.threads());
            (!asked.iter_mut().any(Running::is_running)).then_some(())
        });
        assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
        assert!((1..=2).contains(&most), "{most} threads");
        for (asked, (arguments, code)) in asked.iter_mut().zip(commands) {
            assert_eq!(asked.wait().code(), Some(*code), "{arguments:?}: {}", asked.said());
        }
        desktop.service.continue_provider();
        until("the keyring to be read again", || (home.dt_cred(&["get"]).code == Some(0)).then_some(()));
        until("the threads to end", || (desktop.threads() == 0).then_some(()));
        assert_eq!(home.daemon_pid(), pid);
    }
}

#[test]
fn a_daemon_ends_while_its_keyrings_program_stands_still() {
    let sandbox = Sandbox::http();
    for desktop in desktops() {
        desktop.store(&Account::at(&sandbox).lines()).done();
        desktop.stop_daemon();
        desktop.service.stop_provider();
        is_exit_6(&desktop.user.dt_cred(&["get"]));
        // Where it comes after the end it must not start another daemon.
        let mut asked = Running::start(desktop.user.home.client(&["unlock", "--no-start"]), "");
        until("a thread to be at the keyring", || (desktop.threads() > 0).then_some(()));
        desktop.user.dt_cred(&["stop"]).done();
        desktop.user.home.until_no_daemon();
        assert_ne!(asked.wait().code(), Some(0));
        desktop.service.continue_provider();
        desktop.user.token();
    }
}

#[test]
fn one_command_raises_one_prompt_at_most() {
    let sandbox = Sandbox::http();
    for desktop in desktops() {
        let lines = Account::at(&sandbox).lines();
        let (prompts, said) = desktop.service.prompts_during(|| drop(desktop.store(&lines).done()));
        assert!(prompts <= 1, "{said}");
        let (prompts, said) = desktop.service.prompts_during(|| drop(desktop.store(&lines).done()));
        assert!(prompts <= 1, "{said}");
        desktop.service.lock();
        // Held in memory, the item is not read before it is written.
        let (prompts, said) = desktop.service.prompts_during(|| {
            is_exit_6(&desktop.user.home.dt_cred_with(&["store", "--timeout", "5"], &lines));
        });
        assert_eq!(prompts, 1, "{said}");
        let (prompts, said) = desktop.service.prompts_during(|| {
            is_exit_6_for(&desktop.user.dt_cred(&["unlock", "--timeout", "5"]), "dismissed, not answered");
        });
        assert_eq!(prompts, 1, "{said}");
    }
}

#[test]
fn a_profile_that_moves_into_a_locked_keyring_stays_where_it_was_when_nobody_answers_its_one_prompt() {
    let sandbox = Sandbox::http();
    for desktop in desktops() {
        let lines = Account::at(&sandbox).lines();
        desktop.store(&format!("{lines}keyring=memory\n")).done();
        desktop.service.lock();
        let (prompts, said) = desktop.service.prompts_during(|| {
            let lines = format!("{lines}keyring=secret-service\n");
            is_exit_6_for(
                &desktop.user.home.dt_cred_with(&["store", "--timeout", "5"], lines),
                "dismissed, not answered",
            );
        });
        assert_eq!(prompts, 1, "{said}");
        assert_eq!(desktop.user.status()["keyring"], "memory");
        desktop.user.token();
    }
}

#[test]
fn a_sandbox_that_keeps_the_keyring_away_is_told_and_nothing_is_kept_elsewhere() {
    let sandbox = Sandbox::http();
    for desktop in desktops() {
        let lines = Account::at(&sandbox).lines();
        desktop.store(&lines).done();
        desktop.stop_daemon();
        desktop.service.bus().police(r#"<deny send_destination="org.freedesktop.secrets"/>"#);
        for arguments in [&["get"][..], &["unlock"], &["erase"], &["store"]] {
            let refused = desktop.user.home.dt_cred_with(arguments, &lines);
            is_exit_6_for(&refused, "refuses access");
            assert!(refused.stderr.contains("sandbox"), "{}", refused.stderr);
        }
        assert!(!desktop.user.is_in_kernel_keyring());
        desktop.service.bus().police("");
        desktop.user.token();
    }
}

#[test]
fn two_items_of_one_profile_are_exit_6_until_erase_removes_both() {
    let sandbox = Sandbox::http();
    for desktop in desktops() {
        let account = Account::at(&sandbox);
        let (url, id, secret) = (&account.url, &account.client_id, &account.client_secret);
        let item = json!({"v": 1, "url": url, "client_id": id, "client_secret": secret}).to_string();
        desktop.provision(&["origin", "one"], &item);
        desktop.provision(&["origin", "two"], &item);
        assert_eq!(desktop.items(), 2);
        for arguments in [&["get"][..], &["store"]] {
            let refused = desktop.user.home.dt_cred_with(arguments, account.lines());
            is_exit_6_for(&refused, "more than one item");
            assert!(!refused.stderr.contains(secret.as_str()));
        }
        // The message's own mend.
        desktop.user.dt_cred(&["unlock"]).done();
        desktop.user.dt_cred(&["erase"]).done();
        assert_eq!(desktop.items(), 0);
        desktop.store(&account.lines()).done();
        desktop.user.token();
    }
}
