//! The Access Policies API, and what the policies decide.

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{self, Call};
use super::http::Answer;
use super::page::{self, Item};
use super::rule::{self, Either, Permission, Rule};
use super::{assets, random};

/// Where they are, under the issuer's url.
pub(super) const PATH: &str = "/archivist/iam/v1/access_policies";
/// What follows a policy's path where the assets are wanted that it is for.
pub(super) const ASSETS: &str = "/assets";

/// All policies, in the order in which they were made.
#[derive(Default)]
pub(super) struct Policies {
    known: Vec<Policy>,
    made: u64,
}

struct Policy {
    id: String,
    number: u64,
    display_name: String,
    description: String,
    rule: Rule,
}

/// What is asked for; what is not named stays as it is, or is nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    display_name: Option<String>,
    description: Option<String>,
    filters: Option<Vec<Either>>,
    access_permissions: Option<Vec<Permission>>,
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Answer, Answer> {
    let draft = draft(call)?;
    let missing = |name: &str| Answer::malformed(&format!("{name} is missing"));
    let rule = Rule {
        filters: draft.filters.ok_or_else(|| missing("filters"))?,
        access_permissions: draft.access_permissions.ok_or_else(|| missing("access_permissions"))?,
    };
    let policies = &mut *call.policies;
    let policy = Policy {
        id: random::uuid(),
        number: policies.made + 1,
        display_name: draft.display_name.ok_or_else(|| missing("display_name"))?,
        description: draft.description.unwrap_or_default(),
        rule,
    };
    let answer = Answer::json(200, &policy.value(call.tenant));
    policies.made += 1;
    policies.known.push(policy);
    call.counts.policies.created += 1;
    Ok(answer)
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Answer, Answer> {
    let items = call.policies.known.iter().map(|policy| Item {
        number: policy.number,
        display_name: policy.display_name.clone(),
        value: policy.value(call.tenant),
    });
    let page = page::answer("access_policies", items, call.request, call.settings.page_size)?;
    call.counts.policies.listed += 1;
    Ok(page)
}

pub(super) fn read(call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
    let value = call.policies.one(id)?.value(call.tenant);
    call.counts.policies.read += 1;
    Ok(Answer::json(200, &value))
}

pub(super) fn change(call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
    let draft = draft(call)?;
    let policy = call.policies.one(id)?;
    if let Some(display_name) = draft.display_name {
        policy.display_name = display_name;
    }
    if let Some(description) = draft.description {
        policy.description = description;
    }
    if let Some(filters) = draft.filters {
        policy.rule.filters = filters;
    }
    if let Some(access_permissions) = draft.access_permissions {
        policy.rule.access_permissions = access_permissions;
    }
    let value = policy.value(call.tenant);
    call.counts.policies.changed += 1;
    Ok(Answer::json(200, &value))
}

pub(super) fn delete(call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
    call.policies.one(id)?;
    call.policies.known.retain(|policy| policy.id != id);
    call.counts.policies.deleted += 1;
    Ok(Answer::json(200, &json!({})))
}

pub(super) fn assets(call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
    let rule = &call.policies.one(id)?.rule;
    let matching: Vec<Value> =
        assets::all(call.tenant).into_iter().filter(|asset| rule.is_for(asset)).collect();
    call.counts.policies.assets += 1;
    Ok(Answer::json(200, &json!({ "assets": matching, "next_page_token": "" })))
}

fn draft(call: &Call<'_>) -> Result<Draft, Answer> {
    let draft: Draft = api::body(call.request)?;
    let wrong = match &draft {
        Draft { display_name: Some(name), .. } if name.is_empty() => "display_name is empty",
        Draft { filters: Some(filters), .. } if !rule::are_filters(filters) => {
            "filters: each is {\"or\":[\"attributes.NAME=VALUE\"]}"
        }
        Draft { access_permissions: Some(permissions), .. } if permissions.is_empty() => {
            "access_permissions is empty"
        }
        Draft { access_permissions: Some(permissions), .. }
            if !permissions.iter().all(Permission::is_one) =>
        {
            "access_permissions: user_attributes are each {\"or\":[\"NAME=VALUE\"]}, a behaviour is RecordEvidence"
        }
        _ => return Ok(draft),
    };
    Err(Answer::malformed(wrong))
}

impl Policies {
    /// All of them, as a list has them.
    pub(super) fn all(&self, tenant: &str) -> Vec<Value> {
        self.known.iter().map(|policy| policy.value(tenant)).collect()
    }

    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.known.iter().map(|policy| &policy.rule)
    }

    fn one(&mut self, id: &str) -> Result<&mut Policy, Answer> {
        let unknown = || Answer::error(404, "not found", "there is no such access policy");
        self.known.iter_mut().find(|policy| policy.id == id).ok_or_else(unknown)
    }
}

impl Policy {
    fn value(&self, tenant: &str) -> Value {
        json!({
            "identity": format!("access_policies/{}", self.id),
            "display_name": self.display_name,
            "description": self.description,
            "tenant": tenant,
            "filters": self.rule.filters,
            "access_permissions": self.rule.access_permissions,
        })
    }
}
