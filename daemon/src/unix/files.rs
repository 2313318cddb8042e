//! Files that nobody else may read or put something else in the place of.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    process,
};

use dt_cred_proto::platform::own_uid;
use rustix::{
    fs::{FlockOperation, OFlags},
    io::Errno,
};

/// A lock file that this process holds for as long as the value lives.
pub struct Lock(fs::File);

impl Lock {
    /// Takes the lock at `path`, or tells that another process holds it.
    ///
    /// # Errors
    /// Where the file cannot be made or is a symlink.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = no_follow(fs::OpenOptions::new().read(true).write(true).create(true).truncate(false))
            .open(path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self(file))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Has the file say whose lock it is.
    pub fn sign(&self) {
        // On a full disk nobody is told: the lock counts all the same.
        let _ = self.0.set_len(0).and_then(|()| writeln!(&self.0, "{}", process::id()));
    }

    /// The process that signed the lock at `path` last: while the lock is held, as a rule its holder.
    pub fn holder(path: &Path) -> Option<u32> {
        // A process id is short.
        let mut said = String::new();
        open_regular(path).ok()??.take(16).read_to_string(&mut said).ok()?;
        said.trim_end().parse().ok()
    }
}

/// Never through a symlink, never waiting for the other end of a fifo, and private where it is made.
fn no_follow(options: &mut fs::OpenOptions) -> &mut fs::OpenOptions {
    let flags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).bits();
    options.mode(0o600).custom_flags(i32::try_from(flags).unwrap_or_default())
}

/// Never: no name of a file here is another one's stream.
pub fn is_stream(_path: &Path) -> bool {
    false
}

/// Whether owner and mode let this process read the file, whatever Landlock says of it (access(2)).
pub fn has_read_permission(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::READ_OK).is_ok()
}

/// Opens a regular file to read it; none where a symlink, a folder, a pipe or a device lies there.
///
/// # Errors
/// Where nothing lies there, or it may not be read.
pub fn open_regular(path: &Path) -> io::Result<Option<fs::File>> {
    match no_follow(fs::OpenOptions::new().read(true)).open(path) {
        Ok(file) => Ok(file.metadata()?.is_file().then_some(file)),
        // A symlink, a socket.
        Err(error)
            if [Errno::LOOP, Errno::NXIO].iter().any(|e| error.raw_os_error() == Some(e.raw_os_error())) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether the open `file` is the user's own.
pub fn is_own_file(file: &fs::File) -> bool {
    file.metadata().is_ok_and(|found| found.uid() == own_uid())
}

/// Opens a private regular file to append to it; makes it where there is none, and private where it is not.
///
/// # Errors
/// Where it is a symlink, no regular file, or somebody else's.
pub fn append_private(path: &Path) -> io::Result<fs::File> {
    let file = no_follow(fs::OpenOptions::new().append(true).create(true)).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    if found.uid() != own_uid() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is somebody else's"));
    }
    if found.mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Makes a private file where nothing lies, to write to it.
///
/// # Errors
/// Where something lies there, or the system refuses.
pub fn create_private(path: &Path) -> io::Result<fs::File> {
    no_follow(fs::OpenOptions::new().write(true).create_new(true)).open(path)
}

/// Puts the file `new` in the place of `path`, whoever reads the old one.
///
/// # Errors
/// As rename(2).
pub fn replace(new: &Path, path: &Path) -> io::Result<()> {
    fs::rename(new, path)
}

/// Sees that what was renamed in `folder` survives a power cut.
///
/// # Errors
/// As fsync(2).
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Which file lies at a path, and since when it is as it is: another stamp, another content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    id: FileId,
    length: u64,
    /// Also when its mode or its owner was changed (inode(7)).
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of the file at `path`, symlinks not followed; none where there is none.
    pub fn of(path: &Path) -> Option<Self> {
        let found = fs::symlink_metadata(path).ok()?;
        let id = FileId(found.dev(), found.ino());
        Some(Self { id, length: found.len(), changed: (found.ctime(), found.ctime_nsec()) })
    }
}

/// Which file lies at a path: its device and inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileId(u64, u64);

impl FileId {
    /// The file at `path`, symlinks not followed; none where there is none.
    pub fn of(path: &Path) -> Option<Self> {
        fs::symlink_metadata(path).ok().map(|found| Self(found.dev(), found.ino()))
    }
}

#[cfg(test)]
mod tests {
    use super::Lock;

    #[test]
    fn a_lock_says_whose_it_is_and_what_is_no_such_line_is_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert_eq!(Lock::holder(&path), None);
        let lock = Lock::take(&path).unwrap().unwrap();
        assert_eq!(Lock::holder(&path), None);
        lock.sign();
        assert!(Lock::take(&path).unwrap().is_none());
        assert_eq!(Lock::holder(&path), Some(std::process::id()));
        drop(lock);
        std::fs::write(&path, "4242 and more than a number\n").unwrap();
        assert_eq!(Lock::holder(&path), None);
        // What was longer leaves nothing behind.
        Lock::take(&path).unwrap().unwrap().sign();
        assert_eq!(Lock::holder(&path), Some(std::process::id()));
    }
}
