//! The APIs that make integrations and grant them something: who may call what.

use std::time::Instant;

use dt_cred_proto::uuid::Uuid;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::counts::ApiCounts;
use super::http::{Answer, Request};
use super::policies::Policies;
use super::registry::Registry;
use super::settings::Settings;
use super::{applications, bearer, policies};

/// What may still be made is told there.
const CAPS: &str = "/archivist/v1/caps";

/// A request that was let in, and all that it may see or change.
pub(super) struct Call<'a> {
    pub(super) tenant: &'a str,
    pub(super) settings: &'a Settings,
    pub(super) registry: &'a mut Registry,
    pub(super) policies: &'a mut Policies,
    pub(super) counts: &'a mut ApiCounts,
    pub(super) request: &'a Request,
}

/// What a path names; an id as it is written there.
#[derive(Clone, Copy)]
enum Place<'a> {
    Applications,
    Application(&'a str),
    ApplicationSecret(&'a str),
    Policies,
    Policy(&'a str),
    PolicyAssets(&'a str),
    Caps,
}

/// Whether the path is of one of these APIs.
pub(super) fn is_here(path: &str) -> bool {
    Place::at(path).is_some()
}

/// Does what is asked, or refuses it; `Ok` was done. `now` is when the request arrived.
pub(super) fn answer(call: &mut Call<'_>, now: Instant) -> Result<Answer, Answer> {
    let client_id = bearer::client_id(call.registry, call.request, now).inspect_err(|bad| {
        call.counts.late += u64::from(*bad == bearer::BadBearer::Late);
    })?;
    let place =
        Place::at(call.request.path()).ok_or_else(|| Answer::error(404, "not found", "nothing is here"))?;
    if !matches!(place, Place::Caps) && !call.registry.is_owner(&client_id) {
        return Err(Answer::error(403, "forbidden", "only an Owner may do that"));
    }
    match (call.request.method.as_str(), place) {
        ("GET", Place::Applications) => applications::list(call),
        ("POST", Place::Applications) => applications::create(call),
        ("GET", Place::Application(id)) => applications::read(call, &uuid(id)?),
        ("PATCH", Place::Application(id)) => applications::change(call, &uuid(id)?),
        ("DELETE", Place::Application(id)) => applications::delete(call, &uuid(id)?),
        ("POST", Place::ApplicationSecret(id)) => applications::regenerate_secret(call, &uuid(id)?),
        ("GET", Place::Policies) => policies::list(call),
        ("POST", Place::Policies) => policies::create(call),
        ("GET", Place::Policy(id)) => policies::read(call, &uuid(id)?),
        ("PATCH", Place::Policy(id)) => policies::change(call, &uuid(id)?),
        ("DELETE", Place::Policy(id)) => policies::delete(call, &uuid(id)?),
        ("GET", Place::PolicyAssets(id)) => policies::assets(call, &uuid(id)?),
        ("GET", Place::Caps) => caps(call),
        (_, place) => {
            let allowed = place.methods();
            Err(Answer::error(405, "method not allowed", allowed).with("Allow", allowed))
        }
    }
}

impl<'a> Place<'a> {
    fn at(path: &'a str) -> Option<Self> {
        let below = |prefix: &str| path.strip_prefix(prefix)?.strip_prefix('/').filter(|id| !id.is_empty());
        if path == CAPS {
            return Some(Self::Caps);
        }
        if path == applications::PATH {
            return Some(Self::Applications);
        }
        if path == policies::PATH {
            return Some(Self::Policies);
        }
        let one = |place: fn(&'a str) -> Self, id: &'a str| (!id.contains('/')).then(|| place(id));
        if let Some(id) = below(applications::PATH) {
            return match id.strip_suffix(applications::REGENERATE) {
                Some(id) => one(Self::ApplicationSecret, id),
                None => one(Self::Application, id),
            };
        }
        let id = below(policies::PATH)?;
        match id.strip_suffix(policies::ASSETS) {
            Some(id) => one(Self::PolicyAssets, id),
            None => one(Self::Policy, id),
        }
    }

    fn methods(self) -> &'static str {
        match self {
            Self::Applications | Self::Policies => "GET, POST",
            Self::Application(_) | Self::Policy(_) => "GET, PATCH, DELETE",
            Self::ApplicationSecret(_) => "POST",
            Self::PolicyAssets(_) | Self::Caps => "GET",
        }
    }
}

/// The id as it is kept, in lower case.
fn uuid(id: &str) -> Result<String, Answer> {
    id.parse().map(|id: Uuid| id.to_string()).map_err(|error| Answer::malformed(&error.to_string()))
}

/// The request's body, which has nothing that is not known.
pub(super) fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Answer> {
    let media_type = request.header("Content-Type").unwrap_or_default().split(';').next().unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        return Err(Answer::malformed("the body must be application/json"));
    }
    serde_json::from_slice(&request.body)
        .map_err(|error| Answer::malformed(&format!("the body is malformed: {error}")))
}

fn caps(call: &mut Call<'_>) -> Result<Answer, Answer> {
    let query = call.request.query().unwrap_or_default();
    if query != [("service".to_owned(), "applications".to_owned())] {
        return Err(Answer::malformed("the query must be service=applications"));
    }
    let left = call.settings.quota.saturating_sub(call.registry.integrations().len());
    call.counts.caps += 1;
    let caps = [json!({ "resource_type": "Applications", "resource_remaining": left.to_string() })];
    Ok(Answer::json(200, &json!({ "caps": caps })))
}
