//! Standard output: the answer whole and alone, or an exit code that says otherwise.
#![cfg(unix)]

mod fake;

use std::process::{Command, Stdio};

use dt_cred_proto::message::{Keyring, Response};
use fake::{CLIENT, Outcome, Sandbox, answer, token};

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_exit_8() {
    let sandbox = Sandbox::new();
    sandbox.serve(vec![answer(Response::Token(token()))]);
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a full device");
    let output = sandbox.client(&["get"]).stdout(full).stderr(Stdio::piped()).output().expect("the client");
    Outcome::from(output).failed(8, "cannot write to standard output");
}

#[test]
fn a_closed_standard_output_is_exit_8_and_no_other_descriptor_gets_the_answer() {
    for arguments in [&["get"][..], &["--help"], &["get", "--format", "raw"]] {
        let sandbox = Sandbox::new();
        if arguments[0] == "get" {
            sandbox.serve(vec![answer(Response::Token(token()))]);
        }
        let script = r#""$@" >&-"#;
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh"]).arg(CLIENT).args(arguments);
        shell.env_clear().env("DT_CRED_SOCKET", sandbox.socket());
        Outcome::from(shell.output().expect("a shell")).failed(8, "cannot write to standard output");
    }
}

#[test]
fn a_reader_that_left_is_success_without_noise() {
    let sandbox = Sandbox::new();
    sandbox.serve(vec![answer(Response::Token(token()))]);
    for arguments in [&["get"][..], &["--help"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = sandbox.client(arguments).stdout(writer).stderr(Stdio::piped()).output();
        Outcome::from(output.expect("the client")).said("");
    }
}

#[test]
fn usage_errors_are_one_line_and_help_is_an_answer() {
    let sandbox = Sandbox::new();
    for arguments in [
        &["gte"][..],
        &[],
        &["get", "--format", "xml"],
        &["get", "--min-ttl", "x"],
        &["get", "--shell", "sh"],
    ] {
        sandbox.run(arguments).failed(2, "");
    }
    let outcome = sandbox.run(&["--version"]);
    outcome.said(&format!("dt-cred {}\n", env!("CARGO_PKG_VERSION")));
    let help = sandbox.run(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    assert!(help.stdout.contains("reject"), "{help:?}");
}

#[test]
fn a_variable_that_cannot_be_used_is_named() {
    let sandbox = Sandbox::new();
    for (name, value) in
        [("DT_CRED_TIMEOUT", "soon"), ("DT_CRED_PROFILE", "a/b"), ("DT_CRED_SOCKET", "x.sock")]
    {
        let output = sandbox.client(&["get"]).env(name, value).output().expect("the client");
        Outcome::from(output).failed(2, name);
    }
}

#[test]
fn an_empty_variable_is_none() {
    let sandbox = Sandbox::new();
    let mut client = sandbox.client(&["status"]);
    for name in ["DT_CRED_TIMEOUT", "DT_CRED_PROFILE", "DT_CRED_NO_START", "DT_CRED_SERVER_UID"] {
        client.env(name, "");
    }
    Outcome::from(client.output().expect("the client")).said("no daemon is running; run dt-cred start\n");
}

#[test]
fn what_was_done_is_told_in_words() {
    let profile = |name: &str| name.parse().expect("a name");
    let cases: [(&[&str], Response, &str); 6] = [
        (&["reject"], Response::Rejected { dropped: true }, "the next get asks for a new token\n"),
        (&["reject"], Response::Rejected { dropped: false }, "nothing to do: that token is no longer held\n"),
        (&["erase"], Response::Erased(vec![profile("a")]), "erased profile a\n"),
        (
            &["erase", "--all"],
            Response::Erased(vec![profile("a"), profile("b")]),
            "erased profile a\nerased profile b\n",
        ),
        (&["erase", "--all"], Response::Erased(Vec::new()), "nothing was kept\n"),
        (&["unlock"], Response::Unlocked(Keyring::SecretService), "the Secret Service is open\n"),
    ];
    for (arguments, response, told) in cases {
        let sandbox = Sandbox::new();
        sandbox.serve(vec![answer(response)]);
        sandbox.run(arguments).said(told);
    }
    Sandbox::new().run(&["erase", "--all", "-p", "a"]).failed(2, "leave it or --profile out");
}
