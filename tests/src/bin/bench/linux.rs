//! The bench on Linux: which parts are measured, and where it is written.

mod crowd;
mod fixture;
mod floor;
mod interrupted;
mod machine;
mod oidc_issuer;
mod others;
mod parts;
mod picture;
mod process;
mod processor;
mod report;
mod scale;
mod spawn;
mod statistics;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use dt_cred_tests::parts::binaries;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use self::{
    machine::Machine,
    parts::{calls, exchanges, get, growth, idle, many, memory, start},
    picture::Picture,
    report::Report,
    scale::Scale,
};

const HELP: &str = "\
Usage: tests/bench [--quick] [--write] [PART…]

  PART     get, many, exchanges, memory, idle, start, growth, calls (default: all)
  --quick  a few rounds, to see that every part works: its numbers mean nothing
  --write  writes the tables into BENCHMARKS.md and docs/latency.svg (all parts, and not quick)
";

/// Every part, in the order in which they are told.
const PARTS: [&str; 8] = ["get", "many", "exchanges", "memory", "idle", "start", "growth", "calls"];

pub(crate) fn main() -> ExitCode {
    match run(env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut words: impl Iterator<Item = String>) -> Result<()> {
    match words.next() {
        Some(word) if word == floor::WORD => floor::serve(words),
        Some(word) if word == crowd::WORD => crowd::member(words),
        Some(word) if word == "--help" => {
            print!("{HELP}");
            Ok(())
        }
        first => bench(&Options::read(first.into_iter().chain(words))?),
    }
}

/// What is asked for.
#[derive(PartialEq, Debug)]
struct Options {
    parts: Vec<&'static str>,
    quick: bool,
    write: bool,
}

impl Options {
    fn read(words: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self { parts: Vec::new(), quick: false, write: false };
        for word in words {
            match word.as_str() {
                "--quick" => options.quick = true,
                "--write" => options.write = true,
                name => match PARTS.iter().find(|part| **part == name) {
                    Some(part) => options.parts.push(part),
                    None => bail!("unknown word {name:?}\n{HELP}"),
                },
            }
        }
        // What stands side by side was measured side by side.
        let whole = options.parts.is_empty() && !options.quick;
        ensure!(whole || !options.write, "--write is for all parts, in full\n{HELP}");
        if options.parts.is_empty() {
            options.parts = PARTS.to_vec();
        }
        Ok(options)
    }
}

fn bench(options: &Options) -> Result<()> {
    interrupted::watch()?;
    raise_descriptor_limit()?;
    let scale = if options.quick { Scale::QUICK } else { Scale::FULL };
    let machine = Machine::look()?;
    print!("{}", machine.told());
    let mut reports = Vec::new();
    let mut picture = None;
    for part in &options.parts {
        let began = Instant::now();
        reports.push((*part, measure(part, &scale, &mut picture)?));
        eprintln!("{part}: {} s", began.elapsed().as_secs());
    }
    let text = report::markdown(reports.iter().map(|(_, report)| report));
    print!("{text}");
    let folder = binaries::target().join("bench");
    fs::create_dir_all(&folder)?;
    let parts: serde_json::Map<_, _> = reports
        .iter()
        .map(|(part, report)| Ok(((*part).to_owned(), serde_json::to_value(report)?)))
        .collect::<Result<_>>()?;
    let results = json!({ "schema": 1, "quick": options.quick, "machine": machine, "parts": parts });
    fs::write(folder.join("results.json"), format!("{results:#}\n"))?;
    let svg = picture.map(|picture: Picture| picture.svg());
    if let Some(svg) = &svg {
        fs::write(folder.join("latency.svg"), svg)?;
    }
    if options.write {
        let (page, drawn) = (of_project("BENCHMARKS.md"), of_project("docs/latency.svg"));
        let written =
            report::within_marks(&fs::read_to_string(&page)?, &format!("{}{text}", machine.told()))?;
        fs::write(page, written)?;
        fs::write(drawn, svg.context("no picture was made")?)?;
    }
    Ok(())
}

fn measure(part: &str, scale: &Scale, picture: &mut Option<Picture>) -> Result<Report> {
    match part {
        "get" => get::measure(scale),
        "many" => {
            let (report, drawn) = many::measure(scale)?;
            *picture = Some(drawn);
            Ok(report)
        }
        "exchanges" => exchanges::measure(scale),
        "memory" => memory::measure(scale),
        "idle" => idle::measure(scale),
        "start" => start::measure(scale),
        "growth" => growth::measure(scale),
        "calls" => calls::measure(scale),
        other => bail!("no part {other}"),
    }
    .with_context(|| format!("the part {part}"))
}

/// A file of the sources.
fn of_project(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// Lets this process and those that it starts hold as many connections as the system permits.
fn raise_descriptor_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Options> {
        Options::read(line.split_whitespace().map(str::to_owned)).ok()
    }

    #[test]
    fn what_is_written_was_measured_in_one_whole_run() {
        let options =
            |parts: &[&'static str], quick, write| Some(Options { parts: parts.to_vec(), quick, write });
        assert_eq!(read(""), options(&PARTS, false, false));
        assert_eq!(read("--write"), options(&PARTS, false, true));
        assert_eq!(read("--quick"), options(&PARTS, true, false));
        assert_eq!(read("idle get"), options(&["idle", "get"], false, false));
        for wrong in ["--write get", "--write --quick", "gets", "--fast"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
