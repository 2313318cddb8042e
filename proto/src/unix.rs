//! Unix: the socket's path, private folders, who is at the other end.

use std::{
    ffi::OsString,
    fs, io,
    os::{
        fd::AsFd,
        unix::{
            ffi::OsStrExt,
            fs::{DirBuilderExt, MetadataExt, PermissionsExt},
        },
    },
    path::{Component, Path, PathBuf},
    sync::OnceLock,
};

use thiserror::Error;

use crate::endpoint::EndpointError;

#[expect(unsafe_code, reason = "pages are asked of the system")]
#[path = "unix/pages.rs"]
pub(crate) mod pages;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod system;

pub use system::{hide_memory, peer};

/// Who is at the other end of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// The effective user.
    pub uid: u32,
    /// The process that connected or, seen from a client, that listens; none where it cannot be seen from here.
    pub pid: Option<u32>,
}

/// The effective user who connected to this socket or, seen from a client, who listens on it.
///
/// # Errors
/// Where the socket is not connected.
pub fn peer_uid(socket: impl AsFd) -> io::Result<u32> {
    peer(socket).map(|peer| peer.uid)
}

/// Variables that a program which is started gets besides the proxies' and the XDG folders.
pub(crate) const KEPT: [&str; 6] = ["HOME", "USER", "LOGNAME", "LANG", "TZ", "DBUS_SESSION_BUS_ADDRESS"];

/// What its PATH is.
pub(crate) const PATH: Option<&str> = Some("/usr/bin:/bin");

/// Whether `name` is the variable `known`.
pub(crate) fn is_variable(name: &str, known: &str) -> bool {
    name == known
}

/// The user that this process acts as: asked for once, as neither program ever becomes another one.
pub fn own_uid() -> u32 {
    static OWN: OnceLock<u32> = OnceLock::new();
    *OWN.get_or_init(|| rustix::process::geteuid().as_raw())
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

pub(crate) fn default_endpoint(
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, EndpointError> {
    let runtime = system::runtime_folder(&variable);
    let state = || state_home(&variable).map(|state| state.join("dt-cred/run"));
    let folder = runtime.map(|folder| folder.join("dt-cred")).or_else(state);
    fitting(folder.ok_or(EndpointError::NoFolder)?.join("agent.sock"))
}

/// Whether `path` is a folder, not a symlink to one, of the user that this process acts as.
pub(crate) fn is_own_folder(path: &Path) -> bool {
    fs::symlink_metadata(unslashed(path)).is_ok_and(|found| found.is_dir() && found.uid() == own_uid())
}

/// `path` without a slash at its end: with one, the system follows a symlink that the path names.
fn unslashed(path: &Path) -> PathBuf {
    path.components().collect()
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
    #[error(
        "{path:?} is open to others (mode {mode:04o}): choose a folder of your own, or chmod 700 {path:?}"
    )]
    Open {
        /// What.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file that is open to others and must be private.
    #[error("{path:?} is open to others (mode {mode:04o}): see what is in it, then chmod 600 {path:?}")]
    Readable {
        /// What.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A symlink or a file where a folder must be.
    #[error("{0:?} is not a folder: move it away, or choose another place")]
    NotAFolder(PathBuf),
    /// The system refused to look or to make it.
    #[error("cannot use {path:?}: {source}; see that it is there, and to its owner and mode")]
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
    let folder = unslashed(folder);
    let io = |source| TrustError::Io { path: folder.clone(), source };
    // Nothing is made, looked at or repaired where others could put something else into its place meanwhile.
    if let Some(there) = folder.ancestors().skip(1).find(|path| fs::symlink_metadata(path).is_ok()) {
        trusted_folder(there)?;
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).or_else(|error| {
        // Something that is no folder lies there: said below in plain words.
        if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(io(error)) }
    })?;
    // Again: in a sticky folder somebody else may have made what was missing a moment before us.
    trusted_parents(&folder)?;
    let found = fs::symlink_metadata(&folder).map_err(io)?;
    if !found.is_dir() {
        return Err(TrustError::NotAFolder(folder));
    }
    if found.uid() != own_uid() {
        return Err(TrustError::Owner { path: folder, owner: found.uid(), own: own_uid() });
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 && !repair {
        return Err(TrustError::Open { path: folder, mode });
    }
    if mode & 0o777 != 0o700 && repair {
        // By its descriptor: a daemon that is confined may change no mode by a path.
        let opened = fs::File::open(&folder)
            .and_then(|folder| folder.set_permissions(fs::Permissions::from_mode(0o700)));
        // One that its owner may not look into cannot be opened.
        opened.or_else(|_| fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))).map_err(io)?;
    }
    Ok(())
}

/// Sees that every folder above `path` is the user's or root's and not writable by others, sticky ones aside.
///
/// # Errors
/// [`TrustError`] for the first that is not.
pub fn trusted_parents(path: &Path) -> Result<(), TrustError> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => trusted_folder(Path::new(".")),
        parent => trusted_folder(parent.unwrap_or(Path::new("/"))),
    }
}

/// Most symlinks followed for one path, as the kernel does (path_resolution(7)).
const LINKS: usize = 40;

/// Sees that nobody else can make `folder` lead elsewhere.
///
/// Goes from name to name as the system does: whoever may write to a folder that holds a symlink of the path, or owns
/// that symlink, decides where the path leads, and neither stands in the path once it is resolved.
fn trusted_folder(folder: &Path) -> Result<(), TrustError> {
    let io = |path: &Path, source| TrustError::Io { path: path.to_owned(), source };
    let mut ahead = std::path::absolute(folder).map_err(|source| io(folder, source))?;
    let mut here = PathBuf::from("/");
    let mut links = 0;
    loop {
        let found = fs::symlink_metadata(&here).map_err(|source| io(&here, source))?;
        if found.is_symlink() {
            owned(&here, &found)?;
            links += 1;
            if links > LINKS {
                return Err(io(folder, rustix::io::Errno::LOOP.into()));
            }
            let target = fs::read_link(&here).map_err(|source| io(&here, source))?;
            ahead = target.join(ahead);
            here.pop();
        } else if found.is_dir() {
            unwritable(&here, &found, true)?;
        } else {
            return Err(TrustError::NotAFolder(here));
        }
        let mut names = ahead.components();
        match names.next() {
            None => return Ok(()),
            Some(Component::Normal(name)) => here.push(name),
            Some(Component::ParentDir) => drop(here.pop()),
            Some(Component::CurDir) => {}
            Some(Component::RootDir | Component::Prefix(_)) => here = PathBuf::from("/"),
        }
        ahead = names.as_path().to_owned();
    }
}

/// Sees that `path` is the user's or root's and not writable by others, a sticky folder aside where `sticky` says so.
///
/// # Errors
/// [`TrustError`] where it is not.
pub fn trusted(path: &Path, sticky: bool) -> Result<(), TrustError> {
    let found = fs::metadata(path).map_err(|source| TrustError::Io { path: path.to_owned(), source })?;
    unwritable(path, &found, sticky)
}

/// Sees that nobody but the user and root can change the program at `path`, or put another one in its place.
///
/// # Errors
/// [`TrustError`], which says what to do.
pub fn trusted_program(path: &Path) -> Result<(), TrustError> {
    let unchangeable = |path: &Path, sticky| match trusted(path, sticky) {
        // With umask 002 what its user built or installed is 0775, of the user's own group, as is the folder.
        Err(TrustError::Writable { mode, .. }) if mode & 0o002 == 0 && is_of_private_group(path) => Ok(()),
        judged => judged,
    };
    unchangeable(path, false)?;
    path.ancestors().skip(1).try_for_each(|folder| unchangeable(folder, true))
}

/// Whether the group of the file at `path` is the one that has nobody but this user in it, by convention of the
/// systems that make one for each user: it has the user's number.
fn is_of_private_group(path: &Path) -> bool {
    let own = own_uid();
    rustix::process::getegid().as_raw() == own && fs::metadata(path).is_ok_and(|found| found.gid() == own)
}

/// Sees that the open `file` is the user's own and that nobody else may read or write it; `path` is for the message.
///
/// # Errors
/// [`TrustError`] where it is not.
pub fn private_file(path: &Path, file: &fs::File) -> Result<(), TrustError> {
    let found = file.metadata().map_err(|source| TrustError::Io { path: path.to_owned(), source })?;
    if found.uid() != own_uid() {
        return Err(TrustError::Owner { path: path.to_owned(), owner: found.uid(), own: own_uid() });
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(TrustError::Readable { path: path.to_owned(), mode });
    }
    Ok(())
}

fn unwritable(path: &Path, found: &fs::Metadata, sticky: bool) -> Result<(), TrustError> {
    owned(path, found)?;
    let mode = found.mode() & 0o7777;
    if mode & 0o022 != 0 && !(sticky && mode & 0o1000 != 0) {
        return Err(TrustError::Writable { path: path.to_owned(), mode });
    }
    Ok(())
}

fn owned(path: &Path, found: &fs::Metadata) -> Result<(), TrustError> {
    if found.uid() != own_uid() && found.uid() != 0 {
        return Err(TrustError::Owner { path: path.to_owned(), owner: found.uid(), own: own_uid() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        ffi::OsString,
        fs,
        os::unix::{ffi::OsStringExt, fs::symlink},
        path::{Path, PathBuf},
    };

    use super::{home, is_own_folder, named_endpoint, state_home, system::SUN_PATH_LIMIT};
    use crate::endpoint::EndpointError;

    #[test]
    fn the_state_folder_is_where_the_xdg_specification_puts_it() {
        let cases = [
            (None, Some("/home/u"), Some("/home/u/.local/state")),
            (Some("/s"), Some("/home/u"), Some("/s")),
            (Some("/s"), None, Some("/s")),
            (Some("relative"), Some("/home/u"), Some("/home/u/.local/state")),
            (Some(""), Some("/home/u"), Some("/home/u/.local/state")),
            (None, Some("relative"), None),
            (None, Some(""), None),
            (Some("relative"), None, None),
            (None, None, None),
        ];
        for (state, user, expected) in cases {
            let variable = |name: &str| match name {
                "XDG_STATE_HOME" => state.map(OsString::from),
                "HOME" => user.map(OsString::from),
                other => panic!("{other} does not matter"),
            };
            assert_eq!(state_home(variable), expected.map(PathBuf::from), "{state:?}, {user:?}");
        }
        assert_eq!(home(|_| Some("/home/u".into())), Some(PathBuf::from("/home/u")));
    }

    #[test]
    fn a_path_that_a_socket_cannot_have_is_refused_by_its_length_in_bytes() {
        let path = |bytes: usize| OsString::from_vec([b"/".as_slice(), &vec![b'x'; bytes - 1]].concat());
        for fits in [2, SUN_PATH_LIMIT - 1, SUN_PATH_LIMIT] {
            assert_eq!(named_endpoint(path(fits)), Ok(PathBuf::from(path(fits))));
        }
        for length in [SUN_PATH_LIMIT + 1, 1000] {
            let too_long =
                EndpointError::TooLong { path: path(length).into(), length, limit: SUN_PATH_LIMIT };
            assert_eq!(named_endpoint(path(length)), Err(too_long));
        }
        let accents = format!("/{}", "\u{e9}".repeat(SUN_PATH_LIMIT / 2 + 1));
        assert!(accents.chars().count() < SUN_PATH_LIMIT);
        assert!(named_endpoint(accents.into()).is_err(), "bytes, not characters");
    }

    #[test]
    fn the_longest_path_that_is_taken_is_the_longest_that_the_system_takes() {
        let ground = tempfile::tempdir().unwrap();
        let name =
            |length: usize| ground.path().join("x".repeat(length - ground.path().as_os_str().len() - 1));
        assert!(std::os::unix::net::UnixListener::bind(name(SUN_PATH_LIMIT)).is_ok());
        assert!(std::os::unix::net::UnixListener::bind(name(SUN_PATH_LIMIT + 1)).is_err());
    }

    #[test]
    fn a_symlink_is_no_folder_of_ours_however_it_is_written() {
        let ground = tempfile::tempdir().unwrap();
        let at = |name: &str| ground.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        fs::write(at("file"), "").unwrap();
        symlink(at("folder"), at("link")).unwrap();
        for (name, own) in [
            ("folder", true),
            ("folder/", true),
            ("folder/.", true),
            ("link", false),
            ("link/", false),
            ("link//", false),
            ("link/.", false),
            ("file", false),
            ("missing", false),
        ] {
            assert_eq!(is_own_folder(&at(name)), own, "{name}");
        }
        // "/" is root's.
        assert_eq!(is_own_folder(Path::new("/")), super::own_uid() == 0);
    }
}
