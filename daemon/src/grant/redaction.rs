//! What of an issuer's text may be shown: an issuer, or something before it, may echo the request.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use dt_cred_proto::{secret::Secret, text::Text};
use zeroize::Zeroizing;

use crate::credentials::{Credentials, form};

/// Longest text of an issuer that is shown, in characters.
const LIMIT: usize = 200;

/// A run of so many characters of the token alphabet may be a token, or a secret in a form that is not known here.
const RUN: usize = 48;

/// Shortest piece of base64 that is looked for within other base64: less would be found everywhere.
const PIECE: usize = 6;

/// Keeps one client's secret, in whatever form, out of what is shown.
pub(crate) struct Redaction {
    /// What no text may hold, in lower case.
    needles: Vec<Zeroizing<String>>,
}

impl Redaction {
    /// What is shown in place of what may hold a secret.
    pub(crate) const WITHHELD: &'static str = "(its text is withheld: it may hold a secret)";

    /// For the secret of `credentials`.
    pub(crate) fn new(credentials: &Credentials) -> Self {
        Self::of(&credentials.client_secret)
    }

    /// For this secret.
    pub(crate) fn of(secret: &Secret) -> Self {
        let secret = secret.expose();
        let encoded = form::encode_one(secret);
        let mut needles = vec![Zeroizing::new(secret.to_lowercase())];
        for form in [secret, &encoded] {
            needles.extend((0..3).flat_map(|offset| base64_at(form.as_bytes(), offset)));
        }
        needles.push(hexadecimal(secret));
        needles.retain(|needle| !needle.is_empty());
        Self { needles }
    }

    /// `text` on one line, cut to 200 characters; or, where it holds the secret or what may be one, a note of that.
    pub(crate) fn show(&self, text: &str) -> String {
        if self.holds_secret(text) || holds_run(text) {
            return Self::WITHHELD.to_owned();
        }
        let shown = Text::new(text);
        match shown.as_str().char_indices().nth(LIMIT) {
            Some((end, _)) => format!("{}…", &shown.as_str()[..end]),
            None => shown.to_string(),
        }
    }

    /// Whether the secret is in `text`, in whatever form.
    pub(crate) fn holds_secret(&self, text: &str) -> bool {
        let unescaped = unescape(text);
        let views = [
            Zeroizing::new(text.to_lowercase()),
            Zeroizing::new(unescaped.to_lowercase()),
            percent_decode(&unescaped, false),
            percent_decode(&unescaped, true),
        ];
        views.iter().any(|view| self.needles.iter().any(|needle| view.contains(&**needle)))
    }
}

/// What of `bytes` is the same in every base64 text that holds them `offset` bytes (modulo 3) after its beginning,
/// in both alphabets.
fn base64_at(bytes: &[u8], offset: usize) -> impl Iterator<Item = Zeroizing<String>> {
    let mut shifted = Zeroizing::new(vec![0; offset]);
    shifted.extend_from_slice(bytes);
    let (start, end) = ((offset * 8).div_ceil(6), shifted.len() * 8 / 6);
    [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD].into_iter().filter_map(move |alphabet| {
        let text = Zeroizing::new(alphabet.encode(&*shifted));
        let piece = Zeroizing::new(text[start..end.max(start)].to_lowercase());
        (piece.len() >= PIECE).then_some(piece)
    })
}

fn hexadecimal(text: &str) -> Zeroizing<String> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    // Of its full size from the start: one that grows leaves copies behind.
    let mut digits = Zeroizing::new(String::with_capacity(2 * text.len()));
    for byte in text.bytes() {
        for digit in [byte >> 4, byte & 15] {
            digits.push(DIGITS[usize::from(digit)].into());
        }
    }
    digits
}

fn holds_run(text: &str) -> bool {
    let in_token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    text.split(|c| !in_token(c)).any(|run| run.len() >= RUN)
}

/// Undoes `%XX` and, where `plus` is set, `+` for a space; in lower case.
fn percent_decode(text: &str, plus: bool) -> Zeroizing<String> {
    let mut rest = text.as_bytes();
    let mut bytes = Zeroizing::new(Vec::with_capacity(rest.len()));
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let (byte, length) = match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (_, Some(byte)) => (byte, 2),
            (b'+', None) if plus => (b' ', 0),
            _ => (first, 0),
        };
        bytes.push(byte);
        rest = &after[length..];
    }
    Zeroizing::new(String::from_utf8_lossy(&bytes).to_lowercase())
}

/// Undoes the escapes of a JSON string (RFC 8259 §7) within a text that was itself quoted in JSON.
fn unescape(text: &str) -> Zeroizing<String> {
    let units: Zeroizing<Vec<u16>> = Zeroizing::new(text.encode_utf16().collect());
    let mut plain = Zeroizing::new(Vec::with_capacity(units.len()));
    let mut rest = &units[..];
    while let Some((&first, after)) = rest.split_first() {
        let escaped =
            after.first().filter(|_| first == u16::from(b'\\')).and_then(|&unit| u8::try_from(unit).ok());
        let code = || u16::from_str_radix(&String::from_utf16(after.get(1..5)?).ok()?, 16).ok();
        let (unit, length) = match escaped {
            Some(b'u') => code().map_or((first, 0), |unit| (unit, 5)),
            Some(byte @ (b'"' | b'\\' | b'/')) => (byte.into(), 1),
            _ => (first, 0),
        };
        plain.push(unit);
        rest = &after[length..];
    }
    Zeroizing::new(String::from_utf16_lossy(&plain))
}
