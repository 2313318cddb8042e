use std::path::Path;

use dt_cred_proto::attributes::{KEYS, LIMIT, Lines};
use dt_credd::credentials::{Credentials, ITEM_LIMIT};

use crate::{SLACK, another, is_plain, item, told, within};

/// The lines that `store` reads.
///
/// # Panics
/// Where a rule is broken.
pub fn lines(data: &[u8]) -> bool {
    let read = within(SLACK + 2 * data.len().min(LIMIT), || Lines::parse(data));
    match &read {
        Ok(lines) => {
            assert!(data.len() <= LIMIT, "longer than the limit");
            let text = print(lines);
            assert!(text.iter().all(|(_, value)| is_plain(value)), "a control character in a value");
            let again: Vec<_> = text.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let again = Lines::parse(again.join("\n").as_bytes());
            assert!(again.is_ok_and(|again| print(&again) == text), "it is not what was printed");
        }
        Err(error) => {
            told(error);
        }
    }
    // What is said depends on no value that may be a secret.
    let other = Lines::parse(&with_other_values(data));
    let (taken, error) = (read.is_ok(), read.err());
    assert_eq!(error, other.err(), "an error that knows a value");
    taken
}

/// The lines that a source gives, which are credentials.
///
/// # Panics
/// Where a rule is broken.
pub fn given(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    // It would read a file of this machine.
    let file = Lines::parse(data).ok().and_then(|lines| lines.attributes.ca_file);
    if file.is_some_and(|file| Path::new(&file).is_absolute()) {
        return false;
    }
    match within(SLACK + 8 * ITEM_LIMIT + 16 * data.len().min(LIMIT), || Credentials::given(text)) {
        Ok(credentials) => {
            item::holds(&credentials);
            assert!(credentials.to_item().expose().len() <= ITEM_LIMIT, "more than an item may hold");
            true
        }
        Err(error) => {
            let other = Credentials::given(&String::from_utf8_lossy(&with_other_secret(data)));
            let other = other.err().map(|other| other.to_string());
            assert_eq!(Some(told(&error)), other, "an error that knows the secret");
            false
        }
    }
}

/// What was read, as the lines say it.
fn print(lines: &Lines) -> Vec<(&'static str, String)> {
    let Lines { attributes: of, keyring, no_check } = lines;
    let value = |key| match key {
        "url" => of.url.clone(),
        "token_url" => of.token_url.clone(),
        "client_id" => of.client_id.clone(),
        "client_secret" => of.client_secret.as_ref().map(|secret| secret.expose().to_owned()),
        "auth" => of.auth.map(|auth| auth.to_string()),
        "scope" => of.scope.clone(),
        "audience" => of.audience.clone(),
        "resource" => of.resource.clone(),
        "ca_file" => of.ca_file.clone(),
        "keyring" => keyring.map(|keyring| keyring.to_string()),
        _ => no_check.then(|| "true".to_owned()),
    };
    KEYS.into_iter().filter_map(|key| Some((key, value(key)?))).collect()
}

fn with_other_values(data: &[u8]) -> Vec<u8> {
    changed(data, |key| !matches!(key, "auth" | "keyring" | "no_check"))
}

fn with_other_secret(data: &[u8]) -> Vec<u8> {
    changed(data, |key| key == "client_secret")
}

/// The same lines with another value for these keys.
fn changed(data: &[u8], keys: impl Fn(&str) -> bool) -> Vec<u8> {
    let line = |line: &[u8]| {
        let text = std::str::from_utf8(line).ok()?;
        let (key, value) = text.split_once('=')?;
        (KEYS.contains(&key) && keys(key)).then(|| format!("{key}={}", another(value)).into_bytes())
    };
    let lines: Vec<_> = data
        .split(|&byte| byte == b'\n')
        .map(|bytes| line(bytes).unwrap_or_else(|| bytes.to_vec()))
        .collect();
    lines.join(&b'\n')
}
