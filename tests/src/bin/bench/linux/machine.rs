//! What it was measured on, and what was measured.

use std::{fs, process::Command, thread};

use anyhow::{Context, Result};
use dt_cred_tests::parts::{binaries, run};
use serde::Serialize;

use super::others::debian;

/// A machine, and how busy it was with other things when it began.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    processors: usize,
    kernel: String,
    system: String,
    /// The load average of the last minute.
    load: f64,
    programs: Vec<String>,
    /// The commit of the sources, and whether those of the programs are changed since.
    sources: String,
}

impl Machine {
    /// This one, now.
    pub(crate) fn look() -> Result<Self> {
        let told = |file: &str, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.map_or("unknown".to_owned(), |rest| rest.trim_matches([' ', '\t', ':', '=', '"']).to_owned())
        };
        let load = fs::read_to_string("/proc/loadavg")?;
        let load = load.split(' ').next().and_then(|word| word.parse().ok()).context("no load average")?;
        Ok(Self {
            processor: told("/proc/cpuinfo", "model name"),
            processors: thread::available_parallelism()?.get(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            system: told("/etc/os-release", "PRETTY_NAME="),
            load,
            programs: programs(),
            sources: sources(),
        })
    }

    /// What people are told of it.
    pub(crate) fn told(&self) -> String {
        let Self { processor, processors, kernel, system, load, programs, sources } = self;
        format!(
            "Measured on {processors} processors ({processor}), Linux {kernel}, {system}, with a load of {load} at the beginning; \
             {}; sources {sources}.\n\n",
            programs.join(", ")
        )
    }
}

/// What those say that are compared.
fn programs() -> Vec<String> {
    let own = [binaries::client(), binaries::daemon()].map(|program| (program, "--version"));
    let others = [
        ("git", "--version"),
        ("oidc-agent", "--version"),
        ("cat", "--version"),
        ("curl", "--version"),
        ("gpg-agent", "--version"),
    ];
    let others = others.map(|(program, word)| (debian(program), word));
    let version = |(program, word): (_, &str)| {
        let mut command = Command::new(&program);
        command.arg(word);
        let said = std::path::Path::new(&program).is_file().then(|| run(command, ""))?;
        Some(short(said.stdout.lines().next()?))
    };
    own.into_iter().chain(others).filter_map(version).collect()
}

/// The name and the number of a line that tells a version, whatever stands between and behind them.
fn short(line: &str) -> String {
    let mut words = line.split([' ', ',']);
    let name = words.next().unwrap_or_default();
    let number = words.find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    number.map_or(name.to_owned(), |number| format!("{name} {number}"))
}

fn sources() -> String {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(arguments);
        Some(git.output().ok().filter(|output| output.status.success())?.stdout)
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "of no commit".to_owned() };
    let shipped = ["status", "--porcelain", "--", "Cargo.lock", "Cargo.toml", "client", "daemon", "proto"];
    let changed = git(&shipped).is_none_or(|changes| !changes.is_empty());
    let commit = String::from_utf8_lossy(&commit).trim().to_owned();
    if changed { format!("{commit} with changes") } else { commit }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn of_a_version_the_name_and_the_number_are_told() {
        for (line, told) in [
            ("dt-cred 0.1.0", "dt-cred 0.1.0"),
            ("cat (GNU coreutils) 9.1", "cat 9.1"),
            ("curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1", "curl 7.88.1"),
            ("git", "git"),
        ] {
            assert_eq!(short(line), told);
        }
    }
}
