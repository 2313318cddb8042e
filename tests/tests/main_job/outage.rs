//! The issuer is gone, for a while.

use std::time::{Duration, Instant};

use dt_cred_tests::{any_issuer::AnyIssuer, user::User};

#[test]
fn without_a_token_get_fails_within_its_deadline_with_the_reason() {
    for issuer in AnyIssuer::every() {
        let Some(user) = User::in_keyring() else { return };
        user.log_in(&issuer.account());
        user.dt_cred(&["stop"]).done();
        user.dt_cred(&["start"]).done();
        for (is_mute, reason) in [(false, "refused"), (true, "")] {
            issuer.open();
            if is_mute {
                issuer.mute()
            } else {
                issuer.close()
            }
            let start = Instant::now();
            let get = user.dt_cred(&["get", "--timeout", "2"]);
            // An upper bound alone: the machine may be slow, but nothing here may wait for ever.
            assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
            assert_eq!((get.code, get.stdout.as_str()), (Some(1), ""), "{}", get.stderr);
            assert!(get.stderr.contains(reason), "{}", get.stderr);
            assert_eq!(get.stderr.lines().count(), 1, "{}", get.stderr);
        }
        issuer.open();
        user.token();
    }
}

#[test]
fn a_valid_token_is_served_while_the_issuer_is_gone() {
    for issuer in AnyIssuer::every() {
        let user = User::in_memory();
        user.log_in(&issuer.account());
        let token = user.token();
        issuer.close();
        for _ in 0..10 {
            assert_eq!(user.token(), token);
        }
        let fresh = user.dt_cred(&["get", "--fresh", "--timeout", "1"]);
        assert_eq!((fresh.code, fresh.stdout.as_str()), (Some(1), ""));
        assert_eq!(user.token(), token);
    }
}

#[test]
fn nothing_is_kept_where_the_issuer_could_not_be_asked() {
    for issuer in AnyIssuer::every() {
        let Some(user) = User::in_keyring() else { return };
        let account = issuer.account();
        issuer.close();
        let store = user.store(&account.lines());
        assert_eq!((store.code, store.stdout.as_str()), (Some(1), ""), "{}", store.stderr);
        assert!(!user.is_in_keyring());
        user.store(&format!("{}no_check=true\n", account.lines())).done();
        issuer.open();
        user.token();
    }
}
