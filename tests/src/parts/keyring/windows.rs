//! Windows: the Credential Manager, past the library that the daemon has for it.

use std::{io, ptr, slice};

use windows_sys::Win32::{
    Foundation::ERROR_NOT_FOUND,
    Security::Credentials::{
        CRED_PERSIST, CRED_PERSIST_LOCAL_MACHINE, CRED_TYPE_GENERIC, CredDeleteW, CredFree, CredReadW,
    },
};

use super::{Profile, SERVICE};

pub(super) const STORE: &str = "credential-manager";

pub(super) const NEEDED: &str = "the Credential Manager";

/// Whether it can be asked: every logon of a person has one.
pub(super) fn works(probe: &Profile) -> bool {
    read(probe).is_ok()
}

pub(super) fn is_kept(profile: &Profile) -> bool {
    read(profile).expect("the Credential Manager can be asked").is_some()
}

pub(super) fn remove(profile: &Profile) {
    let target = target(profile);
    #[expect(unsafe_code, reason = "the Credential Manager has no safe wrapper here")]
    // SAFETY: the target ends with a NUL and outlives the call.
    unsafe {
        CredDeleteW(target.as_ptr(), CRED_TYPE_GENERIC, 0);
    }
}

impl Profile {
    /// What the store holds for it.
    ///
    /// # Panics
    /// Where it cannot be asked, or it is no text.
    pub fn item(&self) -> Option<String> {
        let item = read(self).expect("the Credential Manager can be asked");
        item.map(|(bytes, _)| String::from_utf8(bytes).expect("text"))
    }

    /// Whether what the store holds for it stays on this machine, and does not go to each that its user logs in to.
    ///
    /// # Panics
    /// Where it cannot be asked.
    pub fn is_local(&self) -> bool {
        let item = read(self).expect("the Credential Manager can be asked");
        item.is_some_and(|(_, persistence)| persistence == CRED_PERSIST_LOCAL_MACHINE)
    }
}

/// The blob of an item and how long and where it persists.
fn read(profile: &Profile) -> io::Result<Option<(Vec<u8>, CRED_PERSIST)>> {
    let target = target(profile);
    let mut found = ptr::null_mut();
    #[expect(unsafe_code, reason = "the Credential Manager has no safe wrapper here")]
    // SAFETY: the target ends with a NUL and outlives the call; what is found is the system's, which says how long its blob
    // is, and is read before it is freed, once.
    unsafe {
        if CredReadW(target.as_ptr(), CRED_TYPE_GENERIC, 0, &raw mut found) == 0 {
            let error = io::Error::last_os_error();
            let none = error.raw_os_error() == i32::try_from(ERROR_NOT_FOUND).ok();
            return if none { Ok(None) } else { Err(error) };
        }
        let (blob, length) = ((*found).CredentialBlob, (*found).CredentialBlobSize);
        let length = usize::try_from(length).expect("it is in memory");
        let bytes = if length == 0 { Vec::new() } else { slice::from_raw_parts(blob, length).to_vec() };
        let persistence = (*found).Persist;
        CredFree(found.cast());
        Ok(Some((bytes, persistence)))
    }
}

/// The item's name by the contract.
fn target(profile: &Profile) -> Vec<u16> {
    format!("{}.{SERVICE}", profile.name()).encode_utf16().chain([0]).collect()
}
