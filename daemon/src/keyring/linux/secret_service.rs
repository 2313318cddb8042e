//! The freedesktop Secret Service, over the session bus.
//!
//! The store's library raises a prompt by itself wherever something is locked, and waits for a year. So a connection
//! of our own looks first, and does what prompting is to be done, before the store is called.

use std::collections::HashMap;

use dbus_secret_service::{Collection, EncryptionType, Error, Item, SearchItemsResult, SecretService};
use dbus_secret_service_keyring_store::Store;
use dt_cred_proto::{message::Keyring, profile::Profile, secret::Secret, text::Text};
use keyring::api::CredentialStoreApi;

use super::super::library::{entry, failed};
use super::{KeyringError, SERVICE};

const KEYRING: Keyring = Keyring::SecretService;

/// How long a prompt may be open, in seconds: shorter than a caller waits, so that it is closed by then.
const PROMPT_SECONDS: u64 = 57;

/// What the default collection is called where the first item makes it, as libsecret calls it.
const COLLECTION: (&str, &str) = ("Default keyring", "default");

pub(super) fn read(profile: &Profile) -> Result<Option<Vec<u8>>, KeyringError> {
    if !is_readable(profile)? {
        return Ok(None);
    }
    match store().and_then(|store| entry(&*store, profile, None)?.get_secret()) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(keyring::Error::NoEntry) => Ok(None),
        Err(error) => Err(told(&error)),
    }
}

pub(super) fn write(profile: &Profile, item: &Secret) -> Result<(), KeyringError> {
    let service = connect()?;
    let collection = match service.get_default_collection() {
        Err(Error::NoResult) => service.create_collection(COLLECTION.0, COLLECTION.1),
        found => found,
    };
    open(&collection.map_err(|error| judged(&error))?)?;
    open_items(&service, &attributes(profile))?;
    let label = format!("{SERVICE}: {profile}");
    let kept = store().and_then(|store| {
        entry(&*store, profile, Some(("label", &label)))?.set_secret(item.expose().as_bytes())
    });
    kept.map_err(|error| told(&error))
}

pub(super) fn remove(profile: &Profile) -> Result<bool, KeyringError> {
    if !is_readable(profile)? {
        return Ok(false);
    }
    let removed = store().and_then(|store| {
        let items = store.search(&attributes(profile))?;
        items.iter().try_for_each(keyring::Entry::delete_credential)?;
        Ok(!items.is_empty())
    });
    removed.map_err(|error| told(&error))
}

pub(super) fn unlock() -> Result<(), KeyringError> {
    let service = connect()?;
    match service.get_default_collection() {
        Ok(collection) => open(&collection)?,
        // Nothing is kept yet, so nothing is locked.
        Err(Error::NoResult) => {}
        Err(error) => return Err(judged(&error)),
    }
    open_items(&service, &[("service", SERVICE)].into())
}

pub(super) fn profiles() -> Result<Vec<Profile>, KeyringError> {
    let service = connect()?;
    let found = service.search_items([("service", SERVICE)].into()).map_err(|error| judged(&error))?;
    let items: Vec<_> = found.unlocked.into_iter().chain(found.locked).collect();
    if items.is_empty() {
        sees_all(&service)?;
    }
    let attributes = items.iter().map(|item| item.get_attributes().map_err(|error| judged(&error)));
    let names = attributes.map(|found| Ok(found?.get("username").and_then(|name| name.parse().ok())));
    names.filter_map(Result::transpose).collect()
}

pub(super) fn present() -> Result<(), KeyringError> {
    connect().map(drop)
}

/// Whether there is an item and it can be read without asking anybody.
fn is_readable(profile: &Profile) -> Result<bool, KeyringError> {
    let service = connect()?;
    let SearchItemsResult { unlocked, locked } =
        service.search_items(attributes(profile)).map_err(|error| judged(&error))?;
    if !locked.is_empty() {
        return Err(KeyringError::Locked);
    }
    if !unlocked.is_empty() {
        return Ok(true);
    }
    sees_all(&service).map(|()| false)
}

/// Sees that what was not found is not there: KeePassXC finds nothing in a locked database.
fn sees_all(service: &SecretService) -> Result<(), KeyringError> {
    match service.get_default_collection().and_then(|collection| collection.is_locked()) {
        Ok(true) => Err(KeyringError::Sealed),
        Ok(false) | Err(Error::NoResult) => Ok(()),
        Err(error) => Err(judged(&error)),
    }
}

/// Unlocks `collection`, by a prompt where one is needed.
fn open(collection: &Collection<'_>) -> Result<(), KeyringError> {
    collection.ensure_unlocked().map_err(|error| judged(&error))?;
    // A prompt can be answered without anything being unlocked.
    if collection.is_locked().map_err(|error| judged(&error))? {
        Err(KeyringError::Unanswered)
    } else {
        Ok(())
    }
}

/// Unlocks the items of these attributes, whichever collection they lie in.
fn open_items(service: &SecretService, attributes: &HashMap<&str, &str>) -> Result<(), KeyringError> {
    let search = || service.search_items(attributes.clone()).map_err(|error| judged(&error));
    let locked = search()?.locked;
    if locked.is_empty() {
        return Ok(());
    }
    let locked: Vec<&Item<'_>> = locked.iter().collect();
    service.unlock_all(&locked).map_err(|error| judged(&error))?;
    if search()?.locked.is_empty() { Ok(()) } else { Err(KeyringError::Unanswered) }
}

/// What an item is found by: as `secret-tool lookup service dt-cred username NAME` does.
fn attributes(profile: &Profile) -> HashMap<&str, &str> {
    [("service", SERVICE), ("username", profile.as_str())].into()
}

/// A connection that carries no secret, so that its session needs no key.
fn connect() -> Result<SecretService, KeyringError> {
    SecretService::connect_with_max_prompt_timeout(EncryptionType::Plain, PROMPT_SECONDS)
        .map_err(|error| judged(&error))
}

/// A store of its own for each call: one that is kept fails for ever once the keyring's program was replaced.
fn store() -> keyring::Result<std::sync::Arc<Store>> {
    Store::new()
}

/// What an error of the store's library means.
fn told(error: &keyring::Error) -> KeyringError {
    match error {
        keyring::Error::PlatformFailure(source) | keyring::Error::NoStorageAccess(source) => {
            source.downcast_ref::<Error>().map_or_else(|| failed(KEYRING, error), judged)
        }
        other => failed(KEYRING, other),
    }
}

/// What an error of the Secret Service, or of the bus, means.
fn judged(error: &Error) -> KeyringError {
    match error {
        Error::Locked => KeyringError::Locked,
        Error::Prompt => KeyringError::Unanswered,
        Error::Dbus(error) => {
            named(error.name().unwrap_or_default(), Text::from(error.message().unwrap_or_default()))
        }
        other => KeyringError::Failed { keyring: KEYRING, reason: Text::from(other.to_string()) },
    }
}

/// What a D-Bus error of this name means (D-Bus Specification; Secret Service API, "Errors").
fn named(name: &str, reason: Text) -> KeyringError {
    const BUS: &str = "org.freedesktop.DBus.Error.";
    const SECRETS: &str = "org.freedesktop.Secret.Error.";
    let keyring = KEYRING;
    match (name.strip_prefix(BUS), name.strip_prefix(SECRETS)) {
        // The first is said where no address is known: libdbus would have to start a bus.
        (
            Some("NotSupported" | "NoServer" | "FileNotFound" | "BadAddress" | "AuthFailed" | "Disconnected"),
            _,
        ) => KeyringError::NoBus { reason },
        (
            Some(
                "ServiceUnknown" | "NameHasNoOwner" | "UnknownObject" | "UnknownInterface" | "UnknownMethod",
            ),
            _,
        ) => KeyringError::NoProvider { reason },
        (Some(spawn), _) if spawn.starts_with("Spawn.") => KeyringError::NoProvider { reason },
        (Some("AccessDenied"), _) => KeyringError::Denied { keyring, reason },
        (Some("NoReply" | "Timeout" | "TimedOut"), _) => {
            KeyringError::TimedOut { keyring, seconds: super::super::QUICK.as_secs() }
        }
        (_, Some("IsLocked")) => KeyringError::Locked,
        _ => KeyringError::Failed { keyring, reason },
    }
}

#[cfg(test)]
mod tests {
    use dbus_secret_service::Error;
    use dt_cred_proto::text::Text;

    use super::{KEYRING, KeyringError, judged, named, told};

    #[test]
    fn each_error_of_the_bus_is_told_apart_by_what_a_person_can_do() {
        let (keyring, reason) = (KEYRING, || Text::from("why"));
        for (name, expected) in [
            ("org.freedesktop.DBus.Error.NotSupported", KeyringError::NoBus { reason: reason() }),
            ("org.freedesktop.DBus.Error.FileNotFound", KeyringError::NoBus { reason: reason() }),
            ("org.freedesktop.DBus.Error.NoServer", KeyringError::NoBus { reason: reason() }),
            ("org.freedesktop.DBus.Error.BadAddress", KeyringError::NoBus { reason: reason() }),
            ("org.freedesktop.DBus.Error.ServiceUnknown", KeyringError::NoProvider { reason: reason() }),
            ("org.freedesktop.DBus.Error.Spawn.ChildExited", KeyringError::NoProvider { reason: reason() }),
            ("org.freedesktop.DBus.Error.NoReply", KeyringError::TimedOut { keyring, seconds: 2 }),
            ("org.freedesktop.DBus.Error.AccessDenied", KeyringError::Denied { keyring, reason: reason() }),
            ("org.freedesktop.Secret.Error.IsLocked", KeyringError::Locked),
            ("org.freedesktop.Secret.Error.NoSession", KeyringError::Failed { keyring, reason: reason() }),
            ("", KeyringError::Failed { keyring, reason: reason() }),
        ] {
            assert_eq!(named(name, reason()), expected, "{name}");
        }
    }

    #[test]
    fn only_where_there_is_no_secret_service_is_it_absent() {
        for (name, absent) in [
            ("org.freedesktop.DBus.Error.FileNotFound", true),
            ("org.freedesktop.DBus.Error.ServiceUnknown", true),
            ("org.freedesktop.DBus.Error.Spawn.ServiceNotFound", true),
            ("org.freedesktop.DBus.Error.NoReply", false),
            ("org.freedesktop.DBus.Error.AccessDenied", false),
            ("org.freedesktop.Secret.Error.IsLocked", false),
        ] {
            assert_eq!(named(name, Text::default()).is_absent(), absent, "{name}");
        }
    }

    #[test]
    fn an_error_means_the_same_whether_the_store_or_the_service_says_it() {
        for (error, expected) in
            [(Error::Locked, KeyringError::Locked), (Error::Prompt, KeyringError::Unanswered)]
        {
            assert_eq!(judged(&error), expected);
            assert_eq!(told(&keyring::Error::NoStorageAccess(Box::new(error))), expected);
        }
    }
}
