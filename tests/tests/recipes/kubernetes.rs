//! The Job's pod, as the kubelet and a container runtime would run it.

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, RecipeCheckers},
    user::Account,
};
use serde_json::Value;

use super::{
    answered_once,
    container::{Container, text},
    is_list_of_assets, recipe, search,
};

/// The pod of the recipe, which has one container.
struct Pod {
    spec: Value,
}

impl Pod {
    fn read(checkers: &RecipeCheckers) -> Self {
        let job = checkers.yaml(&recipe("kubernetes.yaml"));
        Self { spec: job["spec"]["template"]["spec"].clone() }
    }

    fn container(&self) -> &Value {
        &self.spec["containers"][0]
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
        let mut container = Container::new()?;
        if let Some(user) = user {
            container.set_user(user);
        }
        let secured = &self.container()["securityContext"];
        assert_eq!(self.spec["securityContext"]["runAsNonRoot"], true);
        assert!(secured["readOnlyRootFilesystem"] == true && secured["allowPrivilegeEscalation"] == false);
        let group =
            self.spec["securityContext"]["fsGroup"].as_u64().and_then(|group| u32::try_from(group).ok());
        let group = group.expect("a group");
        container.add_group(group);
        let volumes = self.spec["volumes"].as_array().expect("volumes");
        for mount in self.container()["volumeMounts"].as_array().expect("mounts") {
            let volume =
                volumes.iter().find(|volume| volume["name"] == mount["name"]).expect("a volume of this name");
            let path = text(&mount["mountPath"]);
            if volume["secret"].is_object() {
                let mode = volume["secret"]["defaultMode"].as_u64().and_then(|mode| u32::try_from(mode).ok());
                container.mount_secret(path, files, mode.expect("a mode"), group);
            } else {
                // The kubelet makes its folder 0777; a file system in memory begins as 1777. Then it gives both to the group.
                let mode = if volume["emptyDir"]["medium"] == "Memory" { "3777" } else { "2777" };
                container.mount_memory(path, &format!("mode={mode},gid={group}"));
            }
        }
        let environment = self.container()["env"].as_array().expect("variables");
        let own = environment.iter().map(|variable| (text(&variable["name"]), text(&variable["value"])));
        let environment: Vec<_> = own.chain(variables.iter().copied()).collect();
        for (name, value) in &environment {
            container.set(name, value);
        }
        let arguments = self.container()["args"].as_array().expect("arguments").iter();
        let mut arguments: Vec<_> = arguments.map(|word| expanded(text(word), &environment)).collect();
        let script = arguments.last_mut().expect("a script");
        script.insert_str(0, prepare);
        Some(container.run(&arguments))
    }
}

/// `$(NAME)` is a variable, `$$` a dollar, and what names no variable stays ("Define Dependent Environment Variables").
fn expanded(word: &str, variables: &[(&str, &str)]) -> String {
    let Some((before, rest)) = word.split_once('$') else { return word.to_owned() };
    // Of two of the same name the later one counts.
    let value = |name| variables.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let name = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let (value, after) = name
        .and_then(|(name, after)| Some((value(name)?, after)))
        .unwrap_or(("$", rest.strip_prefix('$').unwrap_or(rest)));
    format!("{before}{value}{}", expanded(after, variables))
}

#[test]
fn the_pod_is_answered_whoever_its_user_is() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let pod = Pod::read(&checkers);
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
    let Some(output) = Pod::read(&checkers).run(&files, &variables, None, "") else { return };
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
    let run = Pod::read(&checkers).run(&files, &variables, None, "dt-cred stop >/dev/null\n");
    let Some(output) = run else { return };
    assert_eq!((output.code, output.stdout.as_str()), (Some(3), ""), "{output:?}");
    assert_eq!(sandbox.counts().assets.total, 0);
}

#[test]
fn a_pod_that_keeps_its_state_in_a_folder_that_everybody_may_change_fails_and_says_so() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    let mut pod = Pod::read(&checkers);
    let volumes = pod.spec["volumes"].as_array_mut().expect("volumes");
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

#[test]
fn variables_are_expanded_as_kubernetes_does() {
    let variables = [("A", "1"), ("B", "$(A)")];
    for (word, expected) in [
        ("$(A)$(B)", "1$(A)"),
        ("$$(A)", "$(A)"),
        ("$(dt-cred get) \"$A\" $", "$(dt-cred get) \"$A\" $"),
        ("$$$(A)", "$1"),
    ] {
        assert_eq!(expanded(word, &variables), expected, "{word}");
    }
}
