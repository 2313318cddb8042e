//! Who somebody is to the system.

use std::{
    ffi::OsString,
    fmt,
    fs::File,
    io,
    os::windows::{
        ffi::OsStringExt,
        io::{AsHandle, AsRawHandle, FromRawHandle, OwnedHandle},
    },
    ptr,
};

use windows_sys::Win32::{
    Foundation::{HANDLE, LocalFree},
    Security::{
        Authorization::{ConvertSidToStringSidW, SE_FILE_OBJECT, SE_KERNEL_OBJECT},
        GetTokenInformation, PSID, TOKEN_QUERY, TOKEN_USER, TokenUser,
    },
    System::Threading::{GetCurrentProcess, OpenProcessToken},
};

use super::descriptor::Descriptor;

/// The system itself, the administrators, and who installs the system's own programs, as root is elsewhere (Well-known
/// SIDs).
const SYSTEM: [&str; 3] =
    ["S-1-5-18", "S-1-5-32-544", "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"];

/// How the number of the first administrator ends, and that of a domain's administrators, who are administrators of its
/// machines.
const ADMINISTRATORS: [&str; 2] = ["500", "512"];

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
        Descriptor::of_handle(object, SE_KERNEL_OBJECT)?.owner()
    }

    /// The owner of an open file.
    ///
    /// # Errors
    /// As GetSecurityInfo.
    pub fn of_open_file(file: &File) -> io::Result<Self> {
        Descriptor::of_handle(file, SE_FILE_OBJECT)?.owner()
    }

    /// The SID that a pointer leads to, as text.
    ///
    /// # Errors
    /// Where there is none.
    ///
    /// # Safety
    /// `sid` must be null or point to a valid SID.
    #[expect(unsafe_code, reason = "a SID is made text by the system alone")]
    pub(super) unsafe fn read(sid: PSID) -> io::Result<Self> {
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

    /// Whether it is the system itself or its administrators.
    pub fn is_system(&self) -> bool {
        SYSTEM.contains(&self.0.as_str())
    }

    /// Whether it is an administrator of the machine or the domain that `user` is of, who can do everything anyway.
    fn is_administrator_of(&self, user: &Self) -> bool {
        let parts =
            |sid: &Self| sid.0.rsplit_once('-').map(|(of, number)| (of.to_owned(), number.to_owned()));
        let (Some((of, number)), Some((of_user, _))) = (parts(self), parts(user)) else { return false };
        of == of_user && of.starts_with("S-1-5-21-") && ADMINISTRATORS.contains(&number.as_str())
    }

    /// Whether `user` need not mind what it may do: it is theirs, the system's or an administrator's.
    pub(super) fn is_trusted_by(&self, user: &Self) -> bool {
        self == user || self.is_system() || self.is_administrator_of(user)
    }

    /// Whether it stands for the owner of whatever it is said of: `CREATOR OWNER`, `OWNER RIGHTS`.
    pub(super) fn is_owner(&self) -> bool {
        ["S-1-3-0", "S-1-3-4"].contains(&self.0.as_str())
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Sid;

    #[test]
    fn only_the_system_and_its_administrators_are_the_system() {
        let sid = |sid: &str| Sid(sid.to_owned());
        for system in ["S-1-5-18", "S-1-5-32-544"] {
            assert!(sid(system).is_system(), "{system}");
        }
        for other in ["S-1-1-0", "S-1-5-11", "S-1-5-32-545", "S-1-5-21-1-2-3-500", "S-1-3-0"] {
            assert!(!sid(other).is_system(), "{other}");
        }
        let user = sid("S-1-5-21-1-2-3-1001");
        for administrator in ["S-1-5-21-1-2-3-500", "S-1-5-21-1-2-3-512"] {
            assert!(sid(administrator).is_administrator_of(&user), "{administrator}");
        }
        for other in
            ["S-1-5-21-1-2-4-500", "S-1-5-21-1-2-3-1500", "S-1-5-21-1-2-3-4-500", "S-1-5-32-500", "S"]
        {
            assert!(!sid(other).is_administrator_of(&user), "{other}");
        }
    }
}
