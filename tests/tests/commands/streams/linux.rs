//! Linux: standard streams as a shell closes them, and a disk that is always full.

use dt_cred_tests::{
    issuer::Sandbox,
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
fn a_closed_standard_input_harms_nobody() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let token = user.token();
    assert_eq!(user.shell("dt-cred get --format raw <&-").done().trim_end(), token);
    assert_eq!(user.shell("trap '' INT HUP PIPE; dt-cred get --format raw").done().trim_end(), token);
}
