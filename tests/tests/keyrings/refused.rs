//! A kernel that gives no keyring: a container's profile of system calls, one that was built without.

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, keyring, run, seccomp::refuse_keyrings},
    user::{Account, User},
};

use super::desktop::is_exit_6;

/// As Docker's default profile refuses, and as a kernel does that was built without CONFIG_KEYS.
const REFUSALS: [i32; 2] = [libc::EPERM, libc::ENOSYS];

/// Starts a daemon that the kernel gives no keyring.
fn start_refused(user: &User, errno: i32) {
    let mut start = user.home.client(&["start"]);
    refuse_keyrings(&mut start, errno);
    run(start, "").done();
}

#[track_caller]
fn is_refused(output: &Output) {
    is_exit_6(output);
    for words in ["the kernel gives no keyring here", "allow keyctl, add_key and request_key"] {
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
    }
}

#[test]
fn a_kernel_that_gives_no_keyring_is_exit_6_with_the_mend_and_nothing_is_sent_kept_or_recorded() {
    for errno in REFUSALS {
        let sandbox = Sandbox::http();
        let lines = Account::at(&sandbox).lines();
        let user = User::new("keyutils");
        start_refused(&user, errno);
        is_refused(&user.store(&lines));
        assert_eq!(sandbox.counts().tokens.total, 0);
        // Nothing was ever kept for it, and no store is there that could hold it.
        assert_eq!(user.dt_cred(&["get"]).code, Some(5));
        // Where nobody chose, neither store is there.
        is_exit_6(&user.home.dt_cred_with(&["store"], &lines));
        // What needs no keyring goes on.
        user.home.dt_cred_with(&["store"], format!("{lines}keyring=memory\n")).done();
        user.token();
        user.dt_cred(&["erase"]).done();
        user.dt_cred(&["stop"]).done();
        assert_eq!(sandbox.counts().tokens.total, 1);
    }
}

#[test]
fn a_profile_of_the_kernel_keyring_is_exit_6_where_the_kernel_gives_none_and_is_found_where_it_does() {
    if !keyring::works() {
        return;
    }
    let sandbox = Sandbox::http();
    let Some(user) = User::in_kernel_keyring() else { return };
    user.log_in(&Account::at(&sandbox));
    for errno in REFUSALS {
        user.dt_cred(&["stop"]).done();
        start_refused(&user, errno);
        for arguments in [&["get"][..], &["unlock"], &["erase"]] {
            is_refused(&user.dt_cred(arguments));
        }
        assert_eq!(user.status()["keyring"], "keyutils");
        user.dt_cred(&["stop"]).done();
        user.token();
    }
}
