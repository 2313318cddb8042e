//! What does not depend on how busy the machine is: the system calls of a `get` (strace), and the instructions of it and of an
//! exchange (callgrind).

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};
use dt_cred_tests::{
    issuer::Scheme,
    parts::{Running, on_path, require, run, until},
    user::Account,
};
use rustix::process::Signal;

use super::super::{
    fixture::{Fixture, LINE, quiet_home, request},
    floor::{self, Caller},
    others,
    report::{Cell, Report, Table},
    scale::Scale,
    spawn::variables,
};

/// Exchanges while instructions are counted: what the second number takes more than the first is of the exchanges alone.
const COUNTED: [usize; 2] = [100, 600];

/// Measures it.
pub(crate) fn measure(_: &Scale) -> Result<Report> {
    let mut report = Report::default();
    if !require("strace and valgrind", on_path(&["strace", "valgrind"])) {
        return Ok(report);
    }
    let fixture = Fixture::start(Scheme::Http, LINE)?;
    let (git, oidc) = (others::git_cache(&fixture.token())?, others::oidc_agent(&fixture.token())?);
    let (cat, plain) = (fixture.cat(fixture.line())?, fixture.cat_without_locale(fixture.line())?);
    let nothing = Path::new("/dev/null");
    let get = fixture.get();
    let truth = fixture.home.command("/bin/true");
    let mut commands = vec![
        ("`dt-cred get`", &get, nothing),
        ("`/bin/true`", &truth, nothing),
        ("`cat`", &cat, nothing),
        ("`cat` without a locale", &plain, nothing),
    ];
    for (name, other) in [("`git credential-cache get`", &git), ("`oidc-token`", &oidc)] {
        let given = other.as_ref().and_then(|other| other.get.as_ref());
        commands.extend(given.map(|(command, input)| (name, command, input.as_path())));
    }
    let mut rows = Vec::new();
    for (name, command, input) in commands {
        let calls = calls(command, input)?;
        rows.push((
            name.to_owned(),
            vec![Cell::Count(calls.len() as f64), Cell::Count(instructions(command, input)?)],
        ));
    }
    report.tables.push(Table {
        title: "System calls and instructions of one run",
        note: "With those that load the program and its libraries. Instructions in the program's own process, not in the kernel.",
        columns: vec!["system calls", "instructions"],
        rows,
    });
    report.tables.push(listed(&calls(&get, nothing)?));
    report.tables.push(exchanges()?);
    Ok(report)
}

/// The names of the system calls of a run, in their order.
fn calls(command: &Command, input: &Path) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let said = folder.path().join("calls");
    let strace = around("strace", &["-f", "-qq", "-o"], Some(&said), command);
    run(strace, fs::read(input)?).done();
    Ok(fs::read_to_string(said)?.lines().filter_map(name).map(str::to_owned).collect())
}

/// What was called, by a line of strace's: `PID NAME(…`. One that was interrupted by another process has a second line.
fn name(line: &str) -> Option<&str> {
    let (_, call) = line.trim_start().split_once(' ')?;
    let (name, _) = call.trim_start().split_once('(')?;
    name.chars()
        .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
        .then_some(name)
}

/// The instructions of a run.
fn instructions(command: &Command, input: &Path) -> Result<f64> {
    let valgrind = counted(command);
    let said = run(valgrind, fs::read(input)?);
    collected(&said.stderr)
}

/// A command whose instructions valgrind counts.
fn counted(command: &Command) -> Command {
    around("valgrind", &["--tool=callgrind", "--callgrind-out-file=/dev/null"], None, command)
}

/// The count that callgrind tells at the end.
fn collected(said: &str) -> Result<f64> {
    let count = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    count.with_context(|| format!("callgrind told no count: {said}"))
}

/// `command`, run by another program.
fn around(by: &str, options: &[&str], file: Option<&Path>, command: &Command) -> Command {
    let mut whole = Command::new(by);
    whole.args(options).args(file).arg(command.get_program()).args(command.get_args()).env_clear();
    whole.envs(variables(command));
    whole
}

fn listed(calls: &[String]) -> Table {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for call in calls {
        match counted.iter_mut().find(|(name, _)| name == call) {
            Some((_, count)) => *count += 1,
            None => counted.push((call, 1)),
        }
    }
    let row = |(name, count): &(&str, usize)| (format!("`{name}`"), vec![Cell::Count(*count as f64)]);
    Table {
        title: "Which system calls",
        note: "Those of a `dt-cred get`, in the order in which each comes first.",
        columns: vec!["times"],
        rows: counted.iter().map(row).collect(),
    }
}

/// The instructions of one exchange, in the daemon and in the server that does nothing.
fn exchanges() -> Result<Table> {
    let daemon = per_exchange(daemon)?;
    let bare = per_exchange(bare)?;
    let row = |name: &str, count| (name.to_owned(), vec![Cell::Count(count)]);
    Ok(Table {
        title: "Instructions of one exchange",
        note: "In the server's process, not in the kernel, over a connection that is open.",
        columns: vec!["instructions"],
        rows: vec![row("dt-credd", daemon), row("bare server", bare)],
    })
}

fn per_exchange(server: fn(usize) -> Result<f64>) -> Result<f64> {
    let [few, many] = COUNTED;
    Ok((server(many)? - server(few)?) / (many - few) as f64)
}

/// All instructions of a daemon that answers so many.
fn daemon(times: usize) -> Result<f64> {
    let sandbox = super::super::fixture::issuer(Scheme::Http, LINE)?;
    let home = quiet_home();
    let daemon = Running::start(counted(&home.command(home.daemon_program())), "");
    daemon.stderr_line(|line| line.contains("listening"));
    home.dt_cred_with(&["store"], format!("{}keyring=memory\n", Account::at(&sandbox).lines())).done();
    let stream = std::os::unix::net::UnixStream::connect(home.socket())?;
    asked(daemon, Caller::over(stream), times)
}

/// All instructions of a bare server that answers so many.
fn bare(times: usize) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("socket");
    let command = floor::command(&socket, request().len(), LINE)?;
    let server = Running::start(counted(&command), "");
    server.first_line();
    let stream = until("the bare server", || std::os::unix::net::UnixStream::connect(&socket).ok());
    asked(server, Caller::over(stream), times)
}

fn asked(mut server: Running, mut caller: Caller, times: usize) -> Result<f64> {
    for _ in 0..times {
        caller.exchange(&request())?;
    }
    drop(caller);
    server.signal(Signal::TERM);
    server.wait();
    collected(&server.said())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_counted_once_and_what_is_no_call_is_not() {
        let cases = [
            ("12 execve(\"/bin/true\", [\"true\"], 0x7ffe /* 5 vars */) = 0", Some("execve")),
            ("12 <... read resumed>\"x\", 1) = 1", None),
            ("12 <... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 7", None),
            ("123 +++ exited with 0 +++", None),
            ("7 rt_sigaction(SIGPIPE, {sa_handler=SIG_IGN}, NULL, 8) = 0", Some("rt_sigaction")),
            ("12 --- SIGCHLD {si_signo=SIGCHLD} ---", None),
        ];
        for (line, call) in cases {
            assert_eq!(name(line), call, "{line}");
        }
    }

    #[test]
    fn the_count_is_the_one_that_callgrind_tells_at_its_end() {
        let said = "==7== Events    : Ir\n==7== Collected : 918375\n==7== \n==7== I   refs:      918,375\n";
        assert_eq!(collected(said).unwrap(), 918_375.0);
        assert!(collected("==7== killed\n").is_err());
    }
}
