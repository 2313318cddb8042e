//! Unix: a file of ours among those of other programs, known by the line that it holds.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use dt_cred_proto::platform::{TrustError, own_uid};

use super::{Changes, ServiceError, There, shown};

/// What each file that is written here holds, in a comment of its own kind. One without it is another program's.
pub(super) const MARKER: &str = "Written by `dt-cred service install`, and removed by `dt-cred service uninstall`: what is changed here is lost.";

/// Largest file that is looked at, in bytes: ours are smaller.
const LIMIT: u64 = 64 * 1024;

/// What lies at `path`. A symlink is whoever's made it.
///
/// # Errors
/// That it cannot be looked at.
pub(super) fn look(path: &Path) -> Result<There, ServiceError> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(There::Nothing);
        }
        Err(source) => return Err(failed("look at", path)(source)),
    };
    if !found.is_file() || found.len() > LIMIT {
        return Ok(There::Foreign);
    }
    let bytes = fs::read(path).map_err(failed("read", path))?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) if text.contains(MARKER) => There::Ours(text),
        _ => There::Foreign,
    })
}

/// Has each of these texts, which hold the marker, at its path, and nothing of ours where there is no text, as a package has
/// brought its own; whether that changed anything. All are looked at before one is changed.
///
/// # Errors
/// That another program's file lies there, or that one cannot be written.
pub(super) fn place(
    files: &[(PathBuf, Option<String>)],
    changes: &mut Changes,
) -> Result<bool, ServiceError> {
    for (path, _) in files {
        if matches!(look(path)?, There::Foreign) {
            return Err(ServiceError::Foreign(path.clone()));
        }
    }
    let before = changes.len();
    for (path, text) in files {
        match text {
            Some(text) if write(path, text)? => changes.push(format!("wrote {}", shown(path))),
            None if remove(path)? => {
                changes.push(format!("removed {}, as a package has brought its own", shown(path)));
            }
            _ => {}
        }
    }
    Ok(changes.len() > before)
}

/// Removes those of these files that are ours; whether one was there.
///
/// # Errors
/// That one cannot be removed.
pub(super) fn take_away(files: &[PathBuf], changes: &mut Changes) -> Result<bool, ServiceError> {
    let before = changes.len();
    for path in files {
        if remove(path)? {
            changes.push(format!("removed {}", shown(path)));
        }
    }
    Ok(changes.len() > before)
}

/// What counts of `places`, the first that is there, and what else is there.
pub(super) fn found(places: impl IntoIterator<Item = PathBuf>) -> (Option<PathBuf>, Vec<String>) {
    let mut there = places.into_iter().filter(|path| path.exists());
    (there.next(), there.map(|path| shown(&path)).collect())
}

/// Has `text` at `path`, mode 0644; whether that changed anything.
fn write(path: &Path, text: &str) -> Result<bool, ServiceError> {
    match look(path)? {
        There::Foreign => return Err(ServiceError::Foreign(path.to_owned())),
        There::Ours(there) if there == text => return Ok(false),
        There::Ours(_) | There::Nothing => {}
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    make(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A name that no service manager takes for one of its files.
    let new = folder.join(format!(".{name}.{}", std::process::id()));
    // Left by one that was killed.
    let _ = fs::remove_file(&new);
    let written = File::options().write(true).create_new(true).mode(0o644).open(&new).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        // Whatever the umask takes: the service manager may be another one.
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
        file.sync_all()?;
        fs::rename(&new, path)
    });
    if let Err(source) = written {
        let _ = fs::remove_file(&new);
        return Err(failed("write", path)(source));
    }
    Ok(true)
}

/// Removes the file at `path` if it is ours; whether it was there.
fn remove(path: &Path) -> Result<bool, ServiceError> {
    if !matches!(look(path)?, There::Ours(_)) {
        return Ok(false);
    }
    fs::remove_file(path).map_err(failed("remove", path))?;
    Ok(true)
}

/// Makes `folder` and what is missing above it, where that is this user's: under `sudo` it may be another one's.
fn make(folder: &Path) -> Result<(), ServiceError> {
    if let Some(there) = folder.ancestors().find(|path| path.exists()) {
        let owner = fs::metadata(there).map_err(failed("look at", there))?.uid();
        if owner != own_uid() {
            return Err(TrustError::Owner { path: there.to_owned(), owner, own: own_uid() }.into());
        }
    }
    let made = DirBuilder::new().recursive(true).mode(0o755).create(folder);
    made.map_err(failed("make", folder))
}

/// How this failure at this path is told.
pub(super) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ServiceError + use<> {
    let path = path.to_owned();
    move |source| ServiceError::Io { doing, path, source }
}
