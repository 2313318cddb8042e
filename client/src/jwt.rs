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
    let line = after(line, b"authorization:").map_or(line, <[u8]>::trim_ascii_start);
    match after(line, b"bearer") {
        Some(rest) if rest.first().is_none_or(u8::is_ascii_whitespace) => rest.trim_ascii_start(),
        _ => line,
    }
}

/// What stands behind `word`, where that is how `line` begins.
fn after<'a>(line: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
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
    decoded.map_err(|error| match (encoded.iter().position(|byte| !is_base64url(*byte)), error) {
        (Some(at), _) if encoded[at] == b'=' => JwtError::Padded { part, at: at + 1 },
        (Some(at), _)
        | (None, DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol { offset: at, .. }) => {
            JwtError::Base64 { part, at: at + 1 }
        }
        (None, DecodeError::InvalidLength(_) | DecodeError::InvalidPadding) => {
            JwtError::Cut { part, length: encoded.len() }
        }
    })
}

/// RFC 4648 §5.
fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn encoded(text: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    fn token(header: &str, payload: &str) -> String {
        format!("{}.{}.{}", encoded(header), encoded(payload), encoded("signature"))
    }

    fn error(input: impl AsRef<[u8]>) -> JwtError {
        read(input.as_ref()).expect_err("malformed")
    }

    #[test]
    fn header_and_payload_are_decoded_in_their_order() {
        // RFC 7519 §3.1, with its line breaks.
        let input = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                     eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
                     dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let read = read(input.as_bytes()).expect("a JWT");
        let members = |of: &[(&str, Value)]| -> Members {
            of.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        assert_eq!(read.header, members(&[("typ", json!("JWT")), ("alg", json!("HS256"))]));
        let claims = [
            ("iss", json!("joe")),
            ("exp", json!(1_300_819_380)),
            ("http://example.com/is_root", json!(true)),
        ];
        assert_eq!(read.payload, members(&claims));
        assert_eq!(read.moment("exp"), Some(1_300_819_380));
    }

    #[test]
    fn a_header_line_is_as_good_as_a_bare_token() {
        let token = token("{\"alg\":\"none\"}", "{}");
        for line in [
            format!("{token}\n"),
            format!(" {token}\r\n"),
            format!("Bearer {token}"),
            format!("bearer  {token}\n"),
            format!("Authorization: Bearer {token}\n"),
            format!("AUTHORIZATION:bearer {token}"),
        ] {
            assert_eq!(read(line.as_bytes()), read(token.as_bytes()), "{line}");
            assert!(read(line.as_bytes()).is_ok(), "{line}");
        }
        assert!(read(format!("Basic {token}").as_bytes()).is_err());
    }

    #[test]
    fn an_unsecured_token_has_an_empty_signature() {
        assert!(read(format!("{}.{}.", encoded("{}"), encoded("{}")).as_bytes()).is_ok());
    }

    #[test]
    fn what_is_malformed_is_said_to_the_byte() {
        use JwtError::{
            Base64, Cut, Duplicate, Empty, EmptyPart, Encrypted, Json, NotAnObject, NotUtf8, Padded, Parts,
        };
        use Part::{Header, Payload, Signature};
        let good = encoded("{}");
        let json = |part, reason: &str| Json { part, reason: reason.into() };
        let twice = |part, reason: &str| Duplicate { part, reason: reason.into() };
        let cases = [
            (String::new(), Empty),
            (" \n".to_owned(), Empty),
            ("Authorization: Bearer \n".to_owned(), Empty),
            ("Bearer".to_owned(), Empty),
            ("opaque".to_owned(), Parts(1)),
            (format!("{good}.{good}"), Parts(2)),
            (format!("{good}.{good}.a.b"), Parts(4)),
            (format!("{good}.a.b.c.d"), Encrypted),
            (format!("{good}.a.b.c.d.e"), Parts(6)),
            (format!(".{good}.a"), EmptyPart(Header)),
            (format!("{good}..a"), EmptyPart(Payload)),
            (format!("{good}.e+0.a"), Base64 { part: Payload, at: 2 }),
            (format!("e/0.{good}.a"), Base64 { part: Header, at: 2 }),
            (format!("{good}.{good}.ab c"), Base64 { part: Signature, at: 3 }),
            (format!("{good}.e\u{e9}0.a"), Base64 { part: Payload, at: 2 }),
            (format!("{good}\n.{good}.ab"), Base64 { part: Header, at: 4 }),
            (format!("e31.{good}.ab"), Base64 { part: Header, at: 3 }),
            (format!("{good}=.{good}.ab"), Padded { part: Header, at: 4 }),
            (format!("{good}.{good}.YQ=="), Padded { part: Signature, at: 3 }),
            (format!("{good}.{good}.abcde"), Cut { part: Signature, length: 5 }),
            (format!("{}.{good}.ab", encoded(b"{\"\xff\"}")), NotUtf8 { part: Header, at: 3 }),
            (token("", "{}"), EmptyPart(Header)),
            (token("{", "{}"), json(Header, "EOF while parsing an object at line 1 column 1")),
            (token("{}", "{\n\"a\":}"), json(Payload, "expected value at line 2 column 5")),
            (token("{}", "{} x"), json(Payload, "trailing characters at line 1 column 4")),
            (token("{}", "{\"exp\":1e999}"), json(Payload, "number out of range at line 1 column 12")),
            (token("[]", "{}"), NotAnObject(Header)),
            (token("{}", "\"a\""), NotAnObject(Payload)),
            (token("{}", "null"), NotAnObject(Payload)),
            (
                token("{\"alg\":\"none\",\"alg\":\"RS256\"}", "{}"),
                twice(Header, "the member \"alg\" stands there twice at line 1 column 19"),
            ),
            (
                token("{}", "{\"a\":[{\"b\":1,\"\\u0062\":2}]}"),
                twice(Payload, "the member \"b\" stands there twice at line 1 column 21"),
            ),
            (
                token("{}", "{\"\\u001b\":1,\"\\u001b\":2}"),
                twice(Payload, "the member \"\u{fffd}\" stands there twice at line 1 column 20"),
            ),
        ];
        for (input, expected) in cases {
            let error = error(&input);
            assert_eq!(error, expected, "{input:?}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_length_is_looked_at_before_anything_else() {
        assert_eq!(error(vec![b'.'; LIMIT + 1]), JwtError::TooLong);
        assert_eq!(error(vec![b'.'; LIMIT]), JwtError::Parts(LIMIT + 1));
    }

    #[test]
    fn depth_has_a_limit() {
        let deep =
            |depth: usize| token("{}", &format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth)));
        assert!(read(deep(100).as_bytes()).is_ok());
        let error = error(deep(20_000)).to_string();
        assert!(error.starts_with("the payload is not JSON: recursion limit exceeded at line 1"), "{error}");
    }

    #[test]
    fn no_message_quotes_the_token() {
        let secret = "c2VjcmV0LXNpZ25hdHVyZQ";
        for input in [secret.to_owned(), format!("{secret}.{secret}.{secret}"), format!("e30.e30.{secret}=")]
        {
            let said = format!("{0} {0:?}", error(&input));
            assert!(!said.contains(secret) && !said.contains("secret-sig"), "{said}");
        }
    }

    #[test]
    fn a_moment_is_a_number_rounded_down() {
        let cases = [
            ("1764000000", Some(1_764_000_000)),
            ("1764000000.9", Some(1_764_000_000)),
            ("-0.5", Some(-1)),
            ("1e3", Some(1000)),
            ("\"1764000000\"", None),
            ("1e300", None),
            ("18446744073709551615", None),
            ("null", None),
        ];
        for (value, moment) in cases {
            let read = read(token("{}", &format!("{{\"exp\":{value}}}")).as_bytes()).expect("a JWT");
            assert_eq!(read.moment("exp"), moment, "{value}");
            assert_eq!(read.moment("iat"), None);
        }
    }
}
