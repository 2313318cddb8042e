//! A secret that is regenerated at the issuer while the daemon runs.

use std::thread;

use dt_cred_tests::{
    issuer::{Fault, Sandbox},
    parts::{http, until},
    user::{Account, User},
};

#[test]
fn the_token_in_hand_is_served_to_its_end_and_then_the_refusal_is_told_until_a_login_heals_it() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    sandbox.set(|settings| settings.lifetime = 8.0);
    let account = Account::at(&sandbox);
    user.log_in(&account);
    let (token, pid) = (user.token(), user.home.daemon_pid());
    let client_secret = sandbox.regenerate_secret(&account.client_id);
    let refused = sandbox.counts().tokens.refused;
    assert_eq!(http::get(&sandbox.assets_url(), user.dt_cred(&["get"]).done().trim_end()), 200);
    // Asked again and again until its end: the refresh ahead is refused, and it is served all the same.
    let end = until("the token's end", || {
        let get = user.dt_cred(&["get", "--format", "raw"]);
        assert!(get.code != Some(0) || get.stdout.trim_end() == token, "{get:?}");
        (get.code != Some(0)).then_some(get)
    });
    assert_eq!((end.code, end.stdout.as_str()), (Some(4), ""), "{}", end.stderr);
    assert!(end.stderr.contains("invalid_client") && end.stderr.contains("dt-cred login"), "{}", end.stderr);
    let counts = sandbox.counts();
    assert_eq!(counts.tokens.refused, refused + 1, "one refused refresh, and no more");
    let status = user.dt_cred(&["status"]).done();
    assert!(status.contains("refused") && status.contains("dt-cred login"), "{status}");
    assert_eq!(user.dt_cred(&["status", "--check"]).code, Some(4));
    sandbox.set(|settings| settings.lifetime = 3660.0);
    user.log_in(&Account { client_secret, ..account });
    assert_ne!(user.token(), token);
    assert_eq!(user.home.daemon_pid(), pid, "no restart");
}

#[test]
fn a_new_secret_drops_the_old_token_only_when_the_new_one_is_there() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    user.log_in(&account);
    let token = user.token();
    let client_secret = sandbox.regenerate_secret(&account.client_id);
    let renewed = Account { client_secret, ..account };
    sandbox.set(|settings| settings.hold = true);
    thread::scope(|scope| {
        let login = scope.spawn(|| user.log_in(&renewed));
        sandbox.wait_until("the proof to arrive", |counts| counts.tokens.total == 2);
        for _ in 0..5 {
            assert_eq!(user.token(), token);
        }
        sandbox.set(|settings| settings.hold = false);
        login.join().expect("kept");
    });
    assert_ne!(user.token(), token);
    assert_eq!(sandbox.counts().tokens.total, 2, "the proof's token is the one held");
}

#[test]
fn a_login_that_fails_drops_nothing() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    user.log_in(&account);
    let token = user.token();
    let wrong = Account { client_secret: "wrong".to_owned(), ..account };
    assert_eq!(user.store(&wrong.lines()).code, Some(4));
    assert_eq!(user.token(), token);
}

#[test]
fn a_store_that_failed_for_its_deadline_is_not_made_later() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    sandbox.set(|settings| settings.hold = true);
    thread::scope(|scope| {
        let good = scope.spawn(|| user.log_in(&account));
        sandbox.wait_until("the proof to arrive", |counts| counts.tokens.total == 1);
        // It waits for its turn, in vain.
        let lines = "client_secret=LATE\nkeyring=memory\nno_check=true\n";
        let late = user.home.dt_cred_with(&["store", "--timeout", "1"], lines);
        assert_eq!((late.code, late.stdout.as_str()), (Some(1), ""), "{}", late.stderr);
        sandbox.set(|settings| settings.hold = false);
        good.join().expect("kept");
    });
    user.dt_cred(&["get", "--fresh"]).done();
}

#[test]
fn an_issuer_that_hangs_does_not_keep_new_credentials_for_another_one_waiting() {
    let (hangs, works) = (Sandbox::http(), Sandbox::http());
    let user = User::in_memory();
    user.log_in(&Account::at(&hangs));
    hangs.set(|settings| settings.token_fault = Some(Fault::Silence));
    user.dt_cred(&["reject"]).done();
    assert_eq!(user.dt_cred(&["get", "--timeout", "1"]).code, Some(1));
    user.log_in(&Account::at(&works));
    user.dt_cred(&["reject"]).done();
    // In less time than the daemon gives the issuer that hangs.
    user.dt_cred(&["get", "--timeout", "8"]).done();
    assert_eq!(works.counts().tokens.total, 2);
    assert_eq!(hangs.counts().tokens.total, 2);
}
