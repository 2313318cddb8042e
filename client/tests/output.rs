//! Standard output: the answer whole and alone, or an exit code that says otherwise.

mod fake;

use std::{fs::File, process::Stdio};

use dt_cred_proto::message::Response;
use fake::{Outcome, Sandbox, answer, token};

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_exit_8() {
    let sandbox = Sandbox::new();
    sandbox.serve(vec![answer(Response::Token(token()))]);
    let full = File::options().write(true).open("/dev/full").expect("a full device");
    let output = sandbox.client(&["get"]).stdout(full).stderr(Stdio::piped()).output().expect("the client");
    Outcome::from(output).failed(8, "cannot write to standard output");
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
