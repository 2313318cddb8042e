//! The Applications API: Custom Integrations, made and changed by an Owner.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{self, Call};
use super::http::Answer;
use super::page::{self, Item};
use super::registry::{About, Integration, OWNER, Registry};
use super::{random, timestamp};

/// Where they are, under the issuer's url.
pub(super) const PATH: &str = "/archivist/iam/v1/applications";
/// What follows an integration's path where it is to have another secret.
pub(super) const REGENERATE: &str = ":regenerate-secret";

/// What a token says by itself (RFC 7519 §4.1, RFC 9068, OpenID Connect Core §2 and §5.1), and no claim of an integration's own.
const REGISTERED: &str = "\
    iss sub aud exp nbf iat jti client_id scope roles groups entitlements auth_time nonce acr amr azp at_hash c_hash cnf \
    name given_name family_name middle_name nickname preferred_username profile picture website email email_verified \
    gender birthdate zoneinfo locale phone_number phone_number_verified address updated_at";

/// What is asked for; what is not named stays as it is, or is nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    display_name: Option<String>,
    custom_claims: Option<BTreeMap<String, String>>,
    roles: Option<Vec<String>>,
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Answer, Answer> {
    let draft = draft(call)?;
    let display_name = draft.display_name.ok_or_else(|| Answer::malformed("display_name is missing"))?;
    if call.registry.integrations().len() >= call.settings.quota {
        return Err(Answer::error(402, "quota exceeded", "this tenancy may have no more integrations"));
    }
    let about = About {
        display_name,
        custom_claims: draft.custom_claims.unwrap_or_default(),
        roles: draft.roles.unwrap_or_default(),
    };
    let client = call.registry.add(about, random::hex::<32>(), call.settings.secret_term());
    call.counts.applications.created += 1;
    told(call, &client.client_id, &client.client_secret)
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Answer, Answer> {
    let items = call.registry.integrations().into_iter().map(|(id, integration)| Item {
        number: integration.number,
        display_name: integration.about.display_name.clone(),
        value: value(call.tenant, id, integration, ""),
    });
    let page = page::answer("applications", items, call.request, call.settings.page_size)?;
    call.counts.applications.listed += 1;
    Ok(page)
}

pub(super) fn read(call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
    let answer = told(call, id, "")?;
    call.counts.applications.read += 1;
    Ok(answer)
}

pub(super) fn change(call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
    let draft = draft(call)?;
    let about = &mut call.registry.integration_mut(id).ok_or_else(unknown)?.about;
    if let Some(display_name) = draft.display_name {
        about.display_name = display_name;
    }
    if let Some(custom_claims) = draft.custom_claims {
        about.custom_claims = custom_claims;
    }
    if let Some(roles) = draft.roles {
        about.roles = roles;
    }
    call.counts.applications.changed += 1;
    told(call, id, "")
}

pub(super) fn delete(call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
    call.registry.remove(id).ok_or_else(unknown)?;
    call.counts.applications.deleted += 1;
    Ok(Answer::json(200, &json!({})))
}

pub(super) fn regenerate_secret(call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
    if !call.request.body.is_empty() {
        return Err(Answer::malformed("no body is taken"));
    }
    let secret = call.registry.regenerate_secret(id, call.settings.secret_term()).ok_or_else(unknown)?;
    call.counts.applications.regenerated += 1;
    told(call, id, &secret)
}

/// All of them, as a list has them.
pub(super) fn all(tenant: &str, registry: &Registry) -> Vec<Value> {
    let all = registry.integrations().into_iter();
    all.map(|(id, integration)| value(tenant, id, integration, "")).collect()
}

fn unknown() -> Answer {
    Answer::error(404, "not found", "there is no such integration")
}

fn told(call: &Call<'_>, id: &str, secret: &str) -> Result<Answer, Answer> {
    let integration = call.registry.integration(id).ok_or_else(unknown)?;
    Ok(Answer::json(200, &value(call.tenant, id, integration, secret)))
}

fn value(tenant: &str, id: &str, integration: &Integration, secret: &str) -> Value {
    let Integration { about, term, .. } = integration;
    json!({
        "identity": format!("applications/{id}"),
        "display_name": about.display_name,
        "client_id": id,
        "tenant_id": tenant,
        "credentials": [{
            "secret": secret,
            "valid_from": timestamp::text(term.from),
            "valid_until": timestamp::text(term.until),
        }],
        "custom_claims": about.custom_claims,
        "roles": about.roles,
    })
}

fn draft(call: &Call<'_>) -> Result<Draft, Answer> {
    let draft: Draft = api::body(call.request)?;
    if draft.display_name.as_deref() == Some("") {
        return Err(Answer::malformed("display_name is empty"));
    }
    if let Some(role) = draft.roles.iter().flatten().find(|role| *role != OWNER) {
        return Err(Answer::malformed(&format!("there is no role {role:?}")));
    }
    match draft.custom_claims.iter().flat_map(BTreeMap::keys).find(|name| is_reserved(name)) {
        Some(name) => Err(Answer::malformed(&format!("no custom claim may have the name {name:?}"))),
        None => Ok(draft),
    }
}

fn is_reserved(claim: &str) -> bool {
    let prefixed = ["jit_", "arc_"].iter().any(|prefix| claim.starts_with(prefix));
    claim.is_empty() || prefixed || REGISTERED.split_whitespace().any(|name| name == claim)
}
