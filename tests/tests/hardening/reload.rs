//! A daemon that reads its configuration anew (SIGHUP), within the rights that it kept and beyond them.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Running, private_folder, wait::until_changed},
    user::{Account, User},
};
use rustix::process::{Signal, kill_process};

/// A user, and a folder for files with their token.
struct Scene {
    sandbox: Sandbox,
    user: User,
    folder: PathBuf,
}

impl Scene {
    fn of(user: User) -> Self {
        let folder = user.home.path().join("tokens");
        private_folder(&folder);
        Self { sandbox: Sandbox::http(), user, folder }
    }

    /// Has the configuration name these files, each with its format.
    fn configure(&self, files: &[(PathBuf, &str)]) {
        let profile = self.user.profile();
        let files = files.iter().map(|(path, format)| {
            format!("[[profile.{profile}.file]]\npath = {path:?}\nformat = \"{format}\"\n")
        });
        self.user.home.configure(&files.collect::<String>());
    }

    fn log_in(&self) {
        self.user.log_in(&Account::at(&self.sandbox));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Waits until these files, and no others, hold these lines.
    fn until(&self, lines: &[(&str, &str)]) {
        let there = || {
            let entries = fs::read_dir(&self.folder).expect("a folder");
            let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
            names.sort();
            let kept = |(name, line): &(&str, &str)| {
                fs::read_to_string(self.file(name)).is_ok_and(|text| text == format!("{line}\n"))
            };
            (names.len() == lines.len() && lines.iter().all(kept)).then_some(())
        };
        until_changed(&self.folder, "the files to be as they are configured", there);
    }

    fn reload(&self) {
        kill_process(self.user.home.daemon_pid().expect("a daemon"), Signal::HUP).expect("it is told");
    }

    /// A daemon in the foreground.
    fn start(&self) -> Running {
        self.user.home.start_daemon()
    }
}

#[test]
fn a_configuration_that_is_read_anew_counts_at_once_and_loses_no_token() {
    let scene = Scene::of(User::in_memory());
    let (one, other) = (scene.file("one"), scene.file("other"));
    scene.configure(&[(one.clone(), "header"), (other.clone(), "header")]);
    let daemon = scene.start();
    scene.log_in();
    let token = scene.user.token();
    let header = format!("Authorization: Bearer {token}");
    scene.until(&[("one", &header), ("other", &header)]);
    // One stays, one is another format, one is new in a folder that is written to already.
    scene.configure(&[(one.clone(), "header"), (other.clone(), "raw"), (scene.file("third"), "raw")]);
    scene.reload();
    scene.until(&[("one", &header), ("other", &token), ("third", &token)]);
    scene.configure(&[(other, "raw")]);
    scene.reload();
    scene.until(&[("other", &token)]);
    scene.configure(&[]);
    scene.reload();
    scene.until(&[]);
    assert_eq!(scene.user.token(), token);
    assert_eq!(scene.sandbox.counts().tokens.total, 1);
    daemon.stderr_line(|line| line.contains("the configuration was read anew"));
}

#[test]
fn a_configuration_that_is_wrong_changes_nothing_and_is_told_in_the_log() {
    let scene = Scene::of(User::in_memory());
    let one = scene.file("one");
    scene.configure(&[(one, "raw")]);
    let daemon = scene.start();
    scene.log_in();
    let token = scene.user.token();
    scene.until(&[("one", &token)]);
    scene.user.home.configure("nonsense = 1\n");
    scene.reload();
    daemon.stderr_line(|line| line.contains("the configuration is as it was") && line.contains("nonsense"));
    scene.until(&[("one", &token)]);
    assert_eq!(scene.user.token(), token);
}

#[test]
fn a_configuration_that_needs_rights_that_were_given_up_ends_the_daemon_and_the_next_one_has_them() {
    let Some(user) = User::in_keyring() else { return };
    let scene = Scene::of(user);
    let mut daemon = scene.start();
    scene.log_in();
    scene.user.token();
    scene.configure(&[(scene.file("one"), "raw")]);
    scene.reload();
    assert_eq!(daemon.wait().code(), Some(1), "so that a service manager starts another");
    assert!(daemon.said().contains("takes rights that this daemon gave up"), "{}", daemon.said());
    // Without a service manager the next command does.
    let token = scene.user.token();
    scene.until(&[("one", &token)]);
    assert_eq!(scene.sandbox.counts().tokens.total, 2);
    scene.user.dt_cred(&["erase"]).done();
}

#[test]
fn a_configuration_that_needs_such_rights_ends_no_daemon_that_holds_the_only_copy_of_credentials() {
    let scene = Scene::of(User::in_memory());
    let daemon = scene.start();
    scene.log_in();
    let token = scene.user.token();
    scene.configure(&[(scene.file("one"), "raw")]);
    scene.reload();
    daemon.stderr_line(|line| line.contains("credentials in memory alone would be lost"));
    assert_eq!(scene.user.token(), token);
    assert_eq!(scene.sandbox.counts().tokens.total, 1);
}

#[test]
fn a_configuration_that_is_a_symlink_is_read_anew_where_it_leads() {
    let scene = Scene::of(User::in_memory());
    let one = scene.file("one");
    scene.configure(&[(one.clone(), "raw")]);
    let (link, kept) = (scene.user.home.configuration(), scene.user.home.path().join("dotfiles"));
    private_folder(&kept);
    fs::rename(&link, kept.join("dt-cred.toml")).expect("moved");
    symlink(kept.join("dt-cred.toml"), &link).expect("a symlink");
    let _daemon = scene.start();
    scene.log_in();
    let token = scene.user.token();
    scene.until(&[("one", &token)]);
    scene.configure(&[(one, "header")]);
    assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
    scene.reload();
    scene.until(&[("one", &format!("Authorization: Bearer {token}"))]);
}

#[test]
fn a_configuration_that_was_replaced_where_a_symlink_leads_is_read_anew_by_the_next_daemon() {
    let Some(user) = User::in_keyring() else { return };
    let scene = Scene::of(user);
    let linked = scene.user.home.path().join("dotfiles");
    private_folder(&linked);
    scene.configure(&[]);
    let (link, kept) = (scene.user.home.configuration(), linked.join("dt-cred.toml"));
    fs::rename(&link, &kept).expect("moved");
    symlink(&kept, &link).expect("a symlink");
    let mut daemon = scene.start();
    scene.log_in();
    // As an editor saves: another file, which the daemon may not read.
    fs::copy(&kept, linked.join("new")).expect("a copy");
    fs::rename(linked.join("new"), &kept).expect("replaced");
    scene.reload();
    assert_eq!(daemon.wait().code(), Some(1), "so that a service manager starts another");
    scene.user.token();
    scene.user.dt_cred(&["erase"]).done();
}

#[test]
fn whom_a_client_started_ends_for_no_configuration_as_nobody_would_start_the_next_one() {
    let Some(user) = User::in_keyring() else { return };
    let scene = Scene::of(user);
    let one = scene.file("one");
    scene.configure(&[(one.clone(), "raw")]);
    scene.log_in();
    let token = scene.user.token();
    scene.until(&[("one", &token)]);
    let elsewhere = scene.user.home.path().join("elsewhere/two");
    scene.configure(&[(one, "raw"), (elsewhere.clone(), "raw")]);
    scene.reload();
    let log = scene.user.home.state().join("dt-credd.log");
    until_changed(&scene.user.home.state(), "it to be told in the log", || {
        fs::read_to_string(&log).ok()?.contains("dt-cred stop, then dt-cred start").then_some(())
    });
    scene.until(&[("one", &token)]);
    scene.user.dt_cred(&["stop"]).done();
    scene.user.dt_cred(&["start"]).done();
    let token = scene.user.token();
    scene.until(&[("one", &token)]);
    until_changed(elsewhere.parent().expect("a folder"), "the other file", || {
        elsewhere.exists().then_some(())
    });
    scene.user.dt_cred(&["erase"]).done();
}

#[test]
fn a_folder_that_is_another_one_than_at_the_start_takes_another_daemon() {
    let Some(user) = User::in_keyring() else { return };
    let scene = Scene::of(user);
    scene.configure(&[(scene.file("one"), "raw")]);
    let mut daemon = scene.start();
    scene.log_in();
    let token = scene.user.token();
    scene.until(&[("one", &token)]);
    fs::remove_dir_all(&scene.folder).expect("removed");
    private_folder(&scene.folder);
    scene.reload();
    assert_eq!(daemon.wait().code(), Some(1), "so that a service manager starts another");
    let token = scene.user.token();
    scene.until(&[("one", &token)]);
    scene.user.dt_cred(&["erase"]).done();
}
