//! A command line of curl's, as far as it says where the token would go (curl(1)). It stops slips: whoever wants to send
//! the token elsewhere has it anyway.
//!
//! What is understood is written anew, each option by its whole name, so that curl cannot take a word for another thing than
//! was looked at.

mod input;
mod options;

use thiserror::Error;

use crate::origin::{Origin, OriginError};
use dt_cred_proto::text::Text;
use input::Input;
use options::{Effect, Entry, Named};

/// A command line in which nothing is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    given: Vec<Given>,
}

/// An option as it was given.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Given {
    Flag { option: Entry, on: bool },
    Value { option: Entry, value: String },
}

/// A command line that may be run with the token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admitted {
    /// All of it, for curl.
    pub arguments: Vec<String>,
    /// Whether a URL is reached by http, so that a proxy would read the token.
    pub by_http: bool,
}

/// Why curl is not run.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum LineError {
    /// None of curl's, or of a newer one.
    #[error(
        "{0} is none of curl's options that are known here, and could carry the token elsewhere: leave it out, or see dt-cred curl --help"
    )]
    Unknown(Text),
    /// The start of several.
    #[error("{0} is the start of several of curl's options: write it out")]
    Ambiguous(Text),
    /// The command line ends where a value should stand.
    #[error("--{0} has no value behind it: see curl --help all")]
    NoValue(&'static str),
    /// A flag with `=`, or an option with a value and `--no-`.
    #[error("{0} {1}")]
    Misused(Text, &'static str),
    /// It may not be there at all.
    #[error("--{option} is refused: {reason}")]
    Refused {
        /// Its name.
        option: Text,
        /// Why, and what to do.
        reason: &'static str,
    },
    /// There is nowhere to go.
    #[error("no URL is given: write dt-cred curl {example}")]
    NoUrl {
        /// How it would look.
        example: &'static str,
    },
    /// One that two programs could read as two.
    #[error(
        "URL {number} is none that the token may go to: {source}; write it as https://HOST/PATH, or /PATH for the profile's own service"
    )]
    Url {
        /// Which of them, counted from 1. Its text is not told: it may hold a password.
        number: usize,
        /// What is wrong.
        source: OriginError,
    },
    /// By http to another machine.
    #[error("{0} is reached by http: a token goes by https only, write https://")]
    Http(Origin),
    /// Somewhere else.
    #[error(
        "{target} is not where this token belongs, which is {own}: choose the profile by dt-cred -p NAME curl …, or allow the host by dt-cred curl --allow-host {authority} …"
    )]
    Elsewhere {
        /// Where it would go.
        target: Origin,
        /// Where it belongs.
        own: Origin,
        /// What would have to be allowed.
        authority: String,
    },
    /// The profile's own service is at no place for tokens.
    #[error("the profile's url is none that a token may go to: see dt-cred status")]
    Own,
}

const OWN_HEADER: &str =
    "an Authorization of your own would stand beside the token: leave it out, or run curl itself";
const HEADER_FILE: &str = "the file may hold an Authorization, or another one when curl reads it: write each header as --header 'NAME: VALUE'";
const HEADER_LINES: &str =
    "a line ends in it, and another header would begin: give each by a --header of its own";
/// Options whose value curl writes among the headers as it is.
const HEADERS: [&str; 6] = ["cookie", "range", "referer", "request", "request-target", "user-agent"];
const THROUGH_PROXY: &str = "by http the proxy would read the token: leave it out, or use https";
const VALUE_LESS: &str = "takes no value: leave out the = and what stands behind it";
const UNSWITCHED: &str = "is none of curl's options: what takes a value cannot be switched off, leave it out";
const CLUSTERED: &str = "would be several of curl's flags: a profile stands before curl, dt-cred -p NAME curl …; write curl's own -p as --proxytunnel";
const EXPANDED: &str = "what curl makes of it cannot be looked at: let the shell expand it";

/// How a command line looks.
const EXAMPLE: &str = "/archivist/v2/assets";

/// The origins that `--allow-host HOST[:PORT]` allows: by https, and by http too where the host is this machine.
///
/// # Errors
/// [`OriginError`] where it is no host.
pub fn allowed(host: &str) -> Result<Vec<Origin>, OriginError> {
    let https = Origin::of_parts("https", host)?;
    let http = Origin::of_parts("http", host)?;
    Ok([https, http].into_iter().filter(Origin::takes_tokens).collect())
}

impl Line {
    /// Reads curl's arguments.
    ///
    /// # Errors
    /// [`LineError`], for the first word that is refused or cannot be understood.
    pub fn read(words: &[String]) -> Result<Self, LineError> {
        let mut given = Vec::with_capacity(words.len());
        let mut words = words.iter().map(String::as_str);
        let mut options = true;
        while let Some(word) = words.next() {
            if !options || !word.starts_with('-') {
                given.push(url(word)?);
            } else if word == "--" {
                options = false;
            } else if let Some(name) = word.strip_prefix("--") {
                given.push(long(name, &mut words)?);
            } else {
                short(&word[1..], &mut words, &mut given)?;
            }
        }
        let line = Self { given };
        let broken = line.given.iter().find_map(|given| match given {
            Given::Value { option, value } if HEADERS.contains(&option.name) => {
                value.contains(['\r', '\n']).then_some(option.name)
            }
            _ => None,
        });
        if let Some(option) = broken {
            return Err(refused(option, HEADER_LINES));
        }
        if line.urls().next().is_none() {
            return Err(LineError::NoUrl { example: EXAMPLE });
        }
        Ok(line)
    }

    /// The whole command line, once each URL is known to be of `own`, the profile's url, or of one that is allowed. A path
    /// alone is one of `own`.
    ///
    /// # Errors
    /// [`LineError`], for the first URL that is not.
    pub fn admit(&self, own: &str, allowed: &[Origin]) -> Result<Admitted, LineError> {
        let origin = Origin::of(own).ok().filter(Origin::takes_tokens).ok_or(LineError::Own)?;
        let base = own.trim_end_matches('/');
        let whole = |url: &str| if is_path(url) { format!("{base}{url}") } else { url.to_owned() };
        let mut by_http = false;
        for (at, url) in self.urls().enumerate() {
            let target =
                Origin::of(&whole(url)).map_err(|source| LineError::Url { number: at + 1, source })?;
            by_http |= !target.is_https();
            admitted(target, &origin, allowed)?;
        }
        if by_http && let Some((option, _)) = self.values(Effect::Proxy).next() {
            return Err(refused(option, THROUGH_PROXY));
        }
        let mut arguments = Vec::with_capacity(2 * self.given.len());
        for given in &self.given {
            match given {
                Given::Flag { option, on } => {
                    arguments.push(format!("--{}{}", if *on { "" } else { "no-" }, option.name));
                }
                Given::Value { option, value } => {
                    arguments.push(format!("--{}", option.name));
                    let url = option.effect == Effect::Url;
                    arguments.push(if url { whole(value) } else { value.clone() });
                }
            }
        }
        Ok(Admitted { arguments, by_http })
    }

    /// The files that are read, where the same can be sent again without anybody noticing: one URL, nothing written or
    /// shown but the answer, and standard input left alone.
    pub fn inputs(&self) -> Option<Vec<&str>> {
        let once = self.given.iter().any(|given| match given {
            Given::Flag { option, on } => match option.effect {
                Effect::Once => true,
                Effect::Tells => *on,
                _ => false,
            },
            Given::Value { option, .. } => matches!(option.effect, Effect::Once | Effect::Tells),
        });
        let mut urls = self.urls();
        let one = urls.next().is_some_and(|url| !self.is_pattern(url)) && urls.next().is_none();
        if once || !one {
            return None;
        }
        let mut files = Vec::new();
        for input in self.read_by_curl() {
            match input {
                Input::None => {}
                Input::File(name) => files.push(name),
                Input::Standard | Input::Many => return None,
            }
        }
        Some(files)
    }

    /// Whether curl reads standard input.
    pub fn reads_standard_input(&self) -> bool {
        self.read_by_curl().any(|input| matches!(input, Input::Standard | Input::Many))
    }

    /// The options that show the token to whoever reads what they write.
    pub fn tells(&self) -> impl Iterator<Item = &'static str> {
        self.given.iter().filter_map(|given| match given {
            Given::Flag { option, on: true } | Given::Value { option, .. }
                if option.effect == Effect::Tells =>
            {
                Some(option.name)
            }
            _ => None,
        })
    }

    /// Whether the user has the headers dumped, which curl does to one place.
    pub fn dumps_headers(&self) -> bool {
        self.value("dump-header").is_some()
    }

    /// The user's own `--write-out`.
    pub fn write_out(&self) -> Option<&str> {
        self.value("write-out")
    }

    /// Whether curl goes where a redirect leads.
    pub fn follows(&self) -> bool {
        self.is_on("location") || self.is_on("follow")
    }

    /// Whether an answer goes to a file and not to standard output.
    pub fn saves(&self) -> bool {
        self.value("output").is_some()
            || ["remote-name", "remote-name-all"].iter().any(|flag| self.is_on(flag))
    }

    /// Whether the user says that the answer goes to standard output.
    pub fn names_standard_output(&self) -> bool {
        self.value("output") == Some("-")
    }

    /// Whether curl itself sends a request again that was refused.
    pub fn retries_refusals(&self) -> bool {
        self.is_on("retry-all-errors")
    }

    /// The last value of the option of this whole name, which is the one that counts.
    fn value(&self, name: &str) -> Option<&str> {
        self.given.iter().rev().find_map(|given| match given {
            Given::Value { option, value } if option.name == name => Some(value.as_str()),
            _ => None,
        })
    }

    /// Whether the flag of this whole name is on.
    pub fn is_on(&self, name: &str) -> bool {
        let switched = self.given.iter().rev().find_map(|given| match given {
            Given::Flag { option, on } if option.name == name => Some(*on),
            _ => None,
        });
        switched.unwrap_or(false)
    }

    fn urls(&self) -> impl Iterator<Item = &str> {
        self.values(Effect::Url).map(|(_, value)| value)
    }

    fn values(&self, effect: Effect) -> impl Iterator<Item = (&'static str, &str)> {
        self.given.iter().filter_map(move |given| match given {
            Given::Value { option, value } if option.effect == effect => Some((option.name, value.as_str())),
            _ => None,
        })
    }

    fn read_by_curl(&self) -> impl Iterator<Item = Input<'_>> {
        self.given.iter().filter_map(|given| match given {
            Given::Value { option: Entry { effect: Effect::Reads(source), .. }, value } => {
                Some(input::of(*source, value))
            }
            _ => None,
        })
    }

    /// Whether curl makes several URLs of it. None of them is of another origin: no pattern can stand in front of the path,
    /// where [`Origin`] takes brackets for those of an address alone.
    fn is_pattern(&self, url: &str) -> bool {
        let path = url
            .split_once("://")
            .map_or(url, |(_, rest)| rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]));
        !self.is_on("globoff") && path.contains(['{', '['])
    }
}

/// A path of the profile's own service; with two slashes it would name a host.
fn is_path(url: &str) -> bool {
    url.starts_with('/') && !url.starts_with("//")
}

fn admitted(target: Origin, own: &Origin, allowed: &[Origin]) -> Result<(), LineError> {
    if !target.takes_tokens() {
        return Err(LineError::Http(target));
    }
    if target == *own || allowed.contains(&target) {
        return Ok(());
    }
    let authority = target.to_string();
    let authority = authority.split_once("://").map_or("", |(_, authority)| authority).to_owned();
    Err(LineError::Elsewhere { target, own: own.clone(), authority })
}

fn url(word: &str) -> Result<Given, LineError> {
    let option = options::exact("url").ok_or_else(|| LineError::Unknown("--url".into()))?;
    with_value(option, word.to_owned())
}

/// `--name`, `--no-name`, `--name value`, and `--name=value` as curl 8.16 takes it.
fn long(word: &str, rest: &mut dyn Iterator<Item = &str>) -> Result<Given, LineError> {
    let (name, attached) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    let written = || Text::from(format!("--{name}"));
    if name.starts_with("expand-") {
        return Err(refused(name, EXPANDED));
    }
    let (name, on) = name.strip_prefix("no-").map_or((name, true), |name| (name, false));
    let option = match options::named(name) {
        // curl abbreviates no name behind `no-`.
        Named::One(option) if on || option.name == name => option,
        Named::Nothing | Named::One(_) => return Err(LineError::Unknown(written())),
        Named::Several => return Err(LineError::Ambiguous(written())),
    };
    match (option.takes_value, attached) {
        (false, None) => flag(option, on),
        (false, Some(_)) => Err(LineError::Misused(written(), VALUE_LESS)),
        (true, _) if !on => Err(LineError::Misused(written(), UNSWITCHED)),
        (true, Some(value)) => with_value(option, value.to_owned()),
        (true, None) => with_value(option, rest.next().ok_or(LineError::NoValue(option.name))?.to_owned()),
    }
}

/// `-sSfL`, and `-XPOST` or `-X POST` at the end of it.
fn short(
    letters: &str,
    rest: &mut dyn Iterator<Item = &str>,
    given: &mut Vec<Given>,
) -> Result<(), LineError> {
    if letters.is_empty() {
        return Err(LineError::Unknown("-".into()));
    }
    // curl's own -p takes none; `-pNAME` would be several flags.
    if letters.starts_with('p') && letters.len() > 1 {
        return Err(LineError::Misused(format!("-{letters}").into(), CLUSTERED));
    }
    for (at, letter) in letters.char_indices() {
        let known = options::lettered(letter);
        let (option, on) = known.ok_or_else(|| LineError::Unknown(format!("-{letter}").into()))?;
        if !option.takes_value {
            given.push(flag(option, on)?);
            continue;
        }
        let value = match &letters[at + letter.len_utf8()..] {
            "" => rest.next().ok_or(LineError::NoValue(option.name))?,
            attached => attached,
        };
        given.push(with_value(option, value.to_owned())?);
        break;
    }
    Ok(())
}

fn flag(option: Entry, on: bool) -> Result<Given, LineError> {
    match option.effect {
        // Switched off it does no harm.
        Effect::Refused(reason) if on => Err(refused(option.name, reason)),
        _ => Ok(Given::Flag { option, on }),
    }
}

fn with_value(option: Entry, value: String) -> Result<Given, LineError> {
    let reason = match option.effect {
        Effect::Refused(reason) => Some(reason),
        Effect::Header => header(&value),
        _ => None,
    };
    reason.map_or(Ok(Given::Value { option, value }), |reason| Err(refused(option.name, reason)))
}

/// Why this header may not be sent.
fn header(value: &str) -> Option<&'static str> {
    let name = value.split([':', ';']).next().unwrap_or_default().trim();
    if value.starts_with('@') {
        Some(HEADER_FILE)
    } else if value.contains(['\r', '\n']) {
        Some(HEADER_LINES)
    } else {
        name.eq_ignore_ascii_case("Authorization").then_some(OWN_HEADER)
    }
}

fn refused(option: &str, reason: &'static str) -> LineError {
    LineError::Refused { option: option.into(), reason }
}

#[cfg(test)]
mod tests;
