//! The configuration: preferences only. Where a secret or a token may go is not among them.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use dt_cred_proto::{
    message::{FileFormat, Keyring},
    profile::Profile,
    text::Text,
};
use serde::Deserialize;
use thiserror::Error;

use crate::platform::{TrustError, folded, has_read_permission, open_regular, trusted, trusted_parents};

mod value;

/// The file's name in the user's folder.
const NAME: &str = "config.toml";

/// Environment variable that names another configuration file.
pub const VARIABLE: &str = "DT_CRED_CONFIG";

/// Longest file that is read, in bytes: hundreds of profiles. What is parsed takes up to 1,250 times as much memory.
pub const LIMIT: u64 = 64 * 1024;

/// What the user prefers.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The profile that an unnamed one is.
    #[serde(default = "value::default_profile", deserialize_with = "value::profile")]
    pub default_profile: Profile,
    #[serde(default)]
    profile: BTreeMap<Profile, Preferences>,
}

/// What the user prefers for a profile.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preferences {
    /// For how long a token must be valid yet to be served.
    #[serde(deserialize_with = "value::min_ttl")]
    pub min_ttl: Duration,
    /// A token's lifetime where the issuer tells none.
    #[serde(deserialize_with = "value::default_lifetime")]
    pub default_lifetime: Duration,
    /// Refreshes that nobody asked for, until the next one waits for somebody who asks.
    #[serde(deserialize_with = "value::keep_warm")]
    pub keep_warm: u32,
    /// How the issuer is reached.
    #[serde(deserialize_with = "value::proxy")]
    pub proxy: Proxy,
    /// Where credentials are kept; none is `auto`, what this system has.
    #[serde(deserialize_with = "value::keyring")]
    pub keyring: Option<Keyring>,
    /// The program that prints the lines of `store`, and its arguments; empty where it is no source of credentials.
    #[serde(deserialize_with = "value::command")]
    pub keyring_command: Vec<String>,
    /// Files that are kept fresh for tools that can only read one.
    #[serde(rename = "file")]
    pub files: Vec<TokenFile>,
}

/// A file with the token in it, kept fresh.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFile {
    /// Where it lies: absolute, without symbols.
    #[serde(deserialize_with = "value::path")]
    pub path: PathBuf,
    /// What stands in it.
    #[serde(default, deserialize_with = "value::format")]
    pub format: FileFormat,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            min_ttl: Duration::from_secs(60),
            default_lifetime: Duration::from_secs(600),
            keep_warm: 24,
            proxy: Proxy::Env,
            keyring: None,
            keyring_command: Vec::new(),
            files: Vec::new(),
        }
    }
}

/// How the issuer is reached. Loopback never is through a proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proxy {
    /// As the environment says: `https_proxy`, `all_proxy`, `no_proxy`.
    Env,
    /// Directly.
    None,
    /// Through this one, `http` or `https`.
    Url(String),
}

/// Why the configuration cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The variable names no file: neither side could know which is meant.
    #[error("{VARIABLE} is {0:?}: it must be an absolute path")]
    Relative(PathBuf),
    /// The user named a file that is not there.
    #[error("{VARIABLE} names {0:?}, which is not there: make it, or unset the variable")]
    Missing(PathBuf),
    /// Somebody else can change it.
    #[error("the configuration cannot be trusted: {0}")]
    Untrusted(#[from] TrustError),
    /// A folder or a device.
    #[error("the configuration {0:?} is not a regular file: move it away")]
    NotAFile(PathBuf),
    /// As what PowerShell 5 writes with `>`.
    #[error("the configuration {0:?} is not UTF-8 text: save it as UTF-8")]
    NotText(PathBuf),
    /// Longer than any configuration.
    #[error("the configuration {0:?} is longer than {LIMIT} bytes: shorten it")]
    TooLong(PathBuf),
    /// The system refused.
    #[error("cannot read the configuration {path:?}: {source}; see to its owner and mode")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Two writers for one file.
    #[error("{config:?}: the file {path:?} is named twice: name it for one profile, in one format")]
    Twice {
        /// The configuration.
        config: PathBuf,
        /// What it names twice.
        path: PathBuf,
    },
    /// One of the two without the other.
    #[error(
        "{config:?}: profile {profile} has {there}: write both, as in `keyring = \"command\"` and \
         `keyring_command = [\"/usr/bin/pass\", \"show\", \"dt-cred\"]`"
    )]
    Command {
        /// The configuration.
        config: PathBuf,
        /// Whose table.
        profile: Profile,
        /// Which of them is there.
        there: &'static str,
    },
    /// An unknown key, a wrong value, no TOML.
    #[error("{path:?}, line {line}: {reason}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there, with the mend.
        reason: Text,
    },
}

impl ConfigError {
    /// Whether its owner and mode let this process read the file, so that only rights which it gave up keep it from that: a
    /// symlink leads elsewhere, or the file or its folder is another one than when they were given up.
    pub fn is_for_want_of_rights(&self) -> bool {
        matches!(self, Self::Io { path, source }
            if source.kind() == io::ErrorKind::PermissionDenied && has_read_permission(path))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self { default_profile: value::default_profile(), profile: BTreeMap::new() }
    }
}

/// Where the configuration lies: the file that [`VARIABLE`] names, else the user's folder for it. Without a home there is
/// none.
pub fn place() -> Option<PathBuf> {
    named().or_else(folder)
}

/// The configuration's file, whether it is there or not. Without a home there is none.
pub fn file() -> Option<PathBuf> {
    named().or_else(|| Some(folder()?.join(NAME)))
}

/// Where the configuration leads that is a symlink, as into a folder of settings that are kept together.
pub fn target() -> Option<PathBuf> {
    fs::canonicalize(file()?).ok()
}

/// The user's folder for the configuration, where no other file is named.
pub fn folder() -> Option<PathBuf> {
    let folders = if named().is_some() { None } else { folders() };
    folders.map(|folders| folders.config_dir().to_owned())
}

fn named() -> Option<PathBuf> {
    env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn folders() -> Option<directories::ProjectDirs> {
    directories::ProjectDirs::from("", "", "dt-cred")
}

impl Config {
    /// The configuration that [`VARIABLE`] names, else `config.toml` in the user's configuration folder.
    ///
    /// # Errors
    /// [`ConfigError`], each of which says what to do.
    pub fn load_default() -> Result<Self, ConfigError> {
        if let Some(path) = named() {
            return Self::load_named(&path);
        }
        folders().map_or_else(|| Ok(Self::default()), |folders| Self::load(&folders.config_dir().join(NAME)))
    }

    /// The configuration in a file that the user named: it must be there.
    fn load_named(path: &Path) -> Result<Self, ConfigError> {
        if path.is_relative() {
            return Err(ConfigError::Relative(path.to_owned()));
        }
        if !path.exists() {
            return Err(ConfigError::Missing(path.to_owned()));
        }
        Self::load(path)
    }

    /// The configuration in the file at `path`; the defaults where nothing lies there.
    ///
    /// # Errors
    /// [`ConfigError`], each of which says what to do.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let io = |source| ConfigError::Io { path: path.to_owned(), source };
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(io(error)),
            Ok(_) => {}
        }
        // Whoever can put another symlink there decides as much as who can write the file that it names.
        trusted_parents(path)?;
        let real = fs::canonicalize(path).map_err(io)?;
        trusted_parents(&real)?;
        trusted(&real, false)?;
        let file = open_regular(&real).map_err(io)?.ok_or_else(|| ConfigError::NotAFile(path.to_owned()))?;
        let mut text = String::new();
        file.take(LIMIT + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => ConfigError::NotText(path.to_owned()),
            _ => io(error),
        })?;
        Self::parse(path, &text)
    }

    /// The configuration that stands in the file at `path` as `text`.
    ///
    /// # Errors
    /// [`ConfigError::TooLong`], [`ConfigError::Malformed`], [`ConfigError::Command`] or [`ConfigError::Twice`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > LIMIT {
            return Err(ConfigError::TooLong(path.to_owned()));
        }
        let config: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            ConfigError::Malformed {
                path: path.to_owned(),
                line,
                reason: error.message().replace('\n', " ").into(),
            }
        })?;
        for (profile, preferences) in &config.profile {
            let there = match (preferences.keyring, preferences.keyring_command.is_empty()) {
                (Some(Keyring::Command), true) => "keyring = \"command\" and no keyring_command",
                (Some(Keyring::Command), false) | (_, true) => continue,
                (_, false) => "a keyring_command and no keyring = \"command\"",
            };
            return Err(ConfigError::Command { config: path.to_owned(), profile: profile.clone(), there });
        }
        let mut named = BTreeSet::new();
        let twice = config.files().map(|file| &file.path).find(|path| !named.insert(folded(path)));
        match twice.cloned() {
            Some(twice) => Err(ConfigError::Twice { config: path.to_owned(), path: twice }),
            None => Ok(config),
        }
    }

    /// The preferences for `profile`: the defaults where the file does not name it.
    pub fn profile(&self, profile: &Profile) -> Preferences {
        self.profile.get(profile).cloned().unwrap_or_default()
    }

    /// Every profile that has a file to be kept fresh.
    pub fn with_files(&self) -> impl Iterator<Item = &Profile> {
        self.profile.iter().filter(|(_, preferences)| !preferences.files.is_empty()).map(|(name, _)| name)
    }

    /// Every file to be kept fresh.
    pub fn files(&self) -> impl Iterator<Item = &TokenFile> {
        self.profile.values().flat_map(|preferences| &preferences.files)
    }

    /// Whether some profile's credentials come from a program.
    pub fn runs_programs(&self) -> bool {
        self.profile.values().any(|preferences| !preferences.keyring_command.is_empty())
    }

    /// Every profile that has a table of its own.
    pub fn named(&self) -> impl Iterator<Item = &Profile> {
        self.profile.keys()
    }
}
