//! Transcripts of commands, compared byte for byte with files that are kept.

use std::{env, fmt::Write as _, fs, path::Path};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::Output,
    user::{Account, User},
};

/// Set to `write` it has the files written anew instead of compared.
const WRITE_VARIABLE: &str = "DT_CRED_SNAPSHOTS";

/// Compares `text` with the file of this name below `tests/snapshots`.
///
/// # Panics
/// Where they differ, or the file is not there.
#[track_caller]
pub(crate) fn same(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(name);
    if env::var_os(WRITE_VARIABLE).is_some_and(|value| value == "write") {
        fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("a folder");
        fs::write(&file, text).expect("written");
        return;
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    let differs = kept.lines().zip(text.lines()).position(|(kept, now)| kept != now);
    let line = differs.unwrap_or_else(|| kept.lines().count().min(text.lines().count()));
    assert!(
        kept == text,
        "{name} differs from line {} on; if that is right, write it anew by {WRITE_VARIABLE}=write\n--- kept\n{kept}\n--- now\n{text}",
        line + 1,
    );
}

/// What commands printed and said, without what is another each time.
pub(crate) struct Transcript {
    text: String,
    masks: Vec<(String, &'static str)>,
    exact: bool,
}

impl Transcript {
    /// An empty one, of commands in this user's home.
    pub(crate) fn of(user: &User) -> Self {
        let home = user.home.path().display().to_string();
        // A path is told as Rust writes it in quotes: on Windows with each backslash twice.
        let masks = [
            (user.home.socket().display().to_string().escape_debug().to_string(), "SOCKET"),
            (user.home.socket().display().to_string(), "SOCKET"),
            (home.escape_debug().to_string(), "HOME"),
            (home, "HOME"),
            (user.profile().to_owned(), "PROFILE"),
        ];
        Self { text: String::new(), masks: masks.into(), exact: true }
    }

    /// Has `word` stand as `mask`.
    pub(crate) fn mask(&mut self, word: impl Into<String>, mask: &'static str) {
        self.masks.push((word.into(), mask));
    }

    /// Has every digit masked: where what is told changes by the second.
    pub(crate) fn inexact(&mut self) {
        self.exact = false;
    }

    /// Has what is this account's stand by its name.
    pub(crate) fn mask_account(&mut self, account: &Account) {
        self.mask(&account.url, "ISSUER");
        self.mask(&account.client_id, "CLIENT_ID");
    }

    /// Adds a command and what came of it. The tokens of `sandbox` stand as TOKEN.
    pub(crate) fn add(&mut self, arguments: &[&str], output: &Output, sandbox: Option<&Sandbox>) {
        let tokens = sandbox.map(Sandbox::tokens).unwrap_or_default();
        let masked = |text: &str| {
            let text = tokens.iter().fold(text.to_owned(), |text, token| text.replace(token, "TOKEN"));
            let text = self.masks.iter().fold(text, |text, (word, mask)| text.replace(word, mask));
            numbers(&undefended(&text), self.exact)
        };
        let mut told = format!("$ dt-cred {}\n", masked(&arguments.join(" ")));
        told += &masked(&output.stdout);
        for line in masked(&output.stderr).lines() {
            let _ = writeln!(told, "! {line}");
        }
        let code = output.code.map_or("a signal".to_owned(), |code| code.to_string());
        let _ = writeln!(told, "? {code}\n");
        self.text += &told;
    }

    /// Compares it with the file of this name.
    ///
    /// # Panics
    /// As [`same`].
    #[track_caller]
    pub(crate) fn same(self, name: &str) {
        same(name, &self.text);
    }
}

/// Every number as `#` that is another each time: times, sizes, process ids; a digit by itself stays where `exact`. What
/// lies between two columns is as long as they leave it: two spaces.
fn numbers(text: &str, exact: bool) -> String {
    let mut masked = String::new();
    let mut digits = String::new();
    for character in text.chars().chain(['\n']) {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        masked += if digits.len() > usize::from(exact) { "#" } else { &digits };
        digits.clear();
        if character != ' ' || !masked.ends_with("  ") {
            masked.push(character);
        }
    }
    masked.pop();
    masked
}

/// What a system defends a daemon with is its own.
fn undefended(text: &str) -> String {
    let text = match (text.split_once("\"defences\":["), text.split_once("],\"files\":")) {
        (Some((before, _)), Some((_, after))) => format!("{before}\"defences\":[…],\"files\":{after}"),
        _ => text.to_owned(),
    };
    let line = |line: &str| match line.split_once("defended: ") {
        Some(("", _)) => "defended: …\n".to_owned(),
        _ => line.to_owned(),
    };
    text.split_inclusive('\n').map(line).collect()
}
