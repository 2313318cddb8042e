//! macOS: the user's login keychain.

use apple_native_keyring_store::keychain::Store;
use dt_cred_proto::{message::Keyring, profile::Profile, secret::Secret, text::Text};
use keyring::api::CredentialStoreApi;

use super::{
    KeyringError, SERVICE,
    library::{entry, failed, text, unavailable},
};

/// The stores that `auto` means.
pub const AUTO: [Keyring; 1] = [Keyring::Keychain];

const KEYRING: Keyring = Keyring::Keychain;

/// The keychain is locked and nobody may be asked, or the user has dismissed its prompt (`errSecInteractionNotAllowed`,
/// `errSecUserCanceled`, `errSecAuthFailed` in SecBase.h).
const LOCKED: [i32; 3] = [-25_308, -128, -25_293];

/// There is no keychain (`errSecNoSuchKeychain`, `errSecNoDefaultKeychain`).
const ABSENT: [i32; 2] = [-25_294, -25_307];

/// Nothing: no library of this system reads the environment.
pub fn prepare() {}

/// The item of `profile`.
pub(super) fn read(keyring: Keyring, profile: &Profile) -> Result<Option<Secret>, KeyringError> {
    here(keyring)?;
    match Store::new().and_then(|store| entry(&*store, profile, None)?.get_secret()) {
        Ok(bytes) => text(keyring, bytes).map(Some),
        Err(keyring::Error::NoEntry) => Ok(None),
        Err(error) => Err(told(&error)),
    }
}

/// Keeps `item`; the system asks the user where the keychain is locked.
pub(super) fn write(keyring: Keyring, profile: &Profile, item: &Secret) -> Result<(), KeyringError> {
    here(keyring)?;
    let kept =
        Store::new().and_then(|store| entry(&*store, profile, None)?.set_secret(item.expose().as_bytes()));
    kept.map_err(|error| told(&error))
}

/// Removes the item of `profile`; whether there was one.
pub(super) fn remove(keyring: Keyring, profile: &Profile) -> Result<bool, KeyringError> {
    here(keyring)?;
    match Store::new().and_then(|store| entry(&*store, profile, None)?.delete_credential()) {
        Ok(()) => Ok(true),
        Err(keyring::Error::NoEntry) => Ok(false),
        Err(error) => Err(told(&error)),
    }
}

/// Every profile that has an item.
pub(super) fn profiles(keyring: Keyring) -> Result<Vec<Profile>, KeyringError> {
    here(keyring)?;
    let found = Store::new().and_then(|store| store.search(&[("service", SERVICE)].into()));
    let found = found.map_err(|error| told(&error))?;
    Ok(found.iter().filter_map(|entry| entry.get_specifiers()?.1.parse().ok()).collect())
}

/// Asks the user to unlock the keychain, by reading from it.
pub(super) fn unlock(keyring: Keyring) -> Result<(), KeyringError> {
    profiles(keyring).map(drop)
}

/// Whether the keychain is there.
pub(super) fn present(keyring: Keyring) -> Result<(), KeyringError> {
    here(keyring)?;
    Store::new().map(drop).map_err(|error| told(&error))
}

fn here(keyring: Keyring) -> Result<(), KeyringError> {
    if keyring == KEYRING { Ok(()) } else { Err(unavailable(keyring, &AUTO)) }
}

/// What an error of the keychain means.
fn told(error: &keyring::Error) -> KeyringError {
    let (keyring::Error::PlatformFailure(source) | keyring::Error::NoStorageAccess(source)) = error else {
        return failed(KEYRING, error);
    };
    match source.downcast_ref::<security_framework::base::Error>().map(|error| error.code()) {
        Some(code) if LOCKED.contains(&code) => KeyringError::Locked,
        Some(code) if ABSENT.contains(&code) => {
            KeyringError::Denied { keyring: KEYRING, reason: Text::from(source.to_string()) }
        }
        _ => failed(KEYRING, error),
    }
}
