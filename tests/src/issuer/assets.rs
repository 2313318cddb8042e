//! What a token is good for: the list of assets.

use std::time::Instant;

use serde_json::{Value, json};

use super::bearer::{self, BadBearer};
use super::counts::AssetCounts;
use super::http::{Answer, Request};
use super::policies::Policies;
use super::registry::Registry;
use super::rule::Rule;

/// Where they are, under the issuer's url.
pub(super) const PATH: &str = "/archivist/v2/assets";

/// Of these types everybody may read assets where there is a standing policy.
const STANDING: [&str; 2] = ["Container", "Shielded bag"];

/// Answers and counts; `now` is when the request arrived.
pub(super) fn answer(
    tenant: &str,
    standing_policy: bool,
    registry: &Registry,
    policies: &Policies,
    counts: &mut AssetCounts,
    request: &Request,
    now: Instant,
) -> Answer {
    match bearer::client_id(registry, request, now) {
        Ok(client_id) => {
            counts.ok += 1;
            let standing = standing_policy.then(|| Rule::for_everybody(&STANDING));
            let rules: Vec<&Rule> = policies.rules().chain(&standing).collect();
            let assets: Vec<Value> = all(tenant)
                .into_iter()
                .filter_map(|asset| seen(asset, &rules, registry, &client_id))
                .collect();
            Answer::json(200, &json!({ "assets": assets, "next_page_token": "" }))
        }
        Err(bad) => {
            let number = match bad {
                BadBearer::Missing => &mut counts.unauthenticated,
                BadBearer::Unknown => &mut counts.unknown,
                BadBearer::Late => &mut counts.late,
                BadBearer::Revoked => &mut counts.revoked,
            };
            *number += 1;
            counts.refused += 1;
            bad.into()
        }
    }
}

/// The asset with those attributes alone that the client may read; None where it may read none.
fn seen(mut asset: Value, rules: &[&Rule], registry: &Registry, client_id: &str) -> Option<Value> {
    let about = &registry.integration(client_id)?.about;
    let mut attributes = asset["attributes"].as_object()?.clone();
    attributes.retain(|name, _| rules.iter().any(|rule| rule.shows(client_id, about, &asset, name)));
    let some = !attributes.is_empty();
    asset["attributes"] = attributes.into();
    some.then_some(asset)
}

/// Every asset of the tenancy.
pub(super) fn all(tenant: &str) -> Vec<Value> {
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
    vec![
        asset("6a951b62-0a26-4c22-a886-1082297b063b", "Cold store 4, Rotterdam", "Container", "RTM-0004"),
        asset("2f3d7c1e-94a4-4d0f-8a7b-5b1f4f0c9e11", "Radiation bag 17", "Shielded bag", "RB-017"),
        asset("c3da0a5e-3f7b-4c55-9b61-7e2d40a8f0d4", "Junction 9, north", "Traffic light", "TL-0901"),
        asset("e81f2b07-6d2c-4b1a-8f53-0c94b7d6a3f2", "Junction 9, south", "Traffic light", "TL-0902"),
        asset("97b4d6c0-1e58-4a3f-b2c7-d50e6f81a94b", "Pump 2, intake", "Pump", "P-0002"),
    ]
}
