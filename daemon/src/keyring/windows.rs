//! Windows: the Credential Manager. An item is a generic credential with the target `NAME.dt-cred`.

use dt_cred_proto::{message::Keyring, profile::Profile, secret::Secret};
use keyring::{Entry, api::CredentialStoreApi};
use windows_native_keyring_store::Store;
use zeroize::Zeroizing;

use super::{
    KeyringError,
    library::{entry, failed, text, unavailable},
};

/// The stores that `auto` means.
pub const AUTO: [Keyring; 1] = [Keyring::CredentialManager];

const KEYRING: Keyring = Keyring::CredentialManager;

/// Largest blob, in bytes (`CRED_MAX_CREDENTIAL_BLOB_SIZE` in wincred.h).
const LIMIT: usize = 2560;

/// Nothing: no library of this system reads the environment.
pub fn prepare() {}

/// The item of `profile`.
pub(super) fn read(keyring: Keyring, profile: &Profile) -> Result<Option<Secret>, KeyringError> {
    here(keyring)?;
    match open(profile).and_then(|entry| entry.get_secret()) {
        Ok(bytes) => item(bytes).map(Some),
        Err(keyring::Error::NoEntry) => Ok(None),
        Err(error) => Err(failed(KEYRING, &error)),
    }
}

/// Keeps `item`. It stays on this machine: what may roam goes to every machine that the user logs in to.
pub(super) fn write(keyring: Keyring, profile: &Profile, item: &Secret) -> Result<(), KeyringError> {
    here(keyring)?;
    let item = item.expose().as_bytes();
    if item.len() > LIMIT {
        return Err(KeyringError::TooLarge { keyring, limit: LIMIT });
    }
    open(profile).and_then(|entry| entry.set_secret(item)).map_err(|error| failed(KEYRING, &error))
}

/// Removes the item of `profile`; whether there was one.
pub(super) fn remove(keyring: Keyring, profile: &Profile) -> Result<bool, KeyringError> {
    here(keyring)?;
    match open(profile).and_then(|entry| entry.delete_credential()) {
        Ok(()) => Ok(true),
        Err(keyring::Error::NoEntry) => Ok(false),
        Err(error) => Err(failed(KEYRING, &error)),
    }
}

/// Every profile that has an item.
pub(super) fn profiles(keyring: Keyring) -> Result<Vec<Profile>, KeyringError> {
    here(keyring)?;
    let found = Store::new().and_then(|store| store.search(&[("pattern", r"\.dt-cred$")].into()));
    let found = found.map_err(|error| failed(KEYRING, &error))?;
    Ok(found.iter().filter_map(|entry| entry.get_specifiers()?.1.parse().ok()).collect())
}

/// Nothing to do: it is open for as long as its user is logged in.
pub(super) fn unlock(keyring: Keyring) -> Result<(), KeyringError> {
    present(keyring)
}

/// Whether this logon has a Credential Manager.
pub(super) fn present(keyring: Keyring) -> Result<(), KeyringError> {
    here(keyring)?;
    // Whether or not there is one of this name: where there is no Credential Manager it says so.
    let probe = entry(&*Store::new().map_err(|error| failed(KEYRING, &error))?, &probe(), None);
    match probe.and_then(|entry| entry.get_attributes()) {
        Ok(_) | Err(keyring::Error::NoEntry) => Ok(()),
        Err(error) => Err(failed(KEYRING, &error)),
    }
}

fn probe() -> Profile {
    "default".parse().expect("it is a profile's name")
}

fn here(keyring: Keyring) -> Result<(), KeyringError> {
    if keyring == KEYRING { Ok(()) } else { Err(unavailable(keyring, &AUTO)) }
}

fn open(profile: &Profile) -> keyring::Result<Entry> {
    entry(&*Store::new()?, profile, Some(("persistence", "Local")))
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

#[cfg(test)]
mod tests {
    use super::item;

    #[test]
    fn what_windows_own_tools_kept_is_read_too() {
        let json = r#"{"v":1,"client_secret":"grün 🔑"}"#;
        let wide: Vec<u8> = json.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [json.as_bytes().to_vec(), wide] {
            assert!(item(bytes).is_ok_and(|item| item.expose() == json));
        }
        assert!(item(vec![b'{', 0, 0, 0xd8]).is_err(), "half a pair");
    }
}
