//! `status` on a terminal: colours, widths, and `--watch`, which leaves the terminal as it was.

use std::process::Command;

use dt_cred_tests::{
    issuer::{Door, Sandbox},
    parts::terminal::Terminal,
    user::{Account, User},
};
use rustix::process::Signal;

/// What a terminal is sent in the end: its cursor, and the screen that it had before.
const LEFT: &str = "\x1b[?25h\x1b[?1049l";

fn status(user: &User, arguments: &[&str], term: &str) -> Command {
    let mut client = user.home.client(&[&["status"], arguments].concat());
    client.env("TERM", term);
    client
}

#[test]
fn the_picture_follows_what_happens_through_the_daemons_end_and_changes_nothing() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let before = user.status();
    let mut terminal = Terminal::new();
    let watch = terminal.start_here(&status(&user, &["--watch"], "xterm"));
    terminal.until_screen(|screen| screen.contains("valid") && screen.contains('█'));
    // Drawn once more at least.
    terminal.until("\x1b[H");
    for name in ["served", "fetches", "generation"] {
        assert_eq!(user.status()[name], before[name], "{name}");
    }
    sandbox.set(|settings| settings.door = Door::Closed);
    user.dt_cred(&["reject"]).done();
    user.dt_cred(&["get", "--timeout", "1"]);
    let screen = terminal.until_screen(|screen| screen.contains("last error: "));
    assert!(screen.contains("failing") && !screen.contains('█'), "{screen}");
    user.home.kill_daemon();
    let screen = terminal.until_screen(|screen| screen.contains("no daemon is running"));
    assert!(!screen.contains("failing"), "{screen}");
    assert_eq!(user.home.daemon_pid(), None, "it starts none");
    user.dt_cred(&["start"]).done();
    terminal.until_screen(|screen| screen.contains("no profile: run dt-cred login"));
    terminal.press("\x03");
    let (signal, output) = watch.ended_by();
    assert_eq!((signal, output.stderr.as_str()), (Signal::INT.as_raw(), ""));
    terminal.until(LEFT);
    assert!(terminal.is_usual());
}

#[test]
fn every_signal_that_ends_it_leaves_the_terminal_as_it_was() {
    let user = User::in_memory();
    for signal in [Signal::TERM, Signal::HUP, Signal::QUIT] {
        let mut terminal = Terminal::new();
        let watch = terminal.start_here(&status(&user, &["--watch"], "xterm"));
        terminal.until("no daemon is running");
        watch.signal(signal);
        assert_eq!(watch.ended_by().0, signal.as_raw());
        terminal.until(LEFT);
    }
}

#[test]
fn a_terminal_that_takes_nothing_keeps_it_from_no_end() {
    let user = User::in_memory();
    let mut terminal = Terminal::new();
    let watch = terminal.start_here(&status(&user, &["--watch"], "xterm"));
    terminal.until("no daemon is running");
    // Ctrl-S: what is written from now on waits in the end, where there is no room left.
    terminal.press("\x13");
    terminal.fill();
    watch.signal(Signal::TERM);
    assert_eq!(watch.ended_by().0, Signal::TERM.as_raw());
}

#[test]
fn what_was_stopped_leaves_the_terminal_and_comes_back() {
    let user = User::in_memory();
    let mut terminal = Terminal::new();
    let script =
        "set -m; dt-cred status --watch; printf STOPPED >/dev/tty; read enter </dev/tty; fg >/dev/null";
    let mut shell = user.shell_command(script);
    shell.env("TERM", "xterm");
    let shell = terminal.start_here(&shell);
    terminal.until("no daemon is running");
    terminal.press("\x1a");
    terminal.until(LEFT);
    terminal.until("STOPPED");
    terminal.press("\n");
    terminal.until("\x1b[?1049h\x1b[?25l");
    terminal.until("no daemon is running");
    terminal.press("\x03");
    terminal.until(LEFT);
    shell.ended();
}

#[test]
fn a_daemon_that_hangs_is_told_on_the_screen_that_was_there_before_and_nothing_is_drawn_meanwhile() {
    let user = User::in_memory();
    let daemon = user.home.start_daemon();
    let mut terminal = Terminal::new();
    let mut shell = user.shell_command("exec dt-cred status --watch --timeout 2 2>&1");
    shell.env("TERM", "xterm");
    let watch = terminal.start_here(&shell);
    terminal.until("no profile");
    daemon.stop();
    assert_eq!(watch.ended().code, Some(1));
    terminal.until(&format!("{LEFT}dt-cred: the daemon did not answer within 2 s"));
    daemon.signal(Signal::CONT);
    assert!(!terminal.shown().contains("waiting for"), "{:?}", terminal.shown());
}

#[test]
fn a_terminal_of_another_size_is_drawn_on_as_it_is_now() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let mut terminal = Terminal::new();
    terminal.resize(400, 40);
    let watch = terminal.start_here(&status(&user, &["--watch"], "xterm"));
    terminal.until_screen(|screen| screen.contains("KEPT IN"));
    terminal.resize(30, 40);
    let screen =
        terminal.until_screen(|screen| screen.contains("  next refresh") && screen.contains("kept in"));
    assert!(!screen.contains("KEPT IN"), "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 30), "{screen}");
    // Of a screen with two lines there are the first two.
    terminal.resize(30, 2);
    let screen = terminal.until_screen(|screen| screen.lines().count() == 2);
    assert!(screen.starts_with("dt-credd "), "{screen}");
    watch.signal(Signal::INT);
    watch.ended_by();
}

#[test]
fn where_nothing_can_be_drawn_watch_is_refused_with_what_to_do() {
    let user = User::in_memory();
    let piped = user.dt_cred(&["status", "--watch"]);
    assert_eq!((piped.code, piped.stdout.as_str()), (Some(2), ""));
    assert!(piped.stderr.contains("--json") && piped.stderr.lines().count() == 1, "{}", piped.stderr);
    let dumb = Terminal::new().start_here(&status(&user, &["--watch"], "dumb")).ended();
    assert_eq!((dumb.code, dumb.stderr), (Some(2), piped.stderr));
}

#[test]
fn colours_are_for_a_terminal_that_understands_them_and_for_whoever_wants_them() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    for (term, no_color, coloured) in
        [("xterm", None, true), ("xterm", Some(""), true), ("xterm", Some("1"), false), ("dumb", None, false)]
    {
        let mut terminal = Terminal::new();
        let mut status = status(&user, &[], term);
        status.envs(no_color.map(|value| ("NO_COLOR", value)));
        let status = terminal.start_here(&status);
        let screen = terminal.until_screen(|screen| screen.contains("until the daemon ends"));
        status.ended().done();
        assert!(screen.contains("valid") && screen.contains('█'), "{screen}");
        assert_eq!(terminal.shown().contains("\x1b[32mvalid"), coloured, "{term} {no_color:?}");
        assert_eq!(terminal.shown().contains('\x1b'), coloured, "{term} {no_color:?}");
    }
    assert!(!user.dt_cred(&["status"]).done().contains(['\x1b', '█']));
}
