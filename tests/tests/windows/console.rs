//! The programs at a console of Windows: what is asked and shown there, what is kept, how they end, and that the console
//! is left as it was.

use std::{fs, os::windows::process::CommandExt};

use dt_cred_tests::{
    issuer::{Client, Sandbox},
    parts::{
        Output, binaries, run,
        terminal::{Started, Terminal, has_console},
        until,
    },
    user::{Account, User},
};
use windows_sys::Win32::System::{
    Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT},
    Threading::DETACHED_PROCESS,
};

use super::failed;

/// What the exit code of a process is that Ctrl-C has ended (`STATUS_CONTROL_C_EXIT` in ntstatus.h).
const CONTROL_C_EXIT: i32 = 0xC000_013A_u32.cast_signed();

/// What a secret may hold that is in no code page.
const SECRET: &str = "grün €🔑";

/// Somebody at a console whose credentials are in the Credential Manager.
fn user() -> (User, Terminal) {
    (User::in_keyring().expect("every Windows has it"), Terminal::new())
}

fn start_login(user: &User, terminal: &Terminal, arguments: &[&str]) -> Started {
    terminal.start(&user.home.client(&[&["login"], arguments].concat()))
}

/// A daemon in the foreground at this console, once it listens.
fn foreground(user: &User, terminal: &Terminal) -> Started {
    let daemon = terminal.start(&user.home.command(binaries::daemon()));
    until("the daemon to listen", || user.home.daemon_pid());
    daemon
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
    let (user, mut terminal) = user();
    let client = sandbox.new_client_with_secret("my-sekret");
    let usual = terminal.mode();
    let login = start_login(&user, &terminal, &["--url", sandbox.url()]);
    terminal.until("Client id: ");
    assert!(terminal.shown().contains(sandbox.url()), "{}", terminal.shown());
    terminal.press(&format!("  {} \n", client.client_id));
    terminal.until("Client secret (not shown): ");
    assert!(!terminal.is_usual());
    // Mistyped and mended, with the white space of a paste around it.
    terminal.press(" my-sexret\x08\x08\x08\x08kret \n");
    let said = login.ended().done();
    assert!(said.contains(user.profile()) && said.contains("Credential Manager"), "{said}");
    assert!(terminal.is_usual());
    assert_eq!(terminal.mode(), usual);
    terminal.until(&format!("(not shown): {}\r\n", "*".repeat(" my-sekret ".len())));
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
    let (user, mut terminal) = user();
    let id = "größe-€-🔑";
    let login = start_login(&user, &terminal, &["--url", sandbox.url()]);
    terminal.until("Client id: ");
    terminal.press(&format!("{id}\n"));
    terminal.until("(not shown): ");
    terminal.press(&format!("{SECRET}\n"));
    failed(&login.ended(), 4, "invalid_client");
    let requests = sandbox.requests();
    let body = std::str::from_utf8(&requests[0].body).expect("a form");
    for value in [id, SECRET] {
        assert!(body.contains(&format!("={}", in_form(value))), "{value} is not in {body}");
    }
    let client = sandbox.new_client_with_secret(SECRET);
    let login = start_login(&user, &terminal, &["--url", sandbox.url(), "--client-id", &client.client_id]);
    terminal.until(&format!("{}\r\nClient secret (not shown): ", sandbox.token_url()));
    terminal.press(&format!("{SECRET}\n"));
    login.ended().done();
    user.token();
}

#[test]
fn every_character_of_what_is_known_is_shown() {
    let (user, mut terminal) = user();
    let id = "größe-€";
    let login = start_login(&user, &terminal, &["--client-id", id, "--no-check"]);
    terminal.until("(not shown): ");
    terminal.press("x\n");
    login.ended().done();
    let login = start_login(&user, &terminal, &[]);
    terminal.until(&format!("Client id [{id}]: "));
    terminal.press("\x03");
    ended_by_event(&login.ended());
}

#[test]
fn a_long_secret_is_pasted_whole() {
    let sandbox = Sandbox::http();
    let (user, mut terminal) = user();
    // Nearly all that an item of the Credential Manager has room for.
    let secret: String = (0..575).map(|n| format!("{n:04}")).collect();
    let client = sandbox.new_client_with_secret(&secret);
    let login = start_login(&user, &terminal, &["--url", sandbox.url(), "--client-id", &client.client_id]);
    terminal.until("(not shown): ");
    terminal.press(&format!("{secret}\n"));
    login.ended().done();
    user.token();
}

#[test]
fn prompts_go_to_the_console_wherever_the_standard_streams_go() {
    let sandbox = Sandbox::http();
    let (user, mut terminal) = user();
    let client = sandbox.new_client();
    let answers = user.home.path().join("answers");
    fs::write(&answers, "nobody\nnothing\n").expect("written");
    let mut shell = user.home.command("cmd.exe");
    shell.args(["/d", "/c"]).arg(binaries::client()).args(["login", "--url", sandbox.url()]);
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
    let (user, _) = user();
    let mut login = user.home.client(&["login"]);
    login.creation_flags(DETACHED_PROCESS);
    failed(&run(login, ""), 2, "dt-cred store");
}

#[test]
fn an_empty_answer_keeps_nothing() {
    let (user, _) = user();
    let cases: [(&str, &[&str], &str); 2] = [
        ("Client id: ", &[], "no client id was typed"),
        ("(not shown): ", &["--client-id", "x"], "no client secret was typed"),
    ];
    for (prompt, arguments, words) in cases {
        let mut terminal = Terminal::new();
        let login = start_login(&user, &terminal, arguments);
        terminal.until(prompt);
        terminal.press("\n");
        failed(&login.ended(), 2, words);
    }
    failed(&user.dt_cred(&["get"]), 5, "dt-cred login");
}

#[test]
fn ctrl_c_at_the_secret_leaves_the_console_as_it_was_and_keeps_nothing() {
    let (user, mut terminal) = user();
    let usual = terminal.mode();
    let login = start_login(&user, &terminal, &["--client-id", "x"]);
    terminal.until("(not shown): ");
    terminal.press("half\x03");
    let output = login.ended();
    assert_eq!(output.code, Some(CONTROL_C_EXIT), "{output:?}");
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    assert_eq!(terminal.mode(), usual);
    failed(&user.dt_cred(&["get"]), 5, "dt-cred login");
}

#[test]
fn no_event_of_the_console_leaves_it_silent() {
    let (user, _) = user();
    for event in [CTRL_C_EVENT, CTRL_BREAK_EVENT, CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT] {
        let mut terminal = Terminal::new();
        let usual = terminal.mode();
        let login = start_login(&user, &terminal, &["--client-id", "x"]);
        terminal.until("(not shown): ");
        terminal.press("half");
        assert_ne!(terminal.mode(), usual);
        login.event(event);
        ended_by_event(&login.ended());
        assert_eq!(terminal.mode(), usual, "after event {event}");
    }
    failed(&user.dt_cred(&["get"]), 5, "dt-cred login");
}

#[test]
fn ctrl_c_at_the_id_ends_it() {
    let (user, mut terminal) = user();
    let login = start_login(&user, &terminal, &[]);
    terminal.until("Client id: ");
    terminal.press("half\x03");
    ended_by_event(&login.ended());
    assert!(terminal.is_usual());
    failed(&user.dt_cred(&["get"]), 5, "dt-cred login");
}

#[test]
fn ctrl_z_at_the_id_ends_it() {
    let (user, mut terminal) = user();
    let login = start_login(&user, &terminal, &[]);
    terminal.until("Client id: ");
    terminal.press("\x1a\n");
    failed(&login.ended(), 8, "interrupted");
}

#[test]
fn store_takes_what_is_typed_at_a_console_until_an_empty_line_or_ctrl_z() {
    let sandbox = Sandbox::http();
    let (user, mut terminal) = user();
    for end in ["\n", "\x1a\n"] {
        let client = sandbox.new_client_with_secret(&format!("{SECRET}{}", "x".repeat(1000)));
        let Client { client_id, client_secret } = &client;
        let store = terminal.start_here(&user.home.client(&["store"]));
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
    let (user, mut terminal) = user();
    user.log_in(&Account::at(&sandbox));
    let get = terminal.start_here(&user.home.client(&["get"]));
    terminal.until(&format!("Authorization: Bearer {}\r\n", user.token()));
    assert_eq!(get.ended().done(), "");
    // wine shows colours as they are sent.
    let mut status = user.home.client(&["status"]);
    status.env("NO_COLOR", "1");
    let status = terminal.start_here(&status);
    terminal.until("Credential Manager, until it is erased\r\n");
    assert_eq!(status.ended().done(), "");
    assert!(terminal.shown().contains("valid  █████"), "{}", terminal.shown());
}

#[test]
fn a_daemon_that_is_started_from_a_console_has_none_and_outlives_ctrl_c_and_the_console() {
    let (user, mut terminal) = user();
    terminal.start(&user.home.client(&["start"])).ended().done();
    let daemon = user.home.daemon_pid().expect("a daemon");
    assert!(!has_console(daemon));
    // Ctrl-C comes to every process of the console, and ends this one.
    let login = start_login(&user, &terminal, &[]);
    terminal.until("Client id: ");
    terminal.press("\x03");
    ended_by_event(&login.ended());
    assert_eq!(user.home.daemon_pid(), Some(daemon));
    drop(terminal);
    assert_eq!(user.home.daemon_pid(), Some(daemon));
}

#[test]
fn a_daemon_in_the_foreground_ends_cleanly_on_ctrl_c() {
    let (user, mut terminal) = user();
    let daemon = foreground(&user, &terminal);
    terminal.press("\x03");
    let output = daemon.ended();
    assert!(output.stderr.contains("ending") && output.stderr.contains("Ctrl-C"), "{}", output.stderr);
    output.done();
    assert_eq!(user.home.daemon_pid(), None);
}

#[test]
fn a_daemon_in_the_foreground_ends_cleanly_on_every_event_of_its_console() {
    let (user, terminal) = user();
    for (event, name) in
        [(CTRL_C_EVENT, "Ctrl-C"), (CTRL_BREAK_EVENT, "Ctrl-Break"), (CTRL_CLOSE_EVENT, "the console closes")]
    {
        let daemon = foreground(&user, &terminal);
        daemon.event(event);
        let output = daemon.ended();
        assert!(output.stderr.contains("ending") && output.stderr.contains(name), "{}", output.stderr);
        output.done();
        assert_eq!(user.home.daemon_pid(), None);
    }
}
