//! Access tokens as DataTrails issues them: JWTs (RFC 9068) signed RS256, and the key set to check them with.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::rsa::SigningKey;

const KEY_ID: &str = "sandbox-1";
/// 2048 bits of signature in base64url.
const SIGNATURE_LENGTH: usize = 342;

/// The token for these claims, `length` characters long if it would be shorter.
pub(super) fn sign(key: &SigningKey, claims: &Value, length: Option<usize>) -> String {
    let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": KEY_ID }).to_string();
    let (header, claims) = stretched(header, claims.to_string(), length.unwrap_or(0));
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(&signed));
    format!("{signed}.{signature}")
}

/// The public half of `key` as a JWK set (RFC 7517 §5).
pub(super) fn key_set(key: &SigningKey) -> Value {
    json!({ "keys": [{
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": KEY_ID,
        "n": URL_SAFE_NO_PAD.encode(&key.modulus),
        "e": URL_SAFE_NO_PAD.encode(&key.exponent),
    }] })
}

/// Both texts with spaces at their end, which JSON allows, such that the token has `length` characters.
/// Base64 without padding has no length of 4n + 1, so the header takes a space or two where the claims alone
/// cannot do it.
fn stretched(header: String, claims: String, length: usize) -> (String, String) {
    let encoded = |bytes: usize| (bytes * 4).div_ceil(3);
    for spaces in 0..3 {
        let rest = encoded(header.len() + spaces) + SIGNATURE_LENGTH + 2;
        let room = length.saturating_sub(rest);
        if room % 4 != 1 && room > encoded(claims.len()) {
            let missing = room * 3 / 4 - claims.len();
            return (header + &" ".repeat(spaces), claims + &" ".repeat(missing));
        }
    }
    (header, claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_exactly_the_length_asked_for_unless_it_needs_more() {
        let (header, claims) = (r#"{"a":1}"#.to_owned(), r#"{"b":22}"#.to_owned());
        let length = |(header, claims): (String, String)| {
            let encode = |text: String| URL_SAFE_NO_PAD.encode(text).len();
            encode(header) + encode(claims) + SIGNATURE_LENGTH + 2
        };
        let natural = length((header.clone(), claims.clone()));
        for wanted in [0, natural - 1, natural] {
            assert_eq!(length(stretched(header.clone(), claims.clone(), wanted)), natural, "{wanted}");
        }
        for wanted in (natural + 4..natural + 40).chain([61_440, 70_000, 100_001]) {
            assert_eq!(length(stretched(header.clone(), claims.clone(), wanted)), wanted);
        }
    }
}
