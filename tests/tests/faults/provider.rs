//! The rows of the matrix that a real provider can produce.

use dt_cred_tests::{
    any_issuer::AnyIssuer,
    parts::{OidcProvider, Output, oidc_provider::Setup},
    user::{Account, User},
};

#[track_caller]
fn failed(get: &Output, code: i32, words: &str) {
    assert_eq!((get.code, get.stdout.as_str()), (Some(code), ""), "{}", get.stderr);
    assert_eq!(get.stderr.lines().count(), 1, "{}", get.stderr);
    assert!(get.stderr.contains(words), "{words:?} is not in {}", get.stderr);
}

/// A fault of a real provider: what is wrong with the lines that were stored, and what `get` says.
type Row = (&'static str, fn(&Account) -> String, i32, &'static str);

const ROWS: [Row; 5] = [
    (
        "another secret",
        |account| Account { client_secret: "wrong".to_owned(), ..account.clone() }.lines(),
        4,
        "invalid_client",
    ),
    (
        "an unknown client",
        |account| Account { client_id: "nobody".to_owned(), ..account.clone() }.lines(),
        4,
        "invalid_client",
    ),
    ("somebody else's scope", |account| format!("{}scope=nobodys\n", account.lines()), 4, "invalid_scope"),
    (
        "another path",
        |account| format!("{}token_url={}/no/such/path\n", account.lines(), account.url),
        7,
        "there is no token endpoint at /no/such/path",
    ),
    (
        "TLS where there is none, or none where there is TLS",
        |account| {
            let (from, to) =
                if account.url.starts_with("https") { ("https:", "http:") } else { ("http:", "https:") };
            let lines = format!("{}token_url={}/token\n", account.lines(), account.url);
            let url = account.url.replacen(from, to, 1);
            lines.replace(&format!("token_url={}", account.url), &format!("token_url={url}"))
        },
        0,
        "",
    ),
];

#[test]
fn what_a_real_provider_refuses_is_told_with_its_reason_and_healed_by_a_right_login() {
    for provider in [OidcProvider::http(), OidcProvider::https()].into_iter().flatten() {
        let account = Account::at_provider(&provider);
        let https = account.ca_file.is_some();
        for (what, lines, code, words) in ROWS {
            let user = User::in_memory();
            user.store(&format!("{}no_check=true\n", lines(&account))).done();
            let before = provider.counts().token_requests;
            let get = user.dt_cred(&["get", "--timeout", "2"]);
            match code {
                0 if https => failed(&get, 1, "the connection to"),
                0 => failed(&get, 7, "does not speak TLS"),
                _ => failed(&get, code, words),
            }
            if code == 4 {
                // Final: nobody asks again.
                for _ in 0..3 {
                    failed(&user.dt_cred(&["get", "--fresh", "--timeout", "2"]), 4, words);
                }
                assert_eq!(provider.counts().token_requests, before + 1, "{what}");
            }
            let token_url = format!("token_url={}\n", provider.token_url());
            let whole = format!("{}{token_url}auth=post\nscope=assets:read\n", account.lines());
            user.log_in_with(&whole);
            user.token();
        }
    }
}

#[test]
fn a_real_provider_whose_certificate_is_not_trusted_or_for_another_name_gets_no_secret() {
    let Some(provider) = OidcProvider::https() else { return };
    let account = Account::at_provider(&provider);
    for (lines, words) in [
        (Account { ca_file: None, ..account.clone() }.lines(), "signed by no CA that is trusted"),
        (Account { url: provider.mismatched_url(), ..account.clone() }.lines(), "is for another name"),
    ] {
        let user = User::in_memory();
        failed(&user.store(&lines), 7, words);
        user.store(&format!("{lines}no_check=true\n")).done();
        failed(&user.dt_cred(&["get", "--timeout", "2"]), 7, words);
    }
    assert_eq!(provider.counts().token_requests, 0);
    let Some(expired) = OidcProvider::start(Setup { https: true, expired: true, ..Setup::default() }) else {
        return;
    };
    let user = User::in_memory();
    failed(&user.store(&Account::at_provider(&expired).lines()), 7, "has expired");
    assert_eq!(expired.counts().token_requests, 0);
}

#[test]
fn a_real_provider_that_is_gone_or_mute_fails_in_time_and_a_token_in_hand_is_served_on() {
    for issuer in AnyIssuer::every() {
        let user = User::in_memory();
        user.log_in(&issuer.account());
        let token = user.token();
        for is_mute in [false, true] {
            if is_mute {
                issuer.mute()
            } else {
                issuer.close()
            }
            let start = std::time::Instant::now();
            let fresh = user.dt_cred(&["get", "--fresh", "--timeout", "1"]);
            assert!(start.elapsed() <= std::time::Duration::from_millis(1500), "{:?}", start.elapsed());
            failed(&fresh, 1, if is_mute { "" } else { "refused" });
            assert_eq!(user.token(), token);
            issuer.open();
        }
        user.dt_cred(&["get", "--fresh"]).done();
    }
}

#[test]
fn tokens_of_a_few_seconds_are_never_late_at_a_real_provider() {
    let Some(provider) = OidcProvider::start(Setup { lifetime: 4, ..Setup::default() }) else { return };
    let user = User::in_memory();
    user.log_in(&Account::at_provider(&provider));
    let url = format!("{}/archivist/v2/assets", provider.url());
    // Until four of them have come and gone.
    while provider.counts().tokens < 4 {
        user.shell(&format!("curl -fsS -H \"$(dt-cred get)\" {url}")).done();
    }
    let counts = provider.counts();
    assert_eq!(counts.assets_refused, 0, "{counts:?}");
    assert!(counts.assets > 0);
}
