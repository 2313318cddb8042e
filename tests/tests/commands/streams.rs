//! Standard streams that are full, closed or broken.

use dt_cred_tests::{
    issuer::Sandbox,
    parts::Running,
    user::{Account, User},
};

#[test]
fn a_full_disk_under_standard_output_is_told() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let get = user.shell("dt-cred get >/dev/full");
    assert_eq!((get.code, get.stderr.lines().count()), (Some(8), 1), "{}", get.stderr);
}

#[test]
fn a_closed_standard_output_is_told() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let get = user.shell("dt-cred get >&-");
    assert_eq!((get.code, get.stderr.lines().count()), (Some(8), 1), "{}", get.stderr);
    // Open, to nowhere, both ways: what other programs give a child whose output they do not want.
    user.shell("dt-cred get 1<>/dev/null").done();
}

#[test]
fn a_reader_that_leaves_is_no_noise() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    // The fifo lost its only reader before the token is written.
    let get = user.shell("mkfifo f && { exec 3<>f; exec 4>f; exec 3<&-; } && dt-cred get >&4");
    assert_eq!((get.code, get.stdout.as_str(), get.stderr.as_str()), (Some(0), "", ""));
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

#[test]
fn a_closed_standard_input_harms_nobody() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let token = user.token();
    assert_eq!(user.shell("dt-cred get --format raw <&-").done().trim_end(), token);
    assert_eq!(user.shell("trap '' INT HUP PIPE; dt-cred get --format raw").done().trim_end(), token);
}
