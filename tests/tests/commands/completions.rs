//! What a shell completes: scripts that ask `dt-cred`, and what it answers them.

use dt_cred_tests::{
    issuer::Sandbox,
    parts::Home,
    user::{Account, User},
};

#[cfg(target_os = "linux")]
mod linux;

/// What may stand in the place of `current`, behind `before`; nothing may be said on standard error.
#[track_caller]
fn words(home: &Home, before: &[&str], current: &str) -> Vec<String> {
    let current = format!("={current}");
    let answer = home.dt_cred(&[&["__complete", &current], before].concat());
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{answer:?}");
    let first = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
    answer.stdout.lines().map(first).collect()
}

#[test]
fn completions_without_a_shell_names_those_that_there_are() {
    let home = Home::new();
    let output = home.dt_cred(&["completions"]);
    let told = "dt-cred: no shell was named, of bash, zsh, fish, powershell: dt-cred completions --help shows how each takes it\n";
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (Some(2), "", told));
    let output = home.dt_cred(&["completions", "tcsh"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
    for shell in words(&home, &["completions"], "") {
        let script = home.dt_cred(&["completions", &shell]).done();
        assert!(script.contains("__complete") && script.is_ascii(), "{shell}: {script}");
    }
    assert_eq!(home.daemon_pid(), None);
}

#[test]
fn profiles_are_those_of_the_daemon_that_runs() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let asked = sandbox.counts().tokens.total;
    for (before, current, shown) in [
        (&["get", "-p"][..], "", user.profile().to_owned()),
        (&["-p"], "te", user.profile().to_owned()),
        (&["status", "--json"], "--profile=te", format!("--profile={}", user.profile())),
    ] {
        assert!(words(&user.home, before, current).contains(&shown), "{before:?} {current:?}");
    }
    assert_eq!(words(&user.home, &["get", "-p"], "no-such-profile"), [""; 0]);
    assert_eq!(sandbox.counts().tokens.total, asked);
}

#[test]
fn without_a_daemon_no_profile_is_told_none_is_started_and_nothing_is_said() {
    let mut home = Home::new();
    assert_eq!(words(&home, &["get", "-p"], ""), [""; 0]);
    assert_eq!(home.daemon_pid(), None);
    home.set("DT_CRED_SOCKET", "no place for a socket");
    assert_eq!(words(&home, &["get", "-p"], ""), [""; 0]);
    assert!(words(&home, &[], "get").contains(&"get".to_owned()));
}
