//! A CA file that lies where the daemon may not read: it is read all the same, and nothing else there is.

use std::{fs, path::PathBuf};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{SecretService, private_folder, root},
    user::{Account, User},
};
use serde_json::Value;

use super::confinement::{made_by, open};

/// A user of a desktop, and a copy of the issuer's CA in their home.
struct Scene {
    service: SecretService,
    user: User,
    sandbox: Sandbox,
    ca: PathBuf,
}

impl Scene {
    /// None where there is no desktop's keyring.
    fn new() -> Option<Self> {
        let service = SecretService::start()?;
        let mut user = User::new("secret-service");
        user.home.set("DBUS_SESSION_BUS_ADDRESS", service.address());
        let sandbox = Sandbox::https();
        let folder = user.home.path().join("my");
        private_folder(&folder);
        let ca = folder.join("ca.pem");
        fs::copy(sandbox.ca_file().expect("https has one"), &ca).expect("a copy");
        Some(Self { service, user, sandbox, ca })
    }

    /// The item as another program keeps it, or an earlier release: with the CA where the user has it.
    fn keep_by_hand(&self) {
        let account = Account::at(&self.sandbox);
        self.user.log_in(&account);
        let attributes = ["service", "dt-cred", "username", self.user.profile()];
        let secret_tool = |words: &[&str], stdin: &str| {
            self.service.secret_tool(&[words, &attributes].concat(), stdin).done()
        };
        let mut item: Value = serde_json::from_str(&secret_tool(&["lookup"], "")).expect("JSON");
        item["ca_file"] = self.ca.display().to_string().into();
        secret_tool(&["clear"], "");
        secret_tool(&["store", "--label=an item"], &item.to_string());
        self.user.dt_cred(&["stop"]).done();
        fs::remove_dir_all(self.user.home.state().join("ca")).expect("removed");
    }
}

#[test]
fn an_item_whose_ca_file_lies_in_the_home_is_served_by_a_daemon_that_kept_the_right_to_read_it() {
    let Some(scene) = Scene::new() else { return };
    scene.keep_by_hand();
    scene.user.token();
    let state = fs::read_to_string(scene.user.home.state().join("state.toml")).expect("a state");
    assert!(state.contains(&format!("ca = [{:?}]", scene.ca.display().to_string())), "{state}");
    // From now on at once.
    let daemon = scene.user.home.daemon_pid();
    scene.user.dt_cred(&["get", "--fresh"]).done();
    assert_eq!(scene.user.home.daemon_pid(), daemon);
}

#[test]
fn what_is_noted_as_a_ca_file_and_is_none_gives_no_right_to_read_it() {
    let Some(scene) = Scene::new() else { return };
    if !root("another process's files") {
        return;
    }
    let key = scene.user.home.path().join("my/key.pem");
    let ca = fs::read_to_string(&scene.ca).expect("a CA");
    fs::write(&key, format!("{ca}-----BEGIN PRIVATE KEY-----\nMAo=\n-----END PRIVATE KEY-----\n"))
        .expect("a key");
    scene.keep_by_hand();
    let state = scene.user.home.state().join("state.toml");
    let noted = fs::read_to_string(&state).expect("a state");
    fs::write(&state, format!("ca = [{key:?}]\n{noted}")).expect("written");
    scene.user.dt_cred(&["start"]).done();
    let pid = scene.user.home.daemon_pid().expect("a daemon");
    assert_eq!(made_by(pid, &[open(&key, "0"), open(&scene.ca, "0")]), [-13, -13]);
}
