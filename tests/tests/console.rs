//! The programs at a console of Windows: what is asked and shown there, what is kept, how they end, and that the console
//! is left as it was. `tests/cross wine` runs it under wine.
#![cfg(windows)]

#[path = "../src/parts/terminal/windows.rs"]
#[expect(unreachable_pub, reason = "it has the interface that a terminal has on every system")]
mod terminal;

use std::{
    env, fs,
    os::windows::process::CommandExt,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use dt_cred_tests::issuer::{Client, Sandbox};
use tempfile::TempDir;
use terminal::{Started, Terminal};
use windows_sys::Win32::System::{
    Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT},
    Threading::DETACHED_PROCESS,
};

/// How long anything may take: an upper bound alone.
const BOUND: Duration = Duration::from_secs(120);

/// The default pipe is the user's, and there is one user: one test after another has it.
static PIPE: Mutex<()> = Mutex::new(());

/// What the exit code of a process is that Ctrl-C has ended (`STATUS_CONTROL_C_EXIT` in ntstatus.h).
const CONTROL_C_EXIT: i32 = 0xC000_013A_u32.cast_signed();

/// What a secret may hold that is in no code page.
const SECRET: &str = "grün €🔑";

/// A user's profile folder of a test's own, and the default pipe for as long as it lives.
struct User {
    folder: TempDir,
    profile: String,
    _pipe: MutexGuard<'static, ()>,
}

/// What a program left.
#[derive(Debug)]
pub struct Output {
    /// Its exit code.
    pub code: Option<i32>,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

impl Output {
    #[track_caller]
    fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    #[track_caller]
    fn failed(&self, code: i32, words: &str) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{}", self.stderr);
        assert!(self.stderr.contains(words), "{words:?} is not in {}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
    }
}

/// The folder of the built programs.
fn programs() -> PathBuf {
    let this = env::current_exe().expect("a path");
    this.parent().and_then(|folder| folder.parent()).expect("cargo's folder").to_owned()
}

impl User {
    fn new(name: &str) -> Self {
        let pipe = PIPE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, profile: format!("console-{name}"), _pipe: pipe }
    }

    /// A program with this user's environment and none else.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(env::vars_os()).current_dir(programs()).args(arguments);
        command.env("LOCALAPPDATA", self.folder.path()).env("DT_CRED_PROFILE", &self.profile);
        command.env("DT_CRED_TIMEOUT", "60").env("DT_CRED_LOG", "info").stdin(Stdio::null());
        command
    }

    fn client(&self, arguments: &[&str]) -> Command {
        self.command(programs().join("dt-cred.exe"), arguments)
    }

    /// Runs the client without a console of the test.
    fn dt_cred(&self, arguments: &[&str]) -> Output {
        output(&mut self.client(arguments))
    }

    fn login(&self, terminal: &Terminal, arguments: &[&str]) -> Started {
        terminal.start(&self.client(&[&["login"], arguments].concat()))
    }

    #[track_caller]
    fn log_in(&self, terminal: &mut Terminal, sandbox: &Sandbox) {
        let client = sandbox.new_client();
        let login = self.login(terminal, &["--url", sandbox.url(), "--client-id", &client.client_id]);
        terminal.until("(not shown): ");
        terminal.press(&format!("{}\n", client.client_secret));
        login.ended().done();
    }

    #[track_caller]
    fn token(&self) -> String {
        self.dt_cred(&["get", "--format", "raw"]).done().trim_end().to_owned()
    }

    /// The number of the daemon that listens.
    fn daemon(&self) -> Option<u64> {
        let status: serde_json::Value =
            serde_json::from_str(&self.dt_cred(&["status", "--json"]).done()).expect("JSON");
        status["daemon"]["pid"].as_u64()
    }

    /// A daemon in the foreground at this console, once it listens.
    fn foreground(&self, terminal: &Terminal) -> Started {
        let daemon = terminal.start(&self.command(programs().join("dt-credd.exe"), &[]));
        let end = Instant::now() + BOUND;
        while self.daemon().is_none() {
            assert!(Instant::now() < end, "waited for the daemon to listen");
        }
        daemon
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // What a failed test left must not meet the next one.
        let _ = self.client(&["erase"]).output();
        let _ = self.client(&["stop"]).output();
    }
}

/// What a program leaves that is no part of a console of ours.
fn output(command: &mut Command) -> Output {
    let output = command.output().expect("a program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// That the system has ended a process for an event of its console.
#[track_caller]
fn ended_by_event(output: &Output) {
    // wine's own code for it is 0.
    assert!(matches!(output.code, Some(CONTROL_C_EXIT | 0)), "{output:?}");
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
}

/// A value as it stands in a form.
fn in_form(value: &str) -> String {
    value.bytes().fold(String::new(), |form, byte| match byte {
        b' ' => form + "+",
        b'-' | b'0'..=b'9' | b'a'..=b'z' => form + &char::from(byte).to_string(),
        _ => format!("{form}%{byte:02X}"),
    })
}

#[test]
fn id_and_secret_are_asked_for_proven_and_kept_and_the_secret_is_not_shown() {
    let sandbox = Sandbox::http();
    let (user, mut terminal) = (User::new("login"), Terminal::new());
    let client = sandbox.new_client_with_secret("my-sekret");
    let usual = terminal.mode();
    let login = user.login(&terminal, &["--url", sandbox.url()]);
    terminal.until("Client id: ");
    assert!(terminal.shown().contains(sandbox.url()), "{}", terminal.shown());
    terminal.press(&format!("  {} \n", client.client_id));
    terminal.until("Client secret (not shown): ");
    assert!(!terminal.is_usual());
    // Mistyped and mended, with the white space of a paste around it.
    terminal.press(" my-sexret\x08\x08\x08\x08kret \n");
    let said = login.ended().done();
    assert!(said.contains(&user.profile) && said.contains("Credential Manager"), "{said}");
    assert!(terminal.is_usual());
    assert_eq!(terminal.mode(), usual);
    terminal.until("(not shown): \r\n");
    assert!(terminal.shown().contains(&client.client_id), "{}", terminal.shown());
    assert!(
        !terminal.shown().contains("kret") && !terminal.shown().contains("sexret"),
        "{}",
        terminal.shown()
    );
    // The token that proved them is the one that is served.
    user.token();
    assert_eq!(sandbox.counts().tokens.total, 1);
}

#[test]
fn every_character_of_id_and_secret_reaches_the_issuer() {
    let sandbox = Sandbox::http();
    let (user, mut terminal) = (User::new("text"), Terminal::new());
    let id = "größe-€-🔑";
    let login = user.login(&terminal, &["--url", sandbox.url()]);
    terminal.until("Client id: ");
    terminal.press(&format!("{id}\n"));
    terminal.until("(not shown): ");
    terminal.press(&format!("{SECRET}\n"));
    login.ended().failed(4, "invalid_client");
    let requests = sandbox.requests();
    let body = std::str::from_utf8(&requests[0].body).expect("a form");
    for value in [id, SECRET] {
        assert!(body.contains(&format!("={}", in_form(value))), "{value} is not in {body}");
    }
    let client = sandbox.new_client_with_secret(SECRET);
    let login = user.login(&terminal, &["--url", sandbox.url(), "--client-id", &client.client_id]);
    terminal.until(&format!("{}\r\nClient secret (not shown): ", sandbox.url()));
    terminal.press(&format!("{SECRET}\n"));
    login.ended().done();
    user.token();
}

#[test]
fn every_character_of_what_is_known_is_shown() {
    let (user, mut terminal) = (User::new("known"), Terminal::new());
    let id = "größe-€";
    let login = user.login(&terminal, &["--client-id", id, "--no-check"]);
    terminal.until("(not shown): ");
    terminal.press("x\n");
    login.ended().done();
    let login = user.login(&terminal, &[]);
    terminal.until(&format!("Client id [{id}]: "));
    terminal.press("\x03");
    ended_by_event(&login.ended());
}

#[test]
fn a_long_secret_is_pasted_whole() {
    let sandbox = Sandbox::http();
    let (user, mut terminal) = (User::new("long"), Terminal::new());
    // Nearly all that an item of the Credential Manager has room for.
    let secret: String = (0..575).map(|n| format!("{n:04}")).collect();
    let client = sandbox.new_client_with_secret(&secret);
    let login = user.login(&terminal, &["--url", sandbox.url(), "--client-id", &client.client_id]);
    terminal.until("(not shown): ");
    terminal.press(&format!("{secret}\n"));
    login.ended().done();
    user.token();
}

#[test]
fn prompts_go_to_the_console_wherever_the_standard_streams_go() {
    let sandbox = Sandbox::http();
    let (user, mut terminal) = (User::new("streams"), Terminal::new());
    let client = sandbox.new_client();
    let answers = user.folder.path().join("answers");
    fs::write(&answers, "nobody\nnothing\n").expect("written");
    let line = ["/d", "/c", "dt-cred.exe", "login", "--url", sandbox.url()];
    let mut shell = user.command("cmd.exe", &line);
    shell.arg(format!("<{}", answers.display()));
    let login = terminal.start(&shell);
    terminal.until("Client id: ");
    terminal.press(&format!("{}\n", client.client_id));
    terminal.until("(not shown): ");
    terminal.press(&format!("{}\n", client.client_secret));
    let output = login.ended();
    assert!(!output.stdout.contains("Client") && output.stderr.is_empty(), "{output:?}");
    output.done();
    user.token();
}

#[test]
fn without_a_console_login_points_to_store() {
    let user = User::new("none");
    let mut login = user.client(&["login"]);
    login.creation_flags(DETACHED_PROCESS);
    output(&mut login).failed(2, "dt-cred store");
}

#[test]
fn an_empty_answer_keeps_nothing() {
    let user = User::new("empty");
    let cases: [(&str, &[&str], &str); 2] = [
        ("Client id: ", &[], "no client id was typed"),
        ("(not shown): ", &["--client-id", "x"], "no client secret was typed"),
    ];
    for (prompt, arguments, words) in cases {
        let mut terminal = Terminal::new();
        let login = user.login(&terminal, arguments);
        terminal.until(prompt);
        terminal.press("\n");
        login.ended().failed(2, words);
    }
    user.dt_cred(&["get"]).failed(5, "dt-cred login");
}

#[test]
fn ctrl_c_at_the_secret_leaves_the_console_as_it_was_and_keeps_nothing() {
    let (user, mut terminal) = (User::new("ctrl-c"), Terminal::new());
    let usual = terminal.mode();
    let login = user.login(&terminal, &["--client-id", "x"]);
    terminal.until("(not shown): ");
    terminal.press("half\x03");
    let output = login.ended();
    assert_eq!(output.code, Some(CONTROL_C_EXIT), "{output:?}");
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    assert_eq!(terminal.mode(), usual);
    user.dt_cred(&["get"]).failed(5, "dt-cred login");
}

#[test]
fn no_event_of_the_console_leaves_it_silent() {
    let user = User::new("events");
    for event in [CTRL_C_EVENT, CTRL_BREAK_EVENT, CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT] {
        let mut terminal = Terminal::new();
        let usual = terminal.mode();
        let login = user.login(&terminal, &["--client-id", "x"]);
        terminal.until("(not shown): ");
        terminal.press("half");
        assert_ne!(terminal.mode(), usual);
        login.event(event);
        ended_by_event(&login.ended());
        assert_eq!(terminal.mode(), usual, "after event {event}");
    }
    user.dt_cred(&["get"]).failed(5, "dt-cred login");
}

#[test]
fn ctrl_c_at_the_id_ends_it() {
    let (user, mut terminal) = (User::new("id"), Terminal::new());
    let login = user.login(&terminal, &[]);
    terminal.until("Client id: ");
    terminal.press("half\x03");
    ended_by_event(&login.ended());
    assert!(terminal.is_usual());
    user.dt_cred(&["get"]).failed(5, "dt-cred login");
}

#[test]
fn ctrl_z_at_the_id_ends_it() {
    let (user, mut terminal) = (User::new("end"), Terminal::new());
    let login = user.login(&terminal, &[]);
    terminal.until("Client id: ");
    terminal.press("\x1a\n");
    login.ended().failed(8, "interrupted");
}

#[test]
fn store_takes_what_is_typed_at_a_console_until_an_empty_line_or_ctrl_z() {
    let sandbox = Sandbox::http();
    let (user, mut terminal) = (User::new("store"), Terminal::new());
    for end in ["\n", "\x1a\n"] {
        let client = sandbox.new_client_with_secret(&format!("{SECRET}{}", "x".repeat(1000)));
        let Client { client_id, client_secret } = &client;
        let store = terminal.start_here(&user.client(&["store"]));
        for line in [
            format!("url={}", sandbox.url()),
            format!("client_id={client_id}"),
            format!("client_secret={client_secret}"),
        ] {
            terminal.press(&format!("{line}\n"));
        }
        terminal.press(end);
        let output = store.ended();
        assert!(output.stderr.contains("type client_id="), "{output:?}");
        output.done();
        user.token();
    }
}

#[test]
fn an_answer_is_shown_at_a_console_as_it_is() {
    let sandbox = Sandbox::http();
    let (user, mut terminal) = (User::new("get"), Terminal::new());
    user.log_in(&mut terminal, &sandbox);
    let get = terminal.start_here(&user.client(&["get"]));
    terminal.until(&format!("\r\nAuthorization: Bearer {}\r\n", user.token()));
    assert_eq!(get.ended().done(), "");
    let status = terminal.start_here(&user.client(&["status"]));
    terminal.until("Credential Manager, until it is erased\r\n");
    assert_eq!(status.ended().done(), "");
    assert!(terminal.shown().contains("valid  █████"), "{}", terminal.shown());
}

#[test]
fn a_daemon_that_is_started_from_a_console_has_none_and_outlives_ctrl_c_and_the_console() {
    let (user, mut terminal) = (User::new("start"), Terminal::new());
    terminal.start(&user.client(&["start"])).ended().done();
    let daemon = user.daemon().expect("a daemon");
    assert!(!terminal::has_console(daemon));
    // Ctrl-C comes to every process of the console, and ends this one.
    let login = user.login(&terminal, &[]);
    terminal.until("Client id: ");
    terminal.press("\x03");
    ended_by_event(&login.ended());
    assert_eq!(user.daemon(), Some(daemon));
    drop(terminal);
    assert_eq!(user.daemon(), Some(daemon));
}

#[test]
fn a_daemon_in_the_foreground_ends_cleanly_on_ctrl_c() {
    let (user, mut terminal) = (User::new("foreground"), Terminal::new());
    let daemon = user.foreground(&terminal);
    terminal.press("\x03");
    let output = daemon.ended();
    assert!(output.stderr.contains("ending") && output.stderr.contains("Ctrl-C"), "{}", output.stderr);
    output.done();
    assert_eq!(user.daemon(), None);
}

#[test]
fn a_daemon_in_the_foreground_ends_cleanly_on_every_event_of_its_console() {
    let (user, terminal) = (User::new("foreground"), Terminal::new());
    for (event, name) in [
        (CTRL_C_EVENT, "Ctrl-C"),
        (CTRL_BREAK_EVENT, "Ctrl-Break"),
        (CTRL_CLOSE_EVENT, "the console closes"),
        (CTRL_LOGOFF_EVENT, "a logoff"),
        (CTRL_SHUTDOWN_EVENT, "a shutdown"),
    ] {
        let daemon = user.foreground(&terminal);
        daemon.event(event);
        let output = daemon.ended();
        assert!(output.stderr.contains("ending") && output.stderr.contains(name), "{}", output.stderr);
        output.done();
        assert_eq!(user.daemon(), None);
    }
}
