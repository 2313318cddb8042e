//! What every store's library has in common: an item's entry, its bytes as text, its errors.

use dt_cred_proto::{message::Keyring, profile::Profile, secret::Secret, text::Text};
use keyring::api::CredentialStoreApi;
use zeroize::Zeroizing;

use super::{KeyringError, SERVICE};

/// That there is no such store here; `choices` are those that there are.
pub(super) fn unavailable(keyring: Keyring, choices: &[Keyring]) -> KeyringError {
    let choices: Vec<_> = choices.iter().map(ToString::to_string).collect();
    KeyringError::NotHere { keyring, choices: Text::from(choices.join(", ")) }
}

/// The entry of `profile` in `store`, made with this modifier of the store's own.
pub(super) fn entry(
    store: &impl CredentialStoreApi,
    profile: &Profile,
    modifier: Option<(&str, &str)>,
) -> keyring::Result<keyring::Entry> {
    let modifiers = modifier.map(|modifier| [modifier].into());
    store.build(SERVICE, profile.as_str(), modifiers.as_ref())
}

/// The bytes as text, moved, not copied; wiped where they are none.
pub(super) fn text(keyring: Keyring, bytes: Vec<u8>) -> Result<Secret, KeyringError> {
    String::from_utf8(bytes).map(Secret::new).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        KeyringError::NotText { keyring }
    })
}

/// What the store's library says in an error that is none of the known ones. Never its `Debug`: it holds secrets.
pub(super) fn failed(keyring: Keyring, error: &keyring::Error) -> KeyringError {
    match error {
        keyring::Error::Ambiguous(_) => KeyringError::Ambiguous { keyring },
        keyring::Error::BadEncoding(_) | keyring::Error::BadDataFormat(..) => {
            KeyringError::NotText { keyring }
        }
        keyring::Error::PlatformFailure(source) | keyring::Error::NoStorageAccess(source) => {
            KeyringError::Failed { keyring, reason: Text::from(source.to_string()) }
        }
        other => KeyringError::Failed { keyring, reason: Text::from(other.to_string()) },
    }
}

#[cfg(test)]
mod tests {
    use dt_cred_proto::message::Keyring;

    use super::{KeyringError, failed, text};

    #[test]
    fn no_error_tells_what_was_kept() {
        let kept = || b"geheim\xff".to_vec();
        let source = || Box::<dyn std::error::Error + Send + Sync>::from("not so");
        let errors = [
            failed(Keyring::Keyutils, &keyring::Error::BadEncoding(kept())),
            failed(Keyring::Keyutils, &keyring::Error::BadDataFormat(kept(), source())),
            text(Keyring::Keyutils, kept()).err().unwrap(),
        ];
        let bytes = format!("{:?}", b"geheim");
        for error in errors {
            assert_eq!(error, KeyringError::NotText { keyring: Keyring::Keyutils });
            let told = format!("{error} {error:?}");
            assert!(!told.contains("geheim") && !told.contains(bytes.trim_matches(['[', ']'])), "{told}");
        }
    }

    #[test]
    fn what_matches_twice_is_said_to_be_so_without_its_entries() {
        let error = failed(Keyring::SecretService, &keyring::Error::Ambiguous(Vec::new()));
        assert_eq!(error, KeyringError::Ambiguous { keyring: Keyring::SecretService });
    }
}
