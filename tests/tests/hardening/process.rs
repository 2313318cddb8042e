//! Other processes of the same user, and core files.

use std::{fs, os::unix::process::ExitStatusExt, path::Path};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Home, Running, Stranger, require, run, until},
    user::{Account, User},
};
use rustix::process::{Pid, Signal};
use serde_json::Value;

/// The system's own: every user may run it.
const PYTHON: &str = "/usr/bin/python3";

/// What a process of this user may do to another one: open its files in proc(5), read its memory, trace it.
const ATTEMPTS: &str = r"
import ctypes, json, sys
pid, libc = int(sys.argv[1]), ctypes.CDLL(None)
class Part(ctypes.Structure):
    _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
def opens(name):
    try:
        open(f'/proc/{pid}/{name}', 'rb').close()
        return True
    except PermissionError:
        return False
def reads():
    buffer = ctypes.create_string_buffer(1)
    own = Part(ctypes.cast(buffer, ctypes.c_void_p), 1)
    ctypes.set_errno(0)
    # At address 0 nothing can be read; whoever may not even try is told so first.
    libc = ctypes.CDLL(None, use_errno=True)
    libc.process_vm_readv(pid, ctypes.byref(own), 1, ctypes.byref(Part(0, 1)), 1, 0)
    return ctypes.get_errno() != 1
PTRACE_ATTACH = 16
print(json.dumps({
    'environ': opens('environ'), 'maps': opens('maps'), 'mem': opens('mem'), 'memory': reads(),
    'trace': libc.ptrace(PTRACE_ATTACH, pid, 0, 0) == 0,
}))
";

/// Which of the attempts another process of this user gets through.
fn got_through(stranger: Stranger, pid: Pid) -> Vec<String> {
    let mut python = stranger.command(PYTHON);
    python.args(["-c", ATTEMPTS, &pid.as_raw_nonzero().to_string()]);
    let attempts: Value = serde_json::from_str(&run(python, "").done()).expect("JSON");
    let attempts = attempts.as_object().expect("an object");
    assert_eq!(attempts.len(), 5);
    attempts
        .iter()
        .filter(|(_, through)| **through == Value::Bool(true))
        .map(|(name, _)| name.clone())
        .collect()
}

/// A user without rights, and their home; none where this process may not be another user.
fn stranger() -> Option<(Stranger, Home)> {
    let stranger = Stranger::new()?;
    if !require("Debian's python3", Path::new(PYTHON).exists()) {
        return None;
    }
    let mut home = Home::new();
    stranger.moves_into(&mut home);
    Some((stranger, home))
}

#[test]
fn another_process_of_the_same_user_can_neither_read_nor_trace_the_daemon_or_the_client() {
    let Some((stranger, home)) = stranger() else { return };
    let sandbox = Sandbox::http();
    home.dt_cred_with(&["store"], format!("{}keyring=memory\n", Account::at(&sandbox).lines())).done();
    let daemon = home.daemon_pid().expect("a daemon");
    assert_eq!(got_through(stranger, daemon), [""; 0], "the daemon");
    sandbox.set(|settings| settings.hold = true);
    let client = Running::start(home.client(&["get", "--fresh"]), "");
    sandbox.wait_until("the client waits", |counts| counts.tokens.total == 2);
    assert_eq!(got_through(stranger, client.pid()), [""; 0], "the client");
    sandbox.set(|settings| settings.hold = false);
    // Any other program of theirs lets it all happen, unless the kernel itself says no to all (Yama).
    let mut sleep = stranger.command("sleep");
    sleep.arg("1000");
    let sleep = Running::start(sleep, "");
    until("setpriv to be sleep", || {
        let name = fs::read_to_string(format!("/proc/{}/comm", sleep.pid().as_raw_nonzero())).ok()?;
        (name == "sleep\n").then_some(())
    });
    let yama = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    if matches!(yama.trim(), "" | "0") {
        assert_eq!(got_through(stranger, sleep.pid()).len(), 5);
    }
}

/// Started with no limit for core files, then killed by a fault; whether it left one.
fn dumps_core(home: &Home, program: &[&str], ready: impl FnOnce(&Running)) -> bool {
    let mut shell = home.command("sh");
    shell.args(["-c", "ulimit -c unlimited && exec \"$@\"", "sh"]).args(program);
    let mut running = Running::start(shell, "");
    ready(&running);
    until("it to end", || {
        // Rust's own handler takes the first one for a fault that will come again.
        running.signal(Signal::SEGV);
        (!running.is_running()).then_some(())
    });
    let status = running.wait();
    assert_eq!(status.signal(), Some(Signal::SEGV.as_raw()), "{status}");
    status.core_dumped()
}

#[test]
fn a_daemon_that_crashes_leaves_no_core_file_whatever_the_limit_was() {
    let home = Home::new();
    let daemon = home.daemon_program();
    let dumped = dumps_core(&home, &[daemon.to_str().expect("text")], |daemon| {
        daemon.stderr_line(|line| line.contains("listening"));
        let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.pid().as_raw_nonzero()));
        let limits = limits.expect("its limits");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("that limit");
        assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    });
    assert!(!dumped);
    // Where the kernel writes them itself, any other program leaves one.
    if !fs::read_to_string("/proc/sys/kernel/core_pattern").expect("a pattern").starts_with('|') {
        let dumped = dumps_core(&home, &["sleep", "1000"], |sleep| {
            until("sh to be sleep", || {
                let name = fs::read_to_string(format!("/proc/{}/comm", sleep.pid().as_raw_nonzero())).ok()?;
                (name == "sleep\n").then_some(())
            });
        });
        assert!(dumped, "the control");
    }
}

/// A defence as `status` tells it.
fn defence(home: &Home, name: &str) -> (bool, String) {
    let status: Value = serde_json::from_str(&home.dt_cred(&["status", "--json"]).done()).expect("JSON");
    let defences = status["defences"].as_array().expect("a list");
    let found = defences.iter().find(|defence| defence["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no {name} in {status}"));
    (found["active"].as_bool().expect("a flag"), found["note"].as_str().expect("text").to_owned())
}

#[test]
fn secrets_that_may_not_be_locked_in_memory_are_held_all_the_same_and_that_is_told() {
    let Some((_, home)) = stranger() else { return };
    let sandbox = Sandbox::http();
    let lines = format!("{}keyring=memory\n", Account::at(&sandbox).lines());
    home.dt_cred_with(&["store"], &lines).done();
    let (active, note) = defence(&home, "secret pages");
    assert!(active && note.ends_with("bytes, locked in memory"), "{note}");
    home.dt_cred(&["stop"]).done();
    let mut limited = home.command("prlimit");
    limited.arg("--memlock=0").arg(home.daemon_program());
    let daemon = Running::start(limited, "");
    daemon.stderr_line(|line| line.contains("listening"));
    home.dt_cred_with(&["store"], &lines).done();
    home.dt_cred(&["get"]).done();
    let (active, note) = defence(&home, "secret pages");
    assert!(!active && note.contains("may be swapped out"), "{note}");
    let text = home.dt_cred(&["status"]).done();
    assert!(text.contains("not defended: secret pages ("), "{text}");
}

#[test]
fn what_is_defended_is_told_for_people_and_for_programs() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    for name in ["memory", "core files", "secret pages", "privileges", "files", "system calls"] {
        assert!(defence(&user.home, name).0, "{name}");
    }
    let text = user.dt_cred(&["status"]).done();
    let line = "defended: memory, core files, secret pages, privileges, files, system calls\n";
    assert!(text.contains(line) && !text.contains("not defended"), "{text}");
}
