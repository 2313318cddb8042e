//! `application/x-www-form-urlencoded` (WHATWG URL §5.2), written into a buffer that is wiped.

use zeroize::Zeroizing;

/// The fields as a form. The buffer is never grown: growing leaves a copy behind that nobody wipes.
pub(crate) fn encode(fields: &[(&str, &str)]) -> Zeroizing<String> {
    let size = fields.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
    let mut form = Zeroizing::new(String::with_capacity(size));
    for (name, value) in fields {
        if !form.is_empty() {
            form.push('&');
        }
        push(&mut form, name);
        form.push('=');
        push(&mut form, value);
    }
    form
}

/// One name or value of a form.
pub(crate) fn encode_one(text: &str) -> Zeroizing<String> {
    let mut encoded = Zeroizing::new(String::with_capacity(3 * text.len()));
    push(&mut encoded, text);
    encoded
}

fn push(to: &mut String, text: &str) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'*' | b'-' | b'.' | b'_' => to.push(char::from(byte)),
            b' ' => to.push('+'),
            _ => to.extend(['%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
}
