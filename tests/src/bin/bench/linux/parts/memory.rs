//! What an idle daemon holds of memory once it has fetched tokens over TLS, beside other agents.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};
use dt_cred_tests::{
    issuer::{Sandbox, Scheme},
    parts::{Home, Running, binaries, root},
    user::Account,
};

use super::super::{
    fixture::{LINE, issuer, quiet_home},
    others,
    process::{Memory, family},
    report::{Cell, Goal, Limit, Report, Table},
    scale::Scale,
    spawn::variables,
};

const MB: f64 = 1e6;

/// Where Debian has the CAs that the system trusts.
const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// How many more tokens are fetched, as in the hours of a working day.
const FETCHES: usize = 8;

/// A daemon that trusts what the system trusts, as it does for everybody who names no CA.
struct Daemon {
    // In this order they are dropped: the daemon is gone before its issuer.
    process: Running,
    home: Home,
    _sandbox: Sandbox,
}

impl Daemon {
    /// One in whose view of the system the issuer's CA is one of those, with a token of its default profile in its memory.
    fn start() -> Result<Self> {
        let (sandbox, home) = (issuer(Scheme::Https, LINE)?, quiet_home());
        let bundle = home.path().join("roots.pem");
        let own = fs::read(sandbox.ca_file().context("TLS has a CA")?)?;
        fs::write(&bundle, [fs::read(ROOTS)?, own].concat())?;
        let process = Running::start(seeing(&bundle, &home.command(home.daemon_program())), "");
        process.stderr_line(|line| line.contains("listening"));
        let lines = Account::at(&sandbox).lines();
        let lines: Vec<_> = lines.lines().filter(|line| !line.starts_with("ca_file=")).collect();
        home.dt_cred_with(&["store"], format!("{}\nkeyring=memory\n", lines.join("\n"))).done();
        Ok(Self { process, home, _sandbox: sandbox })
    }
}

/// `daemon`, run where these are the CAs that the system trusts (mount_namespaces(7)).
fn seeing(bundle: &Path, daemon: &Command) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", "mount --bind \"$1\" \"$2\" && exec \"$3\"", "sh"]);
    command.arg(bundle).arg(ROOTS).arg(daemon.get_program()).env_clear().envs(variables(daemon));
    command
}

/// Measures it.
pub(crate) fn measure(_: &Scale) -> Result<Report> {
    let (mut rows, mut first) = (Vec::new(), None);
    // Whoever may not look into ours may not look into most of these.
    if root("what dt-credd holds of memory, with the CAs that the system trusts") {
        let daemon = Daemon::start()?;
        let mut own = |when: &str| -> Result<()> {
            daemon.home.dt_cred(&["get"]).done();
            let held = Memory::of_daemon(daemon.process.pid())?;
            rows.extend(held.map(|memory| row(&format!("dt-credd, {when}"), memory)));
            first = first.or(held);
            Ok(())
        };
        own("after a fetch")?;
        for _ in 0..FETCHES {
            daemon.home.dt_cred(&["get", "--fresh"]).done();
        }
        own("after eight more")?;
        for command in [&["doctor"][..], &["test"], &["keyring", "list"]] {
            daemon.home.dt_cred(command);
        }
        own("after `doctor`, `test` and `keyring list`")?;
        let token = daemon.home.dt_cred(&["get", "--format", "raw"]).done();
        let mut others = others::all(token.trim_end())?;
        others.sort_by_key(|other| other.name);
        for other in &others {
            rows.push(row(other.name, Memory::of(&family(other.pid)?)?));
        }
    }
    let size = binaries::client().metadata()?.len();
    let goal = |what, limit, bytes: Option<u64>| {
        Goal::new(what, Limit::AtMost(limit), bytes.map(|bytes| bytes as f64 / MB))
    };
    Ok(Report {
        goals: vec![
            goal("idle daemon: resident, MB", 5.5, first.map(|own| own.resident)),
            goal("idle daemon: anonymous, MB", 1.0, first.map(|own| own.anonymous)),
            goal("client's program, MB", 1.7, Some(size)),
        ],
        tables: vec![Table {
            title: "Memory of an idle daemon",
            note: "dt-credd fetches over TLS from an issuer whose CA is one of those that the system trusts; the others are warm, with something to keep (gpg-agent: nothing). A daemon of several processes counts as one. Unique is what would be free if it ended: less where others run the same program. The goals are of the first row.",
            columns: vec!["resident", "anonymous", "unique"],
            rows,
        }],
    })
}

fn row(name: &str, memory: Memory) -> (String, Vec<Cell>) {
    let Memory { resident, anonymous, unique } = memory;
    (name.to_owned(), [resident, anonymous, unique].map(Cell::Bytes).into())
}
