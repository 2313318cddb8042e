//! `get`: its formats, its options, and the profiles it asks for.

#[cfg(unix)]
use dt_cred_tests::user::Account;
use dt_cred_tests::{issuer::Sandbox, user::User};
use serde_json::Value;

#[test]
fn every_format_prints_the_same_token_to_the_letter() {
    let sandbox = Sandbox::http();
    let user = User::logged_in(&sandbox);
    let (token, url) = (user.token(), sandbox.url());
    let cases: &[(&[&str], String)] = &[
        (&["get"], format!("Authorization: Bearer {token}\n")),
        (&["get", "--format", "header"], format!("Authorization: Bearer {token}\n")),
        (&["get", "--format", "raw"], format!("{token}\n")),
        (&["get", "--format", "bearer"], format!("Bearer {token}\n")),
        (&["get", "--format", "curl"], format!("header = \"Authorization: Bearer {token}\"\n")),
        (
            &["get", "--format", "env", "--shell", "sh"],
            format!("export DATATRAILS_AUTHTOKEN='{token}'\nexport DATATRAILS_URL='{url}'\n"),
        ),
        (
            &["get", "--format", "env", "--shell", "fish"],
            format!("set -gx DATATRAILS_AUTHTOKEN '{token}'\nset -gx DATATRAILS_URL '{url}'\n"),
        ),
        (
            &["get", "--format", "env", "--shell", "powershell"],
            format!("$env:DATATRAILS_AUTHTOKEN = '{token}'\n$env:DATATRAILS_URL = '{url}'\n"),
        ),
        (
            &["get", "--format", "env", "--shell", "cmd"],
            format!("set \"DATATRAILS_AUTHTOKEN={token}\"\r\nset \"DATATRAILS_URL={url}\"\r\n"),
        ),
    ];
    for (arguments, expected) in cases {
        let get = user.dt_cred(arguments);
        assert_eq!((get.code, &get.stdout, get.stderr.as_str()), (Some(0), expected, ""), "{arguments:?}");
    }
    assert_eq!(sandbox.counts().tokens.total, 1);
}

#[test]
fn json_has_the_members_of_the_contract() {
    let sandbox = Sandbox::http();
    let user = User::logged_in(&sandbox);
    let json: Value = serde_json::from_str(&user.dt_cred(&["get", "--format", "json"]).done()).expect("JSON");
    assert_eq!(json["schema"], 1);
    assert_eq!(json["access_token"], user.token());
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["profile"], user.profile());
    assert!(json["expires_in"].as_u64().is_some_and(|seconds| (1..=3660).contains(&seconds)), "{json}");
    assert!(json["generation"].as_u64().is_some_and(|generation| generation > 1_700_000_000_000), "{json}");
    assert!(json["expires_at"].as_str().is_some_and(|moment| moment.ends_with('Z')), "{json}");
    assert_eq!(json.as_object().map(serde_json::Map::len), Some(7));
}

#[cfg(unix)]
#[test]
fn a_shell_that_evaluates_the_env_format_has_the_token_and_the_url() {
    let sandbox = Sandbox::http();
    let user = User::logged_in(&sandbox);
    let script = "eval \"$(dt-cred get --format env)\" && \
                  sh -c 'printf \"%s %s\" \"$DATATRAILS_AUTHTOKEN\" \"$DATATRAILS_URL\"'";
    assert_eq!(user.shell(script).done(), format!("{} {}", user.token(), sandbox.url()));
}

#[test]
fn a_min_ttl_within_the_lifetime_is_met_and_one_beyond_it_is_usage() {
    let sandbox = Sandbox::http();
    let user = User::logged_in(&sandbox);
    user.dt_cred(&["get", "--min-ttl", "0"]).done();
    user.dt_cred(&["get", "--min-ttl", "60"]).done();
    let get = user.dt_cred(&["get", "--min-ttl", "4000"]);
    assert_eq!((get.code, get.stdout.as_str()), (Some(2), ""), "{}", get.stderr);
    assert_eq!(get.stderr.lines().count(), 1, "{}", get.stderr);
    assert_eq!(sandbox.counts().tokens.total, 1, "no request can meet it");
}

#[test]
fn fresh_asks_the_issuer_again() {
    let sandbox = Sandbox::http();
    let user = User::logged_in(&sandbox);
    let old = user.token();
    let new = user.dt_cred(&["get", "--fresh", "--format", "raw"]).done();
    assert_ne!(new.trim_end(), old);
    assert_eq!(user.token(), new.trim_end());
    assert_eq!(sandbox.counts().tokens.total, 2);
}

#[test]
fn the_profile_stands_before_or_after_the_command_or_in_the_environment() {
    let sandbox = Sandbox::http();
    let mut user = User::logged_in(&sandbox);
    let profile = user.profile().to_owned();
    let token = user.dt_cred(&["get"]).done();
    user.home.set("DT_CRED_PROFILE", "nobody");
    for arguments in [["-p", &profile, "get"], ["get", "-p", &profile], ["get", "--profile", &profile]] {
        assert_eq!(user.dt_cred(&arguments).done(), token, "{arguments:?}");
    }
    let get = user.dt_cred(&["get"]);
    assert_eq!((get.code, get.stdout.as_str()), (Some(5), ""), "{}", get.stderr);
    assert_eq!(get.stderr.lines().count(), 1, "{}", get.stderr);
}

#[cfg(unix)]
#[test]
fn a_url_with_anything_in_it_reaches_a_shell_as_it_is() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    let url = format!("{}/it's$(id)", account.url);
    let lines = account.lines().replacen(&account.url, &url, 1);
    user.log_in_with(&format!("{lines}token_url={}\n", sandbox.token_url()));
    let script = "eval \"$(dt-cred get --format env)\" && printf %s \"$DATATRAILS_URL\"";
    assert_eq!(user.shell(script).done(), url);
}
