//! The identifier of an integration or of a policy.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A UUID (RFC 9562): whatever is sent with it as a part of an address is 32 hexadecimal digits and four hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Uuid([u8; 16]);

/// Why a text is no UUID.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("a UUID is 32 hexadecimal digits, as 01234567-89ab-cdef-0123-456789abcdef")]
pub struct InvalidUuid;

/// Where a UUID's text has its hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl FromStr for Uuid {
    type Err = InvalidUuid;

    fn from_str(text: &str) -> Result<Self, InvalidUuid> {
        if text.len() != 36 {
            return Err(InvalidUuid);
        }
        let (mut uuid, mut digits) = ([0; 16], 0);
        for (at, byte) in text.bytes().enumerate() {
            if HYPHENS.contains(&at) {
                if byte != b'-' {
                    return Err(InvalidUuid);
                }
                continue;
            }
            let digit = char::from(byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
                .ok_or(InvalidUuid)?;
            uuid[digits / 2] = uuid[digits / 2] << 4 | digit;
            digits += 1;
        }
        Ok(Self(uuid))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(36);
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(digit.into(), 16));
            }
        }
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::Uuid;

    #[test]
    fn a_uuid_is_told_as_it_is_read_but_for_case_and_nothing_else_is_one() {
        let text = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
        assert_eq!(text.parse::<Uuid>().unwrap().to_string(), text);
        assert_eq!(text.to_uppercase().parse::<Uuid>(), text.parse());
        let short = text.replace('-', "");
        let moved = "0a1b2c3d4-e5f-6071-8293-a4b5c6d7e8f9";
        for other in [
            "",
            &short,
            moved,
            &text[1..],
            &format!("{text}0"),
            "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8fg",
            "../..3d-4e5f-6071-8293-a4b5c6d7e8f9",
            "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8é",
        ] {
            assert!(other.parse::<Uuid>().is_err(), "{other:?}");
        }
    }
}
