//! `exec`: what the program gets, what it does not get, and what becomes of its exit code.

#[cfg(target_os = "linux")]
mod file;
#[cfg(target_os = "linux")]
mod linux;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, run},
    user::{Account, User},
};

/// A command of the system's shell that does this on Unix, and this on Windows.
fn shell(unix: &'static str, windows: &'static str) -> [&'static str; 3] {
    if cfg!(windows) { ["cmd", "/c", windows] } else { ["sh", "-c", unix] }
}

/// `exec` with these options and this command.
#[track_caller]
fn exec(user: &User, options: &[&str], command: &[&str]) -> Output {
    user.dt_cred(&[&["exec"], options, &["--"], command].concat())
}

/// What `exec` fails with where nothing is run.
#[track_caller]
fn nothing_run(output: Output, words: &str) {
    assert_eq!((output.code, output.stdout.as_str()), (Some(125), ""), "{}", output.stderr);
    assert!(output.stderr.contains(words) && output.stderr.lines().count() == 1, "{}", output.stderr);
}

#[test]
fn the_program_gets_the_token_and_its_address_and_none_of_the_credentials() {
    let sandbox = Sandbox::http();
    let mut user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let token = user.token();
    for (name, value) in [
        ("DATATRAILS_CLIENT_ID", "given-elsewhere"),
        ("DATATRAILS_CLIENT_SECRET", "q7Zr4kWn1x8TbV5m"),
        ("DATATRAILS_AUTHTOKEN", "an-old-one"),
        ("DATATRAILS_AUTHTOKEN_FILENAME", "of-another"),
        ("DATATRAILS_URL", "https://elsewhere.example"),
        ("DATATRAILS_NAMESPACE", "kept"),
    ] {
        user.home.set(name, value);
    }
    let environment = |user: &User, options: &[&str]| {
        let text = exec(user, options, &shell("env", "set")).done();
        let mut ours: Vec<_> = text
            .lines()
            .filter(|line| line.to_uppercase().starts_with("DATATRAILS_"))
            .map(|line| line.trim_end().to_owned())
            .collect();
        ours.sort();
        ours
    };
    let url = format!("DATATRAILS_URL={}", sandbox.url());
    let kept = "DATATRAILS_NAMESPACE=kept".to_owned();
    assert_eq!(environment(&user, &[]), [format!("DATATRAILS_AUTHTOKEN={token}"), kept.clone(), url.clone()]);
    let with_file = environment(&user, &["--file"]);
    let [file, rest @ ..] = with_file.as_slice() else { panic!("{with_file:?}") };
    let path = file.strip_prefix("DATATRAILS_AUTHTOKEN_FILENAME=").expect("the file in the token's place");
    assert!(std::path::Path::new(path).is_absolute() && path != "of-another", "{path}");
    assert_eq!(rest, [kept, url], "and no token beside it");
}

#[test]
fn the_file_holds_the_raw_token_while_the_program_runs_and_is_gone_when_the_daemon_is() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let print = "type %DATATRAILS_AUTHTOKEN_FILENAME%";
    let token = exec(&user, &["--file"], &shell("cat \"$DATATRAILS_AUTHTOKEN_FILENAME\"", print)).done();
    assert_eq!(token, format!("{}\n", user.token()));
    let name = "echo %DATATRAILS_AUTHTOKEN_FILENAME%";
    let path = exec(&user, &["--file"], &shell("echo \"$DATATRAILS_AUTHTOKEN_FILENAME\"", name)).done();
    user.dt_cred(&["stop"]).done();
    assert!(!std::path::Path::new(path.trim_end()).exists(), "{path}");
}

#[test]
fn the_programs_exit_code_is_passed_on_whatever_it_is() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    for (unix, windows, code) in [
        ("exit 0", "exit 0", 0),
        ("exit 1", "exit 1", 1),
        ("exit 125", "exit 125", 125),
        ("exit 255", "exit 255", 255),
    ] {
        for options in [&[][..], &["--file"]] {
            let output = exec(&user, options, &shell(unix, windows));
            assert_eq!((output.code, output.stderr.as_str()), (Some(code), ""), "{unix} {options:?}");
        }
    }
}

#[test]
fn a_program_that_is_not_there_is_127() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    for options in [&[][..], &["--file"]] {
        let output = exec(&user, options, &["no-such-program-here", "argument"]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(127), ""));
        let told = "dt-cred: cannot run \"no-such-program-here\": it is not there: see that it is installed and on PATH, \
                    and written right\n";
        assert_eq!(output.stderr, told);
    }
}

#[test]
fn nothing_is_run_where_there_is_no_token() {
    let sandbox = Sandbox::http();
    let mut user = User::in_memory();
    let touch = shell("echo run >ran", "echo run >ran");
    for options in [&[][..], &["--file"]] {
        nothing_run(exec(&user, options, &touch), "nothing is stored");
    }
    nothing_run(user.dt_cred(&[&["--no-start", "-p", "nobody", "exec"][..], &touch].concat()), "nobody");
    let account = Account::at(&sandbox);
    user.log_in(&account);
    // No token of this issuer lives so long.
    for options in [&["--min-ttl", "4000000"][..], &["--file", "--min-ttl", "4000000"]] {
        nothing_run(exec(&user, options, &touch), "--min-ttl");
    }
    nothing_run(user.dt_cred(&[&["exec", "--min-ttl", "soon"][..], &touch].concat()), "--min-ttl");
    nothing_run(user.dt_cred(&["exec"]), "<CMD>");
    user.home.set("DT_CRED_TIMEOUT", "soon");
    nothing_run(exec(&user, &[], &touch), "DT_CRED_TIMEOUT");
    user.home.set("DT_CRED_TIMEOUT", "60");
    user.dt_cred(&["stop"]).done();
    user.home.set("DT_CRED_NO_START", "1");
    nothing_run(exec(&user, &["--file"], &touch), "run dt-cred start");
    assert!(!user.home.path().join("ran").exists());
}

#[test]
fn what_holds_for_every_command_is_refused_behind_it_and_nothing_is_run() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let (profile, touch) = (user.profile().to_owned(), shell("echo run >ran", "echo run >ran"));
    let attached = format!("--profile={profile}");
    for (options, option) in [
        (&["-p", &profile][..], "-p NAME"),
        (&[&attached], "--profile NAME"),
        (&["--timeout", "60"], "--timeout SECONDS"),
        (&["--no-start"], "--no-start"),
        (&["-v"], "-v"),
        (&["-vp", &profile], "-v"),
        (&["--file", "--verbose"], "--verbose"),
    ] {
        let told = format!("dt-cred: {option} stands before exec: dt-cred {option} exec …\n");
        nothing_run(exec(&user, options, &touch), &told);
    }
    assert!(!user.home.path().join("ran").exists());
}

#[test]
fn its_profile_stands_before_it_and_what_stands_behind_the_program_is_the_programs() {
    let sandbox = Sandbox::http();
    let mut user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let (profile, token) = (user.profile().to_owned(), user.token());
    user.home.unset("DT_CRED_PROFILE");
    let echo = shell("echo \"$DATATRAILS_AUTHTOKEN\"", "echo %DATATRAILS_AUTHTOKEN%");
    let output = run(user.home.client(&[&["-p", &profile, "exec"][..], &echo].concat()), "");
    assert_eq!(output.done().trim_end(), token);
    let printed = if cfg!(windows) { ["cmd", "/c", "echo"] } else { ["printf", "%s ", ""] };
    let output = run(
        user.home.client(&[&["-p", &profile, "exec"][..], &printed, &["-p", "nobody", "--file"]].concat()),
        "",
    );
    assert_eq!(output.done().trim(), "-p nobody --file");
}
