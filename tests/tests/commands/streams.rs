//! Standard streams that are full, closed or broken, or say nothing.

use std::process::Stdio;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::Running,
    user::{Account, User},
};

#[cfg(target_os = "linux")]
mod linux;

#[test]
fn a_reader_that_leaves_is_no_noise() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    // The pipe lost its only reader before the token is written.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut get = user.home.client(&["get"]);
    let get = get.stdin(Stdio::null()).stdout(writer).output().expect("the client starts");
    assert_eq!((get.status.code(), String::from_utf8_lossy(&get.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn get_reads_no_standard_input() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let token = user.token();
    // It stays open and gives nothing.
    let mut get = Running::start(user.home.client(&["get", "--format", "raw"]), "");
    assert_eq!(get.first_line(), token);
    assert!(get.wait().success());
}
