//! `doctor`: one line for each check with its mend, exit 0 only where nothing fails; nothing is started or changed.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(unix)]
mod unix;

use std::fs;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::Output,
    user::{Account, User},
};
use serde_json::Value;

/// The checks by `doctor --json`, each as `name verdict`, and what it left.
fn doctor(user: &User) -> (Vec<String>, Output) {
    let output = user.dt_cred(&["doctor", "--json"]);
    let said: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!((&said["schema"], said["release"].is_string()), (&1.into(), true), "{said}");
    let line = |check: &Value| {
        format!(
            "{} {}",
            check["check"].as_str().expect("a name"),
            check["verdict"].as_str().expect("a verdict")
        )
    };
    (said["checks"].as_array().expect("a list").iter().map(line).collect(), output)
}

/// What the first check is called.
const SOCKET: &str = if cfg!(windows) { "pipe" } else { "socket" };

#[test]
fn without_a_daemon_nothing_fails_and_none_is_started() {
    let user = User::in_memory();
    let (checks, output) = doctor(&user);
    assert_eq!(checks, [&format!("{SOCKET} ok"), "daemon ok", "environment ok"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert_eq!(user.home.daemon_pid(), None);
    assert!(!user.home.state().exists(), "nothing is written");
    let forbidden = user.dt_cred(&["doctor", "--no-start"]);
    assert_eq!(forbidden.code, Some(8));
    assert!(forbidden.stdout.contains("run dt-cred start"), "{}", forbidden.stdout);
    assert_eq!(forbidden.stderr, "dt-cred: 1 of 3 checks failed: each says what mends it\n");
}

#[test]
fn a_profile_with_a_token_has_a_line_for_each_check() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let before = user.status();
    let text = user.dt_cred(&["doctor"]).done();
    let (profile, pid) = (user.profile(), user.home.daemon_pid().expect("a daemon"));
    let expected = [
        format!("ok {SOCKET} "),
        format!("ok daemon dt-credd {}, pid {pid}, up ", env!("CARGO_PKG_VERSION")),
        format!("ok profile {profile} its token is valid for 1 h"),
        format!("ok proxy of {profile} none is used"),
        "ok environment neither a secret nor a token is in it".to_owned(),
    ];
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    // What there is to defend itself with is the system's.
    let (defences, lines): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("ok defence: "));
    assert_eq!(lines.len(), expected.len(), "{text}");
    assert!(!defences.is_empty() && (!cfg!(target_os = "linux") || defences.len() == 6), "{text}");
    for (line, expected) in lines.iter().zip(&expected) {
        assert!(format!("{line} ").starts_with(expected), "{line}: {expected}");
    }
    assert!(lines[2].ends_with("; kept in the daemon's memory, until the daemon ends"), "{text}");
    let (checks, output) = doctor(&user);
    assert_eq!(
        (checks.len(), output.code, output.stderr.as_str()),
        (expected.len() + defences.len(), Some(0), ""),
        "{checks:?}"
    );
    assert_eq!(user.status()["served"], before["served"], "nothing was changed");
    assert_eq!(sandbox.counts().tokens.total, 1);
}

#[test]
fn a_profile_that_is_refused_fails_and_says_what_mends_it() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    user.log_in(&account);
    sandbox.regenerate_secret(&account.client_id);
    user.dt_cred(&["reject"]).done();
    assert_eq!(user.dt_cred(&["get"]).code, Some(4));
    let doctor = user.dt_cred(&["doctor"]);
    assert_eq!((doctor.code, doctor.stderr.lines().count()), (Some(8), 1), "{}", doctor.stderr);
    let line = doctor.stdout.lines().find(|line| line.starts_with("fails")).expect("a line that fails");
    assert!(
        line.contains(&format!("profile {}", user.profile())) && line.contains("dt-cred login"),
        "{line}"
    );
    assert_eq!(user.dt_cred(&["doctor", "-p", "nobody"]).code, Some(8));
}

#[test]
fn a_profile_that_is_not_there_fails_by_its_name() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    let doctor = user.dt_cred(&["doctor", "-p", "nobody"]);
    assert_eq!(doctor.code, Some(8));
    let line = doctor.stdout.lines().find(|line| line.starts_with("fails")).expect("a line that fails");
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words.join(" "), "fails profile nobody nothing is stored for it: run dt-cred login -p nobody");
}

#[test]
fn what_the_by_hand_way_left_behind_is_a_warning_and_never_shown() {
    let mut user = User::in_memory();
    user.home.set("DATATRAILS_CLIENT_SECRET", "hunter2-hunter2");
    user.home.set("DATATRAILS_AUTHTOKEN", "hunter2-hunter2");
    let folder = user.home.path().join(".datatrails");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("bearer-token.txt"), "Authorization: Bearer hunter2-hunter2\n").expect("written");
    let (checks, output) = doctor(&user);
    assert_eq!(output.code, Some(0), "a warning is no failure: {}", output.stderr);
    let expected = [
        &format!("{SOCKET} ok"),
        "daemon ok",
        "environment warning",
        "environment warning",
        "left-over file warning",
    ];
    assert_eq!(checks, expected);
    let text = user.dt_cred(&["doctor"]).done();
    for said in [&output.stdout, &text] {
        assert!(!said.contains("hunter2"), "{said}");
    }
    for words in [
        "unset DATATRAILS_CLIENT_SECRET",
        "unset DATATRAILS_AUTHTOKEN",
        "bearer-token.txt is there",
        "delete it",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_bug_report_holds_no_secret_no_token_no_whole_id_no_home_and_no_proxys_password() {
    let user = User::in_memory();
    // Nothing listens at port 1; the issuer is never reached.
    user.home.configure(&format!(
        "[profile.{}]\nproxy = \"http://zoe-at-proxy:hunter2-hunter2@127.0.0.1:1/hunter2-hunter2\"\n",
        user.profile()
    ));
    let id = "0d7bca98-1a5a-4f0a-9d3f-0ba2a4a4a1c2";
    let lines = format!(
        "url=https://app.example.com\nclient_id={id}\nclient_secret=hunter2-hunter2\nno_check=true\n"
    );
    user.log_in_with(&lines);
    // Whoever names a profile by an id finds it whole in what is for them alone.
    user.home.dt_cred_with(&["store", "-p", id], format!("{lines}keyring=memory\n")).done();
    let get = user.dt_cred(&["get", "--timeout", "5"]);
    assert_eq!(get.code, Some(1), "{}", get.stderr);
    let outputs = [&["doctor", "--json"][..], &["doctor"], &["status"], &["status", "--json"]]
        .map(|arguments| user.dt_cred(arguments));
    for output in outputs.iter().chain([&get]) {
        assert!(!output.stdout.contains("hunter2") && !output.stderr.contains("hunter2"), "{output:?}");
        assert!(!output.stdout.contains("zoe-at-proxy"), "{output:?}");
    }
    let [json, text, ..] = &outputs;
    assert_eq!((json.code, text.code), (Some(8), Some(8)), "{}", text.stdout);
    assert!(text.stdout.contains("http://127.0.0.1:1\n"), "{}", text.stdout);
    assert!(text.stdout.contains(id), "{}", text.stdout);
    assert!(!json.stdout.contains(id) && json.stdout.contains("profile 0d7bca98…"), "{}", json.stdout);
    assert!(!json.stdout.contains(&user.home.path().display().to_string()), "{}", json.stdout);
    let log = fs::read_to_string(user.home.state().join("dt-credd.log")).expect("a log");
    assert!(!log.is_empty() && !log.contains("hunter2") && !log.contains("zoe-at-proxy"), "{log}");
}
