//! One function for each key: what may stand there, and what to write instead of what may not.

use std::{
    env, fmt,
    ops::RangeInclusive,
    path::{Component, Path, PathBuf, is_separator},
    time::Duration,
};

use dt_cred_proto::{
    message::{FileFormat, Keyring},
    profile::Profile,
};
use serde::{
    Deserializer,
    de::{self, Error, Visitor},
};

use super::Proxy;
use crate::platform;

/// The profile that an unnamed one is where nothing is configured.
pub(super) fn default_profile() -> Profile {
    "default".parse().expect("it is a profile's name")
}

pub(super) fn profile<'de, D: Deserializer<'de>>(value: D) -> Result<Profile, D::Error> {
    let name = string(value, "default_profile = \"default\"")?;
    name.parse().map_err(|error| D::Error::custom(format!("default_profile: {error}")))
}

pub(super) fn min_ttl<'de, D: Deserializer<'de>>(value: D) -> Result<Duration, D::Error> {
    let limits = Duration::ZERO..=Duration::from_secs(24 * 60 * 60);
    duration(value, "min_ttl", "min_ttl = \"60s\"", "at most 1 day", limits)
}

pub(super) fn default_lifetime<'de, D: Deserializer<'de>>(value: D) -> Result<Duration, D::Error> {
    let limits = Duration::from_secs(1)..=Duration::from_secs(30 * 24 * 60 * 60);
    duration(value, "default_lifetime", "default_lifetime = \"10m\"", "1 second to 30 days", limits)
}

pub(super) fn keep_warm<'de, D: Deserializer<'de>>(value: D) -> Result<u32, D::Error> {
    struct Count;
    impl Visitor<'_> for Count {
        type Value = u32;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number from 0 to 1000000, as in `keep_warm = 24`")
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<u32, E> {
            let count = u32::try_from(number).ok().filter(|count| *count <= 1_000_000);
            count.ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
        }
    }
    value.deserialize_i64(Count)
}

pub(super) fn proxy<'de, D: Deserializer<'de>>(value: D) -> Result<Proxy, D::Error> {
    const EXAMPLE: &str = "proxy = \"env\"` or \"none\" or `\"http://proxy.example:3128\"";
    let word = string(value, EXAMPLE)?;
    match word.as_str() {
        "env" => return Ok(Proxy::Env),
        "none" => return Ok(Proxy::None),
        _ => {}
    }
    let url = reqwest::Url::parse(&word).ok();
    let is_proxy = url.is_some_and(|url| matches!(url.scheme(), "http" | "https"));
    // Not repeated: a proxy's URL may hold a password.
    let wrong =
        || D::Error::custom(format!("proxy is neither a word nor an http or https URL: write `{EXAMPLE}`"));
    if is_proxy { Ok(Proxy::Url(word)) } else { Err(wrong()) }
}

pub(super) fn keyring<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Keyring>, D::Error> {
    let word = string(value, "keyring = \"auto\"")?;
    if word == "auto" {
        return Ok(None);
    }
    word.parse().map(Some).map_err(|error| D::Error::custom(format!("keyring: {error}, auto")))
}

/// A program's absolute path and its arguments. No shell reads them, so that nothing in them is more than it says.
pub(super) fn command<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<String>, D::Error> {
    const EXAMPLE: &str = "keyring_command = [\"/usr/bin/pass\", \"show\", \"dt-cred\"]";
    struct Words;
    impl<'de> Visitor<'de> for Words {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a program and its arguments, each in quotes, as in `{EXAMPLE}`")
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut words: A) -> Result<Vec<String>, A::Error> {
            let mut command = Vec::new();
            let wrong = |_| {
                A::Error::custom(format!(
                    "keyring_command holds something else than words: write a program and its arguments, each in quotes, as in `{EXAMPLE}`"
                ))
            };
            while let Some(word) = words.next_element::<String>().map_err(wrong)? {
                command.push(word);
            }
            Ok(command)
        }
    }
    let command = value.deserialize_seq(Words)?;
    let wrong = |why: &str| Err(D::Error::custom(format!("keyring_command {why}, as in `{EXAMPLE}`")));
    match command.first() {
        None => wrong("is empty: write a program and its arguments"),
        // Looked for on no PATH: a program of that name may lie where others can write (CVE-2019-15752).
        Some(program) if !Path::new(program).is_absolute() => wrong("does not begin with an absolute path"),
        Some(_) if command.iter().any(|word| word.contains('\0')) => wrong("holds a NUL"),
        Some(_) => Ok(command),
    }
}

/// A file's path: absolute, or from the home folder by `~/`.
pub(super) fn path<'de, D: Deserializer<'de>>(value: D) -> Result<PathBuf, D::Error> {
    const EXAMPLE: &str = "path = \"~/.datatrails/bearer-token.txt\"";
    let word = string(value, EXAMPLE)?;
    let wrong = |why: &str| D::Error::custom(format!("path is {word:?}: {why}, as in `{EXAMPLE}`"));
    let path = match word.strip_prefix('~').and_then(|rest| rest.strip_prefix(is_separator)) {
        Some(rest) => {
            let home =
                platform::home(|name| env::var_os(name)).ok_or_else(|| wrong("there is no home folder"))?;
            home.join(rest)
        }
        None => PathBuf::from(&word),
    };
    // As the two would be compared: `a//b` and `a/./b` are `a/b`.
    let plain: PathBuf = path.components().collect();
    if !path.is_absolute() || plain.components().any(|part| part == Component::ParentDir) {
        return Err(wrong("write it from the root or ~/ on, without .."));
    }
    let ends = |c| is_separator(c) || c == '.';
    if plain.file_name().is_none()
        || word.ends_with(ends)
        || word.contains(char::is_control)
        || platform::is_stream(&path)
    {
        return Err(wrong("write the name of a file"));
    }
    Ok(plain)
}

pub(super) fn format<'de, D: Deserializer<'de>>(value: D) -> Result<FileFormat, D::Error> {
    const EXAMPLE: &str = "format = \"header\"` or `format = \"raw\"";
    let word = string(value, EXAMPLE)?;
    word.parse().map_err(|error| D::Error::custom(format!("format: {error}")))
}

fn duration<'de, D: Deserializer<'de>>(
    value: D,
    key: &str,
    example: &'static str,
    allowed: &str,
    limits: RangeInclusive<Duration>,
) -> Result<Duration, D::Error> {
    let word = string(value, example)?;
    let wrong =
        |why: &dyn fmt::Display| D::Error::custom(format!("{key} is {word:?}: {why}, as in `{example}`"));
    let duration =
        humantime::parse_duration(&word).map_err(|error| wrong(&format!("{error}; write a time")))?;
    if limits.contains(&duration) { Ok(duration) } else { Err(wrong(&format!("it must be {allowed}"))) }
}

/// A string, else an error that shows how it is written.
fn string<'de, D: Deserializer<'de>>(value: D, example: &'static str) -> Result<String, D::Error> {
    struct Quoted(&'static str);
    impl Visitor<'_> for Quoted {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a string in quotes, as in `{}`", self.0)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
    }
    value.deserialize_str(Quoted(example))
}
