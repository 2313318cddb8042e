//! The API answers 401 to a token that has not expired.

use std::thread;

use dt_cred_tests::{
    any_issuer::AnyIssuer,
    issuer::Sandbox,
    user::{Account, User},
};
use serde_json::Value;

#[test]
fn a_hundred_shells_that_reject_the_same_generation_cause_one_request() {
    for issuer in AnyIssuer::every() {
        let user = User::in_memory();
        user.log_in(&issuer.account());
        let generation = || {
            let json = user.dt_cred(&["get", "--format", "json"]).done();
            let json: Value = serde_json::from_str(&json).expect("JSON");
            json["generation"].to_string()
        };
        // Once another one is held, an old generation is nobody's.
        let old = generation();
        user.dt_cred(&["reject", "--generation", &old]).done();
        let token = user.token();
        for _ in 0..10 {
            user.dt_cred(&["reject", "--generation", &old]).done();
        }
        assert_eq!(user.token(), token);
        assert_eq!(issuer.token_requests(), 2);
        let generation = generation();
        thread::scope(|scope| {
            for _ in 0..100 {
                scope.spawn(|| {
                    user.dt_cred(&["reject", "--generation", &generation]).done();
                    user.dt_cred(&["get"]).done();
                });
            }
        });
        assert_eq!(issuer.token_requests(), 3);
        assert_ne!(user.status()["generation"].to_string(), generation);
    }
}

#[test]
fn the_same_token_again_is_served_with_a_warning() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    sandbox.set(|settings| settings.repeat_token = true);
    user.log_in(&Account::at(&sandbox));
    let token = user.token();
    user.dt_cred(&["reject"]).done();
    let get = user.dt_cred(&["get", "--format", "raw"]);
    assert_eq!((get.code, get.stdout.trim_end()), (Some(0), token.as_str()));
    assert_eq!(get.stderr.lines().count(), 1, "{}", get.stderr);
}

/// In a shell, as scripts do.
#[cfg(unix)]
#[test]
fn curl_gets_the_assets_by_the_header_and_no_bearer_is_ever_late() {
    for issuer in AnyIssuer::every() {
        let user = User::in_memory();
        let account = issuer.account();
        user.log_in(&account);
        let ca = account.ca_file.map_or(String::new(), |path| format!("--cacert {path}"));
        let url = issuer.assets_url();
        for script in [
            format!("curl -sS {ca} -H \"$(dt-cred get)\" {url}"),
            format!("dt-cred get --format curl | curl -sS {ca} -K - {url}"),
            format!(
                "eval \"$(dt-cred get --format env)\" && curl -sS {ca} -H \"Authorization: Bearer $DATATRAILS_AUTHTOKEN\" {url}"
            ),
        ] {
            let answer = user.shell(&script).done();
            let json: Value = serde_json::from_str(&answer).expect("the API answers JSON");
            assert!(json["assets"].is_array(), "{answer}");
        }
        assert_eq!(issuer.assets_given_and_refused(), (3, 0));
    }
}
