//! `exec --file`: the file is there, private and fresh, for as long as the program or what it started runs, and no longer.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use dt_cred_tests::{
    issuer::{Door, Sandbox},
    parts::{Running, on_path, private_folder, require, root, run, until, wait::until_changed},
    user::{Account, User},
};
use rustix::process::Signal;
use serde_json::Value;

use super::{exec, nothing_run};

/// A program that was lent a file, and reads a line before it ends.
struct Program {
    running: Running,
    path: PathBuf,
}

impl Program {
    fn start(user: &User, options: &[&str]) -> Self {
        let script = ["--", "sh", "-c", "echo \"$DATATRAILS_AUTHTOKEN_FILENAME\"; read line"];
        let running = Running::start(user.home.client(&[&["exec", "--file"], options, &script].concat()), "");
        let path = PathBuf::from(running.first_line());
        Self { running, path }
    }

    fn folder(&self) -> &Path {
        self.path.parent().expect("it lies in a folder")
    }

    fn token(&self) -> Option<String> {
        fs::read_to_string(&self.path).ok()
    }

    /// Waits until the file holds another line than this one, and one at all.
    fn until_other(&self, line: &str) -> String {
        until_changed(self.folder(), "another token", || self.token().filter(|token| token != line))
    }

    fn until_gone(&self) {
        until_changed(self.folder(), "the file to go", || (!self.path.exists()).then_some(()));
    }

    fn end(&mut self) {
        self.running.close_stdin();
        self.running.wait();
    }
}

/// Everything that lies in a folder; nothing where there is none.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

#[test]
fn it_is_private_beside_the_socket_and_gone_when_the_program_has_ended() {
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    user.log_in(&Account::at(&sandbox));
    let mut program = Program::start(&user, &[]);
    assert_eq!(program.folder(), user.home.socket().with_extension("lent"));
    assert_eq!((mode(&program.path), mode(program.folder())), (0o600, 0o700));
    assert_eq!(program.token(), Some(format!("{}\n", user.token())));
    program.end();
    program.until_gone();
    assert_eq!(names(program.folder()), [""; 0]);
    // Nothing of it is noted anywhere: each program leaves no trace.
    let state = fs::read_to_string(user.home.state().join("state.toml")).unwrap_or_default();
    assert!(!state.contains("lent"), "{state}");
    assert!(names(&user.home.state()).iter().all(|name| !name.starts_with("file-")));
}

#[test]
fn it_is_gone_when_the_program_is_killed() {
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    user.log_in(&Account::at(&sandbox));
    let mut program = Program::start(&user, &[]);
    assert!(program.path.exists());
    program.running.signal(Signal::KILL);
    program.running.wait();
    program.until_gone();
}

#[test]
fn it_follows_a_reject_an_erase_and_a_new_login() {
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    user.log_in(&Account::at(&sandbox));
    let program = Program::start(&user, &[]);
    let first = program.token().expect("a token");
    user.dt_cred(&["reject"]).done();
    // Nobody asks for the next one: the file does.
    let second = program.until_other(&first);
    assert_eq!(second, format!("{}\n", user.token()));
    user.dt_cred(&["erase"]).done();
    program.until_gone();
    user.log_in(&Account::at(&sandbox));
    let third = program.until_other(&second);
    assert_eq!(third, format!("{}\n", user.token()));
    assert_eq!((mode(&program.path), sandbox.counts().tokens.total), (0o600, 3));
}

#[test]
fn two_programs_have_a_file_each_and_the_end_of_one_is_not_the_others() {
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    user.log_in(&Account::at(&sandbox));
    let (mut one, other) = (Program::start(&user, &[]), Program::start(&user, &[]));
    assert_ne!(one.path, other.path);
    let token = other.token();
    assert_eq!(one.token(), token);
    one.end();
    one.until_gone();
    assert_eq!(other.token(), token);
    user.dt_cred(&["reject"]).done();
    other.until_other(&token.expect("a token"));
}

#[test]
fn what_the_program_left_running_has_it_until_that_ends_too() {
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    user.log_in(&Account::at(&sandbox));
    let fifo = user.home.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo").success());
    let script = "echo \"$DATATRAILS_AUTHTOKEN_FILENAME\"; cat fifo >/dev/null 2>&1 </dev/null &";
    let path = PathBuf::from(exec(&user, &["--file"], &["sh", "-c", script]).done().trim_end());
    let first = fs::read_to_string(&path).expect("it is there");
    user.dt_cred(&["reject"]).done();
    let folder = path.parent().expect("a folder");
    until_changed(folder, "another token", || fs::read_to_string(&path).ok().filter(|token| *token != first));
    // Opened for writing once cat has opened it for reading; closed, that is cat's end.
    drop(fs::File::options().write(true).open(&fifo).expect("cat reads"));
    until_changed(folder, "the file to go", || (!path.exists()).then_some(()));
}

#[test]
fn it_is_gone_once_the_daemon_has_ended_and_what_a_killed_one_left_is_removed_by_the_next() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    user.log_in(&Account::at(&sandbox));
    let program = Program::start(&user, &[]);
    assert!(program.path.exists());
    user.dt_cred(&["stop"]).done();
    assert!(!program.folder().exists(), "{:?}", names(program.folder()));
    let program = Program::start(&user, &[]);
    fs::write(program.path.with_extension("dt-cred-new"), "half a tok").expect("written");
    user.home.kill_daemon();
    assert_eq!(names(program.folder()).len(), 2, "its end leaves them");
    sandbox.set(|settings| settings.door = Door::Closed);
    user.dt_cred(&["start"]).done();
    user.dt_cred(&["status"]).done();
    assert!(!program.folder().exists(), "{:?}", names(program.folder()));
}

#[test]
fn a_daemon_that_is_told_to_end_by_a_signal_removes_it() {
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    let mut daemon = user.home.start_daemon();
    user.log_in(&Account::at(&sandbox));
    let program = Program::start(&user, &[]);
    assert!(program.path.exists());
    daemon.signal(Signal::TERM);
    assert!(daemon.wait().success());
    assert!(!program.folder().exists(), "{:?}", names(program.folder()));
}

#[test]
fn status_shows_it_and_it_is_refreshed_ahead_though_nobody_asks() {
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    user.home.configure(&format!("[profile.{}]\nkeep_warm = 0\n", user.profile()));
    user.log_in(&Account::at(&sandbox));
    user.token();
    let status =
        || -> Value { serde_json::from_str(&user.dt_cred(&["status", "--json"]).done()).expect("JSON") };
    assert_eq!((&status()["files"], &user.status()["next_fetch_in"]), (&Value::Array(vec![]), &Value::Null));
    let mut program = Program::start(&user, &[]);
    let file = &status()["files"][0];
    assert_eq!(
        [&file["profile"], &file["path"], &file["format"], &file["error"]],
        [&user.profile().into(), &program.path.to_str().into(), &"raw".into(), &Value::Null]
    );
    assert_eq!(file["generation"], user.status()["generation"]);
    assert!(user.status()["next_fetch_in"].is_u64(), "{}", user.status());
    program.end();
    until("the file to be given back", || (status()["files"] == Value::Array(vec![])).then_some(()));
    until("the next fetch to wait for somebody", || user.status()["next_fetch_in"].is_null().then_some(()));
}

#[test]
fn whoever_was_lent_a_file_is_in_the_log() {
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    user.log_in(&Account::at(&sandbox));
    exec(&user, &["--file"], &["true"]).done();
    let log: Value = serde_json::from_str(&user.dt_cred(&["log", "--json"]).done()).expect("JSON");
    let entries = log["entries"].as_array().expect("a list");
    assert_eq!(entries.len(), 1, "{log}");
    assert_eq!((&entries[0]["outcome"], &entries[0]["profile"]), (&"served".into(), &user.profile().into()));
}

#[test]
fn a_folder_that_is_a_link_or_open_to_others_gets_no_token() {
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    user.log_in(&Account::at(&sandbox));
    let folder = user.home.socket().with_extension("lent");
    let elsewhere = user.home.path().join("elsewhere");
    private_folder(&elsewhere);
    symlink(&elsewhere, &folder).expect("linked");
    nothing_run(exec(&user, &["--file"], &["true"]), "is not a folder");
    assert_eq!(names(&elsewhere), [""; 0]);
    fs::remove_file(&folder).expect("removed");
    private_folder(&folder);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("opened");
    nothing_run(exec(&user, &["--file"], &["true"]), "chmod 700");
    assert_eq!(names(&folder), [""; 0]);
    if root("a folder of another user's") {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("private");
        std::os::unix::fs::chown(&folder, Some(54_321), None).expect("given away");
        nothing_run(exec(&user, &["--file"], &["true"]), "belongs to uid 54321");
    }
}

#[test]
fn it_lies_beside_the_socket_that_the_user_names() {
    let (sandbox, mut user) = (Sandbox::http(), User::in_memory());
    let socket = user.home.another_socket("named");
    user.home.set("DT_CRED_SOCKET", &socket);
    user.dt_cred(&["start"]).done();
    user.log_in(&Account::at(&sandbox));
    let mut program = Program::start(&user, &[]);
    assert_eq!(program.folder(), socket.with_extension("lent"));
    assert_eq!(program.token(), Some(format!("{}\n", user.token())));
    program.end();
    program.until_gone();
    user.dt_cred(&["stop"]).done();
}

#[test]
fn python_reads_it_anew_as_the_sdk_does() {
    if !require("python3", on_path(&["python3"])) {
        return;
    }
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    user.log_in(&Account::at(&sandbox));
    let read = "import os; print(open(os.environ['DATATRAILS_AUTHTOKEN_FILENAME'], encoding='utf-8').read().strip())";
    let output = run(user.home.client(&["exec", "--file", "python3", "-c", read]), "").done();
    assert_eq!(output, format!("{}\n", user.token()));
}
