//! The encoding of forms (`application/x-www-form-urlencoded`), read strictly: what a lenient server would
//! let pass is what a client got wrong.

/// The fields in their order; None if the text is no form.
pub(super) fn decode(text: &str) -> Option<Vec<(String, String)>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let field = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((decode_component(name)?, decode_component(value)?))
    };
    text.split('&').map(field).collect()
}

/// One name or value; None if it has a broken escape, a byte that must be escaped, or is no UTF-8.
pub(super) fn decode_component(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            b'!'..=b'~' => byte,
            _ => return None,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_decoded_or_refused_whole() {
        let pairs = |pairs: &[(&str, &str)]| {
            Some(pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>())
        };
        let cases = [
            ("", pairs(&[])),
            ("a=", pairs(&[("a", "")])),
            ("a=1&b=+%2B%26%3d%25&a=%C3%A9%22", pairs(&[("a", "1"), ("b", " +&=%"), ("a", "é\"")])),
            ("a=b=c", pairs(&[("a", "b=c")])),
            ("a", None),
            ("a=1&", None),
            ("a=%2", None),
            ("a=%+1", None),
            ("a=%FF", None),
            ("a=é", None),
            ("a=b c", None),
            ("a=b\n", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(decode(text), wanted, "{text:?}");
        }
    }
}
