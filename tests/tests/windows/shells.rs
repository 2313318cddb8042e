//! The lines of the README, in the shells that they are for.

use std::{env, os::windows::process::CommandExt, path::PathBuf, process::Command};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, binaries, require, run},
    user::{Account, User},
};

/// A shell that finds `dt-cred`, and curl where there is one.
fn shell(user: &User, program: &str) -> Command {
    let (client, path) = (binaries::client(), env::var_os("PATH").unwrap_or_default());
    let folders = client.parent().into_iter().map(Into::into).chain(env::split_paths(&path));
    let mut shell = user.home.command(program);
    shell.env("PATH", env::join_paths(folders).expect("a PATH"));
    shell
}

/// The system's own curl; wine has none.
fn has_curl() -> bool {
    let system = PathBuf::from(env::var_os("SystemRoot").expect("it is set"));
    require("System32's curl.exe", system.join(r"System32\curl.exe").is_file())
}

/// What is run with the header `h` in place of a request, where there is no curl.
fn request(sandbox: &Sandbox, header: &str) -> String {
    if has_curl() {
        format!("curl.exe -sSf -H {header} {}", sandbox.assets_url())
    } else {
        format!("echo {header}")
    }
}

#[track_caller]
fn got(answer: &Output, header: &str) {
    let expected = if has_curl() { "\"assets\"" } else { header };
    assert!(answer.code == Some(0) && answer.stdout.contains(expected), "{answer:?}");
}

fn cmd(user: &User, line: &str) -> Output {
    let mut cmd = shell(user, "cmd.exe");
    // As it is typed: cmd reads its line by rules of its own.
    cmd.raw_arg(format!("/d /q /c {line}"));
    run(cmd, "")
}

#[test]
fn cmd_sends_the_header_and_nothing_where_there_is_no_token() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let line = format!("for /f \"delims=\" %h in ('dt-cred get') do {}", request(&sandbox, "\"%h\""));
    let without = cmd(&user, &line);
    assert_eq!(without.stdout, "");
    assert!(without.stderr.contains("dt-cred login"), "{}", without.stderr);
    user.log_in(&Account::at(&sandbox));
    let header = user.dt_cred(&["get"]).done();
    got(&cmd(&user, &line), header.trim_end());
}

/// PowerShell's answer to a script; none where there is no PowerShell: wine has a program of that name which does nothing.
fn powershell(user: &User, script: &str) -> Option<Output> {
    let of = |script: &str| {
        let mut powershell = shell(user, "powershell.exe");
        powershell.args(["-NoProfile", "-NonInteractive", "-Command", script]);
        run(powershell, "")
    };
    require("PowerShell", of("6 * 7").stdout.trim() == "42").then(|| of(script))
}

#[test]
fn powershell_stores_sends_and_sets_what_it_is_given() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let Account { url, client_id, client_secret, .. } = Account::at(&sandbox);
    let store = format!(
        "\"url={url}\", \"client_id={client_id}\", \"client_secret={client_secret}\", \"keyring=memory\" | dt-cred store"
    );
    let Some(stored) = powershell(&user, &store) else { return };
    stored.done();
    let header = user.dt_cred(&["get"]).done();
    let answer = powershell(&user, &request(&sandbox, "(dt-cred get)")).expect("it was there");
    got(&answer, header.trim_end());
    let line = format!("$h = dt-cred get; if ($?) {{ {} }}", request(&sandbox, "$h"));
    got(&powershell(&user, &line).expect("it was there"), header.trim_end());
    let set = "dt-cred get --format env | Out-String | Invoke-Expression; $env:DATATRAILS_AUTHTOKEN";
    let set = powershell(&user, set).expect("it was there").done();
    assert_eq!(set.trim_end(), user.token());
    user.dt_cred(&["erase"]).done();
    let nothing = powershell(&user, &line).expect("it was there");
    assert_eq!(nothing.stdout, "");
}
