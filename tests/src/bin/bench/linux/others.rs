//! The programs that dt-cred is compared with, as Debian has them, each at its best: warm, and with something to keep.

use std::{
    fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use dt_cred_tests::parts::{Pid, Running, private_folder, require, run, until};
use rustix::process::{Signal, kill_process};
use tempfile::TempDir;

use super::oidc_issuer;

/// A daemon that keeps something for its user. It ends when this is dropped.
pub(crate) struct Other {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Its first process.
    pub(crate) pid: Pid,
    /// The client that gets what it keeps, where a script would call one, and the file that this reads.
    pub(crate) get: Option<(Command, PathBuf)>,
    _process: Process,
    _folder: TempDir,
}

/// What ends it.
enum Process {
    /// It is our child.
    #[expect(dead_code, reason = "it is there to be dropped")]
    Child(Running),
    /// It has left us.
    Daemon(Pid),
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Self::Daemon(pid) = self {
            let _ = kill_process(*pid, Signal::TERM);
        }
    }
}

/// Every one that is here; those that are not are told loudly.
pub(crate) fn all(token: &str) -> Result<Vec<Other>> {
    let all = [git_cache(token)?, oidc_agent(token)?, ssh_agent()?, gpg_agent()?];
    Ok(all.into_iter().flatten().collect())
}

/// `git credential-cache` with its daemon, which keeps `token` as a password.
pub(crate) fn git_cache(token: &str) -> Result<Option<Other>> {
    if !here("git", &["git"]) {
        return Ok(None);
    }
    let folder = folder()?;
    let socket = folder.path().join("private/socket");
    private_folder(socket.parent().context("it lies in a folder")?);
    let mut daemon = daemon(&folder, "git");
    daemon.arg("credential-cache--daemon").arg(&socket);
    let process = Running::start(daemon, "");
    process.first_line();
    let client = |word| {
        let mut client = command(&folder, "git");
        client.args(["credential-cache", "--timeout", "86400", "--socket"]).arg(&socket).arg(word);
        client
    };
    let question = "protocol=https\nhost=app.datatrails.ai\nusername=bearer\n";
    run(client("store"), format!("{question}password={token}\n\n")).done();
    let input = folder.path().join("question");
    fs::write(&input, format!("{question}\n"))?;
    let answer = run(client("get"), fs::read(&input)?).done();
    anyhow::ensure!(answer.contains(token), "git's cache does not give what it keeps");
    let get = Some((client("get"), input));
    Ok(Some(Other {
        name: "git credential-cache",
        pid: process.pid(),
        get,
        _process: Process::Child(process),
        _folder: folder,
    }))
}

/// `oidc-agent` with an account that it has a token of.
pub(crate) fn oidc_agent(token: &str) -> Result<Option<Other>> {
    if !here("oidc-agent (package oidc-agent-cli)", &["oidc-agent", "oidc-gen", "oidc-token"]) {
        return Ok(None);
    }
    let folder = folder()?;
    let socket = folder.path().join("socket");
    let of_oidc = |program| {
        let mut command = command(&folder, program);
        command.env("OIDC_SOCK", &socket);
        command
    };
    let mut agent = daemon(&folder, "oidc-agent");
    agent.args(["--console", "--quiet", "--socket-path"]).arg(&socket);
    let process = Running::start(agent, "");
    until("oidc-agent to listen", || UnixStream::connect(&socket).ok());
    let password = folder.path().join("password");
    fs::write(&password, "4f1c9a60b7d2e83c5a19\n")?;
    private_folder(&folder.path().join(".oidc-agent"));
    let mut account = of_oidc("oidc-gen");
    account.args([
        "--flow=refresh",
        "--rt",
        "b8e2c7d41f6a93058c2e",
        "--manual",
        "--scope=openid offline_access",
    ]);
    account.args([
        "--client-id=5e0d1c3a7b92",
        "--client-secret=c93d5f0b7e1846a2d0fb",
        "--redirect-uri=http://localhost:8080",
    ]);
    account
        .arg(format!("--issuer={}", oidc_issuer::start(token)?))
        .arg("--pw-file")
        .arg(&password)
        .arg("bench");
    run(account, "").done();
    let get = || {
        let mut get = of_oidc("oidc-token");
        get.arg("bench");
        get
    };
    let answer = run(get(), "").done();
    anyhow::ensure!(answer.trim_end() == token, "oidc-agent does not give what its issuer granted");
    let get = Some((get(), "/dev/null".into()));
    Ok(Some(Other {
        name: "oidc-agent",
        pid: process.pid(),
        get,
        _process: Process::Child(process),
        _folder: folder,
    }))
}

/// `ssh-agent` with one key.
fn ssh_agent() -> Result<Option<Other>> {
    if !here("ssh-agent (package openssh-client)", &["ssh-agent", "ssh-add", "ssh-keygen"]) {
        return Ok(None);
    }
    let folder = folder()?;
    let (socket, key) = (folder.path().join("socket"), folder.path().join("key"));
    let mut agent = daemon(&folder, "ssh-agent");
    agent.args(["-D", "-a"]).arg(&socket);
    let process = Running::start(agent, "");
    until("ssh-agent to listen", || UnixStream::connect(&socket).ok());
    let mut generate = command(&folder, "ssh-keygen");
    generate.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key);
    run(generate, "").done();
    let mut add = command(&folder, "ssh-add");
    add.arg(&key).env("SSH_AUTH_SOCK", &socket);
    run(add, "").done();
    Ok(Some(Other {
        name: "ssh-agent",
        pid: process.pid(),
        get: None,
        _process: Process::Child(process),
        _folder: folder,
    }))
}

/// `gpg-agent`, which starts with nothing to keep.
fn gpg_agent() -> Result<Option<Other>> {
    if !here("gpg-agent (packages gpg-agent, gpgconf)", &["gpg-agent", "gpg-connect-agent"]) {
        return Ok(None);
    }
    let folder = folder()?;
    let of_gpg = |program, arguments: &[&str]| {
        let mut command = command(&folder, program);
        command.arg("--homedir").arg(folder.path()).args(arguments);
        run(command, "").done()
    };
    of_gpg("gpg-agent", &["--quiet", "--daemon"]);
    let said = of_gpg("gpg-connect-agent", &["--no-autostart", "getinfo pid", "/bye"]);
    let pid = said.lines().find_map(|line| Pid::from_raw(line.strip_prefix("D ")?.trim().parse().ok()?));
    let pid = pid.with_context(|| format!("gpg-agent does not tell its number: {said}"))?;
    Ok(Some(Other { name: "gpg-agent", pid, get: None, _process: Process::Daemon(pid), _folder: folder }))
}

/// A command that knows nothing but this folder.
fn command(folder: &TempDir, program: &str) -> Command {
    let mut command = Command::new(debian(program));
    command.env_clear().env("HOME", folder.path()).env("LANG", "C.UTF-8").env("PATH", "/usr/bin:/bin");
    command.env("GIT_CONFIG_NOSYSTEM", "1").current_dir(folder.path());
    command
}

/// A command that becomes a daemon in a session of its own, as dt-credd is: Linux gives each session a share of a busy machine
/// (sched(7), autogroup).
fn daemon(folder: &TempDir, program: &str) -> Command {
    let mut daemon = command(folder, "setsid");
    daemon.arg(debian(program));
    daemon
}

/// Where Debian has a program, whatever else lies before it on the PATH.
pub(crate) fn debian(program: &str) -> PathBuf {
    Path::new("/usr/bin").join(program)
}

/// A folder that is nobody else's, with a path that is short enough for a socket.
fn folder() -> Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("dtb-").tempdir_in("/tmp")?)
}

fn here(what: &str, programs: &[&str]) -> bool {
    require(what, programs.iter().all(|program| debian(program).is_file()))
}
