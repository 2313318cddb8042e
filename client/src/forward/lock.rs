//! What keeps two from beginning at one place in the same moment: a file that nobody else can open, and so nobody else lock.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, OFlags, flock},
    io::Errno,
};

/// Where the lock for the socket at `path` lies: beside it, by its whole name, which is no lock's of a daemon there.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

/// The lock, which is held and removed on drop.
pub(super) struct Lock {
    path: PathBuf,
    _file: fs::File,
}

impl Lock {
    /// Takes the lock at `path`; none where another one holds it. What a killed one left is taken over.
    ///
    /// # Errors
    /// As open(2), or that something else lies there.
    pub(super) fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = open(path)?;
        let found = file.metadata()?;
        if !found.is_file() || found.len() > 0 {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is no lock"));
        }
        Self::hold(path, file)
    }

    fn hold(path: &Path, file: fs::File) -> io::Result<Option<Self>> {
        if !lock(&file, FlockOperation::NonBlockingLockExclusive)? {
            return Ok(None);
        }
        // Whoever held it may have removed it since it was opened: then it keeps nobody out.
        let (held, found) = (file.metadata()?, fs::symlink_metadata(path));
        let there = found.is_ok_and(|found| (found.dev(), found.ino()) == (held.dev(), held.ino()));
        Ok(there.then(|| Self { path: path.to_owned(), _file: file }))
    }
}

/// The file of a lock: its user's alone, never through a symlink, never waiting for the other end of a fifo.
///
/// # Errors
/// As open(2).
pub(super) fn open(path: &Path) -> io::Result<fs::File> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(path)
}

/// Locks `file`; false where another one's lock keeps that from being.
///
/// # Errors
/// As flock(2).
pub(super) fn lock(file: &fs::File, how: FlockOperation) -> io::Result<bool> {
    match flock(file, how) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is held: nobody else has it.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_lock_is_its_users_alone_is_held_by_one_and_removed_in_the_end() {
        let ground = tempfile::tempdir().unwrap();
        let path = beside(&ground.path().join("f.sock"));
        assert_eq!(path, ground.path().join("f.sock.lock"));
        let lock = Lock::take(&path).unwrap().expect("nobody holds it");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert!(Lock::take(&path).unwrap().is_none());
        assert!(path.exists(), "that one was not its own");
        drop(lock);
        assert!(!path.exists());
        fs::File::create(&path).unwrap();
        assert!(Lock::take(&path).unwrap().is_some(), "a killed one's");
    }

    #[test]
    fn what_was_removed_or_replaced_since_it_was_opened_is_no_lock() {
        let ground = tempfile::tempdir().unwrap();
        let path = ground.path().join("lock");
        let opened = [(); 2].map(|()| open(&path).unwrap());
        let [removed, replaced] = opened;
        drop(Lock::take(&path).unwrap().expect("nobody holds it"));
        assert!(Lock::hold(&path, removed).unwrap().is_none());
        let next = Lock::take(&path).unwrap().expect("nobody holds it");
        assert!(Lock::hold(&path, replaced).unwrap().is_none());
        assert!(path.exists(), "it is the next one's");
        drop(next);
    }

    #[test]
    fn what_else_lies_there_is_not_touched() {
        let ground = tempfile::tempdir().unwrap();
        let path = ground.path().join("lock");
        fs::write(&path, "kept").unwrap();
        assert!(Lock::take(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"kept");
        fs::remove_file(&path).unwrap();
        symlink(ground.path().join("elsewhere"), &path).unwrap();
        assert!(Lock::take(&path).is_err());
        assert!(path.is_symlink() && !ground.path().join("elsewhere").exists());
    }
}
