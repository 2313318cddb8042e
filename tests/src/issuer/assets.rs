//! What a token is good for: the list of assets.

use std::time::Instant;

use serde_json::{Value, json};

use super::counts::AssetCounts;
use super::http::{Answer, Request};
use super::registry::{BadBearer, Registry};

/// Where they are, under the issuer's url.
pub(super) const PATH: &str = "/archivist/v2/assets";

/// Answers and counts; `now` is when the request arrived.
pub(super) fn answer(
    tenant: &str,
    policy: bool,
    registry: &Registry,
    counts: &mut AssetCounts,
    request: &Request,
    now: Instant,
) -> Answer {
    let (number, reason) = match bearer(request).map(|token| registry.check(token, now)) {
        Some(Ok(())) => {
            counts.ok += 1;
            let assets = if policy { assets(tenant) } else { json!([]) };
            return Answer::json(200, &json!({ "assets": assets, "next_page_token": "" }));
        }
        Some(Err(BadBearer::Late)) => (&mut counts.late, "the token has expired"),
        Some(Err(BadBearer::Unknown)) => (&mut counts.unknown, "the token is not known"),
        Some(Err(BadBearer::Revoked)) => (&mut counts.revoked, "the token was revoked"),
        None => (&mut counts.unauthenticated, "a bearer token is needed"),
    };
    *number += 1;
    counts.refused += 1;
    Answer::error(401, "unauthenticated", reason).with("WWW-Authenticate", "Bearer")
}

fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header("Authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(token)
}

fn assets(tenant: &str) -> Value {
    let asset = |uuid: &str, name: &str, kind: &str, serial: &str| {
        json!({
            "identity": format!("assets/{uuid}"),
            "behaviours": ["RecordEvidence"],
            "attributes": {
                "arc_display_name": name,
                "arc_display_type": kind,
                "arc_serial_number": serial,
            },
            "confirmation_status": "CONFIRMED",
            "tracked": "TRACKED",
            "owner": "",
            "at_time": "2024-05-30T12:26:02Z",
            "public": false,
            "tenant_identity": tenant,
        })
    };
    json!([
        asset("6a951b62-0a26-4c22-a886-1082297b063b", "Cold store 4, Rotterdam", "Container", "RTM-0004"),
        asset("2f3d7c1e-94a4-4d0f-8a7b-5b1f4f0c9e11", "Radiation bag 17", "Shielded bag", "RB-017"),
    ])
}
