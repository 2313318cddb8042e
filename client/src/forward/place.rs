//! Where a forwarded socket lies: a folder that nobody else can change, a file that is never put over anything.

use std::{
    fs, io,
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use dt_cred_proto::{
    message::{Failure, FailureKind},
    platform::{TrustError, own_uid, private_folder, trusted_parents},
};
use rustix::fs::{FlockOperation, flock};
use thiserror::Error;

use crate::platform::Stream;

/// Why nothing can be served there.
#[derive(Debug, Error)]
pub(super) enum PlaceError {
    /// The folder cannot be trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Somebody listens there.
    #[error("somebody listens on {0:?} already: end that one, or choose another --socket")]
    Taken(PathBuf),
    /// Something lies there.
    #[error("{0:?} is no socket of yours: see what it is, and choose another --socket")]
    Occupied(PathBuf),
    /// Another one begins in the same folder.
    #[error("another dt-cred forward begins in {0:?} in this moment: try again")]
    Busy(PathBuf),
    /// The system refuses.
    #[error("cannot listen on {path:?}: {source}; choose another --socket")]
    Io { path: PathBuf, source: io::Error },
}

impl From<PlaceError> for Failure {
    fn from(error: PlaceError) -> Self {
        let kind = match error {
            PlaceError::Busy(_) => FailureKind::TryLater,
            PlaceError::Io { .. } => FailureKind::Other,
            _ => FailureKind::Usage,
        };
        Self::new(kind, error.to_string())
    }
}

/// Where nothing is served yet.
pub(super) struct Place {
    path: PathBuf,
    open: bool,
}

impl Place {
    /// `socket`, in a folder that is made where it is missing. `open` says that others are to connect: they are told apart
    /// when they do, so all that the folder must be is one that they cannot change.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub(super) fn prepare(socket: &Path, open: bool) -> Result<Self, PlaceError> {
        let io = |source| PlaceError::Io { path: socket.to_owned(), source };
        let path = std::path::absolute(socket).map_err(io)?;
        let Some(folder) = path.parent() else { return Err(PlaceError::Occupied(path)) };
        if open {
            open_folder(folder)?;
        } else {
            private_folder(folder, false)?;
        }
        let place = Self { path, open };
        place.occupied()?;
        Ok(place)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Listens. What a killed one left is replaced.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub(super) fn listen(self) -> Result<Socket, PlaceError> {
        let io = |source| PlaceError::Io { path: self.path.clone(), source };
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let held = fs::File::open(folder).map_err(io)?;
        // Between the look and the removal no other one may begin there. Nobody waits for it: others might hold it for ever.
        flock(&held, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| PlaceError::Busy(folder.to_owned()))?;
        if self.occupied()? {
            fs::remove_file(&self.path).map_err(io)?;
        }
        let listener = UnixListener::bind(&self.path).map_err(io)?;
        listener.set_nonblocking(true).map_err(io)?;
        let mode = if self.open { 0o666 } else { 0o600 };
        fs::set_permissions(&self.path, fs::Permissions::from_mode(mode)).map_err(io)?;
        let id = identity(&self.path).map_err(io)?;
        Ok(Socket { listener, path: self.path, id })
    }

    /// Whether a socket lies there that nobody listens on any more.
    fn occupied(&self) -> Result<bool, PlaceError> {
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(PlaceError::Io { path: self.path.clone(), source }),
            Ok(found) if !found.file_type().is_socket() || found.uid() != own_uid() => {
                Err(PlaceError::Occupied(self.path.clone()))
            }
            Ok(_) => match Stream::connect(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
                _ => Err(PlaceError::Taken(self.path.clone())),
            },
        }
    }
}

/// Sees that `folder` is ours and that nobody else can change what is in it; made where it is missing, so that others can
/// pass and see nothing.
fn open_folder(folder: &Path) -> Result<(), TrustError> {
    let io = |source| TrustError::Io { path: folder.to_owned(), source };
    trusted_parents(folder)?;
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        // Whatever the umask.
        Ok(()) => fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).map_err(io)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io(error)),
    }
    let found = fs::symlink_metadata(folder).map_err(io)?;
    let mode = found.mode() & 0o7777;
    if !found.is_dir() {
        Err(TrustError::NotAFolder(folder.to_owned()))
    } else if found.uid() != own_uid() {
        Err(TrustError::Owner { path: folder.to_owned(), owner: found.uid(), own: own_uid() })
    } else if mode & 0o022 != 0 {
        Err(TrustError::Writable { path: folder.to_owned(), mode })
    } else {
        Ok(())
    }
}

/// A socket that is listened on, and removed on drop.
pub(super) struct Socket {
    /// What is listened on; it does not block.
    pub(super) listener: UnixListener,
    path: PathBuf,
    id: (u64, u64),
}

impl Socket {
    /// Whether it is still what lies at its path.
    pub(super) fn is_there(&self) -> bool {
        identity(&self.path).is_ok_and(|id| id == self.id)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Another one may have taken its place, which is not ours to remove.
        if self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A private folder.
    fn ground() -> tempfile::TempDir {
        let ground = tempfile::tempdir().unwrap();
        fs::set_permissions(ground.path(), fs::Permissions::from_mode(0o700)).unwrap();
        ground
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).expect("it is there").mode() & 0o7777
    }

    #[test]
    fn a_socket_is_its_users_alone_unless_others_are_allowed_and_is_removed_in_the_end() {
        let ground = ground();
        for (name, open, folder_mode, socket_mode) in
            [("private", false, 0o700, 0o600), ("open", true, 0o711, 0o666)]
        {
            let path = ground.path().join(name).join("f.sock");
            let socket = Place::prepare(&path, open).unwrap().listen().unwrap();
            assert_eq!((mode(path.parent().unwrap()), mode(&path)), (folder_mode, socket_mode));
            drop(socket);
            assert!(!path.exists(), "{name}");
        }
    }

    #[test]
    fn what_a_killed_one_left_is_replaced_and_nothing_else_is_touched() {
        let ground = ground();
        let path = ground.path().join("f.sock");
        drop(UnixListener::bind(&path).unwrap());
        let socket = Place::prepare(&path, false).unwrap().listen().unwrap();
        let taken = Place::prepare(&path, false).err().expect("it is listened on");
        assert!(matches!(taken, PlaceError::Taken(_)), "{taken}");
        drop(socket);

        fs::write(&path, "kept").unwrap();
        let occupied = Place::prepare(&path, false).err().expect("a file");
        assert!(matches!(occupied, PlaceError::Occupied(_)), "{occupied}");
        assert_eq!(fs::read(&path).unwrap(), b"kept");
        fs::remove_file(&path).unwrap();

        let elsewhere = ground.path().join("other.sock");
        drop(UnixListener::bind(&elsewhere).unwrap());
        symlink(&elsewhere, &path).unwrap();
        let occupied = Place::prepare(&path, false).err().expect("a link");
        assert!(matches!(occupied, PlaceError::Occupied(_)), "{occupied}");
        assert!(elsewhere.exists() && path.is_symlink());
    }

    #[test]
    fn a_folder_that_others_can_change_is_refused_and_one_that_they_can_enter_only_without_others_allowed() {
        let ground = ground();
        let folder = ground.path().join("folder");
        fs::create_dir(&folder).unwrap();
        for (folder_mode, private, open) in [
            (0o700, true, true),
            (0o711, false, true),
            (0o755, false, true),
            (0o770, false, false),
            (0o702, false, false),
            (0o1777, false, false),
        ] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(folder_mode)).unwrap();
            let path = folder.join("f.sock");
            assert_eq!(Place::prepare(&path, false).is_ok(), private, "{folder_mode:o}");
            assert_eq!(Place::prepare(&path, true).is_ok(), open, "{folder_mode:o}");
        }
        fs::remove_dir(&folder).unwrap();
        symlink(ground.path(), &folder).unwrap();
        assert!(Place::prepare(&folder.join("f.sock"), true).is_err(), "a link");
    }

    #[test]
    fn a_socket_that_took_its_place_is_not_removed() {
        let ground = ground();
        let path = ground.path().join("f.sock");
        let socket = Place::prepare(&path, false).unwrap().listen().unwrap();
        fs::rename(&path, ground.path().join("old")).unwrap();
        let other = UnixListener::bind(&path).unwrap();
        drop(socket);
        assert!(path.exists());
        drop(other);
    }
}
