//! Windows: the Credential Manager. An item is a generic credential with the target `NAME.dt-cred`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dt_cred_proto::{message::Keyring, profile::Profile, secret::Secret, text::Text};
use keyring::{Entry, api::CredentialStoreApi};
use windows_native_keyring_store::Store;
use zeroize::Zeroizing;

use super::{
    KeyringError, SERVICE,
    library::{entry, failed, text, unavailable},
};

/// What raises the prompt again.
pub(super) const AGAIN: &str = "`dt-cred unlock`";

/// What keeps a profile where the user's own store cannot.
pub(super) const ELSEWHERE: &str = "dt-cred start --from-stdin";

/// The stores that `auto` means.
pub const AUTO: [Keyring; 1] = [Keyring::CredentialManager];

const KEYRING: Keyring = Keyring::CredentialManager;

/// Largest blob, in bytes (`CRED_MAX_CREDENTIAL_BLOB_SIZE` in wincred.h).
const LIMIT: usize = 2560;

/// Nothing: no library of this system reads the environment.
pub fn prepare() {}

/// Nobody: no service manager of this system gives credentials.
pub(super) fn given() -> Result<Vec<Profile>, KeyringError> {
    Ok(Vec::new())
}

/// The item of `profile`.
pub(super) fn read(keyring: Keyring, profile: &Profile) -> Result<Option<Secret>, KeyringError> {
    here(keyring)?;
    match open(profile)?.get_secret() {
        Ok(bytes) => item(bytes).map(Some),
        Err(keyring::Error::NoEntry) => Ok(None),
        Err(error) => Err(told(&error)),
    }
}

/// Keeps `item` and reads it back. It stays on this machine: what may roam goes to every machine that the user logs in
/// to.
pub(super) fn write(
    keyring: Keyring,
    profile: &Profile,
    item: &Secret,
    _until: Instant,
) -> Result<Option<Secret>, KeyringError> {
    here(keyring)?;
    let item = item.expose().as_bytes();
    if item.len() > LIMIT {
        return Err(KeyringError::TooLarge { keyring, limit: LIMIT });
    }
    open(profile)?.set_secret(item).map_err(|error| told(&error))?;
    read(keyring, profile)
}

/// Removes the item of `profile`; whether there was one.
pub(super) fn remove(keyring: Keyring, profile: &Profile, _until: Instant) -> Result<bool, KeyringError> {
    here(keyring)?;
    match open(profile)?.delete_credential() {
        Ok(()) => Ok(true),
        Err(keyring::Error::NoEntry) => Ok(false),
        Err(error) => Err(told(&error)),
    }
}

/// Every profile that has an item.
pub(super) fn profiles(keyring: Keyring) -> Result<Vec<Profile>, KeyringError> {
    here(keyring)?;
    let found = store()?.search(&[("pattern", r"\.dt-cred$")].into());
    let found = found.map_err(|error| told(&error))?;
    Ok(found.iter().filter_map(|entry| entry.get_specifiers()?.1.parse().ok()).collect())
}

/// Nothing to do, it is open for as long as its user is logged in; the item of `profile`.
pub(super) fn unlock(
    keyring: Keyring,
    profile: &Profile,
    _until: Instant,
) -> Result<Option<Secret>, KeyringError> {
    present(keyring)?;
    Ok(read(keyring, profile).ok().flatten())
}

/// Whether this logon has a Credential Manager.
pub(super) fn present(keyring: Keyring) -> Result<(), KeyringError> {
    here(keyring)?;
    // Whether or not there is one of this name: where there is no Credential Manager it says so.
    let probe = entry(&*store()?, &"default".parse().expect("it is a profile's name"), None);
    match probe.and_then(|entry| entry.get_attributes()) {
        Ok(_) | Err(keyring::Error::NoEntry) => Ok(()),
        Err(error) => Err(told(&error)),
    }
}

fn here(keyring: Keyring) -> Result<(), KeyringError> {
    if keyring == KEYRING { Ok(()) } else { Err(unavailable(keyring, &AUTO)) }
}

fn store() -> Result<Arc<Store>, KeyringError> {
    Store::new().map_err(|error| told(&error))
}

/// The entry of `profile`, and of no other one: the Credential Manager would take one whose name is written otherwise.
fn open(profile: &Profile) -> Result<Entry, KeyringError> {
    let entry = entry(&*store()?, profile, Some(("persistence", "Local"))).map_err(|error| told(&error))?;
    match entry.get_attributes() {
        Ok(attributes) => match attributes.get("target_name") {
            Some(other) if *other != format!("{profile}.{SERVICE}") => {
                Err(KeyringError::OtherCase { keyring: KEYRING, other: Text::from(other.as_str()) })
            }
            _ => Ok(entry),
        },
        Err(keyring::Error::NoEntry) => Ok(entry),
        Err(error) => Err(told(&error)),
    }
}

/// What an error of the Credential Manager means.
fn told(error: &keyring::Error) -> KeyringError {
    match error {
        // ERROR_NO_SUCH_LOGON_SESSION (CredRead).
        keyring::Error::NoStorageAccess(_) => KeyringError::NoLogon { keyring: KEYRING },
        other => failed(KEYRING, other),
    }
}

/// The item's text. What Windows' own tools kept is UTF-16, and JSON begins with a character of ASCII.
fn item(bytes: Vec<u8>) -> Result<Secret, KeyringError> {
    let bytes = Zeroizing::new(bytes);
    if bytes.get(1) != Some(&0) {
        return text(KEYRING, bytes.to_vec());
    }
    let units = bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let decoded: Result<String, _> = char::decode_utf16(units).collect();
    decoded.map(Secret::new).map_err(|_| KeyringError::NotText { keyring: KEYRING })
}

/// For how long a store keeps an item, in words.
pub(super) fn lasts(_keyring: Keyring) -> Text {
    "until it is erased".into()
}

/// No store here forgets.
pub(super) fn forgets_after(_keyring: Keyring) -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use dt_cred_proto::{message::Keyring, profile::Profile, secret::Secret};

    use super::{KEYRING, KeyringError, item, profiles, read, remove, told, write};

    #[test]
    fn what_windows_own_tools_kept_is_read_too() {
        let json = r#"{"v":1,"client_secret":"grün 🔑"}"#;
        let wide: Vec<u8> = json.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [json.as_bytes().to_vec(), wide] {
            assert!(item(bytes).is_ok_and(|item| item.expose() == json));
        }
        assert!(item(vec![b'{', 0, 0, 0xd8]).is_err(), "half a pair");
    }

    #[test]
    fn a_name_that_is_written_otherwise_is_another_profiles() {
        let name = |name: &str| format!("{name}-{}", std::process::id()).parse::<Profile>().unwrap();
        let (kept, other) = (name("Case"), name("case"));
        let until = Instant::now();
        write(KEYRING, &kept, &Secret::new("kept".to_owned()), until).unwrap();
        let refused = |error| matches!(error, KeyringError::OtherCase { other, .. } if other.as_str().starts_with("Case-"));
        assert!(read(KEYRING, &other).is_err_and(refused));
        assert!(write(KEYRING, &other, &Secret::new("new".to_owned()), until).is_err_and(refused));
        assert!(remove(KEYRING, &other, until).is_err_and(refused));
        assert!(read(KEYRING, &kept).unwrap().is_some_and(|item| item.expose() == "kept"));
        assert!(profiles(KEYRING).unwrap().contains(&kept));
        assert!(remove(KEYRING, &kept, until).unwrap());
        assert!(read(KEYRING, &other).unwrap().is_none());
    }

    #[test]
    fn a_logon_without_a_credential_manager_is_told_where_there_is_one() {
        let error = keyring::Error::NoStorageAccess("Windows ERROR_NO_SUCH_LOGON_SESSION".into());
        assert_eq!(told(&error), KeyringError::NoLogon { keyring: Keyring::CredentialManager });
    }
}
