//! The real parts do what the other tests take for granted.
#![cfg(target_os = "linux")]

use std::{
    env, fs,
    os::unix::{net::UnixListener, process::ExitStatusExt},
    panic::{AssertUnwindSafe, catch_unwind},
    process::{self, Command},
    thread,
};

use dt_cred_tests::parts::{
    Home, OidcProvider, REQUIRE_VARIABLE, Running, SecretService, Systemd, binaries, keyring,
    oidc_provider::{CLIENT_ID, CLIENT_SECRET, Counts, Setup},
    on_path, require, run, secret_service, until,
    wait::until_changed,
};
use rustix::process::{Signal, test_kill_process};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn a_program_that_is_run_gives_its_code_and_both_streams() {
    let large = "x".repeat(1 << 20);
    let output = run(shell("cat; echo said >&2; exit 7"), &large);
    assert_eq!(output.code, Some(7));
    assert_eq!(output.stdout, large);
    assert_eq!(output.stderr, "said\n");
    assert_eq!(run(shell("kill -9 $$"), "").code, None);
}

#[test]
fn a_machine_that_was_up_leaves_no_control_group() {
    let Some(machine) = Systemd::boot() else { return };
    let unit = format!("left-by-{}", process::id());
    machine
        .run(
            &format!("systemd-run --quiet --unit={unit} --property=DefaultDependencies=no sleep infinity"),
            "",
        )
        .done();
    // What others remove meanwhile is told on its other stream.
    let groups = || run(shell(&format!("find /sys/fs/cgroup -name {unit}.service")), "").stdout;
    assert_ne!(groups(), "");
    drop(machine);
    assert_eq!(groups(), "");
}

#[test]
fn a_program_that_does_not_read_its_input_is_no_failure() {
    let output = run(shell("exec true"), "x".repeat(1 << 20));
    assert_eq!(output.code, Some(0));
}

#[test]
fn a_running_program_gives_its_lines_as_they_come_and_is_gone_after_the_drop() {
    let mut echo = Running::start(shell("echo ready; echo trouble >&2; cat"), "");
    assert_eq!(echo.first_line(), "ready");
    assert_eq!(echo.stderr_line(|line| line.starts_with("trou")), "trouble");
    echo.write("question\n");
    assert_eq!(echo.stdout_line(|line| line != "ready"), "question");
    echo.stop();
    assert!(echo.is_running());
    let pid = echo.pid();
    drop(echo);
    assert!(test_kill_process(pid).is_err());
}

#[test]
fn a_line_that_never_comes_is_told_with_what_came_instead() {
    let echo = Running::start(
        shell("echo one; exec >&-; head -c 100000000 /dev/zero | wc -c >/dev/null; echo two >&2"),
        "",
    );
    let told = catch_unwind(AssertUnwindSafe(|| echo.stdout_line(|line| line == "three"))).unwrap_err();
    let told = told.downcast_ref::<String>().unwrap();
    assert!(told.contains("closed without one") && told.contains("one\ntwo"), "{told}");
}

#[test]
fn a_running_program_that_ends_by_itself_is_waited_for() {
    let mut echo = Running::start(shell("cat; exit 3"), "");
    echo.close_stdin();
    assert_eq!(echo.wait().code(), Some(3));
    let mut sleeper = Running::start(shell("echo on; exec cat"), "");
    sleeper.first_line();
    sleeper.signal(Signal::TERM);
    assert_eq!(sleeper.wait().code(), None);
}

#[test]
fn a_change_in_a_folder_is_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let writer = thread::spawn({
        let file = file.clone();
        move || fs::write(file, "here").unwrap()
    });
    let text = until_changed(folder.path(), "the file", || {
        fs::read_to_string(&file).ok().filter(|text| text == "here")
    });
    assert_eq!(text, "here");
    writer.join().unwrap();
}

#[test]
fn a_home_shows_a_command_nothing_of_the_environment_outside() {
    let mut home = Home::new();
    home.set("DT_CRED_PROFILE", "other");
    let mut names: Vec<_> = Vec::new();
    for line in run(home.command("env"), "").done().lines() {
        let (name, value) = line.split_once('=').unwrap();
        let path = home.path().to_str().unwrap();
        let inside =
            value.contains(path) || ["PATH", "LANG", "DT_CRED_LOG", "DT_CRED_PROFILE"].contains(&name);
        assert!(inside || ["PWD", "SHLVL", "_"].contains(&name), "{line}");
        names.push(name.to_owned());
    }
    for name in ["HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "DBUS_SESSION_BUS_ADDRESS", "DT_CRED_PROFILE"] {
        assert!(names.iter().any(|found| found == name), "{name} is not set");
    }
    assert!(home.socket().as_os_str().len() < 100);
}

#[test]
fn a_home_is_removed_with_all_that_is_in_it() {
    let home = Home::new();
    home.configure("default_profile = \"other\"\n");
    let path = home.path().to_owned();
    assert!(path.join("config/dt-cred/config.toml").is_file());
    drop(home);
    assert!(!path.exists());
}

/// Python, as a stand-in for a daemon: it listens in this home and says so, then waits for a signal.
const LISTENER: &str = "
import os, signal, socket, sys
os.makedirs(os.path.dirname(sys.argv[1]), 0o700)
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(8)
print('ready', flush=True)
signal.pause()
";

fn listener(home: &Home) -> Option<Running> {
    if !require("python3", on_path(&["python3"])) {
        return None;
    }
    let mut python = home.command("python3");
    python.args(["-c", LISTENER]).arg(home.socket());
    let listener = Running::start(python, "");
    listener.first_line();
    Some(listener)
}

#[test]
fn whoever_listens_in_a_home_is_ended_with_it_by_its_own_process_id() {
    let home = Home::new();
    let Some(mut listener) = listener(&home) else { return };
    assert_eq!(home.daemon_pid(), Some(listener.pid()));
    drop(home);
    assert_eq!(listener.wait().signal(), Some(Signal::TERM.as_raw()));
}

#[test]
fn a_killed_daemon_is_gone_and_the_test_itself_is_never_taken_for_one() {
    let home = Home::new();
    assert_eq!(home.daemon_pid(), None);
    let Some(mut listener) = listener(&home) else { return };
    home.kill_daemon();
    assert_eq!(listener.wait().signal(), Some(Signal::KILL.as_raw()));
    home.until_no_daemon();
    fs::remove_file(home.socket()).unwrap();
    let _own = UnixListener::bind(home.socket()).unwrap();
    assert_eq!(home.daemon_pid(), None);
}

#[test]
fn the_binaries_are_those_of_this_release() {
    let home = Home::new();
    let release = env!("CARGO_PKG_VERSION");
    for (program, name) in [(binaries::client(), "dt-cred"), (binaries::daemon(), "dt-credd")] {
        let mut version = home.command(program);
        version.arg("--version");
        assert_eq!(run(version, "").done(), format!("{name} {release}\n"));
    }
    assert!(binaries::sandbox().is_file());
}

#[test]
fn a_missing_real_part_is_told_and_is_a_failure_where_all_are_required() {
    let left_out = |required: &str| {
        let mut test = Command::new(env::current_exe().unwrap());
        test.args(["--exact", "a_real_secret_service_keeps_locks_and_unlocks"]);
        test.env("PATH", "/nowhere").env(REQUIRE_VARIABLE, required);
        run(test, "")
    };
    let told = left_out("");
    assert_eq!(told.code, Some(0));
    assert!(told.stderr.starts_with("LEFT OUT: a test that needs gnome-keyring"), "{}", told.stderr);
    let failed = left_out("1");
    assert_ne!(failed.code, Some(0));
    assert!(
        failed.stdout.contains("gnome-keyring, libsecret-tools and dbus is missing"),
        "{}",
        failed.stdout
    );
}

#[test]
fn a_real_secret_service_keeps_locks_and_unlocks() {
    let Some(keyring) = SecretService::start() else { return };
    keyring.secret_tool(&["store", "--label=x", "service", "dt-cred", "username", "one"], "a secret").done();
    let lookup = ["lookup", "service", "dt-cred", "username", "one"];
    assert_eq!(keyring.secret_tool(&lookup, "").done(), "a secret");
    keyring.lock();
    assert_ne!(keyring.secret_tool(&lookup, "").code, Some(0));
    assert!(!keyring.unlock_with_password("not the password"));
    assert!(keyring.is_locked());
    assert!(keyring.unlock_with_password(secret_service::PASSWORD));
    assert_eq!(keyring.secret_tool(&lookup, "").done(), "a secret");
}

#[test]
fn a_real_secret_service_that_was_killed_is_not_replaced_until_the_test_says_so() {
    let Some(mut keyring) = SecretService::start() else { return };
    keyring.secret_tool(&["store", "--label=x", "service", "dt-cred", "username", "one"], "a secret").done();
    let lookup = ["lookup", "service", "dt-cred", "username", "one"];
    keyring.kill_provider();
    assert_ne!(keyring.secret_tool(&lookup, "").code, Some(0));
    keyring.restart_provider();
    assert_eq!(keyring.secret_tool(&lookup, "").done(), "a secret");
}

#[test]
fn a_real_secret_service_that_stands_still_answers_once_it_goes_on() {
    let Some(keyring) = SecretService::start() else { return };
    let stands_still = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", keyring.provider_pid())).unwrap();
        stat.split(')').next_back().unwrap().trim_start().starts_with('T')
    };
    keyring.stop_provider();
    assert!(stands_still());
    let mut tool = Command::new("secret-tool");
    tool.args(["search", "service", "dt-cred"]).env("DBUS_SESSION_BUS_ADDRESS", keyring.address());
    let mut asked = Running::start(tool, "");
    keyring.continue_provider();
    asked.wait();
    assert!(!keyring.is_locked());
}

/// Asks for a token with curl, the secret url-encoded in the form.
fn token(provider: &OidcProvider, base: &str, secret: &str) -> (Option<i32>, serde_json::Value) {
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--data-urlencode",
        "grant_type=client_credentials",
    ]);
    curl.arg("--data-urlencode").arg(format!("client_id={CLIENT_ID}"));
    curl.arg("--data-urlencode").arg(format!("client_secret={secret}"));
    curl.arg("--cacert").arg(provider.ca_file()).arg(format!("{base}/archivist/iam/v1/appidp/token"));
    let output = run(curl, "");
    (output.code, serde_json::from_str(&output.stdout).unwrap_or_default())
}

#[test]
fn a_real_provider_grants_a_token_that_its_assets_accept_and_counts() {
    if !require("curl", on_path(&["curl"])) {
        return;
    }
    let Some(provider) = OidcProvider::start(Setup { lifetime: 660, ..Setup::default() }) else { return };
    assert_eq!(provider.counts(), Counts::default());
    assert_eq!(provider.token_url(), format!("{}/archivist/iam/v1/appidp/token", provider.url()));
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--noproxy", "*", "-d", "grant_type=client_credentials"])
        .arg(provider.token_url());
    curl.arg("-d").arg(format!("client_id={CLIENT_ID}"));
    curl.args(["--data-urlencode", &format!("client_secret={CLIENT_SECRET}")]);
    let granted: serde_json::Value = serde_json::from_str(&run(curl, "").done()).unwrap();
    assert_eq!((&granted["token_type"], &granted["expires_in"]), (&"Bearer".into(), &660.into()));
    let token = granted["access_token"].as_str().unwrap();
    for (bearer, status) in [(token, "200"), ("another", "401")] {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}", "-H"]);
        curl.arg(format!("Authorization: Bearer {bearer}"))
            .arg(format!("{}/archivist/v2/assets", provider.url()));
        assert_eq!(run(curl, "").done(), status);
    }
    let expected = Counts { token_requests: 1, tokens: 1, assets: 1, assets_refused: 1, ..Counts::default() };
    assert_eq!(provider.counts(), expected);
}

#[test]
fn a_real_provider_over_https_is_known_by_its_ca_and_by_one_name() {
    if !require("curl", on_path(&["curl"])) {
        return;
    }
    let Some(provider) = OidcProvider::https() else { return };
    let (code, granted) = token(&provider, provider.url(), CLIENT_SECRET);
    assert_eq!((code, granted["token_type"].as_str()), (Some(0), Some("Bearer")));
    let (code, refused) = token(&provider, provider.url(), "wrong");
    assert_eq!((code, refused["error"].as_str()), (Some(0), Some("invalid_client")));
    // curl's 60: the peer's certificate cannot be authenticated.
    let (code, _) = token(&provider, &provider.mismatched_url(), CLIENT_SECRET);
    assert_eq!(code, Some(60));
    let expected = Counts { token_requests: 2, tokens: 1, refused: 1, ..Counts::default() };
    assert_eq!(provider.counts(), expected);
}

#[test]
fn a_profile_of_the_kernel_keyring_is_a_name_of_its_own_that_nothing_is_kept_under() {
    if !keyring::works() {
        return;
    }
    let (one, other) = (keyring::Profile::unique("one"), keyring::Profile::unique("one"));
    assert_ne!(one.name(), other.name());
    assert!(one.name().len() <= 64);
    assert!(!one.is_kept());
}

#[test]
fn what_is_kept_for_a_profile_in_the_kernel_keyring_goes_with_it() {
    if !keyring::works() {
        return;
    }
    let profile = keyring::Profile::unique("kept");
    let (name, key) = (profile.name().to_owned(), format!("keyring:{}@dt-cred", profile.name()));
    let script = r#"keyctl add user "$KEY" x "$(keyctl get_persistent @s)""#;
    let mut keyctl = Command::new("keyctl");
    keyctl.args(["session", "-", "sh", "-c", script]).env("KEY", key);
    run(keyctl, "").done();
    assert!(profile.is_kept());
    drop(profile);
    // The kernel collects a key without links in its own time.
    until("the key to be collected", || {
        let listed = fs::read_to_string("/proc/keys").unwrap();
        (!listed.contains(&name)).then_some(())
    });
}
