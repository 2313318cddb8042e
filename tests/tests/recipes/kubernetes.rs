//! The Job's pod, as the kubelet and a container runtime would run it.

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, RecipeCheckers},
    user::Account,
};

use super::{
    answered_once, is_list_of_assets,
    pod::{Given, Pod},
    recipe, search,
};

/// The pod of the recipe, which has one container.
struct Job(Pod);

impl Job {
    fn read(checkers: &RecipeCheckers) -> Self {
        Self(Pod::of(&checkers.yaml(&recipe("kubernetes.yaml"))))
    }

    /// Runs it with these files in its secret and these variables instead of its own, as this user; `prepare` is what
    /// its arguments do first.
    fn run(
        &self,
        files: &[(&str, &str)],
        variables: &[(&str, &str)],
        user: Option<&str>,
        prepare: &str,
    ) -> Option<Output> {
        let given = Given { files, variables, user, ..Given::default() };
        let (container, mut arguments) = self.0.container(&self.0.spec["containers"][0], &given)?;
        arguments.last_mut().expect("a script").insert_str(0, prepare);
        Some(container.run(&arguments))
    }
}

#[test]
fn the_pod_is_answered_whoever_its_user_is() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let pod = Job::read(&checkers);
    // Of OpenShift's users each is of the group root, and of the pod's.
    for user in [None, Some("1000660000:0")] {
        let sandbox = Sandbox::http();
        let account = Account::at(&sandbox);
        let lines = account.lines();
        let look = "env >&2; find /run/dt-cred -type f -exec cat {} + >&2\n";
        let run = pod.run(&[("credentials", &lines)], &[("DATATRAILS_URL", &account.url)], user, look);
        let Some(output) = run else { return };
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(is_list_of_assets(&output.stdout), "{output:?}");
        assert!(output.stderr.contains(" dt_credd: listening"), "{output:?}");
        assert_eq!(search(&sandbox, &account).find(&output.stderr), None, "{output:?}");
        answered_once(&sandbox);
    }
}

#[test]
fn an_issuer_of_a_ca_that_lies_beside_the_credentials_in_the_secret_is_trusted() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let sandbox = Sandbox::https();
    let account = Account::at(&sandbox);
    let ca = std::fs::read_to_string(sandbox.ca_file().expect("over https")).expect("a CA");
    let lines = Account { ca_file: Some("/etc/dt-cred/ca.pem".to_owned()), ..account.clone() }.lines();
    let variables = [("DATATRAILS_URL", account.url.as_str()), ("CURL_CA_BUNDLE", "/etc/dt-cred/ca.pem")];
    let files = [("credentials", lines.as_str()), ("ca.pem", ca.as_str())];
    let Some(output) = Job::read(&checkers).run(&files, &variables, None, "") else { return };
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(is_list_of_assets(&output.stdout), "{output:?}");
    answered_once(&sandbox);
}

#[test]
fn a_pod_whose_daemon_is_gone_fails_and_sends_nothing() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    let (files, variables) = ([("credentials", account.lines())], [("DATATRAILS_URL", account.url.as_str())]);
    let files = files.each_ref().map(|(name, lines)| (*name, lines.as_str()));
    let run = Job::read(&checkers).run(&files, &variables, None, "dt-cred stop >/dev/null\n");
    let Some(output) = run else { return };
    assert_eq!((output.code, output.stdout.as_str()), (Some(3), ""), "{output:?}");
    assert_eq!(sandbox.counts().assets.total, 0);
}

#[test]
fn a_pod_that_keeps_its_state_in_a_folder_that_everybody_may_change_fails_and_says_so() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    let mut pod = Job::read(&checkers);
    let volumes = pod.0.spec["volumes"].as_array_mut().expect("volumes");
    let state = volumes.iter_mut().find(|volume| volume["emptyDir"].is_object()).expect("an empty folder");
    state["emptyDir"] = serde_json::json!({});
    let lines = account.lines();
    let run = pod.run(&[("credentials", &lines)], &[("DATATRAILS_URL", &account.url)], None, "");
    let Some(output) = run else { return };
    assert_eq!((output.code, output.stdout.as_str()), (Some(7), ""), "{output:?}");
    assert!(output.stderr.contains("\"/run/dt-cred\" can be written by others (mode 2777)"), "{output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    assert_eq!(sandbox.counts().tokens.total, 0);
}
