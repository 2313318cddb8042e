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
use thiserror::Error;

use super::lock::{Lock, beside};
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
    /// Another one begins there.
    #[error("another dt-cred forward begins to listen on {0:?} in this moment: try again")]
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
    /// `socket`, in a folder that is made where it is missing, once it is listened on. `open` says that others are to connect:
    /// they are told apart when they do, so all that the folder must be is one that they cannot change.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub(super) fn prepare(socket: &Path, open: bool) -> Result<Self, PlaceError> {
        let io = |source| PlaceError::Io { path: socket.to_owned(), source };
        let path = std::path::absolute(socket).map_err(io)?;
        let place = Self { path, open };
        match missing(place.folder()).last() {
            None => place.make_folder()?,
            // Others could not pass what is made above it.
            Some(_) if open => trusted_parents(place.folder())?,
            Some(first) => trusted_parents(first)?,
        }
        place.occupied()?;
        Ok(place)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Makes the folder where it is missing, and sees that it may be used.
    fn make_folder(&self) -> Result<(), TrustError> {
        if self.open { open_folder(self.folder()) } else { private_folder(self.folder(), false) }
    }

    /// Listens. What a killed one left is replaced; where it fails nothing is left.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub(super) fn listen(self) -> Result<Socket, PlaceError> {
        let io = |source| PlaceError::Io { path: self.path.clone(), source };
        let _made = Made(missing(self.folder()));
        self.make_folder()?;
        // Between the look and the removal no other one may begin there.
        let lock = beside(&self.path);
        let taken = Lock::take(&lock).map_err(|source| PlaceError::Io { path: lock, source })?;
        let Some(_lock) = taken else { return Err(PlaceError::Busy(self.path)) };
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

/// What is missing of `folder` and above it, itself first.
fn missing(folder: &Path) -> Vec<PathBuf> {
    let missing = |path: &&Path| fs::symlink_metadata(path).is_err();
    folder.ancestors().take_while(missing).map(Path::to_owned).collect()
}

/// Folders that are made for a socket, the innermost first, and removed on drop unless there is something in them: the socket,
/// for which they stay, as a container may have them mounted, which would not see the next ones.
struct Made(Vec<PathBuf>);

impl Drop for Made {
    fn drop(&mut self) {
        // Where one is not empty, neither is the one that it lies in.
        let _ = self.0.iter().try_for_each(fs::remove_dir);
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
            let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
            assert!(left.is_empty(), "{name}: its folder stays, with nothing in it: {left:?}");
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
    fn a_folder_is_made_once_it_is_listened_on_and_gone_again_where_that_fails() {
        let ground = ground();
        let long = "x".repeat(200);
        for (path, open) in [("a/b/c", false), ("d", true)] {
            let folder = ground.path().join(path);
            let place = Place::prepare(&folder.join(&long), open).unwrap();
            assert_eq!(fs::read_dir(ground.path()).unwrap().count(), 0, "before");
            assert!(matches!(place.listen(), Err(PlaceError::Io { .. })));
            assert_eq!(fs::read_dir(ground.path()).unwrap().count(), 0, "after");
        }
        // But for what was there.
        let folder = ground.path().join("a");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        for path in [&long, &format!("b/{long}")] {
            assert!(Place::prepare(&folder.join(path), false).unwrap().listen().is_err());
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_folder_that_is_missing_is_refused_at_once_where_it_could_not_be_made() {
        let ground = ground();
        let writable = ground.path().join("writable");
        fs::create_dir(&writable).unwrap();
        fs::set_permissions(&writable, fs::Permissions::from_mode(0o777)).unwrap();
        fs::write(ground.path().join("file"), "").unwrap();
        for (path, private, open) in [
            ("writable/box/f.sock", false, false),
            ("file/box/f.sock", false, false),
            // Others could not pass what is made private.
            ("a/b/f.sock", true, false),
        ] {
            let path = ground.path().join(path);
            assert_eq!(Place::prepare(&path, false).is_ok(), private, "{path:?}");
            assert_eq!(Place::prepare(&path, true).is_ok(), open, "{path:?}");
        }
    }

    #[test]
    fn while_another_one_begins_there_nobody_looks_whether_somebody_listens() {
        let ground = ground();
        let path = ground.path().join("f.sock");
        drop(UnixListener::bind(&path).unwrap());
        let lock = Lock::take(&beside(&path)).unwrap().expect("nobody holds it");
        let busy = Place::prepare(&path, false).unwrap().listen().err().expect("it is held");
        assert!(matches!(busy, PlaceError::Busy(_)), "{busy}");
        assert!(path.exists(), "and nothing is removed");
        let other = Place::prepare(&ground.path().join("g.sock"), false).unwrap().listen();
        assert!(other.is_ok(), "at another place of the folder");
        drop(lock);
        assert!(Place::prepare(&path, false).unwrap().listen().is_ok());
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
