use dt_credd::credentials::{Credentials, READ_LIMIT, is_loopback};
use reqwest::Url;
use serde_json::Value;

use crate::{SLACK, another, is_plain, told, within};

/// How much more memory a JSON value takes than its bytes.
pub(crate) const JSON: usize = 48;

/// A keyring's item.
///
/// # Panics
/// Where a rule is broken.
pub fn item(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    match within(SLACK + JSON * text.len().min(READ_LIMIT), || Credentials::parse(&text)) {
        Ok(credentials) => {
            assert!(text.len() <= READ_LIMIT, "longer than the limit");
            holds(&credentials);
            true
        }
        Err(error) => {
            told(&error);
            // What is said does not depend on the secret.
            let Ok(mut value) = serde_json::from_str::<Value>(&text) else { return false };
            let said =
                |value: &Value| Credentials::parse(&value.to_string()).err().map(|error| error.to_string());
            let before = said(&value);
            if let Some(Value::String(secret)) = value.get_mut("client_secret") {
                *secret = another(secret);
                assert_eq!(said(&value), before, "an error that knows the secret");
            }
            false
        }
    }
}

/// What holds of every credentials that were read.
pub(crate) fn holds(credentials: &Credentials) {
    let written = credentials.to_item();
    let again = Credentials::parse(written.expose());
    // Written out, what was left to a default makes a full one longer.
    let longer = written.expose().len() > READ_LIMIT;
    assert!(longer || again.is_ok_and(|again| again == *credentials), "it is not what was written");

    let secret = credentials.client_secret.expose();
    assert!(!credentials.client_id.is_empty() && !secret.is_empty(), "an empty field");
    let optional =
        [&credentials.scope, &credentials.audience, &credentials.resource, &credentials.valid_until];
    let fields = [&credentials.url, &credentials.token_url, &credentials.client_id];
    let file = credentials.ca.as_ref().map(|ca| &ca.file);
    let mut all = fields.into_iter().chain(optional.into_iter().flatten()).chain(file);
    assert!(all.all(|field| is_plain(field)) && is_plain(secret), "a control character");
    assert!(!credentials.url.ends_with('/') && !credentials.url.contains('?'), "no base URL");
    for url in [&credentials.url, &credentials.token_url] {
        let url = Url::parse(url).expect("a URL");
        assert!(
            url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)),
            "a secret in the clear"
        );
        assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    }
}
