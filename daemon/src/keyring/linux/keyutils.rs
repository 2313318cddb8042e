//! The Linux kernel's keyring (keyrings(7)): the user's persistent one, which all of the user's processes see.

use std::{cell::Cell, fs, time::Duration};

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

/// How long the kernel keeps what is not used, in seconds; 0 is for ever (persistent-keyring(7)).
const EXPIRY: &str = "/proc/sys/kernel/keys/persistent_keyring_expiry";

/// What that is unless an administrator changes it.
const DEFAULT_EXPIRY: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// The user namespace of a process, and the one that is the machine's own, which ends at a reboot alone.
const NAMESPACE: (&str, &str) = ("/proc/self/ns/user", "user:[4026531837]");

/// The item of `profile`.
///
/// Not by the store, which links what it has found anew: that would bring an old key back over one that somebody else
/// stores meanwhile, and takes a right that reading does not need.
pub(super) fn read(profile: &Profile) -> Result<Option<Vec<u8>>, KeyringError> {
    let found = persistent()?.search(&description(profile)).and_then(|key| key.read_to_vec());
    match found {
        Ok(bytes) => Ok(Some(bytes)),
        Err(KeyError::KeyDoesNotExist | KeyError::KeyRevoked | KeyError::KeyExpired) => Ok(None),
        Err(error) => Err(judged(error)),
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

/// Removes the item of `profile`, from wherever other programs have linked it too.
pub(super) fn remove(profile: &Profile) -> Result<bool, KeyringError> {
    present()?;
    let removed = Store::new().and_then(|store| {
        let entry = entry(&*store, profile, None)?;
        match entry.delete_credential() {
            // Whose rights were taken away cannot be got at, by nobody; but it gives way to another of its name.
            Err(keyring::Error::NoStorageAccess(_)) => {
                entry.set_secret(b"-").and_then(|()| entry.delete_credential())
            }
            other => other,
        }
    });
    match removed {
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

/// How a key is described that is kept for `profile`, as the store composes it.
fn description(profile: &Profile) -> String {
    format!("keyring:{profile}@{SERVICE}")
}

/// The profile that a key of this description is kept for; none for a key of others.
fn named(description: &str) -> Option<Profile> {
    let (name, service) = description.strip_prefix("keyring:")?.split_once('@')?;
    (service == SERVICE).then(|| name.parse().ok()).flatten()
}

/// Whether the kernel lets us in. It counts as a use, which puts the end of all of the user's items off.
pub(super) fn present() -> Result<(), KeyringError> {
    persistent().map(drop)
}

/// After how long without use the kernel forgets an item; none where it does not.
pub(super) fn forgets_after() -> Option<Duration> {
    let told = fs::read_to_string(EXPIRY).ok().and_then(|text| text.trim().parse().ok());
    Some(told.map_or(DEFAULT_EXPIRY, Duration::from_secs)).filter(|expiry| !expiry.is_zero())
}

/// For how long an item is kept, in words.
pub(super) fn lasts() -> Text {
    let (own, machines) = NAMESPACE;
    // Another user namespace has a persistent keyring of its own, which goes with it.
    let apart = fs::read_link(own).is_ok_and(|namespace| namespace.as_os_str() != machines);
    let end = if apart { "this container or user namespace ends" } else { "a reboot" };
    Text::from(match forgets_after() {
        Some(expiry) => format!("until {end}, or {} after the last use", in_words(expiry)),
        None => format!("until {end}"),
    })
}

/// A time in the largest unit that tells it exactly.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(24 * 60 * 60, "day"), (60 * 60, "hour"), (60, "minute")];
    let (unit, name) =
        units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit)).unwrap_or((1, "second"));
    let count = seconds / unit;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

thread_local! {
    /// Whether this thread has a session keyring of its own.
    static JOINED: Cell<bool> = const { Cell::new(false) };
}

/// Gives this thread a session keyring with the persistent one in it, which puts its end off.
///
/// The session keyring is this thread's own and empty: without one a key is not possessed and cannot be read
/// (keyrings(7), "Possession"), and the one of the login that started the daemon is revoked at logout. The store would
/// do without the persistent keyring, in silence; then a key would be gone with the thread.
fn persistent() -> Result<KeyRing, KeyringError> {
    // Once, so that what was just written is read back without a further share of the quota.
    if !JOINED.get() {
        join()?;
        JOINED.set(true);
    }
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
        KeyError::AccessDenied => KeyringError::KernelDenies { reason },
        // What a container's seccomp filter and a kernel without keyrings say.
        KeyError::PermissionDenied | KeyError::OperationNotSupported | KeyError::Unknown(libc::ENOSYS) => {
            KeyringError::KernelRefuses { reason }
        }
        _ => KeyringError::KernelFailed { reason },
    }
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        io::{self, Write},
        thread,
        time::Duration,
    };

    use dt_cred_proto::text::Text;
    use linux_keyutils::{KeyError, KeyRing, KeyRingIdentifier};

    use super::{KeyringError, description, in_words, judged, named, persistent, told};

    #[test]
    fn a_call_has_one_session_keyring_however_often_it_asks_for_the_persistent_one() {
        let session = || {
            persistent().map(|_| KeyRing::from_special_id(KeyRingIdentifier::Session, false).expect("joined"))
        };
        match session() {
            Ok(first) => {
                assert_eq!(session(), Ok(first));
                let other = thread::spawn(session).join().expect("no panic");
                assert_ne!(other, Ok(first), "and each call its own");
            }
            Err(error) => {
                let required = env::var_os("DT_CRED_REQUIRE_REAL").is_some_and(|value| value == "1");
                assert!(!required, "{error}");
                let _ = io::stderr().write_all(b"LEFT OUT: a test that needs the kernel keyring\n");
            }
        }
    }

    #[test]
    fn a_time_is_told_exactly() {
        for (seconds, words) in [
            (259_200, "3 days"),
            (86_400, "1 day"),
            (129_600, "36 hours"),
            (3_600, "1 hour"),
            (900, "15 minutes"),
            (1, "1 second"),
            (100_001, "100001 seconds"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn a_key_is_a_profiles_only_if_it_is_named_so_exactly() {
        let profile = "a.b-c".parse().unwrap();
        assert_eq!(description(&profile), "keyring:a.b-c@dt-cred");
        assert_eq!(named(&description(&profile)), Some(profile));
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
            (KeyError::AccessDenied, KeyringError::KernelDenies { reason: Text::from("AccessDenied") }),
            (KeyError::PermissionDenied, refused("PermissionDenied")),
            (KeyError::OperationNotSupported, refused("OperationNotSupported")),
            (KeyError::Unknown(libc::ENOSYS), refused("Function not implemented (os error 38)")),
            (KeyError::KeyRejected, KeyringError::KernelFailed { reason: Text::from("KeyRejected") }),
            (KeyError::OutOfMemory, KeyringError::KernelFailed { reason: Text::from("OutOfMemory") }),
        ] {
            assert_eq!(judged(error), expected);
            assert_eq!(told(&keyring::Error::PlatformFailure(Box::new(error))), expected);
            assert_eq!(expected.is_absent(), matches!(expected, KeyringError::KernelRefuses { .. }));
        }
    }
}
