//! What is no name of a store, of a way to authenticate or of a format.

use crate::text::Text;

/// A word that is none of those that may stand here.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{word:?} is none of {choices}")]
pub struct UnknownWord {
    /// The word.
    pub word: String,
    /// What may stand there.
    pub choices: String,
}

impl UnknownWord {
    /// The word is shown to people, whoever wrote it.
    pub(super) fn new(word: &str, choices: String) -> Self {
        Self { word: Text::new(word).to_string(), choices }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ClientAuth, Keyring};

    #[test]
    fn a_store_has_one_name_wherever_it_is_written() {
        for (keyring, name) in Keyring::NAMES {
            assert_eq!(keyring.to_string(), name);
            assert_eq!(name.parse(), Ok(keyring));
            // What `rename_all` makes of it, for state.toml.
            let derived =
                format!("{keyring:?}").chars().enumerate().fold(String::new(), |mut name, (at, c)| {
                    if c.is_uppercase() && at > 0 {
                        name.push('-');
                    }
                    name.extend(c.to_lowercase());
                    name
                });
            assert_eq!(derived, name);
        }
        for auth in [ClientAuth::Post, ClientAuth::Basic] {
            assert_eq!(auth.to_string().parse(), Ok(auth));
        }
    }

    #[test]
    fn a_word_that_names_nothing_is_refused_with_the_choices() {
        for word in ["", "auto", "Keyutils", "key utils", " keyutils", "keyutils\n"] {
            assert!(word.parse::<Keyring>().is_err(), "{word:?}");
        }
        for word in ["", "POST", "none", "post "] {
            assert!(word.parse::<ClientAuth>().is_err(), "{word:?}");
        }
        let said = "dig\x1b[2Jest".parse::<ClientAuth>().unwrap_err().to_string();
        assert_eq!(said, "\"dig\u{fffd}[2Jest\" is none of post, basic");
        let said = "kernel".parse::<Keyring>().unwrap_err().to_string();
        let choices = "secret-service, keyutils, keychain, credential-manager, systemd, command, memory";
        assert_eq!(said, format!("\"kernel\" is none of {choices}"));
    }

    #[test]
    fn a_column_of_names_is_padded() {
        assert_eq!(format!("{:<10}|{:<6}|", Keyring::Keyutils, ClientAuth::Post), "keyutils  |post  |");
    }
}
