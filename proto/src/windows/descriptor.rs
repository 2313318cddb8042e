//! Who owns a file and what its access control list lets others do.

use std::{
    fs::File,
    io,
    os::windows::{
        ffi::OsStrExt,
        fs::OpenOptionsExt,
        io::{AsHandle, AsRawHandle, FromRawHandle},
    },
    path::{Component, Path, Prefix},
    ptr,
};

use windows_sys::Win32::{
    Foundation::{ERROR_SUCCESS, GENERIC_WRITE, INVALID_HANDLE_VALUE, LocalFree},
    Security::{
        ACCESS_ALLOWED_ACE, ACE_HEADER, ACL,
        Authorization::{
            ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1,
            SE_FILE_OBJECT, SE_OBJECT_TYPE, SetNamedSecurityInfoW,
        },
        DACL_SECURITY_INFORMATION, GetAce, GetSecurityDescriptorDacl, GetSecurityDescriptorOwner,
        INHERIT_ONLY_ACE, OWNER_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION,
        PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES,
    },
    Storage::FileSystem::{
        CREATE_NEW, CreateDirectoryW, CreateFileW, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT,
        FILE_SHARE_DELETE, FILE_SHARE_READ, READ_CONTROL,
    },
    System::SystemServices::{ACCESS_ALLOWED_ACE_TYPE, ACCESS_ALLOWED_CALLBACK_ACE_TYPE},
};

use super::Sid;

/// A security descriptor that the system allocated.
pub(super) struct Descriptor(PSECURITY_DESCRIPTOR);

impl Descriptor {
    /// That of the file, folder or link at `path`: of a link itself, not of what it leads to.
    ///
    /// # Errors
    /// As CreateFile and GetSecurityInfo.
    pub(super) fn of_path(path: &Path) -> io::Result<Self> {
        let mut options = File::options();
        options
            .access_mode(READ_CONTROL)
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT);
        Self::of_handle(options.open(path)?, SE_FILE_OBJECT)
    }

    /// That of what is open.
    ///
    /// # Errors
    /// As GetSecurityInfo.
    pub(super) fn of_handle(object: impl AsHandle, kind: SE_OBJECT_TYPE) -> io::Result<Self> {
        let handle = object.as_handle().as_raw_handle();
        Self::asked(|what, descriptor| {
            let none = ptr::null_mut;
            #[expect(unsafe_code, reason = "an object's rights have no safe wrapper")]
            // SAFETY: the handle is open for as long as it is borrowed, and the pointer is to a live variable.
            unsafe {
                let none = (none(), none(), ptr::null_mut(), ptr::null_mut());
                GetSecurityInfo(handle, kind, what, none.0, none.1, none.2, none.3, descriptor)
            }
        })
    }

    fn asked(ask: impl FnOnce(u32, *mut PSECURITY_DESCRIPTOR) -> u32) -> io::Result<Self> {
        let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
        let result = ask(OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &raw mut descriptor);
        if result != ERROR_SUCCESS {
            return Err(io::Error::from_raw_os_error(i32::try_from(result).unwrap_or_default()));
        }
        Ok(Self(descriptor))
    }

    /// One of the user's own, which lets nobody in but them, the system and the administrators, as a profile folder's
    /// does; what is made in a folder inherits that.
    ///
    /// # Errors
    /// Where the system refuses.
    fn private(is_folder: bool) -> io::Result<Self> {
        let (own, inherited) = (Sid::own()?, if is_folder { "OICI" } else { "" });
        let entries = ["SY", "BA", &own.to_string()].map(|who| format!("(A;{inherited};FA;;;{who})"));
        Self::of_text(&format!("O:{own}D:P{}", entries.concat()))
    }

    /// The one that this text describes (Security Descriptor Definition Language).
    ///
    /// # Errors
    /// Where the system refuses.
    pub(super) fn of_text(text: &str) -> io::Result<Self> {
        let text: Vec<u16> = text.encode_utf16().chain([0]).collect();
        let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
        #[expect(unsafe_code, reason = "a descriptor is made by the system alone")]
        // SAFETY: the text ends with a NUL, and the pointer is to a live variable.
        let made = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                ptr::null_mut(),
            )
        };
        if made == 0 { Err(io::Error::last_os_error()) } else { Ok(Self(descriptor)) }
    }

    /// Whose it is.
    ///
    /// # Errors
    /// Where it is nobody's.
    pub(super) fn owner(&self) -> io::Result<Sid> {
        let (mut owner, mut defaulted) = (ptr::null_mut(), 0);
        #[expect(unsafe_code, reason = "a descriptor's owner has no safe wrapper")]
        // SAFETY: the descriptor is valid for as long as this lives, and the owner lies in it.
        unsafe {
            if GetSecurityDescriptorOwner(self.0, &raw mut owner, &raw mut defaulted) == 0 {
                return Err(io::Error::last_os_error());
            }
            Sid::read(owner)
        }
    }

    /// The first who is neither `own`, nor the owner, nor the system, and may do something of `rights`. What is denied
    /// is not looked at: it takes nothing away from somebody else.
    ///
    /// # Errors
    /// Where the list cannot be read, or there is none: then everybody may do everything.
    pub(super) fn stranger(&self, own: &Sid, rights: u32) -> io::Result<Option<Sid>> {
        let list = self.list()?;
        #[expect(unsafe_code, reason = "an access control list has no safe wrapper")]
        // SAFETY: the list is valid for as long as this lives; each entry that GetAce gives lies in it, and one of these
        // types begins as an ACCESS_ALLOWED_ACE does, whose SID begins at its last member.
        unsafe {
            for at in 0..u32::from((*list).AceCount) {
                let mut entry = ptr::null_mut();
                if GetAce(list, at, &raw mut entry) == 0 {
                    return Err(io::Error::last_os_error());
                }
                let header = *entry.cast::<ACE_HEADER>();
                let (kind, inherit_only) =
                    (u32::from(header.AceType), u32::from(header.AceFlags) & INHERIT_ONLY_ACE);
                if inherit_only != 0
                    || ![ACCESS_ALLOWED_ACE_TYPE, ACCESS_ALLOWED_CALLBACK_ACE_TYPE].contains(&kind)
                {
                    continue;
                }
                let entry = entry.cast::<ACCESS_ALLOWED_ACE>();
                let who = Sid::read((&raw mut (*entry).SidStart).cast())?;
                if (*entry).Mask & rights != 0 && !who.is_trusted_by(own) && !who.is_owner() {
                    return Ok(Some(who));
                }
            }
        }
        Ok(None)
    }

    fn list(&self) -> io::Result<*mut ACL> {
        let (mut present, mut list, mut defaulted) = (0, ptr::null_mut(), 0);
        #[expect(unsafe_code, reason = "a descriptor's list has no safe wrapper")]
        // SAFETY: the descriptor is valid for as long as this lives, and the pointers are to live variables.
        let told =
            unsafe { GetSecurityDescriptorDacl(self.0, &raw mut present, &raw mut list, &raw mut defaulted) };
        match (told, present != 0 && !list.is_null()) {
            (0, _) => Err(io::Error::last_os_error()),
            (_, false) => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it has no access control list, so that everybody may change it",
            )),
            (_, true) => Ok(list),
        }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "the descriptor is the system's to free")]
        // SAFETY: it was allocated for us, and is freed once.
        unsafe {
            LocalFree(self.0);
        }
    }
}

/// Makes a file where nothing lies, to write to it, that is its user's alone from its first moment on.
///
/// # Errors
/// Where something lies there, or the system refuses.
pub fn create_private(path: &Path) -> io::Result<File> {
    let (path, descriptor) = (wide(path)?, Descriptor::private(false)?);
    let attributes = attributes(&descriptor);
    #[expect(unsafe_code, reason = "a file with rights of its own has no safe wrapper")]
    // SAFETY: the path ends with a NUL; both outlive the call; a handle that is given is owned by the file from then on.
    unsafe {
        // A link lies there too, wherever it leads.
        let (share, kind) = (FILE_SHARE_READ | FILE_SHARE_DELETE, FILE_FLAG_OPEN_REPARSE_POINT);
        let handle = CreateFileW(
            path.as_ptr(),
            GENERIC_WRITE,
            share,
            &raw const attributes,
            CREATE_NEW,
            kind,
            ptr::null_mut(),
        );
        if handle == INVALID_HANDLE_VALUE {
            Err(io::Error::last_os_error())
        } else {
            Ok(File::from_raw_handle(handle))
        }
    }
}

/// Makes a folder that is its user's alone.
///
/// # Errors
/// Where something lies there, or the system refuses.
pub(super) fn create_private_folder(path: &Path) -> io::Result<()> {
    let (path, descriptor) = (wide(path)?, Descriptor::private(true)?);
    let attributes = attributes(&descriptor);
    #[expect(unsafe_code, reason = "a folder with rights of its own has no safe wrapper")]
    // SAFETY: the path ends with a NUL, and both outlive the call.
    let made = unsafe { CreateDirectoryW(path.as_ptr(), &raw const attributes) };
    if made == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Takes every right to the folder at `path` from all but its user, the system and the administrators.
///
/// # Errors
/// As SetNamedSecurityInfo.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    set_list(path, &Descriptor::private(true)?)
}

fn set_list(path: &Path, descriptor: &Descriptor) -> io::Result<()> {
    let path = wide(path)?;
    let list = descriptor.list()?;
    let what = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    #[expect(unsafe_code, reason = "a folder's rights have no safe wrapper")]
    // SAFETY: the path ends with a NUL, and the list lies in the descriptor; both outlive the call.
    let result = unsafe {
        SetNamedSecurityInfoW(
            path.as_ptr(),
            SE_FILE_OBJECT,
            what,
            ptr::null_mut(),
            ptr::null_mut(),
            list,
            ptr::null(),
        )
    };
    if result == ERROR_SUCCESS {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(i32::try_from(result).unwrap_or_default()))
    }
}

fn attributes(descriptor: &Descriptor) -> SECURITY_ATTRIBUTES {
    let length = u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default();
    SECURITY_ATTRIBUTES { nLength: length, lpSecurityDescriptor: descriptor.0, bInheritHandle: 0 }
}

/// A path as the system takes it, however long it is: these calls know no more than 260 characters of any other form
/// (Maximum Path Length Limitation).
fn wide(path: &Path) -> io::Result<Vec<u16>> {
    let path = std::path::absolute(path)?;
    let kind = path.components().next();
    let (start, rest) = match kind {
        Some(Component::Prefix(prefix)) => match prefix.kind() {
            Prefix::Disk(_) => (r"\\?\", 0),
            // Of `\\server\share` one backslash stays.
            Prefix::UNC(..) => (r"\\?\UNC", 1),
            _ => ("", 0),
        },
        _ => ("", 0),
    };
    Ok(start.encode_utf16().chain(path.as_os_str().encode_wide().skip(rest)).chain([0]).collect())
}

/// Gives somebody else rights to what is at `path`, for tests.
#[cfg(test)]
pub(super) fn opened_to(path: &Path, who: &str, rights: &str) -> io::Result<()> {
    let text = format!("D:P(A;OICI;FA;;;{})(A;OICI;{rights};;;{who})", Sid::own()?);
    set_list(path, &Descriptor::of_text(&text)?)
}
