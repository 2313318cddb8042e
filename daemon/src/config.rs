//! Preferences: `config.toml`. Where a secret may go is never among them.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use dt_cred_proto::{message::Keyring, profile::Profile, text::Text};
use serde::Deserialize;
use thiserror::Error;

use crate::platform::{self, TrustError};

/// Environment variable that names another file, when the daemon starts.
pub const PATH_VARIABLE: &str = "DT_CRED_CONFIG";

/// Longest file that is read, in bytes.
pub const LIMIT: u64 = 1024 * 1024;

/// What the user prefers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The profile that an unnamed one is.
    pub default_profile: Profile,
    profiles: BTreeMap<Profile, Preferences>,
}

/// What the user prefers for one profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preferences {
    /// For how long a token that is given out must be valid, where it can be.
    pub min_ttl: Duration,
    /// The lifetime of a token whose issuer tells none.
    pub default_lifetime: Duration,
    /// Refreshes in a row that nobody asked for.
    pub keep_warm: u32,
    /// The way to the issuer.
    pub proxy: Proxy,
    /// The store for new credentials; none is `auto`.
    pub keyring: Option<Keyring>,
}

/// The way to an issuer. Loopback is never proxied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proxy {
    /// As the proxy variables of the environment say.
    Env,
    /// Straight.
    None,
    /// Through this one.
    Url(String),
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            min_ttl: Duration::from_secs(60),
            default_lifetime: Duration::from_secs(600),
            keep_warm: 24,
            proxy: Proxy::Env,
            keyring: None,
        }
    }
}

/// Why the preferences cannot be read. Each names the file.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Others could change it.
    #[error("the configuration cannot be trusted: {0}")]
    Trust(#[from] TrustError),
    /// It cannot be read.
    #[error("cannot read {path:?}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is longer than [`LIMIT`].
    #[error("{0:?} is longer than 1 MiB: it is no configuration")]
    TooLong(PathBuf),
    /// A line of it is wrong.
    #[error("{path:?}, line {line}: {message}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
        /// What is wrong with it.
        message: Text,
    },
    /// There is nowhere to look for it.
    #[error(
        "there is no folder for the configuration: set HOME to an absolute path, or {PATH_VARIABLE} to a file"
    )]
    NoFolder,
    /// The variable is wrong.
    #[error("{PATH_VARIABLE} is {0:?}: it must be an absolute path")]
    Relative(PathBuf),
}

impl Config {
    /// Reads the file that `DT_CRED_CONFIG` names, else the one in the user's configuration folder.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load_default() -> Result<Self, ConfigError> {
        if let Some(named) = std::env::var_os(PATH_VARIABLE).filter(|value| !value.is_empty()) {
            let path = PathBuf::from(named);
            return if path.is_absolute() { Self::load(&path) } else { Err(ConfigError::Relative(path)) };
        }
        let folders = directories::ProjectDirs::from("", "", "dt-cred").ok_or(ConfigError::NoFolder)?;
        Self::load(&folders.config_dir().join("config.toml"))
    }

    /// Reads `path`; where there is no such file, everything is as by default.
    ///
    /// # Errors
    /// [`ConfigError`], for the first thing that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let io = |source| ConfigError::Io { path: path.to_owned(), source };
        match fs::metadata(path) {
            Ok(found) if found.len() > LIMIT => return Err(ConfigError::TooLong(path.to_owned())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(io(error)),
        }
        platform::trusted(path, false)?;
        platform::trusted_parents(path)?;
        let text = fs::read_to_string(path).map_err(io)?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text.bytes().take(start).filter(|&byte| byte == b'\n').count() + 1;
            ConfigError::Line { path: path.to_owned(), line, message: error.message().into() }
        })?;
        let profiles =
            file.profile.into_iter().map(|(name, section)| (name, section.preferences())).collect();
        Ok(Self { default_profile: file.default_profile.unwrap_or_else(default_profile), profiles })
    }

    /// The preferences of `profile`.
    pub fn profile(&self, profile: &Profile) -> Preferences {
        self.profiles.get(profile).cloned().unwrap_or_default()
    }

    /// The profiles that the file names.
    pub fn named(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.keys()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self { default_profile: default_profile(), profiles: BTreeMap::new() }
    }
}

fn default_profile() -> Profile {
    "default".parse().expect("it is of the alphabet")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    default_profile: Option<Profile>,
    #[serde(default)]
    profile: BTreeMap<Profile, Section>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    #[serde(default, deserialize_with = "min_ttl")]
    min_ttl: Option<Duration>,
    #[serde(default, deserialize_with = "default_lifetime")]
    default_lifetime: Option<Duration>,
    #[serde(default, deserialize_with = "keep_warm")]
    keep_warm: Option<u32>,
    #[serde(default, deserialize_with = "proxy")]
    proxy: Option<Proxy>,
    #[serde(default, deserialize_with = "keyring")]
    keyring: Option<Keyring>,
}

impl Section {
    fn preferences(self) -> Preferences {
        let usual = Preferences::default();
        Preferences {
            min_ttl: self.min_ttl.unwrap_or(usual.min_ttl),
            default_lifetime: self.default_lifetime.unwrap_or(usual.default_lifetime),
            keep_warm: self.keep_warm.unwrap_or(usual.keep_warm),
            proxy: self.proxy.unwrap_or(usual.proxy),
            keyring: self.keyring,
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);

fn min_ttl<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer, Duration::ZERO, DAY, "min_ttl is at most 1day")
}

fn default_lifetime<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer, Duration::from_secs(1), 30 * DAY, "default_lifetime is 1s to 30days")
}

fn duration<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
    least: Duration,
    most: Duration,
    bounds: &str,
) -> Result<Option<Duration>, D::Error> {
    let word = String::deserialize(deserializer)?;
    let duration = humantime::parse_duration(&word).map_err(|error| {
        serde::de::Error::custom(format!("{word:?} is no duration such as \"60s\" or \"10m\": {error}"))
    })?;
    if (least..=most).contains(&duration) {
        Ok(Some(duration))
    } else {
        Err(serde::de::Error::custom(bounds))
    }
}

fn keep_warm<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let taken = u32::try_from(number).ok().filter(|number| *number <= 1_000_000);
    taken.map(Some).ok_or_else(|| serde::de::Error::custom("keep_warm is 0 to 1000000"))
}

fn proxy<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Proxy>, D::Error> {
    let word = String::deserialize(deserializer)?;
    match word.as_str() {
        "env" => Ok(Some(Proxy::Env)),
        "none" => Ok(Some(Proxy::None)),
        url if url.starts_with("http://") || url.starts_with("https://") => Ok(Some(Proxy::Url(word))),
        // Not quoted: it may hold a password.
        _ => Err(serde::de::Error::custom(
            "proxy is \"env\", \"none\" or a URL such as \"http://proxy.example:3128\"",
        )),
    }
}

fn keyring<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Keyring>, D::Error> {
    let word = String::deserialize(deserializer)?;
    if word == "auto" { Ok(None) } else { word.parse().map(Some).map_err(serde::de::Error::custom) }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

    use dt_cred_proto::message::Keyring;

    use super::{Config, ConfigError, Preferences, Proxy};

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("/c.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_is_read() {
        let config = parse(
            "default_profile = \"work\"\n[profile.work]\nmin_ttl = \"90s\"\ndefault_lifetime = \"5m\"\n\
             keep_warm = 3\nproxy = \"http://p.example:1\"\nkeyring = \"keyutils\"\n[profile.other]\nproxy = \"none\"\n",
        )
        .unwrap();
        assert_eq!(config.default_profile.as_str(), "work");
        let work = Preferences {
            min_ttl: Duration::from_secs(90),
            default_lifetime: Duration::from_secs(300),
            keep_warm: 3,
            proxy: Proxy::Url("http://p.example:1".to_owned()),
            keyring: Some(Keyring::Keyutils),
        };
        assert_eq!(config.profile(&"work".parse().unwrap()), work);
        assert_eq!(config.profile(&"other".parse().unwrap()).proxy, Proxy::None);
        assert_eq!(config.profile(&"unnamed".parse().unwrap()), Preferences::default());
        assert_eq!(config.named().count(), 2);
    }

    #[test]
    fn a_wrong_line_is_named_with_file_line_and_key() {
        for (text, line, word) in [
            ("\n\ncolour = 1\n", 3, "colour"),
            ("[profile.a]\nmin_tll = \"1s\"\n", 2, "min_tll"),
            ("[profile.a]\n\nmin_ttl = \"soon\"\n", 3, "soon"),
            ("[profile.a]\nmin_ttl = \"2days\"\n", 2, "min_ttl"),
            ("[profile.a]\ndefault_lifetime = \"0s\"\n", 2, "default_lifetime"),
            ("[profile.a]\nkeep_warm = -1\n", 2, "keep_warm"),
            ("[profile.a]\nproxy = \"socks\"\n", 2, "proxy"),
            ("[profile.a]\nkeyring = \"gnome\"\n", 2, "gnome"),
            ("default_profile = \"a b\"\n", 1, "profile"),
            ("[profile.\"a b\"]\n", 1, "profile"),
            ("[profile.a]\nurl = \"https://elsewhere.example\"\n", 2, "url"),
            ("[profile.a\n", 1, "/c.toml"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(&format!("\"/c.toml\", line {line}: ")), "{text:?}: {error}");
            assert!(error.contains(word), "{text:?}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn a_file_that_others_can_write_is_refused_and_a_missing_one_is_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        assert_eq!(Config::load(&path).unwrap(), Config::default());
        fs::write(&path, "").unwrap();
        for (mode, taken) in [(0o600, true), (0o644, true), (0o620, false), (0o602, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Config::load(&path).is_ok(), taken, "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(Config::load(&path), Err(ConfigError::Trust(_))));
    }

    #[test]
    fn a_folder_a_huge_file_and_no_text_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Config::load(folder.path()).is_err());
        let path = folder.path().join("config.toml");
        fs::write(&path, vec![b'#'; 1024 * 1024 + 1]).unwrap();
        assert!(matches!(Config::load(&path), Err(ConfigError::TooLong(_))));
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(Config::load(&path).is_err());
    }
}
