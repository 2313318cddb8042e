//! Linux: what the kernel says of a client, more clients than are remembered, and a log file that they do not fill.

use std::fs;

use dt_cred_proto::{
    message::{Get, Operation, Response},
    platform::own_uid,
};
use dt_cred_tests::{
    issuer::Sandbox,
    parts::{
        Running, on_path, require, root, run,
        session::{Session, request},
    },
    user::{Account, User},
};
use serde_json::{Value, json};

use super::entries;

/// What the log says of a client.
fn told(entry: &Value) -> Value {
    json!([entry["uid"], entry["pid"], entry["program"], entry["started_by"]])
}

fn get(profile: &str) -> Operation {
    Operation::Get(Get { profile: Some(profile.parse().expect("a name")), ..Get::default() })
}

#[test]
fn a_client_is_told_by_its_user_number_and_name_and_by_who_started_it() {
    if !require("python3", on_path(&["python3"])) {
        return;
    }
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let number = |script: &str| user.shell(script).done().trim().parse::<u32>().expect("a number");
    let by_script = number("printf deploy.sh >/proc/$$/comm; dt-cred get >/dev/null & echo $!; wait $!");
    let python = "import subprocess; \
        client = subprocess.Popen(['dt-cred', 'get'], stdout=subprocess.DEVNULL); client.wait(); print(client.pid)";
    let by_python = number(&format!("python3 -c \"{python}\""));
    let url = format!("{}/archivist/v2/assets", sandbox.url());
    user.shell(&format!("dt-cred get --format curl | curl -sS -o /dev/null -K - {url}; :")).done();
    let entries = entries(&user, &[]);
    let uid = own_uid();
    let clients: Vec<_> = entries.iter().map(told).collect();
    let by_shell = &entries[2]["pid"];
    let expected = [
        json!([uid, by_script, "dt-cred", "deploy.sh"]),
        json!([uid, by_python, "dt-cred", "python3"]),
        json!([uid, by_shell, "dt-cred", "sh"]),
    ];
    assert_eq!(clients, expected);
}

/// A client of its own: says what it is called, asks, is called otherwise, and asks again.
const CLIENT: &str = r"
import os, socket, sys
frame = bytes.fromhex(sys.argv[2])
daemon = socket.socket(socket.AF_UNIX)
daemon.connect(sys.argv[1])
for name in sys.argv[3:]:
    with open('/proc/self/comm', 'wb') as comm:
        comm.write(bytes.fromhex(name))
    daemon.sendall(frame)
    header = daemon.recv(5, socket.MSG_WAITALL)
    daemon.recv(int.from_bytes(header[1:], 'little'), socket.MSG_WAITALL)
print(os.getpid())
";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_a_client_calls_itself_is_read_once_for_a_connection_and_made_safe_to_print() {
    if !require("python3", on_path(&["python3"])) {
        return;
    }
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let mut client = user.home.command("python3");
    client.args(["-c", CLIENT]).arg(user.home.socket()).arg(hex(&request(get(user.profile()))));
    client.args([hex(b"\x1b[31m\r\na) S 1"), hex(b"second")]);
    let pid: u32 = run(client, "").done().trim().parse().expect("a number");
    let entries = entries(&user, &[]);
    assert_eq!(entries.len(), 2);
    for entry in &entries {
        assert_eq!(
            (&entry["pid"], &entry["program"]),
            (&pid.into(), &"\u{fffd}[31m\u{fffd}\u{fffd}a) S 1".into())
        );
    }
    let log = fs::read_to_string(user.home.state().join("dt-credd.log")).expect("a log");
    let line = log.lines().find(|line| line.contains("audit: served ")).expect("a line");
    assert!(line.contains(&format!("pid={pid} comm=\"\u{fffd}[31m\u{fffd}\u{fffd}a) S 1\"")), "{line}");
    for text in [log, user.dt_cred(&["log"]).done(), user.dt_cred(&["log", "--json"]).done()] {
        assert!(!text.contains('\x1b'), "{text}");
    }
}

#[test]
fn a_thousand_are_remembered_and_those_who_are_alike_fill_no_log_file() {
    const FIRST: usize = 100;
    const GETS: usize = 2000;
    let sandbox = Sandbox::http();
    let mut user = User::in_memory();
    user.home.set("DT_CRED_LOG", "info");
    let account = Account::at(&sandbox);
    user.log_in(&account);
    let first = "the-first";
    user.home.dt_cred_with(&["store", "-p", first], format!("{}keyring=memory\n", account.lines())).done();
    let mut session = Session::open(&user.home.socket());
    for at in 0..GETS {
        let profile = if at < FIRST { first } else { user.profile() };
        assert!(matches!(session.ask(get(profile)), Response::Token(_)));
    }
    let entries = entries(&user, &[]);
    assert_eq!(entries.len(), 1000);
    assert!(entries.iter().all(|entry| entry["profile"] == user.profile()));
    let pid = std::process::id();
    assert!(entries.iter().all(|entry| entry["pid"] == pid), "{:?}", entries[0]);
    user.dt_cred(&["stop"]).done();
    let log = fs::read_to_string(user.home.state().join("dt-credd.log")).expect("a log");
    let lines: Vec<_> = log.lines().filter(|line| line.contains("dt_credd::audit")).collect();
    assert_eq!(lines.len(), 4, "two of a kind each: {log}");
    let times = |line: &&str| match line.split_once("times=") {
        Some((_, times)) => times.trim().parse().expect("a number"),
        None => 1,
    };
    assert_eq!(lines.iter().map(times).sum::<usize>(), GETS, "{log}");
}

/// What the log says of a client of a daemon that unshare(1) starts so, and of the client's own number; none where it cannot.
fn told_from_apart(arguments: &[&str]) -> Option<(Value, u32)> {
    if !root("a daemon in namespaces of its own") || !require("unshare", on_path(&["unshare"])) {
        return None;
    }
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let mut apart = user.home.command("unshare");
    apart.args(arguments).arg(user.home.daemon_program());
    let daemon = Running::start(apart, "");
    daemon.stderr_line(|line| line.contains("listening"));
    user.log_in(&Account::at(&sandbox));
    let mut session = Session::open(&user.home.socket());
    assert!(matches!(session.ask(get(user.profile())), Response::Token(_)));
    let entries = entries(&user, &[]);
    daemon.stderr_line(|line| line.contains(" INFO served uid=0 "));
    assert_eq!(entries.len(), 1);
    Some((told(&entries[0]), std::process::id()))
}

#[test]
fn a_client_in_a_pid_namespace_that_the_daemon_does_not_see_is_served_and_has_no_number() {
    let apart = told_from_apart(&["--pid", "--fork", "--mount-proc", "--kill-child"]);
    let Some((told, _)) = apart else { return };
    assert_eq!(told, json!([0, null, null, null]));
}

#[test]
fn a_client_of_a_daemon_that_may_not_read_proc_is_served_and_has_no_name() {
    let hidden = r#"mount -t tmpfs none /proc && exec "$0""#;
    let Some((told, pid)) = told_from_apart(&["--mount", "sh", "-c", hidden]) else { return };
    assert_eq!(told, json!([0, pid, null, null]));
}

#[test]
fn a_person_is_told_the_time_of_their_own_zone() {
    let sandbox = Sandbox::http();
    let mut user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    user.token();
    user.home.set("TZ", "XYZ-05:30");
    let table = user.dt_cred(&["log"]).done();
    assert!(table.lines().nth(1).is_some_and(|line| line.contains(" +05:30  ")), "{table}");
    assert!(entries(&user, &[])[0]["time"].as_str().is_some_and(|time| time.ends_with('Z')));
}

#[test]
fn the_zone_is_that_of_the_file_that_tz_names_or_else_the_machines() {
    let programs = ["zic", "unshare", "mount"];
    if !root("a local time of a test's own") || !require("zic, unshare and mount", on_path(&programs)) {
        return;
    }
    let sandbox = Sandbox::http();
    let mut user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    user.token();
    let folder = user.home.path().join("zones");
    let (rules, zone) = (user.home.path().join("rules"), folder.join("Here"));
    fs::write(&rules, "Zone Here 5:45 - XYZ\n").expect("written");
    let mut compiler = user.home.command("zic");
    compiler.arg("-d").arg(&folder).arg(&rules);
    run(compiler, "").done();

    let is_told = |table: &str| table.lines().nth(1).is_some_and(|line| line.contains(" +05:45  "));
    let apart = "unshare --mount sh -c 'mount --bind \"$0\" /etc/localtime && exec dt-cred log'";
    let table = user.shell(&format!("{apart} {}", zone.display())).done();
    assert!(is_told(&table), "{table}");
    user.home.set("TZ", format!(":{}", zone.display()));
    let table = user.dt_cred(&["log"]).done();
    assert!(is_told(&table), "{table}");
}
