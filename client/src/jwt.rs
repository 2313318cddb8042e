//! What stands in a JSON Web Token (RFC 7519), decoded on this machine. Nothing is verified: only the API can do that.

use base64::{DecodeError, Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use dt_cred_proto::text::Text;
use serde_json::{Value, error::Category};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::json::Document;

/// Longest input, in bytes.
pub const LIMIT: usize = 64 * 1024;

/// The claims and parameters that a specification gives a meaning: RFC 7519 §4.1, and RFC 9068 §2.2 with what it takes
/// from RFC 8693 §4.2, RFC 7643 §4.1.2 and OpenID Connect Core §2.
const REGISTERED: [&str; 15] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "scope",
    "auth_time",
    "acr",
    "amr",
    "groups",
    "roles",
    "entitlements",
];

/// Members of an object, in the order in which they stand there.
pub type Members = Vec<(String, Value)>;

/// What a token says. The signature is not kept.
#[derive(Clone, PartialEq, Debug)]
pub struct Token {
    /// How it is signed (RFC 7515 §4).
    pub header: Members,
    /// What it claims (RFC 7519 §4).
    pub payload: Members,
}

impl Token {
    /// The moment that a claim names, in seconds since the Unix epoch (NumericDate, RFC 7519 §2), rounded down; none where
    /// it is not there or is no such number.
    pub fn moment(&self, claim: &str) -> Option<i64> {
        /// As far as a double counts seconds exactly.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let (_, value) = self.payload.iter().find(|(name, _)| name == claim)?;
        let seconds = value.as_f64().filter(|seconds| seconds.abs() <= EXACT)?;
        #[expect(clippy::cast_possible_truncation, reason = "it is within what is counted exactly")]
        Some(seconds.floor() as i64)
    }
}

/// Whether a claim has a meaning that a specification gives it; another one is the issuer's own.
pub fn is_registered(claim: &str) -> bool {
    REGISTERED.contains(&claim)
}

/// A part of a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The first.
    Header,
    /// The second.
    Payload,
    /// The third.
    Signature,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// Why an input is no JSON Web Token. No message quotes a token: one that is malformed in one place may be good elsewhere.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum JwtError {
    /// More than [`LIMIT`] bytes.
    #[error("the input is longer than {LIMIT} bytes")]
    TooLong,
    /// Nothing.
    #[error("the input is empty")]
    Empty,
    /// Neither one nor three parts.
    #[error("it has {0} of the three parts that a JWT has, with a dot between them (RFC 7519)")]
    Parts(usize),
    /// Five parts: a JWE.
    #[error("it has five parts: it is encrypted (JWE, RFC 7516), and only the API can read it")]
    Encrypted,
    /// A part in which nothing stands.
    #[error("the {0} is empty")]
    EmptyPart(Part),
    /// `=`, which RFC 7515 §2 leaves out.
    #[error("the {part} is padded with \"=\" at its byte {at}, which a JWT never is (RFC 7515)")]
    Padded {
        /// Where.
        part: Part,
        /// The byte of that part, counted from 1.
        at: usize,
    },
    /// Something that base64url does not have.
    #[error("the {part} is no base64url at its byte {at} (RFC 7515)")]
    Base64 {
        /// Where.
        part: Part,
        /// The byte of that part, counted from 1.
        at: usize,
    },
    /// A part that breaks off within a byte.
    #[error("the {part} is cut off: no base64url has {length} characters")]
    Cut {
        /// Which.
        part: Part,
        /// How long it is.
        length: usize,
    },
    /// What was encoded is no text.
    #[error("the {part} is not UTF-8 at its decoded byte {at}")]
    NotUtf8 {
        /// Which.
        part: Part,
        /// The byte of what was decoded, counted from 1.
        at: usize,
    },
    /// What was encoded is no JSON.
    #[error("the {part} is not JSON: {reason}")]
    Json {
        /// Which.
        part: Part,
        /// What is wrong, with line and column.
        reason: Text,
    },
    /// A member twice, where RFC 7519 §4 has every name once.
    #[error("the {part} is ambiguous: {reason}")]
    Duplicate {
        /// Which.
        part: Part,
        /// Which member, with line and column.
        reason: Text,
    },
    /// JSON, but not `{…}`.
    #[error("the {0} is JSON, but no object")]
    NotAnObject(Part),
}

/// Reads a bare token or a header line with one (`Authorization: Bearer T`, `Bearer T`), white space around it left out.
///
/// # Errors
/// [`JwtError`], for the first thing that is wrong.
pub fn read(input: &[u8]) -> Result<Token, JwtError> {
    if input.len() > LIMIT {
        return Err(JwtError::TooLong);
    }
    let token = bare(input.trim_ascii());
    if token.is_empty() {
        return Err(JwtError::Empty);
    }
    let parts: Vec<_> = token.split(|&byte| byte == b'.').collect();
    let [header, payload, signature] = parts[..] else {
        return Err(if parts.len() == 5 { JwtError::Encrypted } else { JwtError::Parts(parts.len()) });
    };
    let header = object(Part::Header, header)?;
    let payload = object(Part::Payload, payload)?;
    // An unsecured token has an empty one (RFC 7519 §6.1).
    decode(Part::Signature, signature)?;
    Ok(Token { header, payload })
}

/// What stands behind the header's name and the scheme, whose case does not count (RFC 9110 §5.1, §11.1).
fn bare(line: &[u8]) -> &[u8] {
    let after = |line: &[u8], word: &[u8]| {
        let (start, _) = line.split_at_checked(word.len())?;
        start.eq_ignore_ascii_case(word).then_some(word.len())
    };
    let line = after(line, b"authorization:").map_or(line, |length| line[length..].trim_ascii_start());
    after(line, b"bearer ").map_or(line, |length| line[length..].trim_ascii_start())
}

fn object(part: Part, encoded: &[u8]) -> Result<Members, JwtError> {
    if encoded.is_empty() {
        return Err(JwtError::EmptyPart(part));
    }
    let bytes = decode(part, encoded)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| JwtError::NotUtf8 { part, at: error.valid_up_to() + 1 })?;
    match serde_json::from_str(text) {
        Ok(Document::Object(members)) => Ok(members),
        Ok(Document::Other) => Err(JwtError::NotAnObject(part)),
        Err(error) => {
            let reason = Text::from(error.to_string());
            // Any value is taken, so that only a member that stands there twice is wrong as such.
            Err(match error.classify() {
                Category::Data => JwtError::Duplicate { part, reason },
                Category::Io | Category::Syntax | Category::Eof => JwtError::Json { part, reason },
            })
        }
    }
}

fn decode(part: Part, encoded: &[u8]) -> Result<Zeroizing<Vec<u8>>, JwtError> {
    let decoded = URL_SAFE_NO_PAD.decode(encoded).map(Zeroizing::new);
    decoded.map_err(|error| match error {
        DecodeError::InvalidByte(at, b'=') => JwtError::Padded { part, at: at + 1 },
        DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _) => {
            JwtError::Base64 { part, at: at + 1 }
        }
        DecodeError::InvalidLength(_) => JwtError::Cut { part, length: encoded.len() },
        DecodeError::InvalidPadding => JwtError::Padded { part, at: encoded.len() },
    })
}
