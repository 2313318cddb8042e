//! All that this project's programs say while the tests run, kept so that it can be searched as a whole.
//!
//! Nothing is kept unless [`VARIABLE`] names a folder, as `tests/run` has it do for its one run of all tests. It is then
//! searched by the program `search-transcript`, which is [`search`].

mod record;
mod search;

use std::{
    collections::HashSet,
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

pub use record::{Channel, Record};
pub use search::{Found, Least, TranscriptError, search};

/// Environment variable with the folder.
pub const VARIABLE: &str = "DT_CRED_TRANSCRIPT";

/// The ending of the files with what must not be said.
const SECRETS: &str = "secrets";

/// The ending of the files with what may be said where it is asked for.
const TOKENS: &str = "tokens";

/// The ending of the files with what was said.
const SAID: &str = "said";

fn folder() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let folder =
        FOLDER.get_or_init(|| env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from));
    folder.as_deref()
}

/// Notes a secret of the tests: what no program may say anywhere.
///
/// # Panics
/// Where the folder cannot be written; so do [`token`] and [`keep`].
pub fn secret(secret: &str) {
    note(secret, SECRETS);
}

/// Notes a token: what no program may say but where it is asked for one.
pub fn token(token: &str) {
    note(token, TOKENS);
}

fn note(text: &str, kind: &'static str) {
    static KNOWN: Mutex<Option<HashSet<(String, &str)>>> = Mutex::new(None);
    let Some(folder) = folder() else { return };
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known.get_or_insert_default().insert((text.to_owned(), kind)) {
        let file = folder.join(format!("{}.{kind}", process::id()));
        let line = serde_json::to_string(text).expect("text") + "\n";
        let mut file = fs::OpenOptions::new().create(true).append(true).open(file).expect("a transcript");
        std::io::Write::write_all(&mut file, line.as_bytes()).expect("a transcript");
    }
}

/// Notes the secret in the lines that a command is given, if there is one.
pub fn given(stdin: &[u8]) {
    if folder().is_some() {
        let text = String::from_utf8_lossy(stdin);
        text.lines().filter_map(|line| line.strip_prefix("client_secret=")).for_each(secret);
    }
}

/// Whether what this command says is kept.
pub fn keeps(command: &[String]) -> bool {
    folder().is_some() && record::speaks(command)
}

/// Keeps what a command said, where it [is kept](keeps).
pub fn keep(command: &[String], channel: Channel, code: Option<i32>, said: &[u8]) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    if let Some(folder) = folder().filter(|_| keeps(command)) {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let record = Record { command: command.to_vec(), channel, code, said: said.to_vec() };
        let file = folder.join(format!("{}-{number}.{SAID}", process::id()));
        fs::write(file, record.to_bytes()).expect("a transcript");
    }
}
