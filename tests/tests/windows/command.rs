//! `keyring_command` with a program of Windows' own.

use std::fs;

use dt_cred_tests::{
    issuer::Sandbox,
    user::{Account, User},
};

use super::failed;

/// A user whose credentials are what cmd gives for this command of its own.
fn of_cmd(words: &[&str]) -> User {
    let user = User::in_memory();
    let program = format!(r"{}\system32\cmd.exe", std::env::var("SystemRoot").expect("Windows' folder"));
    let command = [&[program.as_str(), "/d", "/c"], words].concat();
    let profile = user.profile();
    user.home
        .configure(&format!("[profile.{profile}]\nkeyring = \"command\"\nkeyring_command = {command:?}\n"));
    user
}

#[test]
fn the_lines_that_a_program_prints_are_the_credentials_and_can_only_be_read() {
    let sandbox = Sandbox::http();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lines");
    fs::write(&path, Account::at(&sandbox).lines()).expect("the lines");
    let user = of_cmd(&["type", &path.display().to_string()]);
    user.token();
    assert_eq!(user.status()["keyring"], "command");
    failed(&user.store(&Account::at(&sandbox).lines()), 6, "can only be read");
}

#[test]
fn one_that_fails_is_told_and_what_it_printed_is_not() {
    let user = of_cmd(&["echo client_secret=of-the-output& echo no such entry 1>&2& exit 3"]);
    let get = user.dt_cred(&["get"]);
    failed(&get, 6, "no such entry");
    assert!(get.stderr.contains("exit code: 3") && !get.stderr.contains("of-the-output"), "{}", get.stderr);
}
