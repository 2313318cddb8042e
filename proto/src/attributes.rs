//! The `key=value` lines that `dt-cred store` reads, as git's credential helpers read theirs (git-credential(1)).

use thiserror::Error;

use crate::{
    message::{Attributes, ClientAuth, Keyring, UnknownWord},
    secret::Secret,
};

/// What the lines said.
#[derive(Default)]
pub struct Lines {
    /// The credentials.
    pub attributes: Attributes,
    /// Where to keep them.
    pub keyring: Option<Keyring>,
    /// Keep them without proving them.
    pub no_check: bool,
}

/// Longest input, in bytes: what does not fit into a request.
pub const LIMIT: usize = crate::frame::REQUEST_LIMIT - 1024;

/// Every key that may stand before `=`.
pub const KEYS: [&str; 11] = [
    "url",
    "token_url",
    "client_id",
    "client_secret",
    "auth",
    "scope",
    "audience",
    "resource",
    "ca_file",
    "keyring",
    "no_check",
];

/// Those that may be empty: what was kept of them is dropped.
const DROPPABLE: [&str; 4] = ["scope", "audience", "resource", "ca_file"];

/// Stands in a message for what must not be quoted.
const HIDDEN: &str = "…";

/// Why the lines are refused. No message quotes a value: it may be the secret.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum LinesError {
    /// More than [`LIMIT`] bytes.
    #[error("the input is longer than {LIMIT} bytes")]
    TooLong,
    /// Not text.
    #[error("line {0} is not UTF-8")]
    NotUtf8(usize),
    /// A CR, NUL or another control character.
    #[error("line {0} holds a control character; a line is key=value and ends with a line feed alone")]
    ControlCharacter(usize),
    /// No `=`.
    #[error("line {0} has no \"=\"; a line is key=value")]
    NoEquals(usize),
    /// A key that is none of [`KEYS`].
    #[error("line {line}: unknown key {key:?}; the keys are {}", KEYS.join(", "))]
    UnknownKey {
        /// Where, counted from 1.
        line: usize,
        /// What stands there.
        key: String,
    },
    /// A key for the second time.
    #[error("line {line}: {key} stands there twice")]
    Duplicate {
        /// Where, counted from 1.
        line: usize,
        /// The key.
        key: &'static str,
    },
    /// Nothing after `=`.
    #[error("line {line}: {key} is empty")]
    Empty {
        /// Where, counted from 1.
        line: usize,
        /// The key.
        key: &'static str,
    },
    /// A word that may not stand there.
    #[error("line {line}: {key}: {source}")]
    Word {
        /// Where, counted from 1.
        line: usize,
        /// The key.
        key: &'static str,
        /// What may stand there.
        source: UnknownWord,
    },
}

impl Lines {
    /// Reads the lines up to an empty one or the end.
    ///
    /// # Errors
    /// One of [`LinesError`], for the first line that is wrong.
    pub fn parse(input: &[u8]) -> Result<Self, LinesError> {
        if input.len() > LIMIT {
            return Err(LinesError::TooLong);
        }
        let mut lines = Self::default();
        let mut seen = Vec::with_capacity(KEYS.len());
        for (index, bytes) in input.split(|&byte| byte == b'\n').enumerate() {
            let line = index + 1;
            if bytes.is_empty() {
                break;
            }
            let text = std::str::from_utf8(bytes).map_err(|_| LinesError::NotUtf8(line))?;
            if text.chars().any(char::is_control) {
                return Err(LinesError::ControlCharacter(line));
            }
            let (word, value) = text.split_once('=').ok_or(LinesError::NoEquals(line))?;
            let Some(key) = KEYS.into_iter().find(|key| *key == word) else {
                // Only what looks like a key is quoted: a secret without its key may stand here.
                let quotable = word.len() <= 32 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                let key = if quotable { word } else { HIDDEN }.to_owned();
                return Err(LinesError::UnknownKey { line, key });
            };
            if seen.contains(&key) {
                return Err(LinesError::Duplicate { line, key });
            }
            if value.is_empty() && !DROPPABLE.contains(&key) {
                return Err(LinesError::Empty { line, key });
            }
            seen.push(key);
            lines.set(line, key, value)?;
        }
        Ok(lines)
    }

    fn set(&mut self, line: usize, key: &'static str, value: &str) -> Result<(), LinesError> {
        let own = || Some(value.to_owned());
        let to = &mut self.attributes;
        match key {
            "url" => to.url = own(),
            "token_url" => to.token_url = own(),
            "client_id" => to.client_id = own(),
            "client_secret" => to.client_secret = Some(Secret::new(value.to_owned())),
            "scope" => to.scope = own(),
            "audience" => to.audience = own(),
            "resource" => to.resource = own(),
            "ca_file" => to.ca_file = own(),
            "auth" => to.auth = Some(word(line, key, ClientAuth::named(value), ClientAuth::choices)?),
            "keyring" => self.keyring = Some(word(line, key, Keyring::named(value), Keyring::choices)?),
            _ => self.no_check = word(line, key, flag(value), || "true, false".to_owned())?,
        }
        Ok(())
    }
}

/// What `key` means by its value; without the value where it means nothing: it may be the secret.
fn word<T>(
    line: usize,
    key: &'static str,
    meant: Option<T>,
    choices: fn() -> String,
) -> Result<T, LinesError> {
    let source = || UnknownWord { word: HIDDEN.to_owned(), choices: choices() };
    meant.ok_or_else(|| LinesError::Word { line, key, source: source() })
}

fn flag(value: &str) -> Option<bool> {
    match value {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*, sample::select, strategy::ValueTree, test_runner::RngSeed};

    use super::{KEYS, LIMIT, Lines, LinesError};
    use crate::{
        frame::{self, HEADER},
        message::{ClientAuth, Keyring, Operation, Request, Store},
        profile::Profile,
        secret::Secret,
    };

    fn error(input: &[u8]) -> LinesError {
        Lines::parse(input).err().unwrap_or_else(|| panic!("taken: {:?}", String::from_utf8_lossy(input)))
    }

    /// What was read, by key: everything that [`Lines`] holds.
    fn read(lines: &Lines) -> BTreeMap<&'static str, String> {
        let of = &lines.attributes;
        let fields = [
            ("url", of.url.clone()),
            ("token_url", of.token_url.clone()),
            ("client_id", of.client_id.clone()),
            ("client_secret", of.client_secret.as_ref().map(|secret| secret.expose().to_owned())),
            ("auth", of.auth.map(|auth| auth.to_string())),
            ("scope", of.scope.clone()),
            ("audience", of.audience.clone()),
            ("resource", of.resource.clone()),
            ("ca_file", of.ca_file.clone()),
            ("keyring", lines.keyring.map(|keyring| keyring.to_string())),
            ("no_check", lines.no_check.then(|| "true".to_owned())),
        ];
        fields.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }

    #[test]
    fn every_key_goes_to_its_own_field() {
        for key in KEYS {
            let value = match key {
                "auth" => "basic",
                "keyring" => "keyutils",
                "no_check" => "true",
                _ => "v",
            };
            let lines = Lines::parse(format!("{key}={value}\n").as_bytes()).unwrap();
            assert_eq!(read(&lines), BTreeMap::from([(key, value.to_owned())]));
        }
    }

    #[test]
    fn a_value_is_all_that_stands_behind_the_first_equals_sign() {
        for value in ["a=b", "=", " a ", "a&b+c%d\"'", "\u{e9}\u{1f511}", "#no comment", "\\n", "\u{2028}"] {
            let lines = Lines::parse(format!("client_secret={value}").as_bytes()).unwrap();
            assert!(lines.attributes.client_secret == Some(Secret::new(value.to_owned())), "{value:?}");
        }
    }

    #[test]
    fn an_empty_line_ends_the_input_and_nothing_after_it_is_read() {
        for input in [&b""[..], b"\n", b"\nclient_id=x", b"\n\xff\r\0"] {
            assert!(read(&Lines::parse(input).unwrap()).is_empty(), "{input:?}");
        }
        let after = b"client_id=a\n\nclient_id=b\r\n\0\xffnonsense";
        assert_eq!(Lines::parse(after).unwrap().attributes.client_id.as_deref(), Some("a"));
        for ending in ["", "\n", "\n\n"] {
            let input = format!("client_id=a\nscope=b{ending}");
            assert_eq!(read(&Lines::parse(input.as_bytes()).unwrap()).len(), 2, "{ending:?}");
        }
    }

    #[test]
    fn the_first_line_that_is_wrong_is_named() {
        let unknown = |line, key: &str| LinesError::UnknownKey { line, key: key.to_owned() };
        let cases: [(&[u8], LinesError); 29] = [
            (b"client_id=a\r\n", LinesError::ControlCharacter(1)),
            (b"client_id=a\n\r\n", LinesError::ControlCharacter(2)),
            (b"client_id=a\rclient_secret=b", LinesError::ControlCharacter(1)),
            (b"client_id=a\nclient_secret=b\0", LinesError::ControlCharacter(2)),
            (b"client\0_id=a", LinesError::ControlCharacter(1)),
            (b"client_id=\ta", LinesError::ControlCharacter(1)),
            (b"client_id=\x1b[2J", LinesError::ControlCharacter(1)),
            (b"client_id=\x7f", LinesError::ControlCharacter(1)),
            (b"client_id=\xc2\x85", LinesError::ControlCharacter(1)),
            (b"client_id=\xff", LinesError::NotUtf8(1)),
            (b"url=a\nclient_id=\xc3", LinesError::NotUtf8(2)),
            (b"client_id=\xed\xa0\x80", LinesError::NotUtf8(1)),
            (b"c\0l\0", LinesError::ControlCharacter(1)),
            (b"client_id", LinesError::NoEquals(1)),
            (b"url=a\nclient_id: a", LinesError::NoEquals(2)),
            (b" ", LinesError::NoEquals(1)),
            (b"=a", unknown(1, "")),
            (b"password=a", unknown(1, "password")),
            (b"url=a\nCLIENT_ID=a", unknown(2, "\u{2026}")),
            (b" client_id=a", unknown(1, "\u{2026}")),
            (b"client_id =a", unknown(1, "\u{2026}")),
            (b"client-id=a", unknown(1, "\u{2026}")),
            (b"\xef\xbb\xbfclient_id=a", unknown(1, "\u{2026}")),
            (b"client_id=a\nclient_id=a", LinesError::Duplicate { line: 2, key: "client_id" }),
            (b"no_check=false\nurl=a\nno_check=false", LinesError::Duplicate { line: 3, key: "no_check" }),
            (b"client_id=", LinesError::Empty { line: 1, key: "client_id" }),
            (b"client_id=\n", LinesError::Empty { line: 1, key: "client_id" }),
            (b"auth=", LinesError::Empty { line: 1, key: "auth" }),
            (b"url=a\n\x00\n", LinesError::ControlCharacter(2)),
        ];
        for (input, expected) in cases {
            assert_eq!(error(input), expected, "{:?}", String::from_utf8_lossy(input));
        }
    }

    #[test]
    fn a_word_is_one_of_its_choices() {
        let cases = [
            ("auth=digest", "line 1: auth: \"\u{2026}\" is none of post, basic"),
            ("auth=POST", "line 1: auth: \"\u{2026}\" is none of post, basic"),
            ("url=a\nno_check=yes", "line 2: no_check: \"\u{2026}\" is none of true, false"),
        ];
        for (input, said) in cases {
            assert_eq!(error(input.as_bytes()).to_string(), said);
        }
        // `auto` is a preference, not a place.
        let said = error(b"keyring=auto").to_string();
        assert!(said.starts_with("line 1: keyring: \"\u{2026}\" is none of secret-service, "), "{said}");
    }

    #[test]
    fn no_message_quotes_what_may_be_the_secret() {
        let secret = "Hunter2-Hunter2";
        let inputs = [
            secret.to_owned(),
            format!("{secret}="),
            format!("{secret}=\nclient_id=a"),
            format!("auth={secret}"),
            format!("keyring={secret}"),
            format!("no_check={secret}"),
            format!("client_secret={secret}\nclient_secret={secret}"),
            format!("client_secret={secret}\r"),
            format!("client_secret {secret}"),
            format!("client_secret:{secret}=="),
            format!("{}=", "x".repeat(33)),
        ];
        for input in inputs {
            let error = error(input.as_bytes());
            let said = format!("{error} {error:?}");
            assert!(!said.contains(secret) && !said.contains("xxx"), "{said}");
            assert!(!said.contains('\n'), "one line: {said}");
        }
    }

    #[test]
    fn a_longer_input_is_refused_and_the_longest_fits_into_a_request() {
        let of = |length: usize| {
            let rest = "client_secret=".len();
            format!("client_secret={}", "s".repeat(length - rest)).into_bytes()
        };
        assert_eq!(error(&of(LIMIT + 1)), LinesError::TooLong);
        assert_eq!(error(&vec![b'a'; 1 << 20]), LinesError::TooLong, "a mebibyte of rubbish");
        assert_eq!(error(&vec![b'\n'; LIMIT + 1]), LinesError::TooLong, "whatever stands there");

        let others = ["token_url", "client_id", "scope", "audience", "resource", "ca_file"];
        let mut all = String::from("url=u\nauth=basic\nkeyring=credential-manager\nno_check=true\n");
        all.extend(others.map(|key| format!("{key}=v\n")));
        all.push_str(&String::from_utf8(of(LIMIT - all.len())).unwrap());
        for input in [all.into_bytes(), of(LIMIT)] {
            assert_eq!(input.len(), LIMIT);
            let lines = Lines::parse(&input).unwrap();
            let profile = "p".repeat(Profile::LIMIT).parse().ok();
            let store = Store {
                profile,
                keyring: lines.keyring,
                check: !lines.no_check,
                attributes: lines.attributes,
            };
            let request = Request { deadline_ms: u64::MAX, operation: Operation::Store(Box::new(store)) };
            let frame = frame::encode(&request).unwrap();
            assert!(frame::decode::<Request>(&frame[HEADER..]).is_ok_and(|decoded| decoded == request));
        }
    }

    /// The grammar once more, over bytes and from the end of it: what [`Lines::parse`] must take.
    fn is_in_the_grammar(input: &[u8]) -> bool {
        let end = if input.starts_with(b"\n") {
            0
        } else {
            input.windows(2).position(|two| two == b"\n\n").unwrap_or(input.len())
        };
        let Ok(text) = std::str::from_utf8(&input[..end]) else { return false };
        let mut counts = BTreeMap::new();
        let good = |line: &str| {
            let Some(key) = KEYS.iter().find(|key| line.starts_with(&format!("{key}="))) else {
                return false;
            };
            *counts.entry(key).or_insert(0) += 1;
            let value = &line[key.len() + 1..];
            let choices = match *key {
                "auth" => vec!["post", "basic"],
                "keyring" => Keyring::NAMES.map(|(_, name)| name).to_vec(),
                "no_check" => vec!["true", "false"],
                _ => vec![value],
            };
            let droppable = matches!(*key, "scope" | "audience" | "resource" | "ca_file");
            (droppable || !value.is_empty()) && choices.contains(&value)
        };
        let hostile = |c: char| (c < ' ' && c != '\n') || ('\u{7f}'..='\u{9f}').contains(&c);
        input.len() <= LIMIT
            && !text.contains(hostile)
            && text.lines().all(good)
            && counts.values().all(|count| *count == 1)
    }

    /// Bytes that are often lines, and often nearly so.
    fn nearly_lines() -> impl Strategy<Value = Vec<u8>> {
        let words =
            ["post", "basic", "true", "false", "keyutils", "memory", "v", "a=b", "\u{e9}", "", "auto"];
        let line = (select(KEYS.to_vec()), select(words.to_vec()))
            .prop_map(|(key, value)| format!("{key}={value}\n").into_bytes());
        let right = (select(KEYS.to_vec()), "[ -~]{1,8}").prop_map(|(key, value)| match key {
            "auth" | "keyring" | "no_check" => vec![],
            key => format!("{key}={value}\n").into_bytes(),
        });
        let odd = select(vec!["\n", "\r\n", "\0", "=", "\u{feff}", "x=y\n", "\u{85}", "url"])
            .prop_map(|piece| piece.as_bytes().to_vec());
        let noise = vec(any::<u8>(), 0..4);
        let piece = prop_oneof![6 => line, 12 => right, 1 => odd, 1 => noise];
        vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    fn config() -> ProptestConfig {
        ProptestConfig {
            cases: 4000,
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(0x006c_696e_6573),
            ..ProptestConfig::default()
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn exactly_the_grammar_is_taken(input in nearly_lines()) {
            prop_assert_eq!(Lines::parse(&input).is_ok(), is_in_the_grammar(&input));
        }

        #[test]
        fn noise_never_panics(input in vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(Lines::parse(&input).is_ok(), is_in_the_grammar(&input));
        }

        #[test]
        fn what_is_taken_is_kept_to_the_letter(input in nearly_lines()) {
            if let Ok(lines) = Lines::parse(&input) {
                let text = String::from_utf8_lossy(&input);
                let given = text.split('\n').take_while(|line| !line.is_empty());
                let given: BTreeMap<_, _> = given.filter_map(|line| line.split_once('=')).collect();
                let read = read(&lines);
                let mut read: BTreeMap<_, _> = read.iter().map(|(key, value)| (*key, value.as_str())).collect();
                if given.get("no_check") == Some(&"false") {
                    read.insert("no_check", "false");
                }
                prop_assert_eq!(read, given);
            }
        }
    }

    #[test]
    fn half_of_what_the_property_tests_try_is_in_the_grammar() {
        let mut runner = proptest::test_runner::TestRunner::new(config());
        let mut taken = 0;
        for _ in 0..1000 {
            let input = nearly_lines().new_tree(&mut runner).unwrap().current();
            taken += usize::from(Lines::parse(&input).is_ok_and(|lines| !read(&lines).is_empty()));
        }
        assert!((200..800).contains(&taken), "{taken} of 1000: the tests above try too little of one kind");
    }

    #[test]
    fn the_default_of_auth_is_the_form_body() {
        assert_eq!(ClientAuth::default(), ClientAuth::Post);
    }
}
