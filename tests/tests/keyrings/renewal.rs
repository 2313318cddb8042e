//! The kernel keyring forgets what is not used: how long that takes is told, and using it puts it off.

use std::fs;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Running, WallClock, until},
    user::{Account, User},
};

use super::{apart::Apart, erase_all::in_namespace};

#[test]
fn store_and_status_tell_the_kernels_own_time_after_which_it_forgets() {
    let sandbox = Sandbox::http();
    let lines = Account::at(&sandbox).lines();
    for (expiry, words) in [
        ("259200", "until a reboot, or 3 days after the last use"),
        ("5400", "until a reboot, or 90 minutes after the last use"),
        ("0", "until a reboot"),
    ] {
        let Some(mut apart) = Apart::new() else { return };
        let file = apart.user.home.path().join("expiry");
        fs::write(&file, format!("{expiry}\n")).expect("written");
        // The setting is the whole machine's: it is another one for this daemon alone, which is all that this shows.
        let mount = r#"mount --bind "$0" /proc/sys/kernel/keys/persistent_keyring_expiry && exec "$@""#;
        let apart_by = ["unshare", "--mount", "sh", "-c", mount].map(String::from);
        let file = [file.display().to_string()];
        apart.user.home.run_by(&[&apart_by[..], &file, &apart.who.setpriv()].concat());
        // Nobody chose: the choices are told, and what each of them is.
        let choices = apart.user.home.dt_cred_with(&["store"], &lines);
        assert!(choices.stderr.contains(&format!("keeps them {words}; ")), "{expiry}: {}", choices.stderr);
        let stored = apart.user.store(&lines).done();
        assert!(stored.contains(&format!("the kernel keyring, {words}; ")), "{expiry}: {stored}");
        assert_eq!(apart.user.status()["lasts"], words);
    }
}

#[test]
fn in_a_user_namespace_there_is_another_keyring_which_ends_with_it_and_that_is_told() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_kernel_keyring() else { return };
    let lines = format!("{}keyring=keyutils\n", Account::at(&sandbox).lines());
    let Some(stored) = in_namespace(&user, "dt-cred store && dt-cred stop >/dev/null", &lines) else {
        return;
    };
    let stored = stored.done();
    assert!(stored.contains("until this container or user namespace ends"), "{stored}");
    assert!(!user.is_in_kernel_keyring());
    for get in [user.dt_cred(&["get"]), in_namespace(&user, "dt-cred get", "").expect("as before")] {
        assert_eq!((get.code, get.stdout.as_str()), (Some(5), ""), "{}", get.stderr);
        user.dt_cred(&["stop"]).done();
    }
}

#[test]
fn a_new_token_puts_the_keyrings_end_off() {
    let sandbox = Sandbox::http();
    let Some(apart) = Apart::new() else { return };
    let user = &apart.user;
    user.log_in(&Account::at(&sandbox));
    // Every use makes the keyring where it is gone, and sets its end: persistent-keyring(7). It cannot be given another
    // end than the kernel's own, so that its being there shows the use.
    apart.lose_keyring();
    user.dt_cred(&["get", "--fresh"]).done();
    until("the keyring to be used", || apart.has_keyring().then_some(()));
}

/// A daemon with this configuration, whose tokens live as long as any, and whose wall clock is the test's to set.
fn with_a_long_token(sandbox: &Sandbox, configuration: &str) -> Option<(Apart, WallClock, Running)> {
    sandbox.set(|settings| settings.lifetime = 30.0 * 86_400.0);
    let apart = Apart::new()?;
    apart.configure(&configuration.replace("PROFILE", apart.user.profile()));
    let clock = WallClock::of(&apart.user.home)?;
    let daemon = clock.start_daemon(&apart.user.home);
    apart.user.log_in(&Account::at(sandbox));
    apart.lose_keyring();
    Some((apart, clock, daemon))
}

#[test]
fn a_token_from_memory_puts_the_keyrings_end_off_once_an_hour_and_a_look_at_it_never_does() {
    let sandbox = Sandbox::http();
    let Some((apart, clock, _daemon)) = with_a_long_token(&sandbox, "") else { return };
    let user = &apart.user;
    let token = user.token();
    clock.set("+50m");
    assert_eq!(user.token(), token);
    clock.set("+70m");
    user.dt_cred(&["status"]).done();
    user.dt_cred(&["status", "--check"]).done();
    // Each answer came after whatever was to come of the one before.
    assert!(!apart.has_keyring());
    assert_eq!(user.token(), token);
    until("the keyring to be used", || apart.has_keyring().then_some(()));
    apart.lose_keyring();
    clock.set("+100m");
    assert_eq!(user.token(), token);
    assert_eq!(user.token(), token);
    assert!(!apart.has_keyring());
    assert_eq!(sandbox.counts().tokens.total, 1, "all the same token");
}

#[test]
fn a_token_in_a_file_that_nobody_asks_the_daemon_for_puts_the_keyrings_end_off() {
    let sandbox = Sandbox::http();
    let file = "[[profile.PROFILE.file]]\npath = \"~/tokens/token\"\n";
    let Some((apart, clock, _daemon)) = with_a_long_token(&sandbox, file) else { return };
    clock.set("+70m");
    until("the keyring to be used", || apart.has_keyring().then_some(()));
    assert_eq!(sandbox.counts().tokens.total, 1, "the same token");
}

#[test]
fn three_hundred_calls_leave_no_session_keyring_behind() {
    let sandbox = Sandbox::http();
    let Some(apart) = Apart::new() else { return };
    let user = &apart.user;
    user.log_in(&Account::at(&sandbox));
    // The item; a session keyring is given back a moment after its thread has ended.
    until("one key to be left", || (apart.who.share().0 == 1).then_some(()));
    // More than anybody but root may own.
    user.shell("for n in $(seq 300); do dt-cred unlock >/dev/null || exit; done").done();
    until("one key to be left", || (apart.who.share().0 == 1).then_some(()));
}
