//! `state.toml`: which store holds which profile, and the last generation. No secret.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use dt_cred_proto::{message::Keyring, profile::Profile, text::Text};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::platform::{self, TrustError};

/// Longest file that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// The state file.
pub struct State {
    path: PathBuf,
    lock: PathBuf,
}

/// What is noted of a profile.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Kept {
    /// The store that holds its credentials.
    pub keyring: Option<Keyring>,
    /// The generation of its last token.
    #[serde(default)]
    pub generation: u64,
}

/// Why the state file cannot be used.
#[derive(Debug, Error)]
pub enum StateError {
    /// Others could change it.
    #[error("the state file cannot be trusted: {0}")]
    Trust(#[from] TrustError),
    /// The system refused.
    #[error("cannot use {path:?}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what we wrote.
    #[error("{path:?}, line {line}: {message}: mend it, or remove it and log in again")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
        /// What is wrong with it.
        message: Text,
    },
}

#[derive(Default, Serialize, Deserialize)]
struct File {
    version: u32,
    #[serde(default)]
    profile: BTreeMap<Profile, Kept>,
}

impl State {
    /// The state file in `folder`, which must be private already; made when something is noted.
    ///
    /// # Errors
    /// Where there is one that cannot be read.
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        let state = Self { path: folder.join("state.toml"), lock: folder.join("state.lock") };
        state.read().map(|_| state)
    }

    /// What is noted. A file that became unreadable since it was opened is told in the log and counts as empty.
    pub fn profiles(&self) -> BTreeMap<Profile, Kept> {
        self.read()
            .unwrap_or_else(|error| {
                tracing::warn!(%error, "the state file cannot be read");
                File::default()
            })
            .profile
    }

    /// Notes which store holds `profile`.
    ///
    /// # Errors
    /// Where it cannot be written; what was noted stays.
    pub fn record(&self, profile: &Profile, keyring: Keyring) -> Result<(), StateError> {
        self.change(|profiles| profiles.entry(profile.clone()).or_default().keyring = Some(keyring))
    }

    /// Notes the generation of the last token of a `profile` that is noted already; generations only grow.
    ///
    /// # Errors
    /// Where it cannot be written; what was noted stays.
    pub fn record_generation(&self, profile: &Profile, generation: u64) -> Result<(), StateError> {
        self.change(|profiles| {
            if let Some(kept) = profiles.get_mut(profile) {
                kept.generation = kept.generation.max(generation);
            }
        })
    }

    /// Removes what is noted of `profile`.
    ///
    /// # Errors
    /// Where it cannot be written; what was noted stays.
    pub fn forget(&self, profile: &Profile) -> Result<(), StateError> {
        self.change(|profiles| {
            profiles.remove(profile);
        })
    }

    fn io(&self, source: io::Error) -> StateError {
        StateError::Io { path: self.path.clone(), source }
    }

    fn read(&self) -> Result<File, StateError> {
        let file = match platform::open_own(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(File::default()),
            Err(error) => return Err(self.io(error)),
        };
        platform::trusted(&self.path, false)?;
        let mut text = String::new();
        file.take(LIMIT).read_to_string(&mut text).map_err(|error| self.io(error))?;
        let malformed = |start: usize, message: &str| {
            let line = text.bytes().take(start).filter(|&byte| byte == b'\n').count() + 1;
            StateError::Malformed { path: self.path.clone(), line, message: message.into() }
        };
        let file: File = toml::from_str(&text)
            .map_err(|error| malformed(error.span().map_or(0, |span| span.start), error.message()))?;
        if file.version == 1 { Ok(file) } else { Err(malformed(0, "it is of another version of dt-cred")) }
    }

    /// Reads, changes and writes under the lock, so that two daemons lose nothing of each other's.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<Profile, Kept>)) -> Result<(), StateError> {
        let _lock = platform::Lock::wait(&self.lock).map_err(|error| self.io(error))?;
        let mut file = self.read()?;
        let before = file.profile.clone();
        change(&mut file.profile);
        if file.profile == before {
            return Ok(());
        }
        file.version = 1;
        let text = toml::to_string(&file).map_err(|error| self.io(io::Error::other(error)))?;
        self.replace(text.as_bytes()).map_err(|error| self.io(error))
    }

    /// Writes beside the file and renames: whoever reads sees the old one or the new one, also after a crash.
    fn replace(&self, text: &[u8]) -> io::Result<()> {
        let new = self.path.with_extension("toml.new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = platform::create_private(&new)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use dt_cred_proto::{message::Keyring, profile::Profile};

    use super::{Kept, State, StateError};

    fn name(name: &str) -> Profile {
        name.parse().unwrap()
    }

    #[test]
    fn what_is_noted_is_read_by_the_next_daemon_and_forgotten_when_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        state.record(&name("a"), Keyring::Keyutils).unwrap();
        state.record(&name("b.c"), Keyring::SecretService).unwrap();
        state.record_generation(&name("a"), 7).unwrap();
        state.record_generation(&name("a"), 5).unwrap();
        state.record_generation(&name("unknown"), 5).unwrap();
        let next = State::open(folder.path()).unwrap();
        let a = Kept { keyring: Some(Keyring::Keyutils), generation: 7 };
        let b = Kept { keyring: Some(Keyring::SecretService), generation: 0 };
        assert_eq!(next.profiles(), [(name("a"), a), (name("b.c"), b)].into());
        next.forget(&name("a")).unwrap();
        assert_eq!(state.profiles(), [(name("b.c"), b)].into());
        let mode = fs::metadata(folder.path().join("state.toml")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn two_daemons_that_write_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let folder = folder.path();
                scope.spawn(move || {
                    let state = State::open(folder).unwrap();
                    for number in 0..10 {
                        state.record(&name(&format!("p{writer}-{number}")), Keyring::Keyutils).unwrap();
                    }
                });
            }
        });
        assert_eq!(State::open(folder.path()).unwrap().profiles().len(), 40);
    }

    #[test]
    fn a_failed_write_leaves_what_was_noted_and_a_left_over_is_no_hindrance() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        state.record(&name("a"), Keyring::Keyutils).unwrap();
        let left_over = folder.path().join("state.toml.new");
        fs::create_dir(&left_over).unwrap();
        assert!(state.record(&name("b"), Keyring::Keyutils).is_err());
        assert_eq!(state.profiles().len(), 1);
        fs::remove_dir(&left_over).unwrap();
        fs::write(&left_over, "half of a fi").unwrap();
        state.record(&name("b"), Keyring::Keyutils).unwrap();
        assert_eq!(state.profiles().len(), 2);
    }

    #[test]
    fn a_file_that_is_not_what_we_wrote_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.toml");
        for (text, line) in [
            ("version = 1\n[profile\n", 2),
            ("version = 2\n", 1),
            ("version = 1\n\n[profile.a]\nkeyring = \"x\"\n", 4),
        ] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            match State::open(folder.path()) {
                Err(StateError::Malformed { line: found, .. }) => assert_eq!(found, line, "{text:?}"),
                Err(error) => panic!("{text:?}: {error}"),
                Ok(_) => panic!("{text:?} was taken"),
            }
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(State::open(folder.path()), Err(StateError::Trust(_))));
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        assert!(matches!(State::open(folder.path()), Err(StateError::Io { .. })));
    }
}
