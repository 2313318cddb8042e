//! Windows: the pipe's name, the user's SID, who owns a file or a pipe.

use std::{
    ffi::OsString,
    fmt, fs, io,
    os::windows::{
        ffi::{OsStrExt, OsStringExt},
        io::{AsHandle, AsRawHandle, FromRawHandle, OwnedHandle},
    },
    path::{Path, PathBuf},
    ptr,
};

use thiserror::Error;
use windows_sys::Win32::{
    Foundation::{ERROR_SUCCESS, HANDLE, LocalFree},
    Security::{
        Authorization::{
            ConvertSidToStringSidW, GetNamedSecurityInfoW, GetSecurityInfo, SE_FILE_OBJECT, SE_KERNEL_OBJECT,
            SE_OBJECT_TYPE,
        },
        GetTokenInformation, OWNER_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID, TOKEN_QUERY, TOKEN_USER,
        TokenUser,
    },
    System::Threading::{GetCurrentProcess, OpenProcessToken},
};

use crate::endpoint::EndpointError;

/// What every pipe of this machine begins with.
const PIPES: &str = r"\\.\pipe\";

/// The system itself and the administrators, as root is elsewhere (Well-known SIDs).
const TRUSTED: [&str; 2] = ["S-1-5-18", "S-1-5-32-544"];

/// A security identifier, as `S-1-…`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sid(String);

impl Sid {
    /// The user that this process acts as.
    ///
    /// # Errors
    /// As OpenProcessToken.
    pub fn own() -> io::Result<Self> {
        // As long as the longest SID, and aligned as the structure in it.
        let mut buffer = [0_u64; 32];
        #[expect(unsafe_code, reason = "the token's user has no safe wrapper")]
        // SAFETY: the handle that is opened is owned from then on; the buffer is as long as is said and outlives the
        // pointer into it, which GetTokenInformation fills with a TOKEN_USER whose SID lies in the buffer.
        unsafe {
            let mut token: HANDLE = ptr::null_mut();
            if OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) == 0 {
                return Err(io::Error::last_os_error());
            }
            let token = OwnedHandle::from_raw_handle(token);
            let (mut length, size) = (0, u32::try_from(size_of_val(&buffer)).unwrap_or_default());
            let filled = buffer.as_mut_ptr().cast();
            if GetTokenInformation(token.as_raw_handle(), TokenUser, filled, size, &raw mut length) == 0 {
                return Err(io::Error::last_os_error());
            }
            Self::read((*buffer.as_ptr().cast::<TOKEN_USER>()).User.Sid)
        }
    }

    /// The owner of a pipe, or of another object of the kernel.
    ///
    /// # Errors
    /// As GetSecurityInfo.
    pub fn of_object(object: impl AsHandle) -> io::Result<Self> {
        Self::of_handle(object, SE_KERNEL_OBJECT)
    }

    /// The owner of an open file.
    ///
    /// # Errors
    /// As GetSecurityInfo.
    pub fn of_open_file(file: &fs::File) -> io::Result<Self> {
        Self::of_handle(file, SE_FILE_OBJECT)
    }

    fn of_handle(object: impl AsHandle, kind: SE_OBJECT_TYPE) -> io::Result<Self> {
        let handle = object.as_handle().as_raw_handle();
        Self::of_owner(|owner, descriptor| {
            #[expect(unsafe_code, reason = "an object's owner has no safe wrapper")]
            // SAFETY: the handle is open for as long as it is borrowed, and both pointers are to live variables.
            unsafe {
                let (what, none) = (OWNER_SECURITY_INFORMATION, ptr::null_mut());
                GetSecurityInfo(handle, kind, what, owner, none, ptr::null_mut(), ptr::null_mut(), descriptor)
            }
        })
    }

    /// The owner of the file or folder at `path`.
    ///
    /// # Errors
    /// As GetNamedSecurityInfo.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let path: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
        Self::of_owner(|owner, descriptor| {
            #[expect(unsafe_code, reason = "a file's owner has no safe wrapper")]
            // SAFETY: the path ends with a NUL and outlives the call, and both pointers are to live variables.
            unsafe {
                let (kind, what) = (SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION);
                let none = ptr::null_mut();
                GetNamedSecurityInfoW(
                    path.as_ptr(),
                    kind,
                    what,
                    owner,
                    none,
                    ptr::null_mut(),
                    ptr::null_mut(),
                    descriptor,
                )
            }
        })
    }

    fn of_owner(ask: impl FnOnce(*mut PSID, *mut PSECURITY_DESCRIPTOR) -> u32) -> io::Result<Self> {
        let (mut owner, mut descriptor): (PSID, PSECURITY_DESCRIPTOR) = (ptr::null_mut(), ptr::null_mut());
        let result = ask(&raw mut owner, &raw mut descriptor);
        if result != ERROR_SUCCESS {
            return Err(io::Error::from_raw_os_error(i32::try_from(result).unwrap_or_default()));
        }
        #[expect(unsafe_code, reason = "the descriptor is the system's to free")]
        // SAFETY: the owner points into the descriptor, which was allocated for us and is freed once, after it was read.
        unsafe {
            let sid = Self::read(owner);
            LocalFree(descriptor);
            sid
        }
    }

    /// # Safety
    /// `sid` must be null or point to a valid SID.
    #[expect(unsafe_code, reason = "a SID is made text by the system alone")]
    unsafe fn read(sid: PSID) -> io::Result<Self> {
        // SAFETY: by the caller's promise the SID is valid; the string that the system allocates ends with a NUL, is read
        // up to it, and freed once.
        unsafe {
            if sid.is_null() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it has no owner"));
            }
            let mut text = ptr::null_mut();
            if ConvertSidToStringSidW(sid, &raw mut text) == 0 {
                return Err(io::Error::last_os_error());
            }
            let length = (0..).take_while(|at| *text.add(*at) != 0).count();
            let string = OsString::from_wide(std::slice::from_raw_parts(text, length));
            LocalFree(text.cast());
            Ok(Self(string.to_string_lossy().into_owned()))
        }
    }

    /// Whether it is the system's or the administrators'.
    pub fn is_system(&self) -> bool {
        TRUSTED.contains(&self.0.as_str())
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The home folder, from `USERPROFILE`.
pub fn home(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    variable("USERPROFILE").map(PathBuf::from).filter(|home| home.is_absolute())
}

/// The state folder's parent: `LOCALAPPDATA`, what does not roam.
pub fn state_home(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let named = variable("LOCALAPPDATA").map(PathBuf::from).filter(|path| path.is_absolute());
    named.or_else(|| home(variable).map(|home| home.join(r"AppData\Local")))
}

pub(crate) fn named_endpoint(named: OsString) -> Result<PathBuf, EndpointError> {
    let path = PathBuf::from(named);
    let rest = path.to_str().and_then(|name| Some((name.get(..PIPES.len())?, name.get(PIPES.len()..)?)));
    // A pipe of another machine, or a file, would be opened as willingly.
    let is_pipe = rest.is_some_and(|(start, name)| {
        start.eq_ignore_ascii_case(PIPES) && !name.is_empty() && !name.contains(['\\', '/'])
    });
    if is_pipe { Ok(path) } else { Err(EndpointError::NotAPipe(path)) }
}

pub(crate) fn default_endpoint(
    _variable: impl Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, EndpointError> {
    // The name holds the user: whoever takes another's name is seen by the pipe's owner.
    let sid = Sid::own().map_err(|error| EndpointError::NoUser(error.to_string()))?;
    Ok(PathBuf::from(format!("{PIPES}dt-cred-{sid}")))
}

/// Why a folder or a file cannot be trusted.
#[derive(Debug, Error)]
pub enum TrustError {
    /// Somebody else's.
    #[error("{path:?} belongs to {owner}, not to you ({own}): move it away, or choose another place")]
    Owner {
        /// What.
        path: PathBuf,
        /// Whose it is.
        owner: Sid,
        /// Whose it must be.
        own: Sid,
    },
    /// A link or a file where a folder must be.
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

/// Makes `folder` and what is missing above it, and sees that it is the user's. What it inherits from the user's profile
/// keeps others out.
///
/// # Errors
/// [`TrustError`], each of which says what to do.
pub fn private_folder(folder: &Path, _repair: bool) -> Result<(), TrustError> {
    fs::create_dir_all(folder).map_err(|source| TrustError::Io { path: folder.to_owned(), source })?;
    let found = fs::symlink_metadata(folder);
    if !found.is_ok_and(|found| found.is_dir()) {
        return Err(TrustError::NotAFolder(folder.to_owned()));
    }
    trusted(folder, false)
}

/// Sees that the folder that holds `path` is the user's or the system's.
///
/// # Errors
/// [`TrustError`] where it is not.
pub fn trusted_parents(path: &Path) -> Result<(), TrustError> {
    path.parent().map_or(Ok(()), |folder| trusted(folder, false))
}

/// Sees that `path` is the user's, the administrators' or the system's.
///
/// # Errors
/// [`TrustError`] where it is not.
pub fn trusted(path: &Path, _sticky: bool) -> Result<(), TrustError> {
    let io = |source| TrustError::Io { path: path.to_owned(), source };
    let (owner, own) = (Sid::of_file(path).map_err(io)?, Sid::own().map_err(io)?);
    if owner == own || owner.is_system() {
        Ok(())
    } else {
        Err(TrustError::Owner { path: path.to_owned(), owner, own })
    }
}

/// Sees that the file at `path`, which is open as `file`, is the user's own.
///
/// # Errors
/// [`TrustError`] where it is not.
pub fn private_file(path: &Path, _file: &fs::File) -> Result<(), TrustError> {
    trusted(path, false)
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, path::PathBuf};

    use super::{Sid, TrustError, private_folder};
    use crate::endpoint::{EndpointError, resolve};

    fn named(name: &str) -> Result<PathBuf, EndpointError> {
        let variable = |wanted: &str| (wanted == "DT_CRED_SOCKET").then(|| OsString::from(name));
        resolve(variable).map(|endpoint| endpoint.path)
    }

    #[test]
    fn the_pipes_name_holds_the_user() {
        let sid = Sid::own().unwrap().to_string();
        assert!(sid.starts_with("S-1-"), "{sid}");
        let endpoint = resolve(|_| None).unwrap();
        assert_eq!(endpoint.path, PathBuf::from(format!(r"\\.\pipe\dt-cred-{sid}")));
        assert!(!endpoint.explicit);
    }

    #[test]
    fn only_a_pipe_of_this_machine_can_be_named() {
        for name in [r"\\.\pipe\mine", r"\\.\PIPE\a b"] {
            assert_eq!(named(name), Ok(PathBuf::from(name)));
        }
        for other in [
            r"\\server\pipe\mine",
            r"\\.\pipe\",
            r"\\.\pipe\..\C:\x",
            r"\\.\pipe\a/b",
            r"C:\Users\u\agent.sock",
            r"\\?\pipe\mine",
            "mine",
            "/tmp/agent.sock",
        ] {
            assert_eq!(named(other), Err(EndpointError::NotAPipe(PathBuf::from(other))), "{other}");
        }
    }

    #[test]
    fn a_file_where_a_folder_must_be_is_refused() {
        let ground = tempfile::tempdir().unwrap();
        private_folder(&ground.path().join(r"a\b"), true).unwrap();
        let file = ground.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(
            private_folder(&file, true),
            Err(TrustError::Io { .. } | TrustError::NotAFolder(_))
        ));
    }
}
