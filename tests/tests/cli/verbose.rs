//! `-v` and DT_CRED_LOG: what is done is told on standard error, and nothing of it is a secret.

use dt_cred_tests::{
    commands::leaves,
    issuer::Sandbox,
    parts::{binaries, run},
    user::{Account, User},
};

#[track_caller]
fn tells(stderr: &str, words: &[&str]) {
    assert!(stderr.lines().all(|line| line.starts_with("dt-cred: ")), "{stderr}");
    let mut lines = stderr.lines();
    for word in words {
        assert!(lines.any(|line| line.contains(word)), "{word}, in this order: {stderr}");
    }
}

#[test]
fn verbose_tells_the_socket_the_start_the_question_and_its_answer() {
    let user = User::in_memory();
    let get = user.dt_cred(&["-v", "get"]);
    assert_eq!((get.code, get.stdout.as_str()), (Some(5), ""));
    let program = format!("starting {:?}", user.home.daemon_program().canonicalize().expect("it is there"));
    let profile = format!("profile {}", user.profile());
    let begins = [&profile, "nobody listens", &program, "it is ready, after", " listens", "asking for get"];
    tells(&get.stderr, &begins);
    tells(&get.stderr, &["get failed (exit code 5), after", "exit code 5", "nothing is stored"]);
    assert!(get.stderr.contains(&format!("socket {:?}", user.home.socket())), "{}", get.stderr);
}

#[test]
fn the_variable_tells_as_much_as_the_option_and_the_answer_stays_alone() {
    let sandbox = Sandbox::http();
    let mut user = User::logged_in(&sandbox);
    let quiet = user.dt_cred(&["get"]);
    assert_eq!(quiet.stderr, "");
    for (value, arguments, lines) in [
        ("debug", &["get"][..], true),
        ("dt-cred=trace", &["get"], true),
        ("off", &["get", "-v"], true),
        ("off", &["get", "-vv", "--format", "header"], true),
        ("info", &["get"], false),
        ("dt-credd=trace", &["get"], false),
        ("", &["get"], false),
    ] {
        user.home.set("DT_CRED_LOG", value);
        let get = user.dt_cred(arguments);
        assert_eq!((get.code, &get.stdout), (Some(0), &quiet.stdout), "{value}");
        assert_eq!(!get.stderr.is_empty(), lines, "{value} {arguments:?}: {}", get.stderr);
        tells(
            &get.stderr,
            if lines { &["release", "socket", "asking for get", "was answered", "done"] } else { &[] },
        );
    }
    let more = |arguments: &[&str]| user.dt_cred(arguments).stderr.lines().count();
    assert!(more(&["-vv", "get"]) > more(&["-v", "get"]));
}

#[test]
fn a_level_that_is_none_is_told_by_both_programs() {
    let mut user = User::in_memory();
    user.home.set("DT_CRED_LOG", "loud");
    for output in
        [user.dt_cred(&["get"]), user.dt_cred(&["status"]), run(user.home.command(binaries::daemon()), "")]
    {
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""));
        let (_, message) = output.stderr.split_once(": ").expect("a program's name");
        assert!(message.starts_with("DT_CRED_LOG is \"loud\": it must be off, error,"), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    // A client that does not look at it would start a daemon that does.
    assert_eq!(user.home.daemon_pid(), None);
}

#[test]
fn no_command_tells_a_secret_or_a_token_however_much_it_tells() {
    let sandbox = Sandbox::http();
    let (mut user, account) = (User::in_memory(), Account::at(&sandbox));
    user.log_in(&account);
    user.home.set("DT_CRED_LOG", "trace");
    user.home.set("DATATRAILS_CLIENT_ID", &account.client_id);
    user.home.set("DATATRAILS_CLIENT_SECRET", &account.client_secret);
    user.home.set("KUBERNETES_EXEC_INFO", "{}");
    let mut said = String::new();
    let lines = format!("{}keyring=memory\n", account.lines());
    let host = account.url.trim_start_matches("http://");
    let git = format!("protocol=http\nhost={host}\npassword={}\n\n", sandbox.tokens()[0]);
    for command in leaves(&user) {
        let (words, stdin) = arguments(&command, &lines, &git);
        said += &user.home.dt_cred_with(&words, stdin).stderr;
        said += &user.home.dt_cred_with(&[&words[..], &["-vv"]].concat(), stdin).stderr;
    }
    // It was ended in between: what was told is told again by the next one.
    user.log_in(&account);
    user.dt_cred(&["get"]).done();
    let log = std::fs::read_to_string(user.home.state().join("dt-credd.log")).expect("a log");
    assert!(said.contains("asking for store") && log.contains("listening"), "{said}");
    for secret in sandbox.tokens().iter().chain([&account.client_secret]) {
        assert!(!said.contains(secret), "on standard error");
        assert!(!log.contains(secret), "in the log");
    }
}

/// What a command is given, and what it reads.
fn arguments<'a>(command: &'a str, lines: &'a str, git: &'a str) -> (Vec<&'a str>, &'a str) {
    let words: Vec<_> = command.split(' ').collect();
    let (more, stdin): (&[&str], &str) = match command {
        "store" => (&[], lines),
        "start" => (&["--from-env"], ""),
        "git-credential" => (&["get"], git),
        "inspect" => (&[], ""),
        "keyring move" => (&["--to", "keyutils"], ""),
        _ => (&[], ""),
    };
    ([words, more.to_vec()].concat(), stdin)
}
