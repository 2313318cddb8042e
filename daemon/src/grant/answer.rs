//! The JSON of a token endpoint, read with suspicion (RFC 6749 §5.1, §5.2).
//!
//! Every member is kept as the text that stands in the body, so that one odd member spoils no other, and the token
//! is copied once only.

use std::time::Duration;

use dt_cred_proto::secret::Secret;
use serde::Deserialize;
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
