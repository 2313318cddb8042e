//! The kubectl of this machine, where there is one.

use std::{
    fs,
    io::{self, Write},
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, on_path, run},
    user::{Account, User},
};

/// Whether a kubectl is here that speaks `client.authentication.k8s.io/v1` (1.22 and newer); says loudly what is left out
/// where none is. No failure also where real parts are required: Debian 12 has an older one, so `tests/run` can install none.
fn kubectl(user: &User) -> bool {
    let version = || {
        let mut kubectl = user.home.command("kubectl");
        kubectl.args(["version", "--client", "--output=json"]);
        let said: serde_json::Value = serde_json::from_str(&run(kubectl, "").stdout).ok()?;
        let minor = said["clientVersion"]["minor"].as_str()?;
        minor.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().ok()
    };
    let here = on_path(&["kubectl"]) && version().is_some_and(|minor| minor >= 22);
    if !here {
        let _ = io::stderr().write_all(b"LEFT OUT: a test that needs kubectl 1.22 or newer\n");
    }
    here
}

/// kubectl asks the sandbox for assets, as if it were a cluster.
fn assets(user: &User, sandbox: &Sandbox, provide: bool) -> Output {
    let (server, ca) = (sandbox.url(), sandbox.ca_file().expect("of https").display().to_string());
    let program = user.home.client_program().display().to_string();
    let exec = serde_json::json!({
        "apiVersion": "client.authentication.k8s.io/v1", "command": program, "args": ["kubectl-credential"],
        "interactiveMode": "Never", "provideClusterInfo": provide,
    });
    let configuration = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": server, "certificate-authority": ca}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "users": [{"name": "a", "user": {"exec": exec}}],
    });
    let file = user.home.path().join("kubeconfig");
    fs::write(&file, configuration.to_string()).expect("written");
    let mut kubectl = user.home.command("kubectl");
    kubectl.arg("--kubeconfig").arg(file).args(["get", "--raw", "/archivist/v2/assets"]);
    run(kubectl, "")
}

#[test]
fn a_real_kubectl_authenticates_with_the_token_only_where_it_says_which_cluster() {
    let sandbox = Sandbox::https();
    let user = User::in_memory();
    if !kubectl(&user) {
        return;
    }
    user.log_in(&Account::at(&sandbox));
    let given = assets(&user, &sandbox, true);
    assert_eq!(given.code, Some(0), "{}", given.stderr);
    assert!(given.stdout.contains("\"assets\""), "{}", given.stdout);
    let counts = sandbox.counts();
    let without = assets(&user, &sandbox, false);
    assert_ne!(without.code, Some(0), "{}", without.stdout);
    assert!(without.stderr.contains("provideClusterInfo: true"), "{}", without.stderr);
    assert_eq!(sandbox.counts().tokens.total, counts.tokens.total);
}

#[test]
fn a_real_kubectl_gets_nothing_for_another_cluster() {
    let (sandbox, own) = (Sandbox::https(), Sandbox::http());
    let user = User::in_memory();
    if !kubectl(&user) {
        return;
    }
    user.log_in(&Account::at(&own));
    let refused = assets(&user, &sandbox, true);
    assert_ne!(refused.code, Some(0), "{}", refused.stdout);
    assert!(refused.stderr.contains("is not where the token of profile"), "{}", refused.stderr);
}
