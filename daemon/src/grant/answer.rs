//! The JSON of a token endpoint, read with suspicion (RFC 6749 §5.1, §5.2).
//!
//! Every member is kept as the text that stands in the body, so that one odd member spoils no other, and the token
//! is copied once only.

use std::{fmt, time::Duration};

use dt_cred_proto::secret::Secret;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use thiserror::Error;

use super::{TOKEN_LIMIT, lifetime};

/// The members of a successful answer.
#[derive(Deserialize)]
pub(super) struct Grant<'a> {
    #[serde(borrow)]
    access_token: Option<&'a RawValue>,
    #[serde(borrow)]
    token_type: Option<&'a RawValue>,
    #[serde(borrow)]
    expires_in: Option<&'a RawValue>,
}

/// The members of an answer that says no. `description` is DataTrails' own name for it, on 402.
#[derive(Deserialize)]
pub(super) struct Error<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    error_description: Option<&'a RawValue>,
    #[serde(borrow)]
    description: Option<&'a RawValue>,
}

/// Why a body is not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub(super) enum BodyError {
    #[error("is no JSON object")]
    NotObject,
    #[error("is malformed JSON (line {line}, column {column})")]
    Malformed { line: usize, column: usize },
    #[error("is JSON with a member that stands there twice")]
    Twice,
}

/// Why there is no token in an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub(super) enum TokenError {
    #[error("without an access token")]
    Absent,
    #[error("with an access token that holds characters that no token may (RFC 6750 §2.1)")]
    Alphabet,
    #[error("with an access token longer than {TOKEN_LIMIT} bytes")]
    TooLong,
}

impl<'a> Grant<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, BodyError> {
        object(body)
    }

    /// The type, where it is another than Bearer; absent is Bearer.
    pub(super) fn other_type(&self) -> Option<String> {
        let raw = self.token_type?.get();
        let word = string(self.token_type).unwrap_or_else(|| raw.to_owned());
        (!word.eq_ignore_ascii_case("Bearer")).then_some(word)
    }

    pub(super) fn token(&self) -> Result<Secret, TokenError> {
        let raw = self.access_token.ok_or(TokenError::Absent)?;
        let token: Secret = serde_json::from_str(raw.get()).map_err(|_| TokenError::Absent)?;
        match token.expose() {
            "" => Err(TokenError::Absent),
            text if text.len() > TOKEN_LIMIT => Err(TokenError::TooLong),
            text if !is_b64token(text) => Err(TokenError::Alphabet),
            _ => Ok(token),
        }
    }

    pub(super) fn expires_in(&self) -> Option<Duration> {
        lifetime::of_seconds(lifetime::number(self.expires_in)?)
    }
}

impl<'a> Error<'a> {
    /// None where the body is no JSON object.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        object(body).ok()
    }

    /// `error`, where it is a string.
    pub(super) fn code(&self) -> Option<String> {
        string(self.error).filter(|code| !code.is_empty())
    }

    /// What the issuer says about it.
    pub(super) fn description(&self) -> Option<String> {
        string(self.error_description).or_else(|| string(self.description)).filter(|text| !text.is_empty())
    }
}

/// Whether a body is JSON in which something stands that is called a secret, however deep.
pub(super) fn holds_secret(body: &[u8]) -> bool {
    let mut found = false;
    let mut json = serde_json::Deserializer::from_slice(body);
    // What is malformed behind it changes nothing of what was found.
    let _ = Secrets { found: &mut found, named: false }.deserialize(&mut json);
    found
}

/// Looks for a string that is not empty, in a member whose name says that it is secret.
struct Secrets<'a> {
    found: &'a mut bool,
    named: bool,
}

impl<'de> DeserializeSeed<'de> for Secrets<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Secrets<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        *self.found |= self.named && !text.is_empty();
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Secrets { found: self.found, named: self.named })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            let named = self.named || name.to_lowercase().contains("secret");
            members.next_value_seed(Secrets { found: self.found, named })?;
        }
        Ok(())
    }
}

fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, BodyError> {
    // serde reads a struct from an array as well.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(BodyError::NotObject);
    }
    // serde's own message may quote a value, so it is not shown; every member is raw, so that the only fault that
    // is not one of syntax is a member that stands there twice.
    serde_json::from_slice(body).map_err(|e| {
        if e.is_data() {
            BodyError::Twice
        } else {
            BodyError::Malformed { line: e.line(), column: e.column() }
        }
    })
}

fn string(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

/// `b64token` of RFC 6750 §2.1: what is safe in a header, a shell and a file.
pub(crate) fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    !body.is_empty() && body.bytes().all(allowed)
}
