//! What everybody of the user, and often everybody, can read of a process: its arguments and its environment.

use std::{fs, io};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::Running,
    search::Search,
    user::{Account, User},
};
use rustix::process::Pid;

const SECRET: &str = "grün €🔑 a&b+c%20d=\"e\" it's \\f {g} #?/;:,";

/// A file of proc(5); none where the kernel lets nobody of this user read it.
fn of_process(pid: Pid, file: &str) -> Option<Vec<u8>> {
    match fs::read(format!("/proc/{}/{file}", pid.as_raw_nonzero())) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
        Err(error) => panic!("{file} of {pid:?}: {error}"),
    }
}

#[track_caller]
fn is_clean(search: &Search, pid: Pid, program: &str) {
    let arguments = of_process(pid, "cmdline").expect("everybody may read arguments");
    let name = arguments.split(|byte| *byte == 0).next().unwrap_or_default();
    assert!(name.ends_with(program.as_bytes()), "{}", String::from_utf8_lossy(&arguments));
    assert_eq!(search.find(&arguments), None, "the arguments of {program}");
    if let Some(environment) = of_process(pid, "environ") {
        let text = String::from_utf8_lossy(&environment);
        assert!(text.contains("HOME="), "{text}");
        assert_eq!(search.find(&environment), None, "the environment of {program}: {text}");
    }
}

/// Runs the client while the issuer holds its answer, and `look`s at it and at the daemon meanwhile.
fn while_held(
    sandbox: &Sandbox,
    user: &User,
    mut client: std::process::Command,
    stdin: &str,
    look: impl Fn(Pid, Pid),
) {
    sandbox.set(|settings| settings.hold = true);
    let before = sandbox.counts().tokens.total;
    let name = format!("{:?}", client.get_args().collect::<Vec<_>>());
    client.current_dir(user.home.path());
    let mut client = Running::start(client, stdin);
    client.close_stdin();
    sandbox.wait_until(&name, |counts| counts.tokens.total > before);
    look(client.pid(), user.home.daemon_pid().expect("a daemon"));
    sandbox.set(|settings| settings.hold = false);
    assert!(client.wait().success(), "{name}: {}", client.said());
}

#[test]
fn no_secret_and_no_token_stands_in_the_arguments_or_the_environment_while_the_issuer_is_asked() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let account = Account::with_secret(&sandbox, SECRET);
    let lines = account.lines();
    let stored = format!("{lines}keyring=memory\n");
    for (arguments, stdin) in [
        (&["store"][..], &*stored),
        (&["get", "--fresh"], ""),
        (&["start", "--from-stdin"], &lines),
        (&["get", "--fresh", "--format", "json"], ""),
    ] {
        let search = Search::of(sandbox.tokens().into_iter().chain([SECRET.to_owned()]));
        while_held(&sandbox, &user, user.home.client(arguments), stdin, |client, daemon| {
            is_clean(&search, client, "dt-cred");
            is_clean(&search, daemon, "dt-credd");
        });
    }
    let search = Search::of(sandbox.tokens().into_iter().chain([SECRET.to_owned()]));
    is_clean(&search, user.home.daemon_pid().expect("a daemon"), "dt-credd");
}

#[test]
fn a_daemon_started_with_credentials_of_the_environment_has_them_in_none_of_its_own() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let account = Account::with_secret(&sandbox, SECRET);
    let search = Search::of([SECRET]);
    let mut start = user.home.client(&["start", "--from-env"]);
    start.env("DATATRAILS_URL", &account.url).env("DATATRAILS_CLIENT_ID", &account.client_id);
    start.env("DATATRAILS_CLIENT_SECRET", SECRET);
    while_held(&sandbox, &user, start, "", |client, daemon| {
        // Where the user put it, it is: and so it would be found in the daemon's too.
        let given = of_process(client, "environ");
        assert!(given.is_none_or(|given| search.find(given).is_some()));
        let arguments = of_process(client, "cmdline").expect("everybody may read arguments");
        assert_eq!(search.find(arguments), None);
        is_clean(&search, daemon, "dt-credd");
    });
    let daemon = user.home.daemon_pid().expect("a daemon");
    let environment = of_process(daemon, "environ").unwrap_or_default();
    assert!(!String::from_utf8_lossy(&environment).contains("DATATRAILS_"));
    user.token();
}

#[test]
fn a_daemon_that_a_client_starts_has_nothing_of_the_shells_secrets_in_its_environment() {
    let mut user = User::in_memory();
    for name in ["DATATRAILS_CLIENT_SECRET", "DATATRAILS_AUTHTOKEN", "MY_OWN_SECRET", "LD_LIBRARY_PATH"] {
        user.home.set(name, SECRET);
    }
    user.dt_cred(&["start"]).done();
    is_clean(&Search::of([SECRET]), user.home.daemon_pid().expect("a daemon"), "dt-credd");
}
