//! Linux: which stores there are, and what the environment must hold before the first thread starts.

use std::time::{Duration, Instant};

use dt_cred_proto::{message::Keyring, profile::Profile, secret::Secret, text::Text};

use super::{
    KeyringError, SERVICE,
    library::{text, unavailable},
};

#[path = "linux/bus.rs"]
mod bus;
#[path = "linux/keyutils.rs"]
mod keyutils;
#[path = "linux/secret_service.rs"]
mod secret_service;
#[path = "linux/systemd.rs"]
mod systemd;

/// What raises the prompt again.
pub(super) const AGAIN: &str = "`dt-cred unlock`";

/// What keeps a profile where the user's own store cannot.
pub(super) const ELSEWHERE: &str = "dt-cred login --keyring keyutils";

/// The stores that `auto` means, the first one for what is new.
pub const AUTO: [Keyring; 2] = [Keyring::SecretService, Keyring::Keyutils];

/// Names the session bus of the user's login where the environment names none. To be called once, before any thread is
/// started.
pub fn prepare() {
    bus::prepare();
}

/// The profiles whose credentials the service manager gives.
pub(super) fn given() -> Result<Vec<Profile>, KeyringError> {
    systemd::profiles()
}

/// The item of `profile`. A store that is locked is an error at once: nobody is asked.
pub(super) fn read(keyring: Keyring, profile: &Profile) -> Result<Option<Secret>, KeyringError> {
    let bytes = match keyring {
        Keyring::SecretService => secret_service::read(profile),
        Keyring::Keyutils => keyutils::read(profile),
        Keyring::Systemd => systemd::read(profile),
        other => Err(unavailable(other, &AUTO)),
    }?;
    bytes.map(|bytes| text(keyring, bytes)).transpose()
}

/// Keeps `item` and reads it back; asks the user where the store is locked, until then.
pub(super) fn write(
    keyring: Keyring,
    profile: &Profile,
    item: &Secret,
    until: Instant,
) -> Result<Option<Secret>, KeyringError> {
    let bytes = match keyring {
        Keyring::SecretService => secret_service::write(profile, item, until),
        Keyring::Keyutils => keyutils::write(profile, item).and_then(|()| keyutils::read(profile)),
        other => Err(unavailable(other, &AUTO)),
    }?;
    bytes.map(|bytes| text(keyring, bytes)).transpose()
}

/// Removes the item of `profile`, whether there was one; a store may ask the user, until then.
pub(super) fn remove(keyring: Keyring, profile: &Profile, until: Instant) -> Result<bool, KeyringError> {
    match keyring {
        Keyring::SecretService => secret_service::remove(profile, until),
        Keyring::Keyutils => keyutils::remove(profile),
        other => Err(unavailable(other, &AUTO)),
    }
}

/// Every profile that has an item in the store, each once for each item.
pub(super) fn profiles(keyring: Keyring) -> Result<Vec<Profile>, KeyringError> {
    match keyring {
        Keyring::SecretService => secret_service::profiles(),
        Keyring::Keyutils => keyutils::profiles(),
        other => Err(unavailable(other, &AUTO)),
    }
}

/// Asks the user to unlock the store where it is locked, until then; the item of `profile` if it can be read now.
pub(super) fn unlock(
    keyring: Keyring,
    profile: &Profile,
    until: Instant,
) -> Result<Option<Secret>, KeyringError> {
    let bytes = match keyring {
        Keyring::SecretService => secret_service::unlock(profile, until),
        Keyring::Keyutils => keyutils::present().map(|()| keyutils::read(profile).ok().flatten()),
        other => Err(unavailable(other, &AUTO)),
    }?;
    Ok(bytes.and_then(|bytes| text(keyring, bytes).ok()))
}

/// Whether the store is there at all.
pub(super) fn present(keyring: Keyring) -> Result<(), KeyringError> {
    match keyring {
        Keyring::SecretService => secret_service::present(),
        Keyring::Keyutils => keyutils::present(),
        other => Err(unavailable(other, &AUTO)),
    }
}

/// For how long a store keeps an item, in words.
pub(super) fn lasts(keyring: Keyring) -> Text {
    if keyring == Keyring::Keyutils { keyutils::lasts() } else { "until it is erased".into() }
}

/// After how long without use a store forgets an item; none where it does not.
pub(super) fn forgets_after(keyring: Keyring) -> Option<Duration> {
    (keyring == Keyring::Keyutils).then(keyutils::forgets_after).flatten()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use dt_cred_proto::{message::Keyring, profile::Profile, secret::Secret};

    use super::{read, unlock, write};

    #[test]
    fn a_store_that_is_not_there_is_said_to_be_so_and_what_there_is_instead() {
        let (profile, item) = ("default".parse::<Profile>().unwrap(), Secret::new("{}".to_owned()));
        for keyring in [Keyring::Keychain, Keyring::CredentialManager] {
            let until = Instant::now();
            for error in [
                read(keyring, &profile).err(),
                write(keyring, &profile, &item, until).err(),
                unlock(keyring, &profile, until).err(),
            ] {
                let error = error.expect("it is refused");
                assert!(error.is_absent());
                assert!(error.to_string().contains(&format!("no {keyring}")), "{error}");
                assert!(error.to_string().contains("secret-service, keyutils"), "{error}");
            }
        }
    }
}
