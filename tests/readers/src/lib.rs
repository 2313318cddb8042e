//! What must hold of each reader of bytes that come in, whatever the bytes are: no panic, no more memory than the bytes
//! warrant, no wait, and of what is accepted and what is said the rules that its check states.
//!
//! One function for each reader, which panics where a rule is broken. The property tests of this crate call it in every
//! run, on stable Rust, with the corpus of `fuzz` as well; the fuzz targets call nothing else. Linking this crate makes
//! the allocator the one that counts.

#[path = "../../../proto/tests/hostile/counting.rs"]
mod counting;

mod client;
mod config;
mod curl;
mod frames;
mod grant;
mod integrations;
mod item;
mod lines;
mod session;
mod state;
mod text;

pub use client::{git, jwt, kubectl, origin};
pub use config::config;
pub use curl::{curl, curl_answer};
pub use frames::{request, response};
pub use grant::{assets, grant};
pub use integrations::{access_policies, applications, moment};
pub use item::item;
pub use lines::{given, lines};
pub use session::session;
pub use state::state;
pub use text::text;

use std::{fmt::Display, path::Path};

use dt_cred_proto::text::Text;

/// The check of one reader: whether the bytes were taken. It panics where a rule is broken.
pub type Check = fn(&[u8]) -> bool;

/// Every check but that of [`session`], which needs a runtime, by the name of its fuzz target.
pub const CHECKS: [(&str, Check); 19] = [
    ("request", request),
    ("response", response),
    ("lines", lines),
    ("given", given),
    ("item", item),
    ("grant", grant),
    ("assets", assets),
    ("applications", applications),
    ("access_policies", access_policies),
    ("moment", moment),
    ("config", config),
    ("state", state),
    ("text", text),
    ("git", git),
    ("kubectl", kubectl),
    ("origin", origin),
    ("jwt", jwt),
    ("curl", curl),
    ("curl_answer", curl_answer),
];

/// What an error costs besides what was read: its own text.
const SLACK: usize = 8192;

/// What `read` returns, which may hold `most` bytes at once.
fn within<T>(most: usize, read: impl FnOnce() -> T) -> T {
    let (result, held) = counting::allocated(read);
    assert!(held <= most, "{held} bytes were held at once, and {most} may be");
    result
}

/// What `error` says: one line without a character that a terminal obeys.
fn told(error: &impl Display) -> String {
    let message = error.to_string();
    let shown: String = message.chars().take(Text::LIMIT).collect();
    assert_eq!(Text::new(&shown).as_str(), shown.trim(), "it is not safe to print");
    message
}

/// Whether no character of `text` is a line's end to somebody, or what a terminal obeys.
fn is_plain(text: &str) -> bool {
    !text.contains(char::is_control)
}

/// Another text of the same length, in UTF-8 and in JSON, for a rule that must not depend on which it is.
fn another(text: &str) -> String {
    let other = |c: char| match c {
        'x' => 'y',
        c if c.is_ascii_alphanumeric() => 'x',
        c => c,
    };
    text.chars().map(other).collect()
}

/// A path that stands in messages.
fn file() -> &'static Path {
    Path::new("/home/user/file.toml")
}
