//! Files of the user's own profile, whose folder keeps others out.

use std::{
    fs, io,
    os::windows::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use dt_cred_proto::platform::Sid;
use windows_sys::Win32::{
    Foundation::{ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION},
    Storage::FileSystem::FILE_FLAG_OPEN_REPARSE_POINT,
};

/// How often and how long whoever reads a file that is to be replaced is waited for: it is one short line.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// A lock file that this process holds for as long as the value lives.
pub struct Lock(#[expect(dead_code, reason = "held for its lock")] fs::File);

impl Lock {
    /// Takes the lock at `path`, or tells that another process holds it.
    ///
    /// # Errors
    /// Where the file cannot be made.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        let mut options = fs::File::options();
        // Shared with nobody: the second who opens it is refused.
        options.read(true).write(true).create(true).truncate(false).share_mode(0);
        match options.open(path) {
            Ok(file) => Ok(Some(Self(file))),
            Err(error) if error.raw_os_error() == i32::try_from(ERROR_SHARING_VIOLATION).ok() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Nothing: nobody else can read a file that is not shared.
    pub fn sign(&self) {}

    /// Nobody knows.
    pub fn holder(_path: &Path) -> Option<u32> {
        None
    }
}

/// What two paths have in common that name the same file: all but the case of their letters.
pub fn folded(path: &Path) -> PathBuf {
    PathBuf::from(path.to_string_lossy().to_lowercase())
}

/// Whether a name in `path` is that of another file's stream: it has a colon, as the drive alone may.
pub fn is_stream(path: &Path) -> bool {
    path.iter().skip(1).any(|name| name.as_encoded_bytes().contains(&b':'))
}

/// Opens a regular file to read it; none where a link, a folder or a device lies there.
///
/// # Errors
/// Where nothing lies there, or it may not be read.
pub fn open_regular(path: &Path) -> io::Result<Option<fs::File>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(None);
    }
    let file = fs::File::options().read(true).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT).open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

/// Never: nothing is given up here that was there before.
pub fn has_read_permission(_path: &Path) -> bool {
    false
}

/// Whether the open `file` is the user's own, or an administrator's who this user is.
pub fn is_own_file(file: &fs::File) -> bool {
    let owner = Sid::of_open_file(file);
    owner.is_ok_and(|owner| owner.is_system() || Sid::own().is_ok_and(|own| own == owner))
}

/// Opens a regular file to append to it; makes it where there is none.
///
/// # Errors
/// Where it is a link, no regular file, or somebody else's.
pub fn append_private(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::File::options();
    let file = options.append(true).create(true).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    if !is_own_file(&file) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to somebody else"));
    }
    Ok(file)
}

/// Puts the file `new` in the place of `path`. Who reads the old one without sharing its removal, or on a system that
/// knows no such sharing, keeps it from that for a moment, which is waited out.
///
/// # Errors
/// As MoveFileEx.
pub fn replace(new: &Path, path: &Path) -> io::Result<()> {
    let held = |error: &io::Error| {
        let code = error.raw_os_error().and_then(|code| u32::try_from(code).ok());
        matches!(code, Some(ERROR_ACCESS_DENIED | ERROR_SHARING_VIOLATION))
    };
    for _ in 1..ATTEMPTS {
        match fs::rename(new, path) {
            Err(error) if held(&error) => thread::sleep(PAUSE),
            replaced => return replaced,
        }
    }
    fs::rename(new, path)
}

/// Nothing: the system has no way to write a folder's entries out.
///
/// # Errors
/// None.
pub fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Which file lies at a path, and since when it is as it is: another stamp, another content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    length: u64,
    created: u64,
    written: u64,
}

impl Stamp {
    /// The stamp of the file at `path`, links not followed; none where there is none.
    pub fn of(path: &Path) -> Option<Self> {
        let found = fs::symlink_metadata(path).ok()?;
        Some(Self { length: found.len(), created: found.creation_time(), written: found.last_write_time() })
    }
}

/// Which pipe has a name: ours, for as long as this process lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileId(());

impl FileId {
    /// The pipe of this name.
    pub fn of(_path: &Path) -> Option<Self> {
        Some(Self(()))
    }
}
