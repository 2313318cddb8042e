//! Files that are lent: each to a client for as long as its connection lives, in a folder of the daemon's own.

use std::{
    fs,
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
    sync::Arc,
};

use dt_cred_proto::message::{Failure, FailureKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc};

use super::command::Command;
use crate::platform;

/// How many files are lent at once. Each takes a client's place for as long as it likes, so that they get only a part of
/// the places there are.
const LIMIT: usize = 256;

/// What every file's name begins with.
const NAME: &str = "token-";

/// The files that are lent.
pub(super) struct Leases {
    folder: PathBuf,
    places: Arc<Semaphore>,
}

/// Where a file may be lent.
pub(super) struct Place {
    path: PathBuf,
    _permit: OwnedSemaphorePermit,
}

/// A file that is lent: it goes when this is dropped.
pub struct Lease {
    place: Place,
    task: mpsc::UnboundedSender<Command>,
}

impl Leases {
    /// None yet, in this folder, which only this daemon writes to.
    pub(super) fn new(folder: PathBuf) -> Self {
        let limit = LIMIT.min(platform::descriptor_limit() / 4).max(1);
        Self { folder, places: Arc::new(Semaphore::new(limit)) }
    }

    /// A place for one more.
    ///
    /// # Errors
    /// Where there are too many, the daemon is ending, or nobody could be told the place.
    pub(super) fn place(&self) -> Result<Place, Failure> {
        let permit = Arc::clone(&self.places).try_acquire_owned().map_err(|error| match error {
            TryAcquireError::Closed => Failure::new(FailureKind::Daemon, "the daemon is ending: try again"),
            TryAcquireError::NoPermits => Failure::new(
                FailureKind::TryLater,
                "too many files are lent at once: try again when another `dt-cred exec --file` has ended",
            ),
        })?;
        // Nobody's guess, and never the same one twice.
        let random = RandomState::new();
        let name = format!("{NAME}{:016x}{:016x}", random.hash_one(0), random.hash_one(1));
        let path = self.folder.join(name);
        if path.to_str().is_none() {
            let message =
                format!("the folder {:?} is not UTF-8: set DT_CRED_SOCKET to another place", self.folder);
            return Err(Failure::new(FailureKind::Configuration, message));
        }
        Ok(Place { path, _permit: permit })
    }

    /// Lends no more.
    pub(super) fn close(&self) {
        self.places.close();
    }

    /// Removes what lies in the folder: at the start what a daemon left that was killed, at the end whatever is there yet.
    pub(super) async fn clear(&self) {
        let folder = self.folder.clone();
        let cleared = tokio::task::spawn_blocking(move || clear(&folder)).await;
        if let Ok(Err(error)) = cleared {
            tracing::warn!(folder = ?self.folder, %error, "files with a token may be left");
        }
    }
}

impl Place {
    /// Where that is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file that this task keeps there.
    pub(super) fn lent_by(self, task: mpsc::UnboundedSender<Command>) -> Lease {
        Lease { place: self, task }
    }
}

impl Lease {
    /// Where it lies.
    pub fn path(&self) -> &str {
        self.place.path.to_str().unwrap_or_default()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A task that has ended has removed its files.
        let _ = self.task.send(Command::Return { path: self.place.path.clone() });
    }
}

/// Removes the folder and every file in it that was lent. What else lies there stays, and the folder with it.
fn clear(folder: &Path) -> std::io::Result<()> {
    let entries = match fs::read_dir(folder) {
        // A symlink leads to a place that is not ours.
        Ok(entries) if fs::symlink_metadata(folder)?.is_dir() => entries,
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(NAME) && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    // Not where something else lies in it.
    let _ = fs::remove_dir(folder);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{LIMIT, Leases, clear};

    #[test]
    fn no_two_files_have_one_name_and_no_more_are_lent_than_there_are_places_for() {
        let leases = Leases::new("/x".into());
        let mut places: Vec<_> = std::iter::from_fn(|| leases.place().ok()).collect();
        assert!((1..=LIMIT).contains(&places.len()), "{}", places.len());
        let refused = leases.place().map(drop).expect_err("one too many");
        assert!(refused.message.as_str().starts_with("too many"), "{refused}");
        let count = places.len();
        places.sort_by(|a, b| a.path().cmp(b.path()));
        places.dedup_by(|a, b| a.path() == b.path());
        assert_eq!(places.len(), count);
        places.pop();
        assert!(leases.place().is_ok(), "one was given back");
        leases.close();
        let refused = leases.place().map(drop).expect_err("the daemon ends");
        assert!(refused.message.as_str().contains("is ending"), "{refused}");
    }

    #[test]
    fn only_what_was_lent_is_cleared_away_and_never_through_a_link() {
        let ground = tempfile::tempdir().expect("a folder");
        let folder = ground.path().join("agent.lent");
        clear(&folder).expect("there is none");
        fs::create_dir(&folder).expect("made");
        for name in ["token-01", "token-02.dt-cred-new", "notes"] {
            fs::write(folder.join(name), "x").expect("written");
        }
        fs::create_dir(folder.join("token-folder")).expect("made");
        clear(&folder).expect("cleared");
        let mut left: Vec<_> =
            fs::read_dir(&folder).expect("it stays").map(|entry| entry.expect("one").file_name()).collect();
        left.sort();
        assert_eq!(left, ["notes", "token-folder"]);
        fs::remove_file(folder.join("notes")).expect("removed");
        fs::remove_dir(folder.join("token-folder")).expect("removed");
        fs::write(folder.join("token-03"), "x").expect("written");
        #[cfg(unix)]
        {
            let link = ground.path().join("link.lent");
            std::os::unix::fs::symlink(&folder, &link).expect("linked");
            clear(&link).expect("left alone");
            assert!(folder.join("token-03").exists());
        }
        clear(&folder).expect("cleared");
        assert!(!folder.exists());
    }
}
