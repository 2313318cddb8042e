//! Credentials that the issuer refuses, and secrets that change.

use dt_cred_tests::{
    any_issuer::AnyIssuer,
    issuer::{Field, Sandbox},
    parts::keyring::{self, Profile},
    user::{Account, User},
};

#[test]
fn a_wrong_secret_is_refused_with_the_issuers_reason_and_nothing_is_kept() {
    for issuer in AnyIssuer::every() {
        let Some(user) = User::in_keyring() else { return };
        let wrong = Account { client_secret: "wrong".to_owned(), ..issuer.account() };
        let store = user.store(&wrong.lines());
        assert_eq!((store.code, store.stdout.as_str()), (Some(4), ""), "{}", store.stderr);
        assert!(store.stderr.contains("invalid_client"), "{}", store.stderr);
        assert_eq!(store.stderr.lines().count(), 1, "{}", store.stderr);
        assert!(!user.is_in_keyring());
        assert_eq!(user.dt_cred(&["get"]).code, Some(5));
    }
}

#[test]
fn a_wrong_secret_does_not_replace_the_right_one() {
    for issuer in AnyIssuer::every() {
        let Some(user) = User::in_keyring() else { return };
        let account = issuer.account();
        user.log_in(&account);
        let token = user.token();
        let store = user.store(&Account { client_secret: "wrong".to_owned(), ..account }.lines());
        assert_eq!(store.code, Some(4));
        assert_eq!(user.token(), token);
        user.home.kill_daemon();
        user.token();
    }
}

#[test]
fn a_rotated_secret_is_refused_once_and_healed_by_store_without_a_restart() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    let account = Account::at(&sandbox);
    user.log_in(&account);
    let pid = user.home.daemon_pid();
    let client_secret = sandbox.regenerate_secret(&account.client_id);
    // The token in hand is served on; only a token asked for anew is refused.
    user.token();
    let asked = sandbox.counts().tokens.total;
    for _ in 0..5 {
        let fresh = user.dt_cred(&["get", "--fresh"]);
        assert_eq!((fresh.code, fresh.stdout.as_str()), (Some(4), ""), "{}", fresh.stderr);
    }
    assert_eq!(sandbox.counts().tokens.total, asked + 1, "a refusal is asked for once");
    user.token();
    user.store(&Account { client_secret, ..account }.lines()).done();
    user.dt_cred(&["get", "--fresh"]).done();
    assert_eq!(user.home.daemon_pid(), pid);
}

#[test]
fn one_profiles_refusal_does_not_touch_another() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let (broken, whole) = (Account::at(&sandbox), Account::at(&sandbox));
    user.log_in(&broken);
    let other = Profile::unique("whole");
    let lines = format!("{}keyring=memory\n", whole.lines());
    user.home.dt_cred_with(&["store", "-p", other.name()], lines).done();
    sandbox.regenerate_secret(&broken.client_id);
    assert_eq!(user.dt_cred(&["get", "--fresh"]).code, Some(4));
    user.dt_cred(&["get", "--fresh", "-p", other.name()]).done();
}

#[test]
fn credentials_of_the_environment_are_held_in_memory_only() {
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    let user = User::in_memory();
    let mut start = user.home.client(&["start", "--from-env"]);
    start.env("DATATRAILS_URL", &account.url).env("DATATRAILS_CLIENT_ID", &account.client_id);
    start.env("DATATRAILS_CLIENT_SECRET", &account.client_secret);
    dt_cred_tests::parts::run(start, "").done();
    user.token();
    assert!(!user.is_in_keyring());
    user.dt_cred(&["stop"]).done();
    assert_eq!(user.dt_cred(&["get"]).code, Some(5));
    user.home.dt_cred_with(&["start", "--from-stdin"], account.lines()).done();
    user.token();
}

#[test]
fn a_profile_that_is_configured_to_live_in_memory_is_stored_served_described_and_unlocked() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.home.configure(&format!("[profile.{}]\nkeyring = \"memory\"\n", user.profile()));
    assert_eq!(user.dt_cred(&["get"]).code, Some(5));
    user.home.dt_cred_with(&["store"], Account::at(&sandbox).lines()).done();
    user.token();
    user.dt_cred(&["unlock"]).done();
    user.dt_cred(&["erase"]).done();
    assert_eq!(user.dt_cred(&["get"]).code, Some(5));
}

#[test]
fn a_token_for_another_use_is_not_served_after_an_unproven_change() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let lines = Account::at(&sandbox).lines();
    user.log_in_with(&lines);
    let token = user.token();
    user.log_in_with(&format!("{lines}no_check=true\n"));
    assert_eq!(user.token(), token);
    user.log_in_with(&format!("{lines}no_check=true\nscope=other\n"));
    let for_another_scope = user.token();
    assert_ne!(for_another_scope, token);
    // Nor one that was got of an issuer whom other CAs vouched for.
    let ca_file = user.home.path().join("other-ca.pem");
    std::fs::copy(Sandbox::https().ca_file().expect("it has one"), &ca_file).expect("a copy");
    user.log_in_with(&format!("{lines}no_check=true\nscope=other\nca_file={}\n", ca_file.display()));
    let trusting_others = user.token();
    assert_ne!(trusting_others, for_another_scope);
    // Nor one of another client, however alike the rest is.
    user.log_in_with(&format!("{}no_check=true\nscope=other\n", Account::at(&sandbox).lines()));
    assert_ne!(user.token(), trusting_others);
}

#[test]
fn what_start_is_given_is_held_in_memory_and_nowhere_else() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    let lines = format!("{}keyring={}\n", Account::at(&sandbox).lines(), keyring::STORE);
    let start = user.home.dt_cred_with(&["start", "--from-stdin"], lines);
    assert_eq!((start.code, start.stdout.as_str()), (Some(2), ""), "{}", start.stderr);
    assert!(!user.is_in_keyring());
    assert_eq!(user.home.daemon_pid(), None, "what is wrong is seen before anything is started");
}

#[test]
fn what_start_is_given_goes_by_nothing_that_a_keyring_holds_for_the_profile() {
    let (sandbox, other) = (Sandbox::http(), Sandbox::https());
    let Some(user) = User::in_keyring() else { return };
    user.log_in_with(&format!(
        "{}auth=basic\nscope=s\naudience=a\nresource=urn:r\n",
        Account::at(&other).lines()
    ));
    user.dt_cred(&["stop"]).done();
    let account = Account::at(&sandbox);
    user.home.dt_cred_with(&["start", "--from-stdin"], account.lines()).done();
    let requests = sandbox.requests();
    let request = requests.last().expect("a request");
    let body = std::str::from_utf8(&request.body).expect("a form");
    assert_eq!((body.split('&').count(), request.header("Authorization")), (3, None), "{body}");
    // Without a URL it is DataTrails' own. The proof would go there, so there is none.
    let Account { client_id, client_secret, .. } = &account;
    let lines = format!("client_id={client_id}\nclient_secret={client_secret}\nno_check=true\n");
    user.dt_cred(&["stop"]).done();
    user.home.dt_cred_with(&["start", "--from-stdin"], lines).done();
    assert_eq!(user.status()["url"], "https://app.datatrails.ai");
    assert_eq!(other.counts().tokens.total, 1, "the login's");
    let nameless =
        user.home.dt_cred_with(&["start", "--from-stdin"], format!("client_secret={client_secret}\n"));
    assert_eq!((nameless.code, nameless.stdout.as_str()), (Some(2), ""), "{}", nameless.stderr);
    assert!(nameless.stderr.contains("no client_id"), "{}", nameless.stderr);
}

#[test]
fn a_store_that_cannot_be_used_is_told_before_the_issuer_sees_the_secret() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let stores = ["keychain", "credential-manager", "keyutils", "systemd", "command", "secret-service"];
    for keyring in stores.into_iter().filter(|keyring| *keyring != keyring::STORE) {
        let lines = format!("{}keyring={keyring}\n", Account::at(&sandbox).lines());
        let store = user.home.dt_cred_with(&["store"], lines);
        assert_eq!((store.code, store.stdout.as_str()), (Some(6), ""), "{keyring}: {}", store.stderr);
        assert_eq!(store.stderr.lines().count(), 1, "{}", store.stderr);
    }
    assert_eq!(sandbox.counts().tokens.total, 0);
}

#[test]
fn what_is_optional_is_taken_away_by_giving_it_empty() {
    let sandbox = Sandbox::https();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    user.log_in_with(&format!("{}scope=read\naudience=a\nresource=urn:a\n", account.lines()));
    let secret = &account.client_secret;
    user.log_in_with(&format!("client_secret={secret}\nscope=\naudience=\nresource=\n"));
    let requests = sandbox.requests();
    let body = std::str::from_utf8(&requests.last().expect("a request").body).expect("a form");
    assert_eq!(body.split('&').count(), 3, "{body}");
    let without_ca = user.store(&format!("client_secret={secret}\nca_file=\n"));
    assert_eq!(without_ca.code, Some(7), "{}", without_ca.stderr);
    for field in ["client_id", "client_secret", "url", "token_url", "auth", "keyring"] {
        let lines = format!("client_secret={secret}\n").replace(&format!("{field}={secret}\n"), "");
        let store = user.store(&format!("{lines}{field}=\n"));
        assert_eq!((store.code, store.stdout.as_str()), (Some(2), ""), "{field}: {}", store.stderr);
    }
}

#[test]
fn a_min_ttl_that_no_token_can_meet_is_usage_and_costs_no_request() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    for seconds in ["3660", "3661", "4294967295"] {
        let get = user.dt_cred(&["get", "--min-ttl", seconds]);
        assert_eq!((get.code, get.stdout.as_str()), (Some(2), ""), "{}", get.stderr);
        assert!(get.stderr.contains("3660 s"), "{}", get.stderr);
    }
    assert_eq!(sandbox.counts().tokens.total, 1);
}

#[test]
fn credentials_whose_proof_arrives_expired_are_not_kept() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    sandbox.set(|settings| {
        settings.expires_in = Field::Value(0.2.into());
        settings.latency = 400;
    });
    let store = user.store(&Account::at(&sandbox).lines());
    assert_eq!((store.code, store.stdout.as_str()), (Some(1), ""), "{}", store.stderr);
    assert!(store.stderr.contains("clock"), "{}", store.stderr);
    assert!(!user.is_in_keyring());
}
