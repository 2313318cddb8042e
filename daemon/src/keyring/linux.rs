//! Linux: which stores there are, and what the environment must hold before the first thread starts.

use std::{
    env, fs,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
    time::Duration,
};

use dt_cred_proto::{message::Keyring, platform::own_uid, profile::Profile, secret::Secret, text::Text};

use super::{
    KeyringError, SERVICE,
    library::{text, unavailable},
};

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

/// Environment variable with the session bus's address (D-Bus Specification, "Well-known Message Bus Instances").
const BUS_VARIABLE: &str = "DBUS_SESSION_BUS_ADDRESS";

/// Sees that libdbus finds the session bus of the user's login, from cron, `su -` and SSH as well, and that it never
/// starts one of its own by way of X11.
///
/// To be called once, before any thread is started: it may change the environment.
pub fn prepare() {
    let named = env::var_os(BUS_VARIABLE).is_some_and(|address| !address.is_empty());
    // libdbus finds this one by itself.
    let in_runtime_folder =
        || env::var_os("XDG_RUNTIME_DIR").is_some_and(|path| is_own(&Path::new(&path).join("bus")));
    let login = format!("/run/user/{}/bus", own_uid());
    // Named also where nothing is there yet: it may come, and a bus that is named is never started by libdbus.
    if named || in_runtime_folder() || (fs::symlink_metadata(&login).is_ok() && !is_own(Path::new(&login))) {
        return;
    }
    #[expect(unsafe_code, reason = "libdbus takes the address from the environment alone")]
    // SAFETY: no other thread is there yet, so none reads the environment.
    unsafe {
        env::set_var(BUS_VARIABLE, format!("unix:path={login}"));
    }
}

/// Whether `path` is a socket of this user's.
fn is_own(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket() && found.uid() == own_uid())
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

/// Keeps `item`; asks the user where the store is locked.
pub(super) fn write(keyring: Keyring, profile: &Profile, item: &Secret) -> Result<(), KeyringError> {
    match keyring {
        Keyring::SecretService => secret_service::write(profile, item),
        Keyring::Keyutils => keyutils::write(profile, item),
        other => Err(unavailable(other, &AUTO)),
    }
}

/// Removes the item of `profile`; whether there was one.
pub(super) fn remove(keyring: Keyring, profile: &Profile) -> Result<bool, KeyringError> {
    match keyring {
        Keyring::SecretService => secret_service::remove(profile),
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

/// Asks the user to unlock the store where it is locked.
pub(super) fn unlock(keyring: Keyring) -> Result<(), KeyringError> {
    match keyring {
        Keyring::SecretService => secret_service::unlock(),
        Keyring::Keyutils => keyutils::present(),
        other => Err(unavailable(other, &AUTO)),
    }
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
    use dt_cred_proto::{message::Keyring, profile::Profile, secret::Secret};

    use super::{read, unlock, write};

    #[test]
    fn a_store_that_is_not_there_is_said_to_be_so_and_what_there_is_instead() {
        let (profile, item) = ("default".parse::<Profile>().unwrap(), Secret::new("{}".to_owned()));
        for keyring in [Keyring::Keychain, Keyring::CredentialManager] {
            for error in
                [read(keyring, &profile).err(), write(keyring, &profile, &item).err(), unlock(keyring).err()]
            {
                let error = error.expect("it is refused");
                assert!(error.is_absent());
                assert!(error.to_string().contains(&format!("no {keyring}")), "{error}");
                assert!(error.to_string().contains("secret-service, keyutils"), "{error}");
            }
        }
    }
}
