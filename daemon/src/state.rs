//! `state.toml` in the state folder: which store holds each profile, the last generation that it was given, and what was
//! written to the files that are kept fresh.
//!
//! It holds no secret. Several daemons may share it: every change reads, merges and replaces it under a lock, and
//! every look reads it anew.
//!
//! ```toml
//! version = 1
//!
//! [profile.default]
//! keyring = "secret-service"
//! generation = 1767225600000
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use dt_cred_proto::{message::Keyring, profile::Profile, text::Text};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::platform::{self, Lock, TrustError};

/// Longest file that is read, in bytes: thousands of profiles. What is parsed takes up to 1,250 times as much memory.
pub const LIMIT: u64 = 256 * 1024;

/// What the file's `version` must be.
const VERSION: u32 = 1;

/// How often and how long the lock is waited for: whoever holds it writes one small file.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// How many CA files are noted.
const CA_FILES: usize = 100;

type Profiles = BTreeMap<Profile, Kept>;

/// What is noted of a profile.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Kept {
    /// The store that holds its credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<Keyring>,
    /// The last generation given, in milliseconds since the Unix epoch; 0 where none was.
    #[serde(default)]
    pub generation: u64,
    /// Until when its secret is valid, in seconds since the Unix epoch, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<i64>,
    /// The owner as which a rotation of its secret began that has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Profile>,
    /// Of which integration, where the profile held none when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_of: Option<String>,
    /// Where the secret of that one was to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_in: Option<Keyring>,
}

/// What stands in the file.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    version: u32,
    #[serde(default)]
    profile: Profiles,
    /// The SHA-256 of the last two lines written to each file with a token.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    file: BTreeMap<String, Vec<String>>,
    /// CA files of profiles that lie where the daemon may not read, unless it keeps that right when it starts.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    ca: BTreeSet<String>,
}

/// What stands in every release's file.
#[derive(Deserialize)]
struct Versioned {
    version: Option<toml::Value>,
}

impl Default for Document {
    fn default() -> Self {
        Self { version: VERSION, profile: Profiles::new(), file: BTreeMap::new(), ca: BTreeSet::new() }
    }
}

impl Document {
    /// Reads what stands in the file at `path` as `text`.
    ///
    /// # Errors
    /// [`StateError::TooLong`], [`StateError::Malformed`] or [`StateError::Version`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, StateError> {
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > LIMIT {
            return Err(StateError::TooLong(path.to_owned()));
        }
        let malformed = |error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            StateError::Malformed {
                path: path.to_owned(),
                line,
                reason: error.message().replace('\n', " ").into(),
            }
        };
        // The version first: what is in a later release's file may look malformed.
        let Versioned { version } = toml::from_str(text).map_err(malformed)?;
        let version = version.as_ref().and_then(toml::Value::as_integer);
        if let Some(version) =
            version.and_then(|version| u32::try_from(version).ok()).filter(|v| *v != VERSION)
        {
            return Err(StateError::Version { path: path.to_owned(), version });
        }
        toml::from_str(text).map_err(malformed)
    }

    /// The text that [`Document::parse`] reads.
    ///
    /// # Errors
    /// None that is known: every value that a document holds can be written.
    pub fn to_text(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}

/// The state file of a folder.
pub struct State {
    folder: PathBuf,
    /// What was last read, also for when the file cannot be read any more.
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    profiles: Profiles,
    /// Of the file that they were read from; none where none was yet.
    stamp: Option<Option<platform::Stamp>>,
}

/// Why the state file cannot be used.
#[derive(Debug, Error)]
pub enum StateError {
    /// The system refused.
    #[error("cannot {doing} {path:?}: {source}; see to the folder's owner and to the space on the disk")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A folder, a symlink or a device.
    #[error("{0:?} is not a regular file: move it away")]
    NotAFile(PathBuf),
    /// Somebody else's, or open to others.
    #[error(transparent)]
    Untrusted(#[from] TrustError),
    /// Longer than any state.
    #[error("{0:?} is longer than {LIMIT} bytes: move it away")]
    TooLong(PathBuf),
    /// Not what this daemon writes.
    #[error("{path:?}, line {line}: {reason}; mend it or move it away")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        reason: Text,
    },
    /// Of a later release.
    #[error("{path:?} is of version {version}, this release knows version {VERSION}: use the later release")]
    Version {
        /// Which file.
        path: PathBuf,
        /// What it says.
        version: u32,
    },
    /// The lock was never free.
    #[error("{0:?} is held by another process: look for a second dt-credd that hangs")]
    Busy(PathBuf),
}

impl State {
    /// The state in `folder`, which must be there, ours and private. A missing file is an empty state.
    ///
    /// # Errors
    /// [`StateError`] where there is a file that cannot be used.
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        let state = Self { folder: folder.to_owned(), last: Mutex::default() };
        let profiles = state.read()?;
        state.last.lock().unwrap_or_else(PoisonError::into_inner).profiles = profiles;
        Ok(state)
    }

    /// Every profile that is noted. Where the file cannot be read any more: as it was when it could be.
    pub fn profiles(&self) -> BTreeMap<Profile, Kept> {
        self.looked_up(Profiles::clone)
    }

    /// What is noted of `profile`.
    pub fn of(&self, profile: &Profile) -> Option<Kept> {
        self.looked_up(|profiles| profiles.get(profile).cloned())
    }

    /// What was noted of `profile` when the file was last looked at: for those who may not wait for a disk.
    pub fn remembered(&self, profile: &Profile) -> Option<Kept> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.profiles.get(profile).cloned()
    }

    /// Every profile that was noted when the file was last looked at.
    pub fn remembered_profiles(&self) -> Vec<Profile> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.profiles.keys().cloned().collect()
    }

    /// The folder that the state lies in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a line of this SHA-256 was written to `file` by this daemon or one before it.
    pub fn wrote(&self, file: &Path, sha256: &str) -> bool {
        let written = self.read_document().map(|document| document.file);
        written.is_ok_and(|written| {
            written
                .get(&*file.to_string_lossy())
                .is_some_and(|known| known.iter().any(|known| known == sha256))
        })
    }

    /// Notes that a line of this SHA-256 is about to be written to `file`. The one before it is known on: it may be the
    /// one that is there.
    ///
    /// # Errors
    /// [`StateError`]; the file is as it was then.
    pub fn note_written(&self, file: &Path, sha256: &str) -> Result<(), StateError> {
        self.change_document(|document| {
            let known = document.file.entry(file.to_string_lossy().into_owned()).or_default();
            known.retain(|known| known != sha256);
            known.insert(0, sha256.to_owned());
            known.truncate(2);
        })
    }

    /// CA files that a daemon keeps the right to read when it starts.
    pub fn ca_files(&self) -> BTreeSet<PathBuf> {
        let document = self.read_document().unwrap_or_default();
        document.ca.into_iter().map(PathBuf::from).collect()
    }

    /// Notes that the next daemon needs the right to read this CA file.
    ///
    /// # Errors
    /// [`StateError`]; the file is as it was then.
    pub fn note_ca(&self, file: &str) -> Result<(), StateError> {
        self.change_document(|document| {
            // Those of profiles that are gone are found again by whoever needs them.
            if document.ca.len() >= CA_FILES {
                document.ca.clear();
            }
            document.ca.insert(file.to_owned());
        })
    }

    /// Looks into the profiles, which are read anew only where the file is another one: whoever asks for the state of a
    /// thousand profiles asks here a thousand times.
    fn looked_up<T>(&self, look: impl FnOnce(&Profiles) -> T) -> T {
        // Not under the lock that those take who may not wait.
        let stamp = platform::Stamp::of(&self.path());
        let known = self.last.lock().unwrap_or_else(PoisonError::into_inner).stamp == Some(stamp);
        let read = if known { None } else { Some(self.read()) };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Some(Ok(profiles)) => *last = Last { profiles, stamp: Some(stamp) },
            Some(Err(error)) => {
                tracing::warn!(%error, "the state file cannot be read");
                last.stamp = Some(stamp);
            }
            None => {}
        }
        look(&last.profiles)
    }

    /// Notes that `keyring` holds `profile`.
    ///
    /// # Errors
    /// [`StateError`]; the file is as it was then.
    pub fn record(&self, profile: &Profile, keyring: Keyring) -> Result<(), StateError> {
        self.change(|profiles| profiles.entry(profile.clone()).or_default().keyring = Some(keyring))
    }

    /// Notes the last generation of `profile`, if that is kept somewhere; a later one that is noted already stays.
    ///
    /// # Errors
    /// [`StateError`]; the file is as it was then.
    pub fn record_generation(&self, profile: &Profile, generation: u64) -> Result<(), StateError> {
        // TOML's integers end there (TOML 1.0, "Integer").
        let generation = generation.min(i64::MAX.unsigned_abs());
        self.change(|profiles| {
            // One that was forgotten meanwhile must not be known again.
            if let Some(kept) = profiles.get_mut(profile) {
                kept.generation = kept.generation.max(generation);
            }
        })
    }

    /// Notes until when the secret of `profile` is valid that `keyring` holds, if that is where it is kept.
    ///
    /// # Errors
    /// [`StateError`]; the file is as it was then.
    pub fn record_end(
        &self,
        profile: &Profile,
        keyring: Keyring,
        valid_until: Option<i64>,
    ) -> Result<(), StateError> {
        self.change(|profiles| {
            // Of one that was moved or forgotten meanwhile it says nothing.
            if let Some(kept) = profiles.get_mut(profile).filter(|kept| kept.keyring == Some(keyring)) {
                kept.valid_until = valid_until;
            }
        })
    }

    /// Notes that a rotation of the secret of `profile` begins, as `owner`; of which integration, and where it is
    /// to be kept, where the profile holds none.
    ///
    /// # Errors
    /// [`StateError`]; the file is as it was then.
    pub fn begin_rotation(
        &self,
        profile: &Profile,
        owner: &Profile,
        of: Option<(String, Keyring)>,
    ) -> Result<(), StateError> {
        self.change(|profiles| {
            let kept = profiles.entry(profile.clone()).or_default();
            kept.rotation = Some(owner.clone());
            (kept.rotation_of, kept.rotation_in) = of.unzip();
        })
    }

    /// Notes that no rotation of the secret of `profile` has begun that has not ended, `unless` one runs by now.
    ///
    /// # Errors
    /// [`StateError`]; the file is as it was then.
    pub fn end_rotation(&self, profile: &Profile, unless: impl FnOnce() -> bool) -> Result<(), StateError> {
        self.change(|profiles| {
            let Some(kept) = profiles.get_mut(profile).filter(|_| !unless()) else { return };
            (kept.rotation, kept.rotation_of, kept.rotation_in) = (None, None, None);
            // Nothing else was noted of a profile that was to be made.
            if *kept == Kept::default() {
                profiles.remove(profile);
            }
        })
    }

    /// Forgets `profile`.
    ///
    /// # Errors
    /// [`StateError`]; the file is as it was then.
    pub fn forget(&self, profile: &Profile) -> Result<(), StateError> {
        self.change(|profiles| {
            profiles.remove(profile);
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.join("state.toml")
    }

    fn change(&self, change: impl FnOnce(&mut Profiles)) -> Result<(), StateError> {
        self.change_document(|document| change(&mut document.profile))
    }

    fn change_document(&self, change: impl FnOnce(&mut Document)) -> Result<(), StateError> {
        let _lock = self.lock()?;
        let before = self.read_document()?;
        let mut after = before.clone();
        change(&mut after);
        if after != before {
            self.replace(&after)?;
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
            Last { profiles: after.profile, stamp: None };
        Ok(())
    }

    fn lock(&self) -> Result<Lock, StateError> {
        let path = self.folder.join("state.lock");
        for _ in 0..ATTEMPTS {
            let taken = Lock::take(&path);
            if let Some(lock) =
                taken.map_err(|source| StateError::Io { doing: "lock", path: path.clone(), source })?
            {
                return Ok(lock);
            }
            thread::sleep(PAUSE);
        }
        Err(StateError::Busy(path))
    }

    fn read(&self) -> Result<Profiles, StateError> {
        self.read_document().map(|document| document.profile)
    }

    fn read_document(&self) -> Result<Document, StateError> {
        let path = self.path();
        let Some(text) = read_own(&path)? else { return Ok(Document::default()) };
        Document::parse(&path, &text)
    }

    /// Puts a new file in the place of the old one: whoever reads sees one or the other, also after a power cut.
    fn replace(&self, document: &Document) -> Result<(), StateError> {
        let (path, new) = (self.path(), self.folder.join("state.toml.new"));
        let io = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| StateError::Io { doing, path, source }
        };
        let text = document.to_text().map_err(|error| io("write", &new)(io::Error::other(error)))?;
        // Left by a daemon that was killed: under the lock nobody else writes it.
        fs::remove_file(&new).or_else(missing_is_fine).map_err(io("remove", &new))?;
        let mut file = platform::create_private(&new).map_err(io("create", &new))?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(io("write", &new))?;
        platform::replace(&new, &path).map_err(io("replace", &path))?;
        platform::sync_folder(&self.folder).map_err(io("write", &self.folder))
    }
}

fn missing_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// The text of a private file of ours; none where there is none.
fn read_own(path: &Path) -> Result<Option<String>, StateError> {
    let io = |source| StateError::Io { doing: "read", path: path.to_owned(), source };
    let file = match platform::open_regular(path) {
        Ok(file) => file.ok_or_else(|| StateError::NotAFile(path.to_owned()))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    platform::private_file(path, &file)?;
    let mut text = String::new();
    file.take(LIMIT + 1).read_to_string(&mut text).map_err(io)?;
    Ok(Some(text))
}
