//! `login` and `store` that are left: the terminal is as it was, nothing is kept, and the client ends as by the signal.

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{
        Running,
        terminal::{Started, Terminal},
        until,
    },
    user::{Account, User},
};
use rustix::process::Signal;

/// Where a person is asked, and what has been answered before.
const PROMPTS: [(&str, &[&str]); 3] = [
    ("[y/N] ", &["--client-id", "x"]),
    ("Client id: ", &["--keyring", "memory"]),
    ("Client secret (not shown): ", &["--client-id", "x", "--keyring", "memory"]),
];

/// `login` at a prompt, with half an answer.
fn at(user: &User, prompt: &str, arguments: &[&str]) -> (Started, Terminal) {
    let mut terminal = Terminal::new();
    let client = terminal.start(&user.home.client(&[&["login"], arguments].concat()));
    terminal.until(prompt);
    terminal.press("half");
    (client, terminal)
}

#[track_caller]
fn is_left(client: Started, terminal: &Terminal, signal: Signal) {
    let (ended_by, output) = client.ended_by();
    assert_eq!(ended_by, signal.as_raw());
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    assert!(terminal.is_usual(), "after {signal:?}");
}

#[test]
fn every_key_that_is_a_signal_ends_login_by_it_at_every_prompt() {
    let user = User::in_memory();
    for (prompt, arguments) in PROMPTS {
        for (key, signal) in [("\x03", Signal::INT), ("\x1c", Signal::QUIT)] {
            let (client, mut terminal) = at(&user, prompt, arguments);
            terminal.press(key);
            is_left(client, &terminal, signal);
        }
    }
    assert_eq!(user.dt_cred(&["get"]).code, Some(5));
}

#[test]
fn every_signal_that_ends_login_leaves_the_terminal_as_it_was_at_every_prompt() {
    let user = User::in_memory();
    for (prompt, arguments) in PROMPTS {
        for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT, Signal::USR1, Signal::ALARM] {
            let (client, terminal) = at(&user, prompt, arguments);
            client.signal(signal);
            is_left(client, &terminal, signal);
        }
    }
    assert_eq!(user.dt_cred(&["get"]).code, Some(5));
}

#[test]
fn a_login_that_was_stopped_at_the_secret_goes_on_with_what_was_typed() {
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    let account = Account::at(&sandbox);
    let (half, rest) = account.client_secret.split_at(8);
    let mut terminal = Terminal::new();
    let login =
        format!("dt-cred login --keyring memory --url {} --client-id {}", account.url, account.client_id);
    let script = format!("set -m; {login}; printf STOPPED >/dev/tty; read enter </dev/tty; fg >/dev/null");
    let shell = terminal.start(&user.shell_command(&script));
    terminal.until("Client secret (not shown): ");
    terminal.press(&format!("{half}\x1a"));
    terminal.until("STOPPED");
    assert!(terminal.is_usual());
    terminal.press("\n");
    terminal.until("Client secret (not shown): ********");
    assert!(!terminal.is_usual());
    terminal.press(&format!("{rest}\n"));
    shell.ended().done();
    assert!(terminal.is_usual());
    user.token();
}

#[test]
fn whoever_leaves_while_the_issuer_is_asked_has_nothing_kept() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_kernel_keyring() else { return };
    let daemon = user.home.start_daemon();
    sandbox.set(|settings| settings.hold = true);
    for keyring in ["memory", "keyutils"] {
        let (account, before) = (Account::at(&sandbox), sandbox.requests().len());
        let asked = || (sandbox.requests().len() > before).then_some(());
        let arguments =
            ["login", "--keyring", keyring, "--url", &account.url, "--client-id", &account.client_id];
        let mut terminal = Terminal::new();
        let client = terminal.start(&user.home.client(&arguments));
        terminal.until("(not shown): ");
        terminal.press(&format!("{}\n", account.client_secret));
        until("the issuer to be asked", asked);
        terminal.press("\x03");
        is_left(client, &terminal, Signal::INT);
        left(&daemon, &user);
    }
    // The same without a terminal.
    let (account, before) = (Account::at(&sandbox), sandbox.requests().len());
    let lines = format!("{}keyring=keyutils\n\n", account.lines());
    let mut store = Running::start(user.home.client(&["store"]), lines);
    until("the issuer to be asked", || (sandbox.requests().len() > before).then_some(()));
    store.kill();
    left(&daemon, &user);
    sandbox.set(|settings| settings.hold = false);
    assert_eq!(user.dt_cred(&["get"]).code, Some(5));
    assert!(!user.is_in_kernel_keyring());
}

/// Waits until the daemon has seen it, once more than before, and looks that nothing is kept.
#[track_caller]
fn left(daemon: &Running, user: &User) {
    daemon.stderr_line(|line| line.contains("not stored"));
    until("the daemon to see that the client has left", || {
        let log = user.dt_cred(&["status", "--json"]).done();
        (!log.contains(user.profile())).then_some(())
    });
    assert!(!user.is_in_kernel_keyring());
}
