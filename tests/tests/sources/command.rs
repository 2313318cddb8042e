//! `keyring_command`: a program that prints the lines of `store`, whatever it does instead.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Pid, until},
    user::{Account, User},
};
use rustix::{io::Errno, process::test_kill_process};

use super::source::{Source, configure, failed, printing};

/// A line that a script of these tests must never have shown.
const OUTPUT: &str = "client_secret=of-the-output";

#[test]
fn its_lines_are_the_credentials_and_it_is_run_once_however_often_a_token_is_asked_for() {
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    let script = format!("echo run >>\"$HOME/runs\"\n{}", printing(&account.lines()));
    let source = Source::of_script(&script, &[]);
    let token = source.user.token();
    assert_eq!(source.user.token(), token);
    source.user.dt_cred(&["get", "--fresh"]).done();
    assert_eq!(source.noted("runs").len(), 1);
    let status = source.user.status();
    assert_eq!((status["keyring"].as_str(), status["state"].as_str()), (Some("command"), Some("valid")));
    assert_eq!(status["lasts"], "for as long as its source gives it");
    // It is nowhere else, so nothing is noted of it.
    let state = fs::read_to_string(source.user.home.state().join("state.toml")).unwrap_or_default();
    assert!(!state.contains("keyring"), "{state}");
    let listed = source.user.dt_cred(&["keyring", "list"]).done();
    let row = listed.lines().find(|line| line.starts_with(source.user.profile())).expect("a row");
    assert!(row.ends_with("an external command, for as long as its source gives it"), "{row}");
}

#[test]
fn it_wins_over_what_is_kept_and_what_is_kept_counts_again_without_it() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    let (kept, printed) = (Account::at(&sandbox), Account::at(&sandbox));
    user.log_in(&kept);
    user.dt_cred(&["stop"]).done();
    let lines = user.home.path().join("lines");
    fs::write(&lines, printed.lines()).expect("the lines");
    configure(&user, &["/bin/cat", &lines.display().to_string()]);
    let client = |asked: usize| {
        user.token();
        let body = String::from_utf8_lossy(&sandbox.requests()[asked].body).into_owned();
        [&kept, &printed].map(|account| body.contains(&account.client_id))
    };
    assert_eq!(client(1), [false, true]);
    user.dt_cred(&["stop"]).done();
    fs::remove_file(user.home.configuration()).expect("the configuration");
    assert_eq!(client(2), [true, false]);
}

#[test]
fn no_shell_reads_its_arguments() {
    let sandbox = Sandbox::http();
    let script =
        format!("printf '%s\\n' \"$@\" >\"$HOME/arguments\"\n{}", printing(&Account::at(&sandbox).lines()));
    let arguments = ["$HOME", "`id`", "; id", "a  b", "*", "", "--"];
    let source = Source::of_script(&script, &arguments);
    source.user.token();
    assert_eq!(source.noted("arguments"), arguments);
}

#[test]
fn its_environment_is_clean_and_its_input_is_empty() {
    let sandbox = Sandbox::http();
    let script = format!(
        "/usr/bin/env -0 | /usr/bin/tr '\\0' '\\n' >\"$HOME/environment\"\ncat >\"$HOME/input\"\npwd >\"$HOME/folder\"\n{}",
        printing(&Account::at(&sandbox).lines())
    );
    let mut source = Source::of_script(&script, &[]);
    for name in ["DATATRAILS_CLIENT_SECRET", "LD_LIBRARY_PATH", "VAULT_TOKEN", "SSL_CERT_FILE", "LC_ALL"] {
        source.user.home.set(name, "not for it");
    }
    source.user.home.set("https_proxy", "http://proxy.example:3128");
    // In the foreground the daemon has the whole environment.
    let daemon = source.user.home.start_daemon();
    source.user.token();
    drop(daemon);
    let environment = source.noted("environment");
    let names: Vec<_> = environment.iter().filter_map(|line| line.split_once('=')).collect();
    assert!(names.contains(&("PATH", "/usr/bin:/bin")), "{environment:?}");
    assert!(names.contains(&("https_proxy", "http://proxy.example:3128")), "{environment:?}");
    let home = source.user.home.path().display().to_string();
    assert!(names.contains(&("HOME", &home)), "{environment:?}");
    for (name, value) in names {
        // What a shell sets by itself.
        let own = ["PWD", "OLDPWD", "SHLVL", "_"].contains(&name);
        let fit =
            ["HOME", "USER", "LOGNAME", "LANG", "TZ", "PATH", "DBUS_SESSION_BUS_ADDRESS", "https_proxy"];
        assert!(own || fit.contains(&name) || name.starts_with("XDG_"), "{name}={value}");
    }
    assert_eq!(source.noted("input"), [] as [String; 0]);
    assert_eq!(source.noted("folder"), ["/"]);
}

#[test]
fn one_that_fails_is_exit_6_with_its_standard_error_made_safe_and_without_its_output() {
    let script = format!("echo {OUTPUT}\nprintf '\\033[31mno such entry\\r\\nlog in first\\n' >&2\nexit 3");
    let source = Source::of_script(&script, &[]);
    let get = source.user.dt_cred(&["get"]);
    failed(&get, 6, &["the-command failed (exit status: 3: \u{fffd}[31mno such entry; log in first)"]);
    assert!(!get.stderr.contains("of-the-output") && !get.stderr.contains('\u{1b}'), "{}", get.stderr);
    // Not the log either.
    source.user.dt_cred(&["stop"]).done();
    let log = fs::read_to_string(source.user.home.state().join("dt-credd.log")).unwrap_or_default();
    assert!(!log.is_empty() && !log.contains("of-the-output"), "{log}");
}

#[test]
fn one_that_a_signal_ends_and_one_that_says_nothing_are_told_as_such() {
    let source = Source::of_script("kill -TERM $$", &[]);
    failed(&source.user.dt_cred(&["get"]), 6, &["signal: 15", "it said nothing"]);
}

#[test]
fn it_heals_as_soon_as_the_command_does() {
    let sandbox = Sandbox::http();
    let source = Source::of_script("echo locked >&2; exit 1", &[]);
    failed(&source.user.dt_cred(&["get"]), 6, &["locked"]);
    source.rewrite(&printing(&Account::at(&sandbox).lines()));
    assert_eq!(source.user.dt_cred(&["unlock"]).done(), "the keyring_command gives the credentials\n");
    source.user.token();
}

#[test]
fn a_token_goes_to_the_address_of_the_credentials_that_it_was_got_by_whatever_they_are_by_then() {
    let (old, new) = (Sandbox::http(), Sandbox::http());
    let source = Source::of_lines(&Account::at(&old).lines());
    let urls = || {
        ["get --format env", "test"].map(|command| source.user.shell(&format!("dt-cred {command}")).done())
    };
    let held = urls();
    source.rewrite(&printing(&Account::at(&new).lines()));
    source.user.dt_cred(&["unlock"]).done();
    assert_eq!(urls(), held);
    assert!(held.iter().all(|told| told.contains(old.url())), "it is told where it goes");
    assert_eq!((old.counts().assets.total, new.counts().assets.total), (2, 0));
    source.user.dt_cred(&["reject"]).done();
    assert!(urls().iter().all(|told| told.contains(new.url())), "the next one is of the others");
    assert_eq!((old.counts().assets.total, new.counts().assets.total), (2, 1));
}

#[test]
fn what_it_prints_instead_of_the_lines_is_exit_6_and_is_not_repeated() {
    let lines = "client_id=an-id\nclient_secret=geheim\n";
    for (script, words) in [
        ("true".to_owned(), "client_id and client_secret are missing"),
        ("echo client_id=an-id".to_owned(), "client_secret is missing"),
        ("echo '<html>geheim</html>'".to_owned(), "line 1 has no \"=\""),
        ("echo geheim=1".to_owned(), "line 1: unknown key"),
        ("printf 'client_secret=geheim\\377\\n'".to_owned(), "is not UTF-8"),
        ("printf 'client_secret=geheim\\r\\n'".to_owned(), "control character"),
        (printing(&format!("{lines}url=http://geheim.example\n")), "url"),
        (printing(&format!("{lines}keyring=memory\n")), "keyring and no_check may not stand there"),
        (printing(&format!("{lines}no_check=true\n")), "keyring and no_check may not stand there"),
        (printing(&format!("{lines}ca_file=relative.pem\n")), "must be an absolute path"),
    ] {
        let source = Source::of_script(&script, &[]);
        let get = source.user.dt_cred(&["get"]);
        failed(&get, 6, &[words]);
        assert!(!get.stderr.replace("unknown key \"geheim\"", "").contains("geheim"), "{}", get.stderr);
    }
}

#[test]
fn one_that_floods_is_killed_and_told() {
    let source = Source::of_script("echo $$ >\"$HOME/pid\"\nexec yes client_secret=geheim", &[]);
    let get = source.user.dt_cred(&["get"]);
    failed(&get, 6, &["the-command prints more than"]);
    assert!(!get.stderr.contains("geheim"));
    gone(&source, "pid");
    // Of a flood on its standard error the end is shown.
    source.rewrite("yes flood | head -c 10000000 >&2; echo the end >&2; exit 1");
    failed(&source.user.dt_cred(&["get"]), 6, &["the end)"]);
}

#[test]
fn one_that_hangs_is_killed_with_all_that_it_started_and_keeps_nobody_from_another_profile() {
    let sandbox = Sandbox::http();
    let hang =
        "sleep 1000 & echo $! >\"$HOME/child\"; echo $$ >\"$HOME/pid\"; echo waiting for somebody >&2; wait";
    let source = Source::of_script(hang, &[]);
    let home = &source.user.home;
    let memory = format!("{}keyring=memory\n", Account::at(&sandbox).lines());
    home.dt_cred_with(&["store", "-p", "other"], memory).done();
    // A caller is answered by its own deadline.
    let start = Instant::now();
    let get = source.user.dt_cred(&["get", "--timeout", "1"]);
    failed(&get, 6, &["its keyring_command has not ended in time"]);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    home.dt_cred(&["get", "-p", "other", "--fresh"]).done();
    home.dt_cred(&["status"]).done();
    let late = source.user.dt_cred(&["get", "--timeout", "60"]);
    failed(&late, 6, &["the-command has not ended within 30 s and was killed (waiting for somebody)"]);
    gone(&source, "pid");
    gone(&source, "child");
}

#[test]
fn a_daemon_that_ends_takes_a_command_that_hangs_with_it() {
    let source = Source::of_script("echo $$ >\"$HOME/pid\"; exec sleep 1000", &[]);
    failed(&source.user.dt_cred(&["get", "--timeout", "1"]), 6, &[]);
    source.user.dt_cred(&["stop"]).done();
    source.user.home.until_no_daemon();
    gone(&source, "pid");
}

#[test]
fn what_it_leaves_running_holds_nobody_up() {
    let sandbox = Sandbox::http();
    let lines = printing(&Account::at(&sandbox).lines());
    // As an agent that stays, with the command's output still open.
    let source = Source::of_script(&format!("sleep 1000 & echo $! >\"$HOME/agent\"\n{lines}"), &[]);
    let start = Instant::now();
    source.user.token();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let agent = pid(&source, "agent");
    assert_eq!(test_kill_process(agent), Ok(()));
    rustix::process::kill_process(agent, rustix::process::Signal::KILL).expect("the agent");
}

#[test]
fn a_program_that_others_can_change_or_that_is_not_there_is_not_run() {
    let source = Source::of_script("echo run >\"$HOME/runs\"", &[]);
    fs::set_permissions(&source.script, fs::Permissions::from_mode(0o722)).expect("its mode");
    failed(&source.user.dt_cred(&["get"]), 6, &["the-command cannot be run", "can be written by others"]);
    fs::set_permissions(&source.script, fs::Permissions::from_mode(0o600)).expect("its mode");
    failed(&source.user.dt_cred(&["get"]), 6, &["the-command cannot be run", "Permission denied"]);
    fs::remove_file(&source.script).expect("the script");
    failed(&source.user.dt_cred(&["get"]), 6, &["the-command cannot be run", "No such file"]);
    assert_eq!(source.noted("runs"), [] as [String; 0]);
}

#[test]
fn store_login_and_move_say_that_it_can_only_be_read_and_nothing_is_sent() {
    let sandbox = Sandbox::http();
    let source = Source::of_lines(&Account::at(&sandbox).lines());
    let lines = Account::at(&sandbox).lines();
    for keyring in ["", "keyring=memory\n", "keyring=keyutils\n", "keyring=command\n"] {
        let store = source.user.home.dt_cred_with(&["store"], format!("{lines}{keyring}"));
        failed(&store, 6, &["come from the keyring_command of the configuration, which can only be read"]);
    }
    let moved = source.user.dt_cred(&["keyring", "move", "--to", "keyutils"]);
    failed(&moved, 6, &["which can only be read"]);
    assert_eq!(sandbox.counts().tokens.total, 0);
    // `erase` forgets the token, and does not say that the credentials are gone.
    let token = source.user.token();
    failed(&source.user.dt_cred(&["erase"]), 6, &["which can only be read"]);
    assert_ne!(source.user.token(), token);
    assert_eq!(sandbox.counts().tokens.total, 2);
}

#[test]
fn a_secret_that_was_rotated_where_it_comes_from_is_asked_for_when_the_issuer_refuses_the_old_one() {
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    let source = Source::of_lines(&account.lines());
    source.user.token();
    let client_secret = sandbox.regenerate_secret(&account.client_id);
    source.rewrite(&printing(&Account { client_secret, ..account }.lines()));
    source.user.dt_cred(&["reject"]).done();
    source.user.token();
    assert_eq!(sandbox.counts().tokens.refused, 1);
}

#[test]
fn a_ca_file_that_others_can_write_is_refused() {
    let sandbox = Sandbox::https();
    let account = Account::at(&sandbox);
    let ca = fs::read(sandbox.ca_file().expect("a CA")).expect("the CA file");
    let source = Source::of_lines("");
    let path = source.user.home.path().join("ca.pem");
    fs::write(&path, ca).expect("a CA file");
    let ca_file = Some(path.display().to_string());
    source.rewrite(&printing(&Account { ca_file, ..account }.lines()));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("its mode");
    failed(&source.user.dt_cred(&["get"]), 6, &["the CA file cannot be trusted"]);
    assert_eq!(sandbox.counts().tokens.total, 0);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("its mode");
    source.user.token();
}

/// The process whose id the script has left under this name.
fn pid(source: &Source, name: &str) -> Pid {
    let noted = source.noted(name);
    let pid = noted.first().and_then(|line| Pid::from_raw(line.trim().parse().ok()?));
    pid.unwrap_or_else(|| panic!("{name} holds no process id: {noted:?}"))
}

/// Waits until that process is gone, or nothing but its entry in the table of processes is left.
#[track_caller]
fn gone(source: &Source, name: &str) {
    let pid = pid(source, name);
    until("a process to be gone", || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        let zombie = stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'));
        (zombie || test_kill_process(pid) == Err(Errno::SRCH)).then_some(())
    });
}
