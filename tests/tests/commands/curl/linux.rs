//! Linux: what others see of curl while it runs (proc(5)), and what becomes of it when a signal ends it.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::process::ExitStatusExt,
};

use dt_cred_tests::{
    issuer::{Fault, Sandbox},
    parts::{Pid, Running, terminal::Terminal, until},
    user::User,
};
use rustix::process::{Signal, kill_process};

use super::{ASSETS, real::is_here};

/// The process that this one has started.
fn child(parent: Pid) -> Option<Pid> {
    let parent = parent.as_raw_nonzero().to_string();
    let of = |pid: i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // Its name stands in brackets and may hold anything.
        let (_, rest) = stat.rsplit_once(") ")?;
        rest.split(' ').nth(1).is_some_and(|of| of == parent).then(|| Pid::from_raw(pid))?
    };
    let processes = fs::read_dir("/proc").expect("proc").flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find_map(of)
}

#[test]
fn the_token_is_in_no_argument_and_no_variable_of_curl_while_it_runs() {
    if !is_here() {
        return;
    }
    for options in ["-sS", "-sSi", "-sSN", "-sSD-"] {
        let sandbox = Sandbox::http();
        let user = User::logged_in(&sandbox);
        let token = user.token();
        sandbox.set(|settings| settings.assets_fault = Some(Fault::Silence));
        let (mut client, curl) = waiting(&sandbox, &user, options);
        let read =
            |name: &str| fs::read(format!("/proc/{}/{name}", curl.as_raw_nonzero())).expect("readable");
        let words = String::from_utf8(read("cmdline")).expect("UTF-8");
        assert!(
            words.contains("\0-q\0") && words.contains("\0--config\0/dev/fd/") && words.contains(ASSETS),
            "{words}"
        );
        let seen = [read("cmdline"), read("environ")].concat();
        // Nor any part of it: 16 bytes are like no other text.
        for part in token.as_bytes().windows(16) {
            assert!(!seen.windows(16).any(|window| window == part), "a part of the token is seen");
        }
        // What it was told by is read, and gone.
        for descriptor in fs::read_dir(format!("/proc/{}/fd", curl.as_raw_nonzero())).expect("descriptors") {
            let target = fs::read_link(descriptor.expect("one").path()).unwrap_or_default();
            assert!(!target.to_string_lossy().contains("memfd"), "{target:?}");
        }
        sandbox.shutdown();
        assert_eq!(client.wait().code(), Some(52));
    }
}

#[test]
fn a_signal_that_ends_curl_is_told_as_a_shell_tells_it() {
    if !is_here() {
        return;
    }
    let (sandbox, user) = unanswered();
    for (options, signal, code) in
        [("-sS", Signal::TERM, 143), ("-sSN", Signal::INT, 130), ("-sSi", Signal::KILL, 137)]
    {
        let (mut client, curl) = waiting(&sandbox, &user, options);
        kill_process(curl, signal).expect("it is there");
        assert_eq!(client.wait().code(), Some(code));
    }
}

/// Somebody whose API says nothing, and whose programs ignore no signal.
fn unanswered() -> (Sandbox, User) {
    let sandbox = Sandbox::http();
    let mut user = User::logged_in(&sandbox);
    // Whoever runs the tests may ignore some: a shell does for what it runs in the background.
    user.home.run_by(&["env", "--default-signal"]);
    sandbox.set(|settings| settings.assets_fault = Some(Fault::Silence));
    (sandbox, user)
}

/// Starts it, and waits until curl has sent its request: both.
fn waiting(sandbox: &Sandbox, user: &User, options: &str) -> (Running, Pid) {
    let before = sandbox.counts().assets.total;
    let client = Running::start(user.home.client(&["curl", options, ASSETS]), "");
    sandbox.wait_until("the request", |counts| counts.assets.total == before + 1);
    let curl = child(client.pid()).expect("curl runs");
    (client, curl)
}

/// Waits until nobody is there any more, or only who was not reaped.
fn until_ended(pid: Pid) {
    until("curl to end", || {
        let words = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero()));
        words.map_or(true, |words| words.is_empty()).then_some(())
    });
}

#[test]
fn no_curl_outlives_whoever_waits_for_it() {
    if !is_here() {
        return;
    }
    let (sandbox, user) = unanswered();
    for (options, signal) in [("-sS", Signal::TERM), ("-sSN", Signal::INT), ("-sSi", Signal::KILL)] {
        let (mut client, curl) = waiting(&sandbox, &user, options);
        // To this one alone, as `kill` in a script sends it; a terminal's Ctrl-C reaches both.
        kill_process(client.pid(), signal).expect("it is there");
        assert_eq!(client.wait().signal(), Some(signal.as_raw()));
        until_ended(curl);
    }
}

/// What a terminal shows of a script by the time that it shows `end`.
fn shown(user: &User, script: &str, end: &str) -> String {
    let mut terminal = Terminal::new();
    let shell = terminal.start(&user.shell_command(&format!("{{ {script}; }} >/dev/tty 2>&1")));
    terminal.until(end);
    shell.ended().done();
    terminal.shown().to_owned()
}

#[test]
fn on_a_terminal_the_answer_is_shown_and_no_progress() {
    if !is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let user = User::logged_in(&sandbox);
    // As curl itself does.
    let ours = ["", "-f", "-N", "-D /dev/null"].map(|options| format!("dt-cred curl {options} {ASSETS}"));
    let curls = format!("curl -q -H \"$(dt-cred get)\" {}", sandbox.assets_url());
    for command in ours.into_iter().chain([curls]) {
        let shown = shown(&user, &format!("{command}; echo; echo ended"), "ended");
        assert!(shown.starts_with("{\"assets\":") && !shown.contains("% Total"), "{shown}");
    }
}

#[test]
fn what_is_no_text_is_not_written_to_a_terminal() {
    if !is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let user = User::logged_in(&sandbox);
    let body = "a\0\u{1b}[2Jb".to_owned();
    sandbox.set(|settings| {
        settings.assets_fault = Some(Fault::Answer { status: 200, headers: Vec::new(), body })
    });
    for options in ["-sS", "-sSD/dev/null"] {
        let shown = shown(&user, &format!("dt-cred curl {options} {ASSETS}; echo \"code $?\""), "code 23");
        assert!(!shown.contains('\u{1b}') && shown.contains("--output"), "{shown:?}");
    }
    // Unless it is said, as to curl itself.
    for options in ["-sS -o -", "-sSD/dev/null -o -"] {
        let shown = shown(&user, &format!("dt-cred curl {options} {ASSETS}; echo \"code $?\""), "code 0");
        assert!(shown.contains("\u{1b}[2Jb"), "{shown:?}");
    }
}

#[test]
fn on_a_terminal_each_line_is_shown_as_it_comes_wherever_the_headers_go() {
    if !is_here() {
        return;
    }
    let (sandbox, server) = (Sandbox::http(), TcpListener::bind("127.0.0.1:0").expect("a port"));
    let user = User::logged_in(&sandbox);
    let origin = server.local_addr().expect("an address");
    for options in ["-sSN", "-sSD/dev/null"] {
        let mut terminal = Terminal::new();
        let command = format!("dt-cred curl --allow-host {origin} {options} http://{origin}/ >/dev/tty 2>&1");
        let shell = terminal.start(&user.shell_command(&command));
        let (mut stream, _) = server.accept().expect("curl");
        let request = BufReader::new(&stream).lines().map_while(Result::ok);
        request.take_while(|line| !line.is_empty()).count();
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfirst\n").expect("sent");
        terminal.until("first");
        stream.write_all(b"second\n").expect("sent");
        terminal.until("second");
        drop(stream);
        shell.ended().done();
    }
}
