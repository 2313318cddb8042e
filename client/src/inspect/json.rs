//! A token for programs, schema 1: header and payload as they are, and the moments as RFC 3339.

use std::io;

use dt_cred::{
    jwt::{Members, Token, is_registered},
    moment::Moment,
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::ser::{Formatter, Serializer as JsonSerializer};

use super::MOMENTS;

#[derive(Serialize)]
struct Inspected<'a> {
    schema: u32,
    header: Object<'a>,
    payload: Object<'a>,
    times: Times<'a>,
    /// The claims that are the issuer's own.
    custom: Vec<&'a str>,
}

/// Members in their order.
struct Object<'a>(&'a Members);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

struct Times<'a>(&'a Token);

impl Serialize for Times<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for claim in MOMENTS {
            let moment = self.0.moment(claim).and_then(Moment::from_seconds);
            map.serialize_entry(claim, &moment.map(|moment| moment.to_string()))?;
        }
        map.end()
    }
}

/// JSON in ASCII: what a token says may be meant for the terminal that it is printed on.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for c in fragment.chars() {
            if matches!(c, ' '..='~') {
                write!(writer, "{c}")?;
            } else {
                c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(writer, "\\u{unit:04x}"))?;
            }
        }
        Ok(())
    }
}

/// The token as one line of JSON.
pub(super) fn render(token: &Token) -> String {
    let payload = &token.payload;
    let custom = payload.iter().map(|(name, _)| name.as_str()).filter(|name| !is_registered(name)).collect();
    let header = Object(&token.header);
    let inspected = Inspected { schema: 1, header, payload: Object(payload), times: Times(token), custom };
    let mut line = Vec::new();
    // A Vec takes everything, and every key is a text.
    let _ = inspected.serialize(&mut JsonSerializer::with_formatter(&mut line, Ascii));
    line.push(b'\n');
    String::from_utf8_lossy(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn token(payload: &Value) -> Token {
        let members = |value: &Value| {
            let members = value.as_object().expect("an object");
            members.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        Token { header: members(&json!({"alg": "none"})), payload: members(payload) }
    }

    #[test]
    fn header_payload_and_moments_are_told() {
        let line = render(&token(&json!({"exp": 1_764_000_000.5, "iat": "x", "tier": 1})));
        let expected = "{\"schema\":1,\"header\":{\"alg\":\"none\"},\
             \"payload\":{\"exp\":1764000000.5,\"iat\":\"x\",\"tier\":1},\
             \"times\":{\"iat\":null,\"nbf\":null,\"exp\":\"2025-11-24T16:00:00Z\"},\"custom\":[\"tier\"]}\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn the_line_is_ascii_and_means_what_the_token_says() {
        let hostile = "\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{1f511}\u{e9}\"\\\n";
        let line = render(&token(&json!({ hostile: hostile })));
        assert!(line.trim_end().bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
        let read: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read["payload"][hostile], hostile);
    }
}
