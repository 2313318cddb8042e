//! Real programs as a `keyring_command`: pass and age, as docs/keyrings.md has them.

use std::{fs, process::Command};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{on_path, private_folder, require, run},
    user::{Account, User},
};

use super::source::{configure, failed};

/// Ends the agent that gpg starts in a home, whatever becomes of the test.
struct Agent<'a>(&'a User);

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        let mut end = self.0.home.command("/usr/bin/gpgconf");
        end.args(["--kill", "all"]);
        run(end, "");
    }
}

#[test]
fn pass_gives_the_lines_that_were_inserted_into_it() {
    if !require("pass and gpg", on_path(&["pass", "gpg", "gpgconf"])) {
        return;
    }
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let _agent = Agent(&user);
    private_folder(&user.home.path().join(".gnupg"));
    let program = |words: &[&str]| {
        let mut command: Command = user.home.command(words[0]);
        command.args(&words[1..]).env("PATH", "/usr/bin:/bin");
        command
    };
    let generate = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "a key"];
    run(program(&generate), "").done();
    run(program(&["pass", "init", "a key"]), "").done();
    let account = Account::at(&sandbox);
    run(program(&["pass", "insert", "--multiline", "dt-cred"]), account.lines()).done();
    configure(&user, &["/usr/bin/pass", "show", "dt-cred"]);
    user.token();
    user.dt_cred(&["stop"]).done();
    configure(&user, &["/usr/bin/pass", "show", "no-such-entry"]);
    failed(&user.dt_cred(&["get"]), 6, &["no-such-entry is not in the password store"]);
}

#[test]
fn age_gives_the_lines_that_were_encrypted_with_it() {
    if !require("age", on_path(&["age", "age-keygen"])) {
        return;
    }
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let path = |name: &str| user.home.path().join(name).display().to_string();
    let program = |words: &[&str]| {
        let mut command = user.home.command(words[0]);
        command.args(&words[1..]).env("PATH", "/usr/bin:/bin");
        command
    };
    run(program(&["age-keygen", "-o", &path("key")]), "");
    let key = fs::read_to_string(path("key")).expect("a key");
    let recipient = key.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("a recipient");
    let encrypt = ["age", "--encrypt", "-r", recipient, "-o", &path("lines.age")];
    run(program(&encrypt), Account::at(&sandbox).lines()).done();
    configure(&user, &["/usr/bin/age", "--decrypt", "-i", &path("key"), &path("lines.age")]);
    user.token();
    user.dt_cred(&["stop"]).done();
    fs::write(path("lines.age"), "not encrypted").expect("a file");
    failed(&user.dt_cred(&["get"]), 6, &["/usr/bin/age failed", "age: error"]);
}
