//! macOS: the user's login keychain.

use std::time::{Duration, Instant};

use apple_native_keyring_store::keychain::Store;
use dt_cred_proto::{message::Keyring, profile::Profile, secret::Secret, text::Text};
use keyring::api::CredentialStoreApi;
use security_framework::os::macos::keychain::SecKeychain;

use super::{
    KeyringError, SERVICE,
    library::{entry, failed, text, unavailable},
};

/// What raises the prompt again: a daemon that was started over SSH can show none.
pub(super) const AGAIN: &str = "`dt-cred stop` and then `dt-cred unlock`";

/// What keeps a profile where the user's own store cannot.
pub(super) const ELSEWHERE: &str = "dt-cred start --from-stdin";

/// The stores that `auto` means.
pub const AUTO: [Keyring; 1] = [Keyring::Keychain];

const KEYRING: Keyring = Keyring::Keychain;

/// The keychain is locked and nobody may be asked (`errSecInteractionNotAllowed` in SecBase.h).
const LOCKED: i32 = -25_308;

/// The user has dismissed the prompt, or typed another password (`errSecUserCanceled`, `errSecAuthFailed`).
const DISMISSED: [i32; 2] = [-128, -25_293];

/// There is no keychain (`errSecNoSuchKeychain`, `errSecNoDefaultKeychain`).
const ABSENT: [i32; 2] = [-25_294, -25_307];

/// Lets the keychain raise no prompt: a call of the quick lane would wait for it. [`Prompts`] lets it for a while.
pub fn prepare() {
    // Where the system refuses, a prompt is the worst that comes.
    let _ = SecKeychain::disable_user_interaction().map(std::mem::forget);
}

/// The keychain may raise its prompt, for as long as this lives. It may do so for the whole process then, which the system
/// does not tell apart: somebody is about to be asked anyway.
struct Prompts;

impl Prompts {
    fn allowed() -> Self {
        // Dropped, the guard allows them.
        drop(SecKeychain::disable_user_interaction());
        Self
    }
}

impl Drop for Prompts {
    fn drop(&mut self) {
        prepare();
    }
}

/// Nobody: no service manager of this system gives credentials.
pub(super) fn given() -> Result<Vec<Profile>, KeyringError> {
    Ok(Vec::new())
}

/// The item of `profile`.
pub(super) fn read(keyring: Keyring, profile: &Profile) -> Result<Option<Secret>, KeyringError> {
    here(keyring)?;
    match Store::new().and_then(|store| entry(&*store, profile, None)?.get_secret()) {
        Ok(bytes) => text(keyring, bytes).map(Some),
        Err(keyring::Error::NoEntry) => Ok(None),
        Err(error) => Err(told(&error)),
    }
}

/// Keeps `item` and reads it back; the system asks the user where the keychain is locked, for as long as it likes.
pub(super) fn write(
    keyring: Keyring,
    profile: &Profile,
    item: &Secret,
    _until: Instant,
) -> Result<Option<Secret>, KeyringError> {
    here(keyring)?;
    let _prompts = Prompts::allowed();
    let kept =
        Store::new().and_then(|store| entry(&*store, profile, None)?.set_secret(item.expose().as_bytes()));
    kept.map_err(|error| unanswered(told(&error)))?;
    read(keyring, profile)
}

/// Removes the item of `profile`; whether there was one.
pub(super) fn remove(keyring: Keyring, profile: &Profile, _until: Instant) -> Result<bool, KeyringError> {
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

/// Raises the keychain's prompt where it is locked, and then the prompt of each item of ours that another program made:
/// its user is asked whether this one may read it, and may say that it always may. The item of `profile`.
pub(super) fn unlock(
    keyring: Keyring,
    profile: &Profile,
    _until: Instant,
) -> Result<Option<Secret>, KeyringError> {
    here(keyring)?;
    let _prompts = Prompts::allowed();
    let unlocked = SecKeychain::default().and_then(|mut keychain| keychain.unlock(None));
    unlocked.map_err(|error| unanswered(of_code(error.code(), &error)))?;
    profiles(keyring)?.iter().try_for_each(|profile| read(keyring, profile).map(drop).map_err(unanswered))?;
    Ok(read(keyring, profile).ok().flatten())
}

/// Whether there is a keychain, locked or not: it tells what is in it, and no secret.
pub(super) fn present(keyring: Keyring) -> Result<(), KeyringError> {
    profiles(keyring).map(drop)
}

fn here(keyring: Keyring) -> Result<(), KeyringError> {
    if keyring == KEYRING { Ok(()) } else { Err(unavailable(keyring, &AUTO)) }
}

/// What an error of the keychain means.
fn told(error: &keyring::Error) -> KeyringError {
    let (keyring::Error::PlatformFailure(source) | keyring::Error::NoStorageAccess(source)) = error else {
        return failed(KEYRING, error);
    };
    match source.downcast_ref::<security_framework::base::Error>() {
        Some(error) => of_code(error.code(), error),
        None => failed(KEYRING, error),
    }
}

fn of_code(code: i32, error: &dyn std::fmt::Display) -> KeyringError {
    let reason = Text::from(error.to_string());
    match code {
        LOCKED => KeyringError::Locked,
        code if DISMISSED.contains(&code) => KeyringError::Unanswered,
        code if ABSENT.contains(&code) => KeyringError::Denied { keyring: KEYRING, reason },
        _ => KeyringError::Failed { keyring: KEYRING, reason },
    }
}

/// That it is locked, once the prompt was allowed: it could not be shown, as over SSH.
fn unanswered(error: KeyringError) -> KeyringError {
    if error == KeyringError::Locked { KeyringError::Unanswered } else { error }
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
    use security_framework::os::macos::keychain::SecKeychain;

    use super::{KeyringError, Prompts, of_code, prepare, unanswered};

    #[test]
    fn prompts_are_raised_only_where_somebody_is_asked() {
        prepare();
        assert_eq!(SecKeychain::user_interaction_allowed().ok(), Some(false));
        let prompts = Prompts::allowed();
        assert_eq!(SecKeychain::user_interaction_allowed().ok(), Some(true));
        drop(prompts);
        assert_eq!(SecKeychain::user_interaction_allowed().ok(), Some(false));
    }

    #[test]
    fn a_locked_keychain_is_told_so_and_a_prompt_that_cannot_be_shown_too() {
        assert_eq!(of_code(-25_308, &""), KeyringError::Locked);
        assert_eq!(unanswered(of_code(-25_308, &"")), KeyringError::Unanswered);
        assert_eq!(of_code(-128, &""), KeyringError::Unanswered);
        assert!(matches!(of_code(-25_300, &""), KeyringError::Failed { .. }));
    }
}
