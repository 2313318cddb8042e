//! The sidecars: two containers of one pod, of different users, that share a folder.

use std::path::Path;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, RecipeCheckers},
    user::Account,
};
use serde_json::Value;

use super::{
    answered_once,
    container::{Container, Started, text},
    is_list_of_assets,
    pod::{Given, Pod},
    recipe, search,
};

/// In place of Vault's own program, which Debian has not: it wants what the script gives the real one.
const VAULT: &str = r#"#!/bin/sh
set -eu
: "${VAULT_ADDR:?}"
case "$*" in
  'write -field=token auth/kubernetes/login role=datatrails jwt=@/run/secrets/vault/token')
    test "$(cat /run/secrets/vault/token)" = Jw4rT9bZ2mQx7LkV
    printf Hc8pN5yD1sGf6XeB ;;
  'kv get -mount=secret -field=lines dt-cred')
    test "$VAULT_TOKEN" = Hc8pN5yD1sGf6XeB
    cat <<'LINES'
LINES_OF_STORE
LINES
    ;;
  *) echo "vault: $*?" >&2; exit 2 ;;
esac
"#;

/// The pod of a recipe.
struct Scene {
    pod: Pod,
    sandbox: Sandbox,
    account: Account,
    configuration: Value,
}

impl Scene {
    fn read(checkers: &RecipeCheckers, name: &str) -> Self {
        let documents = checkers.documents(&recipe(name));
        let of = |kind: &str| documents.iter().find(|document| document["kind"] == kind);
        let sandbox = Sandbox::http();
        Self {
            pod: Pod::of(of("Job").expect("a Job")),
            account: Account::at(&sandbox),
            sandbox,
            configuration: of("ConfigMap").map_or(Value::Null, |map| map["data"].clone()),
        }
    }

    fn sidecar(&self) -> &Value {
        &self.pod.spec["initContainers"][0]
    }

    /// The sidecar with these files in its secret, once it serves.
    fn serving(&self, files: &[(&str, &str)], prepare: impl FnOnce(&mut Container)) -> Option<Started> {
        let given = Given { files, configuration: Some(&self.configuration), ..Given::default() };
        let (mut sidecar, arguments) = self.pod.container(self.sidecar(), &given)?;
        prepare(&mut sidecar);
        let running = sidecar.start(&arguments);
        running.0.stderr_line(|line| line.contains("serving profile default"));
        Some(running)
    }

    /// The program, run to its end as this user.
    fn program(&self, user: Option<&str>, variables: &[(&str, &str)]) -> Option<Output> {
        let url = [("DATATRAILS_URL", self.account.url.as_str())];
        let variables = [&url[..], variables].concat();
        let given = Given { user, variables: &variables, ..Given::default() };
        let (program, arguments) = self.pod.container(&self.pod.spec["containers"][0], &given)?;
        Some(program.run(&arguments))
    }

    /// Sees that the program is answered, and that nothing that either says holds a secret.
    #[track_caller]
    fn is_answered(&self, sidecar: &Started) {
        let Some(output) = self.program(None, &[]) else { return };
        assert!(
            output.code == Some(0) && is_list_of_assets(&output.stdout),
            "{output:?}; {}",
            sidecar.0.said()
        );
        answered_once(&self.sandbox);
        let search = search(&self.sandbox, &self.account);
        for said in [&output.stdout, &output.stderr, &sidecar.0.said()] {
            assert_eq!(search.find(said), None, "{said}");
        }
    }
}

#[test]
fn a_program_beside_a_sidecar_is_answered_and_another_user_of_the_pod_is_not() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let scene = Scene::read(&checkers, "kubernetes-sidecar.yaml");
    let lines = scene.account.lines();
    let Some(sidecar) = scene.serving(&[("credentials", &lines)], |_| {}) else { return };
    scene.is_answered(&sidecar);
    let Some(other) = scene.program(Some("10002:10002"), &[]) else { return };
    assert_eq!((other.code, other.stdout.as_str()), (Some(3), ""), "{other:?}");
    sidecar.0.stderr_line(|line| line.contains("refused a client of uid 10002: --allow-uid 10002"));
    // Whoever does not say whose socket it is trusts it not.
    let Some(wary) = scene.program(None, &[("DT_CRED_SERVER_UID", "")]) else { return };
    assert!(wary.code == Some(3) && wary.stderr.contains("set DT_CRED_SERVER_UID=65532"), "{wary:?}");
    answered_once(&scene.sandbox);
}

#[test]
fn a_program_whose_sidecar_is_gone_fails_and_sends_nothing() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let scene = Scene::read(&checkers, "kubernetes-sidecar.yaml");
    let lines = scene.account.lines();
    let Some(mut sidecar) = scene.serving(&[("credentials", &lines)], |_| {}) else { return };
    sidecar.kill();
    let Some(output) = scene.program(None, &[]) else { return };
    assert_eq!((output.code, output.stdout.as_str()), (Some(3), ""), "{output:?}");
    assert_eq!(scene.sandbox.counts().assets.total, 0);
    // The kubelet starts it again, in the same folder.
    let Some(sidecar) = scene.serving(&[("credentials", &lines)], |_| {}) else { return };
    scene.is_answered(&sidecar);
}

#[test]
fn a_sidecar_without_good_credentials_ends_and_makes_no_socket() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let scene = Scene::read(&checkers, "kubernetes-sidecar.yaml");
    let wrong = super::wrong(&scene.sandbox, &scene.account).lines();
    let given = Given { files: &[("credentials", &wrong)], ..Given::default() };
    let Some((sidecar, arguments)) = scene.pod.container(scene.sidecar(), &given) else { return };
    let output = sidecar.run(&arguments);
    assert!(output.code == Some(4) && output.stderr.contains("invalid_client"), "{output:?}");
    assert!(!scene.pod.folder("token").join("dt-cred/agent.sock").exists());
}

#[test]
fn a_sidecar_that_asks_vault_serves_what_it_gives() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let scene = Scene::read(&checkers, "kubernetes-sidecar-vault.yaml");
    let vault = VAULT.replace("LINES_OF_STORE", scene.account.lines().trim_end());
    let files = [("token", "Jw4rT9bZ2mQx7LkV")];
    let put = |sidecar: &mut Container| sidecar.mount_file("/usr/local/bin/vault", &vault, "0555");
    let Some(sidecar) = scene.serving(&files, put) else { return };
    scene.is_answered(&sidecar);
}

#[test]
fn the_probes_look_for_the_socket_that_is_served_and_the_program_asks_there() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    for name in ["kubernetes-sidecar.yaml", "kubernetes-sidecar-vault.yaml"] {
        let scene = Scene::read(&checkers, name);
        let sidecar = scene.sidecar();
        let words = ["args", "command"].into_iter().find_map(|key| sidecar[key].as_array()).expect("words");
        let words: Vec<_> = words.iter().map(text).collect();
        let behind =
            |option| words.iter().skip_while(|word| **word != option).nth(1).copied().expect("a value");
        assert!(Path::new(behind("--socket")).is_absolute());
        assert_eq!(
            sidecar["startupProbe"]["exec"]["command"],
            serde_json::json!(["test", "-S", behind("--socket")])
        );
        let program = &scene.pod.spec["containers"][0];
        let variable = |name: &str| {
            let all = program["env"].as_array().expect("variables");
            all.iter()
                .find(|variable| variable["name"] == name)
                .map(|variable| text(&variable["value"]))
                .expect("set")
        };
        assert_eq!(variable("DT_CRED_SOCKET"), behind("--socket"));
        assert_eq!(variable("DT_CRED_SERVER_UID"), sidecar["securityContext"]["runAsUser"].to_string());
        assert_eq!(behind("--allow-uid"), program["securityContext"]["runAsUser"].to_string());
        assert_eq!(sidecar["restartPolicy"], "Always");
    }
}
