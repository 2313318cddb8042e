//! `erase --all`: whatever is kept under the service `dt-cred` is gone, whoever kept it and whether it was known or not.
//!
//! The kernel keyring belongs to the uid, and that is the developer's. So each of these runs in a user namespace,
//! which has a persistent keyring of its own (user_namespaces(7), persistent-keyring(7)).

use std::process::Command;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, keyring, require, run},
    user::{Account, User},
};

use super::desktop::Desktop;

/// Runs a shell script of this user in a user namespace; none where the machine permits none.
pub(crate) fn in_namespace(user: &User, script: &str, stdin: &str) -> Option<Output> {
    const APART: [&str; 2] = ["--user", "--map-current-user"];
    let mut probe = Command::new("unshare");
    probe.args(APART).arg("true");
    if !keyring::works() || !require("unshare with user namespaces", run(probe, "").code == Some(0)) {
        return None;
    }
    let shell = user.shell_command(script);
    let mut unshare = user.home.command("unshare");
    unshare.args(APART).arg(shell.get_program()).args(shell.get_args());
    unshare.envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(run(unshare, stdin))
}

/// How a shell keeps a key in the persistent keyring as another program would, and counts those of dt-cred in it.
const KEYS: &str = r#"
    provision() { keyctl session - sh -c 'keyctl add user "$1" x "$(keyctl get_persistent @s)" >/dev/null' sh "$1" 2>/dev/null; }
    keys() { keyctl session - sh -c 'keyctl list "$(keyctl get_persistent @s)"' 2>/dev/null | grep -c '@dt-cred$'; }
"#;

#[test]
fn erasing_every_profile_leaves_none_in_memory_and_none_in_the_kernel_keyring() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let lines = Account::at(&sandbox).lines();
    let script = format!(
        r#"{KEYS}
        lines=$(cat)
        provision keyring:of-somebody-else@other-service
        printf '%s\nkeyring=keyutils\n' "$lines" | dt-cred store -p in-keyring >/dev/null || exit
        printf '%s\nkeyring=memory\n' "$lines" | dt-cred store -p in-memory >/dev/null || exit
        provision keyring:unknown@dt-cred
        keys
        dt-cred erase --all; echo "exit $?"
        keys
        for profile in in-keyring in-memory unknown; do dt-cred get -p $profile 2>/dev/null; echo "get $?"; done
        keyctl session - sh -c 'keyctl list "$(keyctl get_persistent @s)"' 2>/dev/null | grep -c other-service
        dt-cred stop >/dev/null"#
    );
    let Some(output) = in_namespace(&user, &script, &lines) else { return };
    let expected = "2\nerased profile in-keyring\nerased profile in-memory\nerased profile unknown\nexit 0\n0\n\
                    get 5\nget 5\nget 5\n1\n";
    assert_eq!(output.stdout, expected, "{}", output.stderr);
}

#[test]
fn erasing_every_profile_needs_no_state_file_to_find_them() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let script = format!(
        r#"{KEYS}
        lines=$(cat)
        printf '%s\nkeyring=keyutils\n' "$lines" | dt-cred store -p lost >/dev/null || exit
        dt-cred stop >/dev/null && rm "{}/state.toml"
        dt-cred erase --all
        keys
        dt-cred erase --all
        dt-cred stop >/dev/null"#,
        user.home.state().display()
    );
    let Some(output) = in_namespace(&user, &script, &Account::at(&sandbox).lines()) else { return };
    assert_eq!(output.stdout, "erased profile lost\n0\nnothing was kept\n", "{}", output.stderr);
}

#[test]
fn erasing_every_profile_finds_what_other_programs_kept_in_the_secret_service() {
    let Some(desktop) = Desktop::start() else { return };
    desktop.service.secret_tool(&["store", "--label=x", "service", "dt-cred", "username", "one"], "x").done();
    desktop.service.secret_tool(&["store", "--label=x", "service", "dt-cred", "username", "two"], "x").done();
    desktop.service.secret_tool(&["store", "--label=x", "service", "other", "username", "one"], "x").done();
    let Some(output) = in_namespace(&desktop.user, "dt-cred erase --all; dt-cred stop >/dev/null", "") else {
        return;
    };
    assert_eq!(output.stdout, "erased profile one\nerased profile two\n", "{}", output.stderr);
    let left = |service: &str| {
        let found = desktop.service.secret_tool(&["search", "--all", "service", service], "");
        found.stdout.lines().filter(|line| line.starts_with('[')).count()
    };
    assert_eq!((left("dt-cred"), left("other")), (0, 1));
}

#[test]
fn a_locked_keyring_is_told_and_all_that_can_be_reached_is_erased_all_the_same() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    desktop.provision(&[], "{}");
    desktop.service.lock();
    let script = format!(
        r#"{KEYS}
        (cat; echo keyring=keyutils) | dt-cred store -p zz-reached >/dev/null || exit
        dt-cred erase --all; echo "exit $?"
        keys
        dt-cred stop >/dev/null"#
    );
    let Some(output) = in_namespace(&desktop.user, &script, &Account::at(&sandbox).lines()) else { return };
    assert_eq!(output.stdout, "exit 6\n0\n", "{}", output.stderr);
    assert!(output.stderr.contains("`dt-cred unlock"), "{}", output.stderr);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
}
