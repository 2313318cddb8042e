//! The control address: what a test does by calls, done by HTTP, for scripts and other programs. It is plain
//! HTTP on a port of its own.

use std::io;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::connection::{Site, converse};
use super::http::{Answer, Request};
use super::random;
use super::shared::Shared;

/// Serves until it is dropped.
pub(super) async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { converse(stream, Site::Control, &shared).await });
    }
}

pub(super) async fn answer(shared: &Arc<Shared>, request: &Request) -> Answer {
    let path: Vec<&str> = request.path().trim_matches('/').split('/').collect();
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["counts"]) => shared.with(|state| Answer::json(200, &json!(state.counts))),
        ("GET", ["settings"]) => shared.with(|state| Answer::json(200, &json!(state.settings))),
        ("POST", ["settings"]) => settings(shared, request).await,
        ("POST", ["clients"]) => clients(shared, request),
        ("POST", ["clients", client_id, change]) => {
            let client_id = (*client_id).to_owned();
            let done = shared.with(|state| match *change {
                "regenerate-secret" => state
                    .registry
                    .regenerate_secret(&client_id, state.settings.secret_term())
                    .map(|secret| json!({ "client_id": client_id, "client_secret": secret })),
                "expire-secret" => {
                    state.registry.end_secret(&client_id, state.settings.clock()).map(|()| json!({}))
                }
                "revoke-tokens" => state.registry.revoke_tokens(&client_id).map(|()| json!({})),
                _ => None,
            });
            done.map_or_else(nowhere, |done| Answer::json(200, &done))
        }
        _ => nowhere(),
    }
}

async fn settings(shared: &Arc<Shared>, request: &Request) -> Answer {
    let patch = match serde_json::from_slice::<Value>(&request.body) {
        Ok(patch) => patch,
        Err(error) => return Answer::error(400, "no JSON", &error.to_string()),
    };
    let shared = Arc::clone(shared);
    // The door is changed by this very thread, so another one must wait for it.
    let changed = tokio::task::spawn_blocking(move || {
        let changed = shared.set(|settings| settings.patched(&patch).map(|patched| *settings = patched))?;
        changed.map_err(|error| error.to_string())?;
        Ok(shared.with(|state| json!(state.settings)))
    });
    match changed.await.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(settings) => Answer::json(200, &settings),
        Err(error) => Answer::error(400, "no such settings", &error),
    }
}

/// A client to make.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NewClient {
    /// Made up where it is not chosen.
    client_secret: Option<String>,
    /// Whether it is an Owner.
    owner: bool,
}

fn clients(shared: &Shared, request: &Request) -> Answer {
    let empty = request.body.is_empty();
    let new = if empty { Ok(NewClient::default()) } else { serde_json::from_slice(&request.body) };
    let Ok(NewClient { client_secret, owner }) = new else {
        let members =
            "the body must be empty or have {\"client_secret\":\"…\"} and {\"owner\":true} or one of them";
        return Answer::error(400, "no client", members);
    };
    let secret = client_secret.unwrap_or_else(random::hex::<32>);
    let client = shared.with(|state| state.registry.add_unasked(owner, secret, state.settings.secret_term()));
    Answer::json(201, &json!(client))
}

fn nowhere() -> Answer {
    let list = "GET /counts, GET or POST /settings, POST /clients, POST /clients/ID/regenerate-secret, \
                POST /clients/ID/expire-secret, POST /clients/ID/revoke-tokens";
    Answer::error(404, "not found", list)
}
