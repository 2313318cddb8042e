//! A pod's containers, as the kubelet and a container runtime would make them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::PathBuf,
};

use serde_json::Value;
use tempfile::TempDir;

use super::container::{Container, text};

/// A pod.
pub(super) struct Pod {
    pub(super) spec: Value,
    /// The folders that containers share, by the names of their volumes.
    shared: TempDir,
}

/// What a test puts in place of a cluster's own: the files of secrets and tokens, texts of configuration by the names of
/// their keys, variables, a user.
#[derive(Default)]
pub(super) struct Given<'a> {
    pub(super) files: &'a [(&'a str, &'a str)],
    pub(super) configuration: Option<&'a Value>,
    pub(super) variables: &'a [(&'a str, &'a str)],
    pub(super) user: Option<&'a str>,
}

impl Pod {
    /// The pod of a Job.
    pub(super) fn of(job: &Value) -> Self {
        let spec = job["spec"]["template"]["spec"].clone();
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
        Self { spec, shared: tempfile::Builder::new().prefix("dtp-").tempdir().expect("a folder") }
    }

    /// One of its containers, and the arguments of its entry point; none where the machine permits none.
    pub(super) fn container(&self, of: &Value, given: &Given) -> Option<(Container, Vec<String>)> {
        let mut container = Container::new()?;
        let secured = &of["securityContext"];
        assert!(secured["readOnlyRootFilesystem"] == true && secured["allowPrivilegeEscalation"] == false);
        if let Some(uid) = secured["runAsUser"].as_u64() {
            container.set_user(&format!("{uid}:{}", secured["runAsGroup"]));
        }
        if let Some(user) = given.user {
            container.set_user(user);
        }
        let group = number(&self.spec["securityContext"]["fsGroup"]);
        container.add_group(group);
        for mount in of["volumeMounts"].as_array().expect("mounts") {
            self.mount(&mut container, mount, group, given);
        }
        let environment = of["env"].as_array().expect("variables");
        let own = environment.iter().map(|variable| (text(&variable["name"]), text(&variable["value"])));
        let environment: Vec<_> = own.chain(given.variables.iter().copied()).collect();
        for (name, value) in &environment {
            container.set(name, value);
        }
        let words = |of: &Value| {
            let words = of.as_array().map(Vec::as_slice).unwrap_or_default().iter();
            words.map(|word| expanded(text(word), &environment)).collect::<Vec<_>>()
        };
        if of["command"].is_array() {
            container.set_entry_point(words(&of["command"]));
        }
        Some((container, words(&of["args"])))
    }

    fn mount(&self, container: &mut Container, mount: &Value, group: u32, given: &Given) {
        let volumes = self.spec["volumes"].as_array().expect("volumes");
        let volume =
            volumes.iter().find(|volume| volume["name"] == mount["name"]).expect("a volume of this name");
        let path = text(&mount["mountPath"]);
        let is_read_only = mount["readOnly"] == true;
        if volume["secret"].is_object() || volume["projected"].is_object() {
            let mode = [&volume["secret"], &volume["projected"]]
                .into_iter()
                .find_map(|kind| kind["defaultMode"].as_u64());
            let mode = mode.and_then(|mode| u32::try_from(mode).ok());
            container.mount_secret(path, given.files, mode.expect("a mode"), group);
        } else if volume["configMap"].is_object() {
            let key = text(&mount["subPath"]);
            let data = given.configuration.expect("a configuration");
            container.mount_file(path, text(&data[key]), "0444");
        } else if self.is_shared(&mount["name"]) {
            let folder = self.folder(text(&mount["name"]));
            if !folder.exists() {
                fs::create_dir(&folder).expect("a folder");
                chown(&folder, None, Some(group)).expect("given to the group");
                fs::set_permissions(&folder, fs::Permissions::from_mode(empty(volume))).expect("opened");
            }
            container.mount_folder(path, &folder, is_read_only);
        } else {
            container.mount_memory(path, &format!("mode={:o},gid={group}", empty(volume)));
        }
    }

    /// The folder of a volume that more than one container mounts.
    pub(super) fn folder(&self, volume: &str) -> PathBuf {
        self.shared.path().join(volume)
    }

    fn is_shared(&self, volume: &Value) -> bool {
        let lists = [&self.spec["initContainers"], &self.spec["containers"]];
        let containers = lists.into_iter().filter_map(Value::as_array).flatten();
        let mounts = containers.filter_map(|container| container["volumeMounts"].as_array()).flatten();
        mounts.filter(|mount| mount["name"] == *volume).count() > 1
    }
}

/// The mode of an empty folder. The kubelet makes it 0777; a file system in memory begins as 1777. Then it gives both to the
/// group.
fn empty(volume: &Value) -> u32 {
    if volume["emptyDir"]["medium"] == "Memory" { 0o3777 } else { 0o2777 }
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).expect("a number")
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
