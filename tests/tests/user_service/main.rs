//! `dt-cred service` and what starts through it, at a real systemd with a user's own manager.
#![cfg(target_os = "linux")]

mod install;
mod login;
mod packaged;
mod removal;
mod room;
mod starting;
mod trouble;

use dt_cred_tests::parts::{Output, SystemdUser};

/// Where a user's units are written.
fn units(user: &SystemdUser<'_>) -> String {
    format!("{}/.config/systemd/user", user.home())
}

/// `dt-cred service install`, which must succeed; what it tells.
#[track_caller]
fn install(user: &SystemdUser<'_>) -> String {
    user.run("dt-cred service install", "").done()
}

/// Sees that a command failed with this code, and said this in one line.
#[track_caller]
fn failed(output: &Output, code: i32, words: &[&str]) {
    assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    for word in words {
        assert!(output.stderr.contains(word), "{word:?} is missing: {output:?}");
    }
}
