//! A token in the form that the user asked for, in a buffer that is wiped.

mod quote;

use std::{fmt, str::FromStr};

use dt_cred::{bearer, moment::Moment};
use dt_cred_proto::{
    message::{Failure, FailureKind, Token},
    secret::Wiped,
    text::Text,
};
use serde::Serialize;
use thiserror::Error;

use quote::QuoteError;
pub(crate) use quote::Shell;

/// How `get` prints a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Format {
    /// `Authorization: Bearer T`, a header (RFC 6750 §2.1).
    #[default]
    Header,
    /// `T`.
    Raw,
    /// `Bearer T`.
    Bearer,
    /// The token and what is known of it.
    Json,
    /// Lines that set `DATATRAILS_AUTHTOKEN` and `DATATRAILS_URL` in a shell.
    Env,
    /// A line for `curl -K -`.
    Curl,
}

impl Format {
    /// Every one, by its name.
    pub(crate) const NAMES: [(Self, &'static str); 6] = [
        (Self::Header, "header"),
        (Self::Raw, "raw"),
        (Self::Bearer, "bearer"),
        (Self::Json, "json"),
        (Self::Env, "env"),
        (Self::Curl, "curl"),
    ];
}

/// A word that may not stand there.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("it is one of {0}")]
pub(crate) struct UnknownName(String);

/// The value that `word` names.
pub(crate) fn named<T: Copy>(names: &[(T, &str)], word: &str) -> Result<T, UnknownName> {
    let names_only = || names.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
    let found = names.iter().find(|(_, name)| *name == word);
    found.map(|(value, _)| *value).ok_or_else(|| UnknownName(names_only()))
}

impl FromStr for Format {
    type Err = UnknownName;

    fn from_str(word: &str) -> Result<Self, UnknownName> {
        named(&Self::NAMES, word)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES.iter().find(|(format, _)| format == self).map_or("", |(_, name)| name))
    }
}

/// Why a token cannot be printed.
#[derive(Debug, Error)]
pub(crate) enum FormatError {
    /// The daemon's answer holds something that would break a header.
    #[error(
        "the daemon's answer holds no token of the RFC 6750 alphabet: nothing is printed; run dt-cred stop, then again"
    )]
    NotAToken,
    /// A value cannot be written for the shell.
    #[error(transparent)]
    Quote(#[from] QuoteError),
    /// A moment that no calendar holds.
    #[error("the daemon's answer holds an impossible expiry: run dt-cred stop, then again")]
    Expiry,
}

impl From<FormatError> for Failure {
    fn from(error: FormatError) -> Self {
        let kind = match error {
            FormatError::Quote(_) => FailureKind::Usage,
            FormatError::NotAToken | FormatError::Expiry => FailureKind::Other,
        };
        Self::new(kind, error.to_string())
    }
}

/// Whether every character of `text` means itself to every shell.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/._-".contains(&byte))
}

/// What stands around a token at most, in bytes, where texts of the answer stand there too: they are cut at
/// [`Text::LIMIT`] characters.
const AROUND: usize = 24 * Text::LIMIT;

/// What stands around a token alone, in bytes. All of a buffer is wiped in the end, and this one is for every request.
const LINE: usize = 64;

/// The whole output for `token`; `shell` is for [`Format::Env`].
///
/// # Errors
/// [`FormatError`]; then nothing may be printed.
pub(crate) fn render(token: &Token, format: Format, shell: Shell) -> Result<Wiped, FormatError> {
    let secret = token.access_token.expose();
    if !bearer::is_token(secret) {
        return Err(FormatError::NotAToken);
    }
    // Sized beforehand: a buffer that grows leaves copies of what it held behind.
    let around = if matches!(format, Format::Env | Format::Json) { AROUND } else { LINE };
    let mut output = Wiped::from(Vec::with_capacity(secret.len() + around));
    match format {
        Format::Header => append(&mut output, ["Authorization: Bearer ", secret, "\n"]),
        Format::Raw => append(&mut output, [secret, "\n"]),
        Format::Bearer => append(&mut output, ["Bearer ", secret, "\n"]),
        Format::Curl => append(&mut output, ["header = \"Authorization: Bearer ", secret, "\"\n"]),
        Format::Env => {
            shell.assign(&mut output, "DATATRAILS_AUTHTOKEN", secret)?;
            shell.assign(&mut output, "DATATRAILS_URL", token.url.as_str())?;
        }
        Format::Json => {
            serde_json::to_writer(&mut *output, &Json::new(token)?).map_err(|_| FormatError::Expiry)?;
            output.push(b'\n');
        }
    }
    Ok(output)
}

fn append<const N: usize>(output: &mut Vec<u8>, parts: [&str; N]) {
    parts.iter().for_each(|part| output.extend_from_slice(part.as_bytes()));
}

#[derive(Serialize)]
struct Json<'a> {
    schema: u32,
    access_token: &'a str,
    token_type: &'a str,
    expires_at: String,
    expires_in: u64,
    profile: &'a str,
    generation: u64,
}

impl<'a> Json<'a> {
    fn new(token: &'a Token) -> Result<Self, FormatError> {
        // Whole seconds, rounded down: a token is never said to last longer than it does.
        let seconds = i64::try_from(token.expires_at_ms / 1000).map_err(|_| FormatError::Expiry)?;
        let expires_at = Moment::from_seconds(seconds).ok_or(FormatError::Expiry)?;
        Ok(Self {
            schema: 1,
            access_token: token.access_token.expose(),
            token_type: token.token_type.as_str(),
            expires_at: expires_at.to_string(),
            expires_in: token.expires_in_ms / 1000,
            profile: token.profile.as_str(),
            generation: token.generation,
        })
    }
}

#[cfg(test)]
mod tests {
    use dt_cred_proto::secret::Secret;

    use super::*;

    fn token(access_token: &str) -> Token {
        Token {
            access_token: Secret::new(access_token.to_owned()),
            token_type: "Bearer".into(),
            expires_at_ms: 1_764_000_000_999,
            expires_in_ms: 1_799_999,
            generation: 1_763_998_200_000,
            profile: "default".parse().expect("a name"),
            url: "https://app.datatrails.ai".into(),
            warning: None,
        }
    }

    fn rendered(format: Format) -> String {
        let output = render(&token("a.b_c=="), format, Shell::Sh).expect("printable");
        String::from_utf8(output.to_vec()).expect("text")
    }

    #[test]
    fn each_format_is_as_the_contract_says() {
        let cases = [
            (Format::Header, "Authorization: Bearer a.b_c==\n"),
            (Format::Raw, "a.b_c==\n"),
            (Format::Bearer, "Bearer a.b_c==\n"),
            (Format::Curl, "header = \"Authorization: Bearer a.b_c==\"\n"),
            (
                Format::Env,
                "export DATATRAILS_AUTHTOKEN='a.b_c=='\nexport DATATRAILS_URL='https://app.datatrails.ai'\n",
            ),
            (
                Format::Json,
                "{\"schema\":1,\"access_token\":\"a.b_c==\",\"token_type\":\"Bearer\",\
                 \"expires_at\":\"2025-11-24T16:00:00Z\",\"expires_in\":1799,\"profile\":\"default\",\
                 \"generation\":1763998200000}\n",
            ),
        ];
        for (format, expected) in cases {
            assert_eq!(rendered(format), expected);
        }
    }

    #[test]
    fn nothing_but_a_bearer_token_is_printed() {
        let long = "a".repeat(bearer::LIMIT + 1);
        for text in ["", "=", "a=b", "a b", "a\nb", "a\r\nX: y", "é", "a\0", "a\"", "a'", long.as_str()] {
            for (format, _) in Format::NAMES {
                let refused = render(&token(text), format, Shell::Sh);
                assert!(matches!(refused, Err(FormatError::NotAToken)), "{text:?} {format}");
            }
        }
    }

    #[test]
    fn the_buffer_never_grows_and_so_leaves_no_copy_behind() {
        let mut wide = token(&"a".repeat(bearer::LIMIT));
        wide.url = "'".repeat(Text::LIMIT).as_str().into();
        wide.token_type = "\"".repeat(Text::LIMIT).as_str().into();
        for (format, _) in Format::NAMES {
            for (shell, _) in Shell::NAMES {
                let Ok(output) = render(&wide, format, shell) else { continue };
                let around = if matches!(format, Format::Env | Format::Json) { AROUND } else { LINE };
                assert!(output.len() <= bearer::LIMIT + around, "{format}");
            }
        }
    }
}
