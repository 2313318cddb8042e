//! Windows: neither ssh nor a container takes what it would make.

use dt_cred_tests::user::User;

#[test]
fn forward_says_that_there_is_nothing_to_forward_to_and_starts_no_daemon() {
    let user = User::in_memory();
    let output = user.dt_cred(&["forward", "--socket", "agent.sock"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
    assert!(output.stderr.contains("WSL") && output.stderr.lines().count() == 1, "{output:?}");
    assert_eq!(user.home.daemon_pid(), None);
}
