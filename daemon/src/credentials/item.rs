//! The keyring's item: one JSON object of version 1.

use dt_cred_proto::{message::ClientAuth, secret::Secret};
use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{
    Ca, Credentials, DEFAULT_URL, ItemError, READ_LIMIT, TOKEN_PATH, ca,
    endpoint::{base, token},
};

#[derive(Serialize)]
struct Item<'a> {
    v: u8,
    url: &'a str,
    token_url: &'a str,
    client_id: &'a str,
    client_secret: &'a Secret,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<ClientAuth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_sha256: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<&'a str>,
    #[serde(flatten)]
    rest: &'a Map<String, Value>,
}

pub(super) fn write(credentials: &Credentials) -> Secret {
    let item = Item {
        v: 1,
        url: &credentials.url,
        token_url: &credentials.token_url,
        client_id: &credentials.client_id,
        client_secret: &credentials.client_secret,
        auth: Some(credentials.auth).filter(|auth| *auth != ClientAuth::default()),
        scope: credentials.scope.as_deref(),
        audience: credentials.audience.as_deref(),
        resource: credentials.resource.as_deref(),
        ca_file: credentials.ca.as_ref().map(|ca| &*ca.file),
        ca_sha256: credentials.ca.as_ref().map(|ca| &*ca.sha256),
        valid_until: credentials.valid_until.as_deref(),
        rest: &credentials.rest,
    };
    // Large enough for what the limit lets pass; a buffer that grows leaves copies behind.
    let mut json = Zeroizing::new(Vec::with_capacity(2 * super::ITEM_LIMIT));
    serde_json::to_writer(&mut *json, &item).expect("strings and JSON values can be written");
    Secret::new(String::from_utf8(std::mem::take(&mut *json)).expect("JSON is UTF-8"))
}

pub(super) fn parse(item: &str) -> Result<Credentials, ItemError> {
    if item.len() > READ_LIMIT {
        return Err(ItemError::TooLong);
    }
    // serde's own message may quote a value: it is not shown.
    let mut members: Map<String, Value> = serde_json::from_str(item).map_err(|_| ItemError::NotJson)?;

    match members.remove("v") {
        None => return Err(ItemError::Missing("v")),
        Some(v) if v.as_u64() != Some(1) => return Err(ItemError::Version),
        Some(_) => {}
    }
    let mut take = |name: &'static str| match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(ItemError::Member(name)),
    };
    let client_id = take("client_id")?.ok_or(ItemError::Missing("client_id"))?;
    let client_secret = Secret::new(take("client_secret")?.ok_or(ItemError::Missing("client_secret"))?);
    let url = take("url")?.unwrap_or_else(|| DEFAULT_URL.to_owned());
    let url = base(&url).map_err(|source| ItemError::Url { field: "url", source })?;
    let token_url = match take("token_url")? {
        Some(url) => token(&url).map_err(|source| ItemError::Url { field: "token_url", source })?,
        None => format!("{url}{TOKEN_PATH}"),
    };
    let auth = match take("auth")? {
        Some(word) => word.parse().map_err(|_| ItemError::Member("auth"))?,
        None => ClientAuth::default(),
    };
    let ca = match (take("ca_file")?, take("ca_sha256")?) {
        (Some(file), Some(sha256)) if ca::is_sha256(&sha256) => {
            Some(Ca { file, sha256: sha256.to_ascii_lowercase() })
        }
        (Some(_), Some(_)) => return Err(ItemError::Member("ca_sha256")),
        // A CA that is not pinned, or a pin of nothing, would be trust that nobody gave.
        (Some(_), None) => return Err(ItemError::Missing("ca_sha256")),
        (None, Some(_)) => return Err(ItemError::Missing("ca_file")),
        (None, None) => None,
    };
    let (scope, audience, resource) = (take("scope")?, take("audience")?, take("resource")?);
    let valid_until = take("valid_until")?;
    let credentials = Credentials {
        url,
        token_url,
        client_id,
        client_secret,
        auth,
        scope,
        audience,
        resource,
        ca,
        valid_until,
        rest: members,
    };
    credentials.unprintable().map_or(Ok(credentials), |field| Err(ItemError::ControlCharacter(field)))
}
