//! `kubectl-credential`: kubectl gets the token for a cluster of the profile's own origin, and says which cluster it is.

#[cfg(target_os = "linux")]
mod real;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::Output,
    user::{Account, User},
};
use serde_json::{Value, json};

const VARIABLE: &str = "KUBERNETES_EXEC_INFO";

fn user_of(sandbox: &Sandbox, url: &str) -> User {
    let user = User::in_memory();
    let account = Account { url: url.to_owned(), ..Account::at(sandbox) };
    user.log_in_with(&format!("{}token_url={}\n", account.lines(), sandbox.token_url()));
    user
}

/// What kubectl says with `provideClusterInfo: true`.
fn info(cluster: &Value) -> String {
    json!({
        "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
        "spec": {"cluster": cluster, "interactive": false},
    })
    .to_string()
}

fn kubectl(user: &mut User, said: &str) -> Output {
    user.home.set(VARIABLE, said);
    user.dt_cred(&["kubectl-credential"])
}

#[track_caller]
fn refused(output: &Output, words: &str) {
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{words}: {}", output.stderr);
    assert!(
        output.stderr.contains(words) && output.stderr.lines().count() == 1,
        "{words}: {}",
        output.stderr
    );
}

#[test]
fn a_cluster_of_the_profiles_own_origin_gets_the_token_to_the_letter() {
    let sandbox = Sandbox::http();
    let mut user = user_of(&sandbox, "https://app.datatrails.ai");
    let token = user.token();
    for server in ["https://app.datatrails.ai", "https://APP.datatrails.ai:443/k8s/clusters/a"] {
        let answer = kubectl(
            &mut user,
            &info(&json!({"server": server, "certificate-authority-data": "eA==", "config": null})),
        );
        let (_, after) = answer.stdout.split_once("\"expirationTimestamp\":\"").unwrap_or_default();
        let (expiry, _) = after.split_once('"').unwrap_or_default();
        let text = answer.stdout.as_str();
        let expected = format!(
            "{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\
             \"status\":{{\"expirationTimestamp\":\"{expiry}\",\"token\":\"{token}\"}}}}\n"
        );
        assert_eq!((answer.code, text, answer.stderr.as_str()), (Some(0), &*expected, ""), "{server}");
        // RFC 3339, in whole seconds.
        assert!(expiry.len() == 20 && expiry.ends_with('Z') && expiry.contains('T'), "{expiry}");
    }
    let named = info(&json!({"server": "https://app.datatrails.ai", "tls-server-name": "App.datatrails.ai"}));
    assert_eq!(kubectl(&mut user, &named).code, Some(0));
    assert_eq!(sandbox.counts().tokens.total, 1, "each was an ordinary get");
}

#[test]
fn a_cluster_of_another_origin_is_refused_with_the_reason() {
    let sandbox = Sandbox::http();
    let mut user = user_of(&sandbox, "https://app.datatrails.ai");
    let elsewhere = "is not where the token of profile";
    for (server, words) in [
        ("https://app.datatrails.ai.evil.example", elsewhere),
        ("https://evil.app.datatrails.ai", elsewhere),
        ("https://app.datatrails.ai:6443", elsewhere),
        ("https://10.0.0.1", elsewhere),
        ("http://127.0.0.1:8080", elsewhere),
        ("http://app.datatrails.ai", "is reached by http"),
        ("http://app.datatrails.ai:443", "is reached by http"),
        ("https://app.datatrails.ai@evil.example", "a user stands in front of the host"),
        ("https://app.datatrails.ai.", "its host is no name"),
        ("https://app.datatrails.ai:0443", "its port is no number"),
        ("https:/\\app.datatrails.ai", "at byte 8"),
        ("https://app.datatrails.ai\u{1b}[2J", "at byte 26"),
        ("app.datatrails.ai", "does not begin with"),
    ] {
        let answer = kubectl(&mut user, &info(&json!({ "server": server })));
        refused(&answer, words);
        assert!(!answer.stderr.contains('\u{1b}'), "{:?}", answer.stderr);
    }
}

#[test]
fn a_kubectl_that_does_not_say_which_cluster_is_refused_with_the_mend() {
    let mut user = User::in_memory();
    let without = json!({
        "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "spec": {"interactive": false},
    });
    refused(&kubectl(&mut user, &without.to_string()), "set provideClusterInfo: true");
    let old = without.to_string().replace("io/v1", "io/v1beta1");
    refused(&kubectl(&mut user, &old), "set apiVersion: client.authentication.k8s.io/v1");
    refused(&kubectl(&mut user, "rubbish"), "is no ExecCredential");
    refused(&kubectl(&mut user, ""), "KUBERNETES_EXEC_INFO is not set");
    assert_eq!(user.home.daemon_pid(), None, "nothing is asked for before it is known for whom");
}

#[test]
fn a_cluster_that_could_be_another_ones_is_refused() {
    let mut user = User::in_memory();
    let server = "https://app.datatrails.ai";
    let insecure = json!({"server": server, "insecure-skip-tls-verify": true});
    refused(&kubectl(&mut user, &info(&insecure)), "take insecure-skip-tls-verify out");
    let named = json!({"server": server, "tls-server-name": "evil.example"});
    refused(&kubectl(&mut user, &info(&named)), "take tls-server-name out");
    let proxied = json!({"server": "http://127.0.0.1:8080", "proxy-url": "http://proxy.example:3128"});
    refused(&kubectl(&mut user, &info(&proxied)), "take proxy-url out");
    assert_eq!(user.home.daemon_pid(), None);
}
