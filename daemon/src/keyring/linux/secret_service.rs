//! The freedesktop Secret Service, over the session bus.
//!
//! Nothing is asked of a person but by [`open`], `write` and `remove`. That is why this speaks to the service itself, where
//! the other stores have their crate: keyring's one for it raises a prompt wherever something is locked, and waits for a
//! year. And KeePassXC lets in a connection, not a program: what is unlocked must be read by the connection that asked.
//!
//! `SearchItems` of the service is not used: KeePassXC shows its window for it, and answers once that is closed. That of
//! each collection asks nobody.
//!
//! A window that nobody answers stays, though the connection that raised it is closed: seen of gnome-keyring 42 and
//! KeePassXC 2.7. `Dismiss` does not take it away either, and gnome-keyring ends by an assertion when it is called.

use std::{collections::HashMap, time::Instant};

use dbus_secret_service::{Collection, EncryptionType, Error, Item, Path as ObjectPath, SecretService};
use dt_cred_proto::{message::Keyring, profile::Profile, secret::Secret, text::Text};

use super::{KeyringError, SERVICE, bus};

const KEYRING: Keyring = Keyring::SecretService;

/// What the default collection is called where the first item makes it, as libsecret calls it.
const COLLECTION: (&str, &str) = ("Default keyring", "default");

/// As `secret-tool` keeps it: KeePassXC shows what is text as the entry's password, all else as an attachment.
const CONTENT: &str = "text/plain";

pub(super) fn read(profile: &Profile) -> Result<Option<Vec<u8>>, KeyringError> {
    match secret(&connect(None)?, profile) {
        // So is said of an item that was removed between the search and the reading.
        Err(KeyringError::NoProvider { .. }) => secret(&connect(None)?, profile),
        read => read,
    }
}

pub(super) fn write(
    profile: &Profile,
    item: &Secret,
    until: Instant,
) -> Result<Option<Vec<u8>>, KeyringError> {
    let mut service = connect(Some(until))?;
    if !find(&service, &attributes(profile))?.is_empty() {
        service = open(profile, until)?;
    }
    let bytes = item.expose().as_bytes();
    match &find(&service, &attributes(profile))?[..] {
        [] => create(&service, profile, bytes)?,
        [found] => found.item.set_secret(bytes, CONTENT).map_err(|error| judged(&error))?,
        _ => return Err(KeyringError::Ambiguous { keyring: KEYRING }),
    }
    secret(&service, profile)
}

pub(super) fn remove(profile: &Profile, until: Instant) -> Result<bool, KeyringError> {
    let service = connect(None)?;
    let found = find(&service, &attributes(profile))?;
    if found.is_empty() {
        return sees_all(&service).map(|()| false);
    }
    if found.iter().any(|found| found.locked) {
        return Err(KeyringError::Locked);
    }
    for found in found {
        // KeePassXC asks. For each its own connection, whose prompt has what is left of the time.
        let service = connect(Some(until))?;
        Item::new(&service, found.item.path).delete().map_err(|error| judged(&error))?;
    }
    if find(&service, &attributes(profile))?.is_empty() { Ok(true) } else { Err(KeyringError::Unanswered) }
}

pub(super) fn unlock(profile: &Profile, until: Instant) -> Result<Option<Vec<u8>>, KeyringError> {
    let service = open(profile, until)?;
    // Why an item cannot be read is told when it is asked for.
    Ok(secret(&service, profile).ok().flatten())
}

pub(super) fn profiles() -> Result<Vec<Profile>, KeyringError> {
    let service = connect(None)?;
    let found = find(&service, &[("service", SERVICE)].into())?;
    if found.is_empty() {
        sees_all(&service)?;
    }
    let attributes = found.iter().map(|found| found.item.get_attributes().map_err(|error| judged(&error)));
    let names = attributes.map(|found| Ok(found?.get("username").and_then(|name| name.parse().ok())));
    names.filter_map(Result::transpose).collect()
}

pub(super) fn present() -> Result<(), KeyringError> {
    connect(None).map(drop)
}

/// An item, and whether the collection is locked that it lies in.
struct Found<'a> {
    item: Item<'a>,
    locked: bool,
}

/// Every item of these attributes that is told of.
fn find<'a>(
    service: &'a SecretService,
    attributes: &HashMap<&str, &str>,
) -> Result<Vec<Found<'a>>, KeyringError> {
    let all = || {
        let mut found = Vec::new();
        for collection in service.get_all_collections()? {
            let locked = collection.is_locked()?;
            let paths = collection.search_items(attributes.clone())?.into_iter().map(|item| item.path);
            found.extend(paths.map(|path| Found { item: Item::new(service, path), locked }));
        }
        Ok(found)
    };
    all().map_err(|error| judged(&error))
}

/// The secret of `profile`, where it can be read without asking anybody.
fn secret(service: &SecretService, profile: &Profile) -> Result<Option<Vec<u8>>, KeyringError> {
    let found = find(service, &attributes(profile))?;
    if found.is_empty() {
        return sees_all(service).map(|()| None);
    }
    if found.iter().any(|found| found.locked) {
        return Err(KeyringError::Locked);
    }
    let [Found { item, .. }] = &found[..] else {
        return Err(KeyringError::Ambiguous { keyring: KEYRING });
    };
    if item.is_locked().map_err(|error| judged(&error))? {
        return Err(KeyringError::Guarded);
    }
    item.get_secret().map(Some).map_err(|error| judged(&error))
}

/// Sees that what was not found is not there: KeePassXC finds nothing in a locked database, and in a closed one less.
fn sees_all(service: &SecretService) -> Result<(), KeyringError> {
    match service.get_default_collection().and_then(|collection| collection.is_locked()) {
        Ok(true) => Err(KeyringError::Sealed),
        Ok(false) => Ok(()),
        Err(Error::NoResult) => Err(KeyringError::NoCollection),
        Err(error) => Err(judged(&error)),
    }
}

/// A connection to which the default collection and what `profile` has is open; asks once where it is not.
fn open(profile: &Profile, until: Instant) -> Result<SecretService, KeyringError> {
    let service = connect(Some(until))?;
    let locked = |service: &SecretService| {
        let items = find(service, &attributes(profile))?.into_iter().filter(|found| found.locked);
        let mut paths: Vec<_> = items.map(|found| found.item.path).collect();
        match service.get_default_collection() {
            Ok(collection) if collection.is_locked().map_err(|error| judged(&error))? => {
                paths.push(collection.path);
            }
            Ok(_) | Err(Error::NoResult) => {}
            Err(error) => return Err(judged(&error)),
        }
        Ok(paths)
    };
    let guarded = |service: &SecretService| {
        let mut paths = Vec::new();
        for Found { item, .. } in find(service, &attributes(profile))? {
            if item.is_locked().map_err(|error| judged(&error))? {
                paths.push(item.path);
            }
        }
        Ok(paths)
    };
    if ask(&service, locked)? {
        // KeePassXC tells only now what it guards, and one command raises one prompt.
        return if guarded(&service)?.is_empty() { Ok(service) } else { Err(KeyringError::Guarded) };
    }
    ask(&service, guarded)?;
    Ok(service)
}

/// Unlocks by one prompt whatever is `closed`, be it collections or items; whether there was anything.
fn ask(
    service: &SecretService,
    closed: impl Fn(&SecretService) -> Result<Vec<ObjectPath<'static>>, KeyringError>,
) -> Result<bool, KeyringError> {
    let paths = closed(service)?;
    if paths.is_empty() {
        return Ok(false);
    }
    // A path is all that the library takes of an item, and Unlock takes those of collections too.
    let items: Vec<_> = paths.into_iter().map(|path| Item::new(service, path)).collect();
    service.unlock_all(&items.iter().collect::<Vec<_>>()).map_err(|error| judged(&error))?;
    // A prompt can be answered without anything being unlocked.
    if closed(service)?.is_empty() { Ok(true) } else { Err(KeyringError::Unanswered) }
}

/// Makes the item of `profile`. Which asks: KeePassXC by itself, gnome-keyring when it is asked to unlock.
fn create(service: &SecretService, profile: &Profile, secret: &[u8]) -> Result<(), KeyringError> {
    let collection = match service.get_default_collection() {
        Err(Error::NoResult) => match service.create_collection(COLLECTION.0, COLLECTION.1) {
            Err(Error::Prompt) => return Err(KeyringError::NoCollection),
            made => made,
        },
        found => found,
    };
    let collection = collection.map_err(|error| judged(&error))?;
    let label = format!("{SERVICE}: {profile}");
    let add = |collection: &Collection<'_>| {
        let added = collection.create_item(&label, attributes(profile), secret, true, CONTENT);
        added.map(drop).map_err(|error| judged(&error))
    };
    match add(&collection) {
        Err(KeyringError::Locked) => {
            collection.unlock().map_err(|error| judged(&error))?;
            match add(&collection) {
                Err(KeyringError::Locked) => Err(KeyringError::Unanswered),
                added => added,
            }
        }
        added => added,
    }
}

/// What an item is found by: as `secret-tool lookup service dt-cred username NAME` does.
fn attributes(profile: &Profile) -> HashMap<&str, &str> {
    [("service", SERVICE), ("username", profile.as_str())].into()
}

/// A connection of its own for each call: one that is kept fails for ever once the keyring's program was replaced. Its
/// prompts are given up a little before `until`; without it none is waited for.
fn connect(until: Option<Instant>) -> Result<SecretService, KeyringError> {
    bus::trust()?;
    let left = until.map_or(0, |until| until.saturating_duration_since(Instant::now()).as_secs());
    SecretService::connect_with_max_prompt_timeout(EncryptionType::Dh, left.saturating_sub(1))
        .map_err(|error| judged(&error))
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

    use super::{KEYRING, KeyringError, judged, named};

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
    fn what_is_locked_and_what_was_not_answered_are_told_apart() {
        assert_eq!(judged(&Error::Locked), KeyringError::Locked);
        assert_eq!(judged(&Error::Prompt), KeyringError::Unanswered);
    }
}
