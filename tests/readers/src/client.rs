use std::fmt::Display;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use dt_cred::{
    bearer,
    git::{self, Description, GitError},
    jwt, kubectl,
    origin::Origin,
};
use dt_cred_proto::secret::Secret;
use dt_credd::credentials::is_loopback;
use reqwest::Url;
use serde_json::Value;

use crate::{SLACK, another, is_plain, item::JSON, told, within};

/// What git says to a credential helper.
///
/// # Panics
/// Where a rule is broken.
pub fn git(data: &[u8]) -> bool {
    // A list may hold a text for each few bytes, and doubles as it grows.
    let read = within(SLACK + 8 * data.len().min(git::LIMIT), || git::read(data));
    match &read {
        Ok(description) => {
            assert!(data.len() <= git::LIMIT, "longer than the limit");
            let lines = print(description);
            assert!(lines.iter().all(|(_, value)| is_plain(value)), "a control character in a value");
            let again: Vec<_> = lines.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let again = git::read(again.join("\n").as_bytes());
            assert!(again.is_ok_and(|again| print(&again) == lines), "it is not what was printed");
            description.origin().into_iter().flatten().for_each(|of| stays(&of));
            for secret in [&description.password, &description.credential].into_iter().flatten() {
                answered(secret);
            }
        }
        Err(error) => {
            told(error);
        }
    }
    // What is said depends on no value: each of them may be a secret.
    let line = |line: &[u8]| {
        let text = std::str::from_utf8(line).ok()?;
        let (key, value) = text.split_once('=')?;
        Some(format!("{key}={}", another(value)).into_bytes())
    };
    let lines: Vec<_> = data
        .split(|&byte| byte == b'\n')
        .map(|bytes| line(bytes).unwrap_or_else(|| bytes.to_vec()))
        .collect();
    let (taken, error) = (read.is_ok(), read.err());
    assert_eq!(error, git::read(&lines.join(&b'\n')).err(), "an error that knows a value");
    taken
}

/// What was read, as the lines say it.
fn print(description: &Description) -> Vec<(&'static str, &str)> {
    let once = [
        ("protocol", description.protocol.as_deref()),
        ("host", description.host.as_deref()),
        ("path", description.path.as_deref()),
        ("username", description.username.as_deref()),
        ("password", description.password.as_ref().map(Secret::expose)),
        ("authtype", description.authtype.as_deref()),
        ("credential", description.credential.as_ref().map(Secret::expose)),
    ];
    let once = once.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let capabilities = description.capabilities.iter().map(|value| ("capability[]", value.as_str()));
    let challenges = description.wwwauth.iter().map(|value| ("wwwauth[]", value.as_str()));
    once.chain(capabilities).chain(challenges).collect()
}

/// A token is answered in lines that say it and nothing else; what is none is not answered.
fn answered(token: &Secret) {
    match (git::write(token, 1), kubectl::write(token, 1)) {
        (Ok(lines), Ok(json)) => {
            assert!(bearer::is_token(token.expose()));
            let read = git::read(&lines).unwrap_or_else(|error| panic!("git could not read it: {error}"));
            assert!(read.credential.as_ref() == Some(token) && read.authtype.as_deref() == Some("Bearer"));
            let json: Value = serde_json::from_slice(&json).expect("kubectl reads JSON");
            assert!(json["status"]["token"] == *token.expose());
        }
        (Err(GitError::NotAToken), Err(kubectl::KubectlError::NotAToken)) => {
            assert!(!bearer::is_token(token.expose()));
        }
        _ => panic!("the helper protocols do not agree what a token is"),
    }
}

/// What kubectl says to a credential plugin.
///
/// # Panics
/// Where a rule is broken.
pub fn kubectl(data: &[u8]) -> bool {
    // A variable that is not UTF-8 is refused before it is read.
    let Ok(text) = std::str::from_utf8(data) else { return false };
    match within(SLACK + 4 * text.len().min(kubectl::LIMIT), || kubectl::read(text)) {
        Ok(asked) => {
            assert!(text.len() <= kubectl::LIMIT && !asked.server.is_empty());
            Origin::of(&asked.server).iter().for_each(stays);
            true
        }
        Err(error) => {
            told(&error);
            false
        }
    }
}

/// A URL, as far as it says where a token may go.
///
/// # Panics
/// Where a rule is broken.
pub fn origin(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let origin = match within(SLACK + 2 * text.len(), || Origin::of(text)) {
        Ok(origin) => origin,
        Err(error) => {
            told(&error);
            return false;
        }
    };
    stays(&origin);
    // Programs that read it as WHATWG's URL Standard has it go there and nowhere else.
    let Ok(url) = Url::parse(text) else { return true };
    let is_address =
        url.host_str().is_some_and(|host| host.ends_with(|c: char| c.is_ascii_digit() || c == ']'));
    let theirs = Origin::of(url.as_str()).unwrap_or_else(|error| panic!("{url} is none to us: {error}"));
    // An address may be written in several ways, of which one is the profile's.
    assert!(is_address || theirs == origin, "{origin} to us, {theirs} to others");
    assert!(!origin.takes_tokens() || url.scheme() == "https" || is_loopback(&url), "a token in the clear");
    true
}

/// An origin stays what it is when it is written and read.
fn stays(origin: &Origin) {
    assert_eq!(Origin::of(&origin.to_string()).as_ref(), Ok(origin), "{origin}");
    assert!(origin.host().bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase() && b != b'@'));
}

/// A JSON Web Token; and one whose payload is what is given.
///
/// # Panics
/// Where a rule is broken.
pub fn jwt(data: &[u8]) -> bool {
    let whole = format!("eyJhbGciOiJub25lIn0.{}.", BASE64_URL_SAFE_NO_PAD.encode(data));
    token(data) | token(whole.as_bytes())
}

fn token(data: &[u8]) -> bool {
    match within(SLACK + JSON * data.len().min(jwt::LIMIT), || jwt::read(data)) {
        Ok(token) => {
            assert!(data.len() <= jwt::LIMIT, "longer than the limit");
            for (name, value) in &token.payload {
                // Whole and exact, or none at all.
                let moment = token.moment(name);
                assert!(moment.is_none_or(|moment| moment.unsigned_abs() <= 1 << 53 && value.is_number()));
            }
            true
        }
        Err(error) => {
            quotes_nothing(&error, data);
            false
        }
    }
}

/// What is malformed in one place may be good elsewhere: no run of it stands in the message.
fn quotes_nothing(error: &impl Display, data: &[u8]) {
    /// Longer than any word of a message.
    const RUN: usize = 16;
    let message = told(error);
    let in_token = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    for run in data.split(|byte| !in_token(byte)).filter(|run| run.len() >= RUN) {
        assert!(!message.contains(&*String::from_utf8_lossy(run)), "a part of the token is in the message");
    }
}
