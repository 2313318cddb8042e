//! The Linux kernel's keyring (keyrings(7)): the user's persistent one, which all of the user's processes see.

use dt_cred_proto::{message::Keyring, profile::Profile, secret::Secret, text::Text};
use linux_keyutils::{KeyError, KeyRing, KeyRingIdentifier, LinkNode};
use linux_keyutils_keyring_store::Store;

use super::super::library::{entry, failed};
use super::{KeyringError, SERVICE};

const KEYRING: Keyring = Keyring::Keyutils;

/// Largest payload of a key of type `user`, in bytes (keyrings(7)).
const LIMIT: usize = 32_767;

/// More keys than the kernel lets root own (`root_maxkeys` in keyrings(7)); the library must be given room for all.
const LINKS: usize = 1 << 20;

pub(super) fn read(profile: &Profile) -> Result<Option<Vec<u8>>, KeyringError> {
    present()?;
    match Store::new().and_then(|store| entry(&*store, profile, None)?.get_secret()) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(keyring::Error::NoEntry) => Ok(None),
        Err(error) => Err(told(&error)),
    }
}

pub(super) fn write(profile: &Profile, item: &Secret) -> Result<(), KeyringError> {
    let item = item.expose().as_bytes();
    if item.len() > LIMIT {
        return Err(KeyringError::TooLarge { keyring: KEYRING, limit: LIMIT });
    }
    present()?;
    let kept = Store::new().and_then(|store| entry(&*store, profile, None)?.set_secret(item));
    kept.map_err(|error| told(&error))
}

pub(super) fn remove(profile: &Profile) -> Result<bool, KeyringError> {
    present()?;
    match Store::new().and_then(|store| entry(&*store, profile, None)?.delete_credential()) {
        Ok(()) => Ok(true),
        Err(keyring::Error::NoEntry) => Ok(false),
        Err(error) => Err(told(&error)),
    }
}

pub(super) fn profiles() -> Result<Vec<Profile>, KeyringError> {
    let links = persistent()?.get_links(LINKS).map_err(judged)?;
    // One that was removed meanwhile has no description.
    let keys = links.iter().filter_map(LinkNode::as_key).filter_map(|key| key.metadata().ok());
    Ok(keys.filter_map(|key| named(key.get_description())).collect())
}

/// The profile that a key of this description is kept for, as the store composes it; none for a key of others.
fn named(description: &str) -> Option<Profile> {
    let (name, service) = description.strip_prefix("keyring:")?.split_once('@')?;
    (service == SERVICE).then(|| name.parse().ok()).flatten()
}

pub(super) fn present() -> Result<(), KeyringError> {
    persistent().map(drop)
}

/// Gives this thread a session keyring with the persistent one in it, which puts its end off by 3 days.
///
/// The session keyring is this thread's own and empty: without one a key is not possessed and cannot be read
/// (keyrings(7), "Possession"), and the one of the login that started the daemon is revoked at logout. The store would
/// do without the persistent keyring, in silence; then a key would be gone with the thread.
fn persistent() -> Result<KeyRing, KeyringError> {
    join()?;
    KeyRing::get_persistent(KeyRingIdentifier::Session).map_err(judged)
}

/// Joins a new session keyring (KEYCTL_JOIN_SESSION_KEYRING in keyctl(2)).
fn join() -> Result<(), KeyringError> {
    #[expect(unsafe_code, reason = "linux-keyutils does not join session keyrings")]
    // SAFETY: without a name the call touches none of our memory; it changes this thread's credentials alone.
    let joined = unsafe {
        libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>())
    };
    if joined < 0 { Err(judged(KeyError::from_errno())) } else { Ok(()) }
}

/// What an error of the store's library means.
fn told(error: &keyring::Error) -> KeyringError {
    match error {
        keyring::Error::PlatformFailure(source) | keyring::Error::NoStorageAccess(source) => {
            source.downcast_ref::<KeyError>().map_or_else(|| failed(KEYRING, error), |error| judged(*error))
        }
        other => failed(KEYRING, other),
    }
}

/// What an error of the kernel means.
fn judged(error: KeyError) -> KeyringError {
    let reason = Text::from(match error {
        KeyError::Unknown(number) => std::io::Error::from_raw_os_error(number).to_string(),
        other => other.to_string(),
    });
    match error {
        KeyError::QuotaExceeded => KeyringError::Quota,
        KeyError::AccessDenied => KeyringError::Denied { keyring: KEYRING, reason },
        // What a container's seccomp filter and a kernel without keyrings say.
        KeyError::PermissionDenied | KeyError::OperationNotSupported | KeyError::Unknown(libc::ENOSYS) => {
            KeyringError::KernelRefuses { reason }
        }
        _ => KeyringError::Failed { keyring: KEYRING, reason },
    }
}

#[cfg(test)]
mod tests {
    use dt_cred_proto::text::Text;
    use linux_keyutils::KeyError;

    use super::{KEYRING, KeyringError, judged, named, told};

    #[test]
    fn a_key_is_a_profiles_only_if_it_is_named_so_exactly() {
        assert_eq!(named("keyring:a.b-c@dt-cred"), Some("a.b-c".parse().unwrap()));
        for other in
            ["keyring:a@dt-cred2", "keyring:a b@dt-cred", "keyring:@dt-cred", "a@dt-cred", "keyring:a", ""]
        {
            assert_eq!(named(other), None, "{other}");
        }
    }

    #[test]
    fn each_error_of_the_kernel_is_told_apart_by_what_a_person_can_do() {
        let refused = |reason: &str| KeyringError::KernelRefuses { reason: Text::from(reason) };
        for (error, expected) in [
            (KeyError::QuotaExceeded, KeyringError::Quota),
            (
                KeyError::AccessDenied,
                KeyringError::Denied { keyring: KEYRING, reason: Text::from("AccessDenied") },
            ),
            (KeyError::PermissionDenied, refused("PermissionDenied")),
            (KeyError::OperationNotSupported, refused("OperationNotSupported")),
            (KeyError::Unknown(libc::ENOSYS), refused("Function not implemented (os error 38)")),
            (
                KeyError::OutOfMemory,
                KeyringError::Failed { keyring: KEYRING, reason: Text::from("OutOfMemory") },
            ),
        ] {
            assert_eq!(judged(error), expected);
            assert_eq!(told(&keyring::Error::PlatformFailure(Box::new(error))), expected);
            assert_eq!(expected.is_absent(), matches!(expected, KeyringError::KernelRefuses { .. }));
        }
    }
}
