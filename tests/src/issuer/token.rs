//! The token endpoint: the client-credentials grant (RFC 6749 §4.4) as DataTrails does it.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::form;
use super::http::{Answer, Request};
use super::registry::{About, Registry, Stranger};
use super::rsa::SigningKey;
use super::settings::Settings;
use super::{jwt, random};

/// Where it is, under the issuer's url.
pub(super) const PATH: &str = "/archivist/iam/v1/appidp/token";

/// What the issuer says about itself.
pub(super) struct Identity {
    pub(super) url: String,
    pub(super) tenant: String,
}

/// Grants or refuses; `Ok` is a grant. `now` is when the request arrived: the token's life begins then, so a
/// client that counted from when it got the answer would be found out.
pub(super) fn answer(
    identity: &Identity,
    key: &SigningKey,
    settings: &Settings,
    registry: &mut Registry,
    request: &Request,
    now: Instant,
) -> Result<Answer, Answer> {
    let (client_id, client_secret) = credentials(request)?;
    let integration =
        registry.authenticate(&client_id, &client_secret, settings.clock()).map_err(|stranger| {
            let status = if stranger == Stranger::Expired { 400 } else { 401 };
            let refusal = Answer::oauth(status, "invalid_client", "client authentication failed");
            // RFC 6749 §5.2: a client that tried this header is told the scheme.
            match request.header("Authorization") {
                Some(_) => refusal.with("WWW-Authenticate", "Basic realm=\"sandbox\""),
                None => refusal,
            }
        })?;
    let live =
        registry.live_token(&client_id, now).filter(|(_, left)| settings.repeat_token && left.as_secs() > 0);
    let (token, lifetime) = if let Some((token, left)) = live {
        (Some(Value::String(token)), number(left.as_secs_f64().floor()))
    } else {
        let claims = || claims(identity, settings, &client_id, &integration.about);
        let token = settings.access_token.or(|| Value::String(mint(key, settings, claims)));
        if let Some(Value::String(token)) = &token {
            let lifetime = Duration::try_from_secs_f64(settings.lifetime.clamp(0.0, 1e9)).unwrap_or_default();
            registry.issue(&client_id, token, now + lifetime);
        }
        (token, number(settings.lifetime))
    };
    let members = [
        ("access_token", token),
        ("expires_in", settings.expires_in.or(|| lifetime)),
        ("token_type", settings.token_type.or(|| "Bearer".into())),
    ];
    let grant: Map<_, _> =
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    // RFC 6749 §5.1 wants both headers.
    Ok(Answer::json(200, &grant.into()).with("Cache-Control", "no-store").with("Pragma", "no-cache"))
}

/// Client id and secret of a well-formed request, from the form or from Basic authentication.
fn credentials(request: &Request) -> Result<(String, String), Answer> {
    if request.method != "POST" {
        return Err(Answer::error(405, "method not allowed", "POST a form").with("Allow", "POST"));
    }
    let invalid = |description: &str| Answer::oauth(400, "invalid_request", description);
    let media_type = request.header("Content-Type").unwrap_or_default().split(';').next().unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(invalid("the body must be application/x-www-form-urlencoded"));
    }
    let fields = request.fields().ok_or_else(|| invalid("the form is malformed"))?;
    let field = |name: &str| {
        let mut values = fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone());
        let value = values.next().filter(|value| !value.is_empty());
        match (value, values.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => Err(invalid(&format!("{name} is missing"))),
            (_, Some(_)) => Err(invalid(&format!("{name} is given twice"))),
        }
    };
    if field("grant_type")? != "client_credentials" {
        return Err(Answer::oauth(400, "unsupported_grant_type", "only client_credentials is supported"));
    }
    match request.header("Authorization") {
        None => Ok((field("client_id")?, field("client_secret")?)),
        Some(_) if field("client_secret").is_ok() => Err(invalid("the client is authenticated twice")),
        Some(header) => basic(header).ok_or_else(|| invalid("the Authorization header is malformed")),
    }
}

/// Both are form-encoded before they are joined and go through base64 (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (client_id, client_secret) = pair.split_once(':').filter(|_| scheme.eq_ignore_ascii_case("Basic"))?;
    Some((form::decode_component(client_id)?, form::decode_component(client_secret)?))
}

fn mint(key: &SigningKey, settings: &Settings, claims: impl FnOnce() -> Value) -> String {
    if settings.opaque {
        let token = random::word(43);
        let missing = settings.token_length.unwrap_or(0).saturating_sub(token.len());
        token + &"x".repeat(missing)
    } else {
        jwt::sign(key, &claims(), settings.token_length)
    }
}

fn claims(identity: &Identity, settings: &Settings, client_id: &str, about: &About) -> Value {
    let issued = settings.clock();
    let mut claims = json!({
        "jit_tenant_id": identity.tenant,
        "name": about.display_name,
        "jit_tier": "FREE",
        "jti": random::word(21),
        "sub": client_id,
        "iat": issued,
        "exp": number(issued as f64 + settings.lifetime),
        "client_id": client_id,
        "iss": format!("{}/appidpv1", identity.url),
        "aud": format!("{}/archivist", identity.url),
    });
    for (name, value) in &about.custom_claims {
        claims[name] = json!(value);
    }
    claims
}

/// A whole number without a fraction, as issuers write them.
fn number(seconds: f64) -> Value {
    if seconds.fract() == 0.0 { json!(seconds as i64) } else { json!(seconds) }
}
