//! Looks for secrets and tokens, or pieces of them, in every form that a program might write them in.

use std::{
    collections::HashMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};

/// So many bytes of any form are a find: a cut-off secret is one as well.
const PIECE: usize = 16;

/// Of a form that is longer than this only every eighth piece is looked for, as all of them are far too many: a find is
/// then 23 bytes of it.
const LONG: usize = 256;

/// A piece of fewer different bytes is of a run, as `xxxx`, and not of a secret.
const VARIETY: usize = 5;

/// Whether it is long and varied enough to be told from other text.
pub fn is_distinct(secret: &str) -> bool {
    windows(secret.to_ascii_lowercase().as_bytes()).any(|piece| is_varied(&piece))
}

/// What is looked for.
pub struct Search {
    /// Every piece of every form, in lower case, and what form it is of.
    pieces: HashMap<[u8; PIECE], &'static str>,
}

impl Search {
    /// A search for these, each of which has at least 16 bytes and is like nothing that may be said.
    ///
    /// # Panics
    /// Where one is shorter.
    pub fn of<T: AsRef<str>>(secrets: impl IntoIterator<Item = T>) -> Self {
        let mut pieces = HashMap::new();
        for secret in secrets {
            assert!(secret.as_ref().len() >= PIECE, "too short to be told from other text");
            for (form, text) in forms(secret.as_ref()) {
                let text = text.to_ascii_lowercase();
                let step = if text.len() > LONG { 8 } else { 1 };
                let parts = windows(text.as_bytes()).step_by(step).filter(is_varied);
                pieces.extend(parts.map(|piece| (*piece, form)));
            }
        }
        Self { pieces }
    }

    /// The form in which `bytes` hold something.
    pub fn find(&self, bytes: impl AsRef<[u8]>) -> Option<&'static str> {
        self.all(bytes.as_ref()).next().map(|(_, form)| form)
    }

    /// Every place where `bytes` hold something, and the form.
    pub fn all<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (usize, &'static str)> + 'a {
        const PART: usize = 4096;
        // A piece may begin in one part and end in the next one.
        let part = |start: usize| &bytes[start..(start + PART + PIECE - 1).min(bytes.len())];
        let starts = (0..bytes.len()).step_by(PART);
        // Most of a process's memory is empty.
        let written = starts.filter(move |start| part(*start).iter().any(|byte| *byte != 0));
        written.flat_map(move |start| {
            // Without case: what was written in capitals is found all the same.
            let part = part(start).to_ascii_lowercase();
            let found = windows(&part)
                .enumerate()
                .filter_map(|(at, piece)| Some((start + at, *self.pieces.get(piece)?)));
            found.collect::<Vec<_>>()
        })
    }

    /// A form of `secret`, one of those that are looked for, in which it would not be found within other text.
    pub fn misses(&self, secret: &str) -> Option<&'static str> {
        let is_missed = |text: &String| self.find(format!("it: {text}!")).is_none();
        forms(secret).into_iter().find_map(|(form, text)| is_missed(&text).then_some(form))
    }

    /// Everything below `folder` that holds something: in a file, in a name, in where a symlink leads.
    ///
    /// # Panics
    /// Where it cannot be read.
    pub fn files(&self, folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).expect("a folder that can be read") {
            let entry = entry.expect("an entry that can be read");
            let (path, kind) = (entry.path(), entry.file_type().expect("of some kind"));
            let content = if kind.is_file() {
                fs::read(&path).expect("a file that can be read")
            } else if kind.is_symlink() {
                fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
            } else {
                Vec::new()
            };
            if self.find(entry.file_name().as_encoded_bytes()).is_some() || self.find(content).is_some() {
                found.push(path.clone());
            }
            if kind.is_dir() {
                found.extend(self.files(&path));
            }
        }
        found
    }
}

fn windows(bytes: &[u8]) -> impl Iterator<Item = &[u8; PIECE]> {
    bytes.windows(PIECE).map(|piece| piece.try_into().expect("as long as the windows are"))
}

fn is_varied(piece: &&[u8; PIECE]) -> bool {
    let different = |at: &usize| !piece[..*at].contains(&piece[*at]);
    (0..PIECE).filter(different).count() >= VARIETY
}

/// `secret` in every form, each with its name.
pub(crate) fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let mut forms = vec![
        ("as it is", secret.to_owned()),
        ("in JSON", serde_json::to_string(secret).expect("text")),
        ("in JSON, all ASCII", json_ascii(secret)),
        ("as Rust quotes it", format!("{secret:?}")),
        ("as Rust lists bytes", format!("{:?}", secret.as_bytes())),
        ("as Rust escapes it", secret.escape_default().collect()),
        ("in hexadecimal", each(secret, |text, byte| write!(text, "{byte:02x}"))),
        ("every byte percent-encoded", each(secret, |text, byte| write!(text, "%{byte:02x}"))),
    ];
    let (form, url) = (percent(secret, "+"), percent(secret, "%20"));
    for (name, text) in [("in base64", secret), ("percent-encoded, in base64", &form)] {
        forms.extend((0..3).flat_map(|offset| base64_at(text, offset)).map(|text| (name, text)));
    }
    forms.extend([("as in a form", form), ("as in a URL", url)]);
    forms
}

/// What of `text` is the same in every base64 that has it `offset` bytes (modulo 3) after its beginning.
fn base64_at(text: &str, offset: usize) -> [String; 2] {
    let shifted = [&b"\0\0"[..offset], text.as_bytes()].concat();
    let (start, end) = ((offset * 8).div_ceil(6), shifted.len() * 8 / 6);
    [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD]
        .map(|alphabet| alphabet.encode(&shifted)[start..end].to_owned())
}

fn percent(text: &str, space: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push_str(space),
            byte if byte.is_ascii_alphanumeric() || b"-._~*".contains(&byte) => encoded.push(byte.into()),
            byte => write!(encoded, "%{byte:02X}").expect("a String takes it"),
        }
    }
    encoded
}

fn json_ascii(text: &str) -> String {
    let mut escaped = String::new();
    for unit in serde_json::to_string(text).expect("text").encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => escaped.push(byte.into()),
            _ => write!(escaped, "\\u{unit:04x}").expect("a String takes it"),
        }
    }
    escaped
}

fn each(text: &str, form: impl Fn(&mut String, u8) -> std::fmt::Result) -> String {
    let mut formed = String::new();
    text.bytes().for_each(|byte| form(&mut formed, byte).expect("a String takes it"));
    formed
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Search;

    #[test]
    fn every_form_of_a_secret_is_found_and_also_a_piece_of_it() {
        let search = Search::of(["geheim & grün=\"1\"\\"]);
        for text in [
            "the secret geheim & grün=\"1\"\\ is wrong",
            "the secret GEHEIM & GRüN=\"1\"\\ is wrong",
            "secret: geheim & grün=\"",
            "client_secret=geheim+%26+gr%C3%BCn%3D%221%22%5C&x=1",
            "client_secret=geheim%20%26%20gr%c3%bcn%3d%221%22%5c&x=1",
            r#"{"client_secret":"geheim & grün=\"1\"\\"}"#,
            r#"{"client_secret":"geheim & gr\u00fcn=\"1\"\\"}"#,
            r#"Some("geheim & gr\u{fc}n=\"1\"\\")"#,
            "[103, 101, 104, 101, 105, 109, 32, 38, 32, 103, 114, 195, 188, 110]",
            "67656865696D20262067",
            "Basic Z2VoZWltICYgZ3LDvG49IjEiXA==",
            "Basic aWRnZWhlaW0gJiBncsO8bj0iMSJc",
            "Basic aWQ6Z2VoZWltICYgZ3LDvG49IjEiXA==",
            "Basic aTpnZWhlaW0gJiBncsO8bj0iMSJc",
            "aTpnZWhlaW0gJiBncsO8bj0iMSJc",
            "Basic aWQ6Z2VoZWltKyUyNitnciVDMyVCQ24lM0QlMjIxJTIyJTVD",
        ] {
            assert!(search.find(text).is_some(), "{text}");
        }
        for text in ["", "the secret is wrong", "geheim & grün", "nothing that is secret stands in this line"]
        {
            assert_eq!(search.find(text), None, "{text}");
        }
    }

    #[test]
    fn a_secret_is_found_in_a_file_and_in_a_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let (deep, secret) = (folder.path().join("a/b"), "0123456789abcdef0123");
        fs::create_dir_all(&deep).expect("folders");
        fs::write(deep.join("innocent"), "nothing").expect("a file");
        fs::write(deep.join("file"), [b"\0\xff", secret.as_bytes(), b"\n"].concat()).expect("a file");
        fs::write(folder.path().join(secret), "").expect("a file");
        let mut found = Search::of([secret]).files(folder.path());
        found.sort();
        assert_eq!(found, [folder.path().join(secret), deep.join("file")]);
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_is_found_in_where_a_link_leads() {
        let folder = tempfile::tempdir().expect("a folder");
        let (link, secret) = (folder.path().join("link"), "0123456789abcdef0123");
        std::os::unix::fs::symlink(format!("/{secret}"), &link).expect("a link");
        assert_eq!(Search::of([secret]).files(folder.path()), [link]);
    }
}
