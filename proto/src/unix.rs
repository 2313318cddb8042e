//! Unix: the socket's path, private folders, who is at the other end.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::endpoint::EndpointError;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod system;

pub use system::peer_uid;

/// The user that this process acts as.
pub fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The home folder, from `HOME`.
pub fn home(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    variable("HOME").map(PathBuf::from).filter(|home| home.is_absolute())
}

/// The state folder's parent: `XDG_STATE_HOME`, else `~/.local/state` (XDG Base Directory Specification).
pub fn state_home(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let named = variable("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    named.or_else(|| home(variable).map(|home| home.join(".local/state")))
}

pub(crate) fn named_endpoint(named: OsString) -> Result<PathBuf, EndpointError> {
    let path = PathBuf::from(named);
    if path.is_relative() {
        return Err(EndpointError::Relative(path));
    }
    fitting(path)
}

pub(crate) fn default_endpoint(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, EndpointError> {
    let runtime = system::runtime_folder(&variable);
    let state = || state_home(&variable).map(|state| state.join("dt-cred/run"));
    let folder = runtime.map(|folder| folder.join("dt-cred")).or_else(state);
    fitting(folder.ok_or(EndpointError::NoFolder)?.join("agent.sock"))
}

/// Whether `path` is a folder, not a symlink to one, of the user that this process acts as.
pub(crate) fn is_own_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == own_uid())
}

fn fitting(path: PathBuf) -> Result<PathBuf, EndpointError> {
    let length = path.as_os_str().as_bytes().len();
    if length > system::SUN_PATH_LIMIT {
        return Err(EndpointError::TooLong { path, length, limit: system::SUN_PATH_LIMIT });
    }
    Ok(path)
}

/// Why a folder or a file cannot be trusted.
#[derive(Debug, Error)]
pub enum TrustError {
    /// Somebody else's.
    #[error("{path:?} belongs to uid {owner}, not to uid {own}: move it away, or choose another place")]
    Owner {
        /// What.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Whose it must be.
        own: u32,
    },
    /// Others may change what is in it.
    #[error("{path:?} can be written by others (mode {mode:04o}): chmod go-w {path:?}")]
    Writable {
        /// What.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Open to others where it must be private.
    #[error("{path:?} is open to others (mode {mode:04o}): chmod 700 {path:?}")]
    Open {
        /// What.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A symlink or a file where a folder must be.
    #[error("{0:?} is not a folder: move it away, or choose another place")]
    NotAFolder(PathBuf),
    /// The system refused to look or to make it.
    #[error("cannot use {path:?}: {source}")]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Makes `folder` and what is missing above it with mode 0700, and sees that nobody else can change what is in it.
///
/// A folder of ours that is too open is repaired where `repair` says so, else refused.
///
/// # Errors
/// [`TrustError`], each of which says what to do.
pub fn private_folder(folder: &Path, repair: bool) -> Result<(), TrustError> {
    let io = |source| TrustError::Io { path: folder.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).or_else(|error| {
        // Something that is no folder lies there: said below in plain words.
        if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(io(error)) }
    })?;
    let found = fs::symlink_metadata(folder).map_err(io)?;
    if !found.is_dir() {
        return Err(TrustError::NotAFolder(folder.to_owned()));
    }
    if found.uid() != own_uid() {
        return Err(TrustError::Owner { path: folder.to_owned(), owner: found.uid(), own: own_uid() });
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 {
        if !repair {
            return Err(TrustError::Open { path: folder.to_owned(), mode });
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(io)?;
    }
    trusted_parents(folder)
}

/// Sees that every folder above `path` is the user's or root's and not writable by others, sticky ones aside.
///
/// # Errors
/// [`TrustError`] for the first that is not.
pub fn trusted_parents(path: &Path) -> Result<(), TrustError> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let parent = fs::canonicalize(parent).map_err(|source| TrustError::Io { path: parent.to_owned(), source })?;
    parent.ancestors().try_for_each(|folder| trusted(folder, true))
}

/// Sees that `path` is the user's or root's and not writable by others, a sticky folder aside where `sticky` says so.
///
/// # Errors
/// [`TrustError`] where it is not.
pub fn trusted(path: &Path, sticky: bool) -> Result<(), TrustError> {
    let found = fs::metadata(path).map_err(|source| TrustError::Io { path: path.to_owned(), source })?;
    if found.uid() != own_uid() && found.uid() != 0 {
        return Err(TrustError::Owner { path: path.to_owned(), owner: found.uid(), own: own_uid() });
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o022 != 0 && !(sticky && mode & 0o1000 != 0) {
        return Err(TrustError::Writable { path: path.to_owned(), mode });
    }
    Ok(())
}
