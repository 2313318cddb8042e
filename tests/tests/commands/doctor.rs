//! `doctor`: one line for each check with its mend, exit 0 only where nothing fails.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(unix)]
mod unix;

use std::fs;

use dt_cred_tests::{
    issuer::{Certificate, Door, Fault, Sandbox, Settings},
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
fn a_daemon_is_started_where_that_is_allowed_and_else_its_absence_fails() {
    let user = User::in_memory();
    let forbidden = user.dt_cred(&["doctor", "--no-start"]);
    assert_eq!((forbidden.code, user.home.daemon_pid()), (Some(8), None));
    assert!(!user.home.state().exists(), "nothing is written");
    assert!(forbidden.stdout.contains("run dt-cred start"), "{}", forbidden.stdout);
    assert_eq!(forbidden.stderr, "dt-cred: 1 of 4 checks failed: each says what mends it\n");
    let (checks, output) = doctor(&user);
    assert_eq!(output.code, Some(8), "nothing is stored yet");
    assert!(checks.contains(&"daemon ok".to_owned()), "{checks:?}");
    assert_eq!(checks.iter().filter(|check| check.ends_with(" fails")).count(), 1, "{checks:?}");
    assert!(user.home.daemon_pid().is_some());
}

/// Its lines, with single spaces, without those on what the system has of defences and keyrings.
fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.contains(" defence: ") && !line.contains(" keyring ")).collect()
}

#[test]
fn a_profile_that_works_has_a_line_for_each_thing_between_it_and_the_api() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    user.log_in(&account);
    let text = user.dt_cred(&["doctor"]).done();
    let (profile, pid) = (user.profile(), user.home.daemon_pid().expect("a daemon"));
    let host = account.url.trim_start_matches("http://");
    let release = env!("CARGO_PKG_VERSION");
    let expected = [
        format!("ok {SOCKET} "),
        format!("ok daemon dt-credd {release}, pid {pid}, up "),
        format!("ok profile {profile} its token is valid for 1 h"),
        format!("ok proxy of {profile} none is used "),
        // Where the default place is the user's own, a home has a file.
        format!("ok configuration {}", if cfg!(target_os = "linux") { "the defaults count: " } else { "" }),
        format!("ok credentials of {profile} they are there, in memory "),
        format!("ok issuer: address {host} has an address "),
        format!("ok issuer: connection {host} takes connections "),
        format!("ok issuer: TLS none: {host} is this machine "),
        "ok clock it is within ".to_owned(),
        format!("ok token of {profile} there is one, valid for 36"),
        format!("ok API {} takes the token ", account.url),
        "ok service none is installed, and none is needed: dt-cred starts the daemon ".to_owned(),
        "ok environment neither a secret nor a token is in it ".to_owned(),
    ];
    let told = lines(&text);
    assert_eq!(told.len(), expected.len(), "{text}");
    for (line, expected) in told.iter().zip(&expected) {
        assert!(format!("{line} ").starts_with(expected), "{line}: {expected}");
    }
    assert!(told[1].contains(", started by a dt-cred, listened for by you"), "{}", told[1]);
    assert!(told[2].ends_with("; kept in the daemon's memory, until the daemon ends"), "{text}");
    let defences = text.lines().filter(|line| line.contains(" defence: ")).count();
    assert!(defences > 0 && (!cfg!(target_os = "linux") || defences == 6), "{text}");
    assert!(text.lines().any(|line| line.contains(" keyring ")), "{text}");
    let (checks, output) = doctor(&user);
    assert_eq!((checks.len(), output.code, output.stderr.as_str()), (text.lines().count(), Some(0), ""));
    assert_eq!(sandbox.counts().tokens.granted, 1, "the token is the one that is held");
}

#[test]
fn what_keeps_a_token_from_its_user_is_told_by_the_step_that_fails() {
    let sandbox = Sandbox::https();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    user.log_in(&account);
    user.dt_cred(&["reject"]).done();
    let profile = user.profile().to_owned();
    let failing = |what: &str, change: &dyn Fn(&mut Settings)| {
        sandbox.set(|settings| {
            *settings = Settings::default();
            change(settings);
        });
        let output = user.dt_cred(&["doctor"]);
        let told = lines(&output.stdout);
        let failing: Vec<_> = told.iter().filter(|line| line.starts_with("fails ")).cloned().collect();
        assert_eq!(output.code, Some(if failing.is_empty() { 0 } else { 8 }), "{what}: {}", output.stdout);
        (failing, told)
    };
    type Step<'a> = (&'a str, &'a dyn Fn(&mut Settings), &'a str, &'a str);
    let steps: [Step; 3] = [
        (
            "a closed door",
            &|settings| settings.door = Door::Closed,
            "fails issuer: connection ",
            "check the network",
        ),
        (
            "a stranger's CA",
            &|settings| settings.certificate = Certificate::UnknownCa,
            "fails issuer: TLS ",
            "--ca-file FILE",
        ),
        (
            "an old certificate",
            &|settings| settings.certificate = Certificate::Expired,
            "fails issuer: TLS ",
            "clock",
        ),
    ];
    for (what, change, line, mend) in steps {
        let (failing, told) = failing(what, change);
        assert!(
            failing.iter().any(|fails| fails.starts_with(line) && fails.contains(mend)),
            "{what}: {told:?}"
        );
        assert!(!told.iter().any(|line| line.contains(" API ")), "{what}: without a token it is not asked");
    }
    let (failed, told) = failing("a clock", &|settings| settings.clock_skew = 3600);
    assert_eq!(failed, [""; 0], "{told:?}");
    let clock = told.iter().find(|line| line.contains(" clock ")).expect("a line");
    assert!(
        clock.starts_with("warning clock it is 3") && clock.contains("s behind the issuer's; set the clock"),
        "{clock}"
    );
    let (failed, told) = failing("no policy", &|settings| settings.policy = false);
    assert_eq!(failed, [""; 0], "{told:?}");
    let mend = format!("no access policy grants anything yet: dt-cred -p {profile} test tells how");
    assert!(told.iter().any(|line| line.starts_with("warning API ") && line.ends_with(&mend)), "{told:?}");
    let (failed, told) =
        failing("a token refused", &|settings| settings.assets_fault = Some(Fault::empty(401)));
    assert!(failed.len() == 1 && failed[0].starts_with("fails API "), "{told:?}");
    user.dt_cred(&["reject"]).done();
    let refused = Fault::oauth(401, "invalid_client", "client authentication failed");
    let (failed, told) =
        failing("credentials refused", &|settings| settings.token_fault = Some(refused.clone()));
    let line = failed.iter().find(|line| line.starts_with("fails token of ")).expect("a line");
    assert!(line.contains(&format!("dt-cred login -p {profile}")), "{line}");
    assert!(!told.iter().any(|line| line.contains(" API ")), "{told:?}");
}

#[test]
fn what_does_not_answer_in_time_is_told_by_its_own_line_and_the_rest_is_told_too() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    sandbox.set(|settings| settings.assets_fault = Some(Fault::Silence));
    let output = user.dt_cred(&["doctor", "--timeout", "3"]);
    let told = lines(&output.stdout);
    let fails: Vec<_> = told.iter().filter(|line| line.starts_with("fails ")).collect();
    assert!(
        fails.len() == 1 && fails[0].starts_with("fails API ") && fails[0].contains("in time"),
        "{told:?}"
    );
    assert!(told.iter().any(|line| line.contains(" token of ")), "{told:?}");
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    user.log_in(&account);
    sandbox.revoke_tokens(&account.client_id);
    let told = lines(&user.dt_cred(&["doctor"]).done());
    assert!(
        told.iter().any(|line| line.starts_with("warning API ") && line.contains("refused the token")),
        "{told:?}"
    );
}

#[test]
fn a_configuration_that_was_changed_or_spoilt_since_it_was_read_is_told() {
    let user = User::in_memory();
    user.log_in(&Account::at(&Sandbox::http()));
    let line = || {
        let text = user.dt_cred(&["doctor"]).stdout;
        lines(&text).into_iter().find(|line| line.contains(" configuration ")).expect("a line")
    };
    assert!(line().starts_with("ok configuration "), "{}", line());
    user.home.configure("default_profile = \"other\"\n");
    assert!(
        line().starts_with("warning configuration ") && line().ends_with("dt-cred stop, then again"),
        "{}",
        line()
    );
    user.home.configure("defualt_profile = \"other\"\n");
    assert!(
        line().starts_with("fails configuration ") && line().contains("line 1: unknown field"),
        "{}",
        line()
    );
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
    let fails: Vec<_> = lines(&doctor.stdout).into_iter().filter(|line| line.starts_with("fails")).collect();
    assert_eq!(fails.len(), 1, "{fails:?}");
    let (start, mend) = ("fails credentials of nobody ", "`dt-cred login -p nobody`");
    assert!(fails[0].starts_with(start) && fails[0].contains(mend), "{fails:?}");
}

#[test]
fn what_the_by_hand_way_left_behind_is_a_warning_and_never_shown() {
    let mut user = User::in_memory();
    user.home.set("DATATRAILS_CLIENT_SECRET", "hunter2-hunter2");
    user.home.set("DATATRAILS_AUTHTOKEN", "hunter2-hunter2");
    let folder = user.home.path().join(".datatrails");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("bearer-token.txt"), "Authorization: Bearer hunter2-hunter2\n").expect("written");
    let sandbox = Sandbox::http();
    user.log_in(&Account::at(&sandbox));
    let (checks, output) = doctor(&user);
    assert_eq!(output.code, Some(0), "a warning is no failure: {}", output.stderr);
    let expected = ["environment warning", "environment warning", "left-over file warning"];
    assert!(checks.ends_with(&expected.map(str::to_owned)), "{checks:?}");
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
