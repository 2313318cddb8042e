//! Reads the arguments of `get` by hand: it is what scripts run a thousand times, and clap costs more than the rest of it.
//!
//! Whatever is not plainly a right `get` is left to clap, which understands it or says what is wrong.

use std::{ffi::OsString, str::FromStr};

use crate::{
    cli::{GetArguments, Globals},
    settings::seconds,
};

/// The options of a `get`, or none where clap must look.
pub(crate) fn read(arguments: &[OsString]) -> Option<(Globals, GetArguments)> {
    let mut globals = Globals::default();
    let mut get = GetArguments::default();
    let mut seen = Vec::with_capacity(arguments.len());
    let mut command = false;
    let mut words = arguments.iter().map(|argument| argument.to_str());
    while let Some(word) = words.next() {
        let word = word?;
        if word == "get" && !command {
            command = true;
            continue;
        }
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (word, None),
        };
        let name = if name == "-p" { "--profile" } else { name };
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
        match (name, attached) {
            ("--no-start", None) => globals.no_start = true,
            ("--fresh", None) if command => get.fresh = true,
            _ => {
                let value = attached.or_else(|| words.next().flatten())?;
                // Whether such a value is one is clap's to say.
                if value.is_empty() || value.starts_with('-') {
                    return None;
                }
                match name {
                    "--profile" => globals.profile = Some(parse(value)?),
                    "--timeout" => globals.timeout = Some(seconds(value).ok()?),
                    "--format" if command => get.format = parse(value)?,
                    "--shell" if command => get.shell = Some(parse(value)?),
                    "--min-ttl" if command => get.min_ttl = Some(parse(value)?),
                    _ => return None,
                }
            }
        }
    }
    command.then_some((globals, get))
}

fn parse<T: FromStr>(value: &str) -> Option<T> {
    value.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;
    use crate::cli::{self, Asked, Command};

    fn by_clap(arguments: &[OsString]) -> Option<(Globals, GetArguments)> {
        match cli::read(arguments) {
            Ok(Asked::Run(cli)) => match cli.command {
                Command::Get(get) => Some((cli.globals, get)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Every word that means something to `get`, and some that do not.
    const WORDS: &[&str] = &[
        "get",
        "-p",
        "--profile",
        "--profile=a",
        "-p=a",
        "-pa",
        "a",
        "b.c",
        "a b",
        "--timeout",
        "--timeout=2.5",
        "3",
        "0",
        "+5",
        "05",
        "-1",
        "1e2",
        "4294967296",
        "--no-start",
        "--no-start=1",
        "--format",
        "--format=raw",
        "raw",
        "json",
        "env",
        "Raw",
        "xml",
        "--shell",
        "--shell=fish",
        "sh",
        "cmd",
        "--min-ttl",
        "--min-ttl=60",
        "--min-ttl=",
        "--fresh",
        "--",
        "-",
        "",
        "--help",
        "-V",
        "status",
        "--form",
        "--timeout=0",
        "--timeout=x",
        "--format=xml",
        "--profile=a/b",
        "--min-ttl=x",
        "--shell=bash",
        "--profile==",
        "é",
    ];

    /// Some of the options, each at most once and rightly written, in any order.
    fn options() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
        let one = |ways: Vec<Vec<&'static str>>| proptest::option::of(select(ways));
        let all = (
            one(vec![vec!["-p", "a"], vec!["--profile", "get"], vec!["--profile=x-y"]]),
            one(vec![vec!["--timeout", "2.5"], vec!["--timeout=10"]]),
            one(vec![vec!["--no-start"]]),
            one(vec![vec!["--format", "raw"], vec!["--format=json"], vec!["--format", "curl"]]),
            one(vec![vec!["--shell", "cmd"], vec!["--shell=powershell"]]),
            one(vec![vec!["--min-ttl", "0"], vec!["--min-ttl=4294967295"]]),
            one(vec![vec!["--fresh"]]),
        );
        let given = all.prop_map(|(a, b, c, d, e, f, g)| {
            [a, b, c, d, e, f, g].into_iter().flatten().collect::<Vec<_>>()
        });
        given.prop_shuffle()
    }

    fn owned(words: impl IntoIterator<Item = &'static str>) -> Vec<OsString> {
        words.into_iter().map(OsString::from).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn what_is_read_by_hand_is_what_clap_reads(
            options in options(),
            command in 0_usize..20,
            strange in vec((0_usize..20, select(WORDS)), 0..3),
        ) {
            let mut words: Vec<_> = options.into_iter().flatten().collect();
            for (at, word) in std::iter::once((command, "get")).chain(strange) {
                words.insert(at.min(words.len()), word);
            }
            let arguments = owned(words);
            if let Some(read) = read(&arguments) {
                prop_assert_eq!(Some(read), by_clap(&arguments));
            }
        }

        #[test]
        fn every_plain_get_is_read_by_hand(options in options()) {
            let arguments = owned(std::iter::once("get").chain(options.into_iter().flatten()));
            let by_hand = read(&arguments);
            prop_assert!(by_hand.is_some());
            prop_assert_eq!(by_hand, by_clap(&arguments));
        }
    }

    #[test]
    fn global_options_before_get_are_read_by_hand() {
        let arguments = owned(["-p", "a", "--timeout=3", "--no-start", "get", "--fresh"]);
        assert!(read(&arguments).is_some());
        assert_eq!(read(&arguments), by_clap(&arguments));
    }

    #[test]
    fn an_option_of_get_before_it_is_left_to_clap() {
        assert_eq!(read(&owned(["--fresh", "get"])), None);
        assert_eq!(read(&owned(["--format", "raw", "get"])), None);
    }
}
