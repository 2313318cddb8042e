//! The `key=value` lines that `dt-cred store` reads, as git's credential helpers read theirs (git-credential(1)).

use std::str::FromStr;

use thiserror::Error;

use crate::{
    message::{Attributes, ClientAuth, Keyring, UnknownWord},
    secret::Secret,
    text::Text,
};

/// What the lines said.
#[derive(Default)]
pub struct Lines {
    /// The credentials.
    pub attributes: Attributes,
    /// Where to keep them.
    pub keyring: Option<Keyring>,
    /// Keep them without proving them.
    pub no_check: bool,
}

/// Longest input, in bytes: what does not fit into a request.
pub const LIMIT: usize = crate::frame::REQUEST_LIMIT - 1024;

/// Every key that may stand before `=`.
pub const KEYS: [&str; 11] = [
    "url",
    "token_url",
    "client_id",
    "client_secret",
    "auth",
    "scope",
    "audience",
    "resource",
    "ca_file",
    "keyring",
    "no_check",
];

/// Why the lines are refused. No message quotes a value: it may be the secret.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum LinesError {
    /// More than [`LIMIT`] bytes.
    #[error("the input is longer than {LIMIT} bytes")]
    TooLong,
    /// Not text.
    #[error("line {0} is not UTF-8")]
    NotUtf8(usize),
    /// A CR, NUL or another control character.
    #[error("line {0} holds a control character; a line is key=value and ends with a line feed alone")]
    ControlCharacter(usize),
    /// No `=`.
    #[error("line {0} has no \"=\"; a line is key=value")]
    NoEquals(usize),
    /// A key that is none of [`KEYS`].
    #[error("line {line}: unknown key {key:?}; the keys are {}", KEYS.join(", "))]
    UnknownKey {
        /// Where, counted from 1.
        line: usize,
        /// What stands there.
        key: String,
    },
    /// A key for the second time.
    #[error("line {line}: {key} stands there twice")]
    Duplicate {
        /// Where, counted from 1.
        line: usize,
        /// The key.
        key: &'static str,
    },
    /// Nothing after `=`.
    #[error("line {line}: {key} is empty")]
    Empty {
        /// Where, counted from 1.
        line: usize,
        /// The key.
        key: &'static str,
    },
    /// A word that may not stand there.
    #[error("line {line}: {key}: {source}")]
    Word {
        /// Where, counted from 1.
        line: usize,
        /// The key.
        key: &'static str,
        /// What may stand there.
        source: UnknownWord,
    },
}

impl Lines {
    /// Reads the lines up to an empty one or the end.
    ///
    /// # Errors
    /// One of [`LinesError`], for the first line that is wrong.
    pub fn parse(input: &[u8]) -> Result<Self, LinesError> {
        if input.len() > LIMIT {
            return Err(LinesError::TooLong);
        }
        let mut lines = Self::default();
        let mut seen = Vec::with_capacity(KEYS.len());
        for (index, bytes) in input.split(|&byte| byte == b'\n').enumerate() {
            let line = index + 1;
            if bytes.is_empty() {
                break;
            }
            let text = std::str::from_utf8(bytes).map_err(|_| LinesError::NotUtf8(line))?;
            if text.chars().any(char::is_control) {
                return Err(LinesError::ControlCharacter(line));
            }
            let (word, value) = text.split_once('=').ok_or(LinesError::NoEquals(line))?;
            let Some(key) = KEYS.into_iter().find(|key| *key == word) else {
                // Only what looks like a key is quoted: a secret without its key may stand here.
                let quotable = word.len() <= 32 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                let key = if quotable { Text::new(word).to_string() } else { "…".to_owned() };
                return Err(LinesError::UnknownKey { line, key });
            };
            if seen.contains(&key) {
                return Err(LinesError::Duplicate { line, key });
            }
            if value.is_empty() {
                return Err(LinesError::Empty { line, key });
            }
            seen.push(key);
            lines.set(line, key, value)?;
        }
        Ok(lines)
    }

    fn set(&mut self, line: usize, key: &'static str, value: &str) -> Result<(), LinesError> {
        let own = || Some(value.to_owned());
        let to = &mut self.attributes;
        match key {
            "url" => to.url = own(),
            "token_url" => to.token_url = own(),
            "client_id" => to.client_id = own(),
            "client_secret" => to.client_secret = Some(Secret::new(value.to_owned())),
            "scope" => to.scope = own(),
            "audience" => to.audience = own(),
            "resource" => to.resource = own(),
            "ca_file" => to.ca_file = own(),
            "auth" => to.auth = Some(word::<ClientAuth>(line, key, value)?),
            "keyring" => self.keyring = Some(word::<Keyring>(line, key, value)?),
            _ => self.no_check = flag(line, key, value)?,
        }
        Ok(())
    }
}

fn word<T: FromStr<Err = UnknownWord>>(line: usize, key: &'static str, value: &str) -> Result<T, LinesError> {
    value.parse().map_err(|source| LinesError::Word { line, key, source })
}

fn flag(line: usize, key: &'static str, value: &str) -> Result<bool, LinesError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => {
            let source = UnknownWord { word: Text::new(value).to_string(), choices: "true, false".to_owned() };
            Err(LinesError::Word { line, key, source })
        }
    }
}
