//! What a terminal shows while something takes longer than half a second, and that nothing of it is left, or goes elsewhere.

use std::process::Command;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{run, terminal::Terminal},
    user::{Account, User},
};
use rustix::process::Signal;

/// Somebody whose issuer answers once it is told to.
fn user(sandbox: &Sandbox) -> User {
    let user = User::logged_in(sandbox);
    sandbox.set(|settings| settings.hold = true);
    user
}

/// The client on a terminal of this kind.
fn client(user: &User, arguments: &[&str], term: &str) -> Command {
    let mut client = user.home.client(arguments);
    client.env("TERM", term);
    client
}

#[test]
fn what_is_waited_for_is_shown_on_a_terminal_and_erased_before_anything_else_is_said() {
    let sandbox = Sandbox::http();
    let user = user(&sandbox);
    let mut terminal = Terminal::new();
    let get = terminal.start_telling(&client(&user, &["get", "--fresh"], "xterm"));
    terminal.until_screen(|screen| screen.contains("asking the issuer for a token…"));
    sandbox.set(|settings| settings.hold = false);
    assert!(get.ended().done().starts_with("Authorization: Bearer "));
    terminal.until_screen(str::is_empty);
    // The same where it fails: one line, and nothing else.
    sandbox.set(|settings| settings.hold = true);
    let get = terminal.start_telling(&client(&user, &["get", "--fresh", "--timeout", "2"], "xterm"));
    terminal.until_screen(|screen| screen.contains("asking the issuer for a token…"));
    assert_eq!(get.ended().code, Some(1));
    let screen = terminal.until_screen(|screen| screen.ends_with("\r\n"));
    assert!(screen.starts_with("dt-cred: ") && screen.lines().count() == 1, "{screen}");
}

#[test]
fn login_says_where_a_token_is_asked_for() {
    let sandbox = Sandbox::http();
    let user = user(&sandbox);
    let account = Account::at(&sandbox);
    let mut terminal = Terminal::new();
    let arguments = ["login", "--url", &account.url, "--client-id", &account.client_id];
    let login = terminal.start_telling(&client(&user, &arguments, "xterm"));
    terminal.until("(not shown): ");
    terminal.press(&format!("{}\n", account.client_secret));
    let waiting = format!("asking {} for a token", sandbox.token_url());
    terminal.until_screen(|screen| screen.contains(&waiting));
    sandbox.set(|settings| settings.hold = false);
    login.ended().done();
    let screen = terminal.until_screen(|screen| screen.ends_with("\r\n"));
    assert!(!screen.contains("asking"), "{screen}");
}

#[test]
fn a_signal_meanwhile_leaves_nothing_of_it() {
    let sandbox = Sandbox::http();
    let user = user(&sandbox);
    for (key, signal) in [("\x03", Signal::INT), ("\x1c", Signal::QUIT)] {
        let mut terminal = Terminal::new();
        let get = terminal.start_telling(&client(&user, &["get", "--fresh"], "xterm"));
        terminal.until_screen(|screen| screen.contains("asking the issuer"));
        terminal.press(key);
        assert_eq!(get.ended_by().0, signal.as_raw());
        terminal.until_screen(str::is_empty);
        assert!(terminal.is_usual());
    }
}

#[test]
fn what_is_narrow_is_not_garbled() {
    let sandbox = Sandbox::http();
    let user = user(&sandbox);
    let mut terminal = Terminal::new();
    terminal.resize(12, 5);
    let get = terminal.start_telling(&client(&user, &["get", "--fresh"], "xterm"));
    let screen = terminal.until_screen(|screen| screen.contains("asking"));
    assert!(screen.chars().count() < 12, "{screen:?}");
    sandbox.set(|settings| settings.hold = false);
    get.ended().done();
    terminal.until_screen(str::is_empty);
}

#[test]
fn nothing_is_drawn_into_what_is_no_terminal_or_a_dumb_one_or_for_an_answer_that_is_there() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let mut terminal = Terminal::new();
    terminal.start_telling(&client(&user, &["get"], "xterm")).ended().done();
    // What it would have sent comes before this.
    let mut mark = user.home.command("sh");
    mark.args(["-c", "printf END >&2"]);
    terminal.start_telling(&mark).ended().done();
    terminal.until("END");
    assert_eq!(terminal.shown(), "END");

    sandbox.set(|settings| settings.hold = true);
    // Its end is that of the time in which something would have been drawn.
    let late = ["get", "--fresh", "--timeout", "2"];
    let piped = run(client(&user, &late, "xterm"), "");
    assert_eq!((piped.code, piped.stderr.lines().count()), (Some(1), 1), "{}", piped.stderr);
    assert!(piped.stderr.starts_with("dt-cred: "), "{}", piped.stderr);
    let mut dumb = Terminal::new();
    assert_eq!(dumb.start_telling(&client(&user, &late, "dumb")).ended().code, Some(1));
    dumb.until("\r\n");
    assert_eq!(dumb.shown(), format!("{}\r\n", piped.stderr.trim_end()));
}
