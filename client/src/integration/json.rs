//! Integrations and access policies for programs, schema 1.

use dt_cred_proto::message::{Claim, Integration, Integrations, Policies, Policy};
use serde_json::{Value, json};

use crate::validity::{Validity, moment};

/// Every integration as one line.
pub(super) fn integrations(all: &Integrations, now: i64) -> String {
    let Integrations { integrations, unread, .. } = all;
    let each: Vec<_> = integrations.iter().map(|one| integration(one, now)).collect();
    format!("{}\n", json!({ "schema": 1, "integrations": each, "unread": unread }))
}

/// One integration as one line.
pub(super) fn one(one: &Integration, now: i64) -> String {
    format!("{}\n", json!({ "schema": 1, "integration": integration(one, now) }))
}

fn integration(one: &Integration, now: i64) -> Value {
    let Integration { client_id, display_name, claims, roles, valid_from, valid_until, profiles } = one;
    let claim = |Claim { name, value }: &Claim| json!({ "name": name, "value": value });
    json!({
        "client_id": client_id.to_string(),
        "display_name": display_name,
        "claims": claims.iter().map(claim).collect::<Vec<_>>(),
        "roles": roles,
        "valid_from": valid_from.and_then(moment),
        "valid_until": valid_until.and_then(moment),
        "validity": valid_until.map(|until| Validity::of(until, now).word()),
        "profiles": profiles,
    })
}

/// The access policies as one line.
pub(super) fn policies(all: &Policies) -> String {
    let Policies { client_id, policies, .. } = all;
    let each: Vec<_> = policies.iter().map(policy).collect();
    format!("{}\n", json!({ "schema": 1, "client_id": client_id.to_string(), "policies": each }))
}

fn policy(policy: &Policy) -> Value {
    let Policy { id, display_name, filters, subjects, read, write } = policy;
    json!({
        "id": id.to_string(),
        "display_name": display_name,
        "filters": filters,
        "subjects": subjects,
        "read": read,
        "write": write,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integration::{
        grants::tests::found,
        list::tests::{NOW, all},
    };

    #[test]
    fn a_program_sees_every_integration_and_whose_secret_ends() {
        let value: Value = serde_json::from_str(&integrations(&all(), NOW)).expect("JSON");
        let expected = json!({
            "schema": 1,
            "integrations": [
                {
                    "client_id": "00000000-0000-0000-0000-000000000001", "display_name": "Machine 1",
                    "claims": [{"name": "site", "value": "north"}], "roles": ["OWNER"],
                    "valid_from": "2024-11-24T16:00:00Z", "valid_until": "2025-12-06T16:00:00Z",
                    "validity": "ending", "profiles": ["ci", "work"],
                },
                {
                    "client_id": "00000000-0000-0000-0000-000000000002", "display_name": "Machine 2", "claims": [],
                    "roles": [], "valid_from": null, "valid_until": null, "validity": null, "profiles": [],
                },
            ],
            "unread": ["locked"],
        });
        assert_eq!(value, expected);
        let single: Value = serde_json::from_str(&one(&all().integrations[0], NOW)).expect("JSON");
        assert_eq!(single, json!({"schema": 1, "integration": expected["integrations"][0]}));
    }

    #[test]
    fn a_program_sees_the_access_policies() {
        let value: Value = serde_json::from_str(&policies(&found())).expect("JSON");
        let expected = json!({
            "schema": 1,
            "client_id": "00000000-0000-0000-0000-000000000001",
            "policies": [
                {
                    "id": "00000000-0000-0000-0000-00000000000a", "display_name": "ci: read",
                    "filters": ["attributes.arc_display_type=*"],
                    "subjects": ["subject=00000000-0000-0000-0000-000000000001"], "read": true, "write": false,
                },
                {
                    "id": "00000000-0000-0000-0000-00000000000b", "display_name": "ci: read and write",
                    "filters": ["a=1 or a=2", "b=3"], "subjects": ["subject=*"], "read": true, "write": true,
                },
            ],
        });
        assert_eq!(value, expected);
    }
}
