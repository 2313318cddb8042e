//! The Access Policies API, and what the lists of assets make of it.

use dt_cred_tests::issuer::{Client, Sandbox};
use serde_json::{Value, json};

use crate::curl::{APPLICATIONS, Caller, POLICIES, assets, curl_is_here, token};

/// A policy as the documentation writes it, for reading assets of a type.
fn reading(kind: &str, subject: &str) -> Value {
    json!({
        "display_name": "reading",
        "filters": [{ "or": [format!("attributes.arc_display_type={kind}")] }],
        "access_permissions": [{
            "asset_attributes_read": ["*"],
            "event_arc_display_type_read": ["*"],
            "user_attributes": [{ "or": [format!("subject={subject}")] }],
        }],
    })
}

fn serials(list: &Value) -> Vec<String> {
    let assets = list["assets"].as_array().unwrap().iter();
    assets.map(|asset| asset["attributes"]["arc_serial_number"].as_str().unwrap().to_owned()).collect()
}

fn path(policy: &Value) -> String {
    format!("/archivist/iam/v1/{}", policy["identity"].as_str().unwrap())
}

#[test]
fn a_policy_is_made_read_listed_changed_and_deleted_as_documented() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let owner = Caller::owner(&sandbox);
    let body = json!({
        "display_name": "all of it",
        "filters": [{ "or": ["attributes.arc_display_type=*"] }],
        "access_permissions": [{
            "asset_attributes_read": ["*"],
            "asset_attributes_write": ["*"],
            "event_arc_display_type_read": ["*"],
            "event_arc_display_type_write": ["*"],
            "behaviours": ["RecordEvidence"],
            "include_attributes": [],
            "subjects": [],
            "user_attributes": [{ "or": ["subject=0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9"] }],
        }],
    });
    let made = owner.done("POST", POLICIES, Some(&body));
    assert!(made["identity"].as_str().unwrap().starts_with("access_policies/"));
    for member in ["display_name", "filters", "access_permissions"] {
        assert_eq!(made[member], body[member]);
    }
    let other = owner.done("POST", POLICIES, Some(&reading("Pump", "*")));
    assert_eq!(owner.done("GET", &path(&made), None), made);
    let page = owner.done("GET", &format!("{POLICIES}?page_size=1"), None);
    assert_eq!(page["access_policies"], json!([made]));
    let next = format!("{POLICIES}?page_token={}", page["next_page_token"].as_str().unwrap());
    assert_eq!(owner.done("GET", &next, None), json!({ "access_policies": [other], "next_page_token": "" }));
    assert_eq!(sandbox.policies(), [made.clone(), other.clone()]);

    let mut wanted = made.clone();
    wanted["display_name"] = json!("less of it");
    assert_eq!(owner.done("PATCH", &path(&made), Some(&json!({ "display_name": "less of it" }))), wanted);
    let permissions = json!({ "access_permissions": [{ "subjects": ["nobody"] }] });
    let changed = owner.done("PATCH", &path(&made), Some(&permissions));
    let left = &changed["access_permissions"][0];
    assert_eq!((&left["subjects"], &left["behaviours"]), (&json!(["nobody"]), &json!([])), "replaced whole");
    assert_eq!(changed["filters"], made["filters"]);

    assert_eq!(owner.done("DELETE", &path(&made), None), json!({}));
    for (method, body) in [("GET", None), ("DELETE", None), ("PATCH", Some(json!({})))] {
        assert_eq!(owner.call(method, &path(&made), body.as_ref()).status, 404, "{method}");
    }
    assert_eq!(owner.call("GET", &format!("{}/assets", path(&made)), None).status, 404);
    assert_eq!(sandbox.policies(), [other]);
    let counts = sandbox.counts().api.policies;
    assert_eq!((counts.created, counts.listed, counts.read, counts.changed, counts.deleted), (2, 2, 1, 2, 1));
}

#[test]
fn a_list_of_assets_is_empty_until_a_policy_grants_some_and_again_when_it_is_gone() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    sandbox.set(|settings| settings.policy = false);
    let (client, owner) = (sandbox.new_client(), Caller::owner(&sandbox));
    let token = token(&sandbox, &client);
    let list = || serials(&assets(&sandbox, &token).json());
    assert_eq!(list(), [""; 0]);
    let lights = owner.done("POST", POLICIES, Some(&reading("Traffic light", &client.client_id)));
    assert_eq!(list(), ["TL-0901", "TL-0902"]);
    let pump = owner.done("POST", POLICIES, Some(&reading("Pump", &client.client_id)));
    assert_eq!(list(), ["TL-0901", "TL-0902", "P-0002"]);
    owner.done("DELETE", &path(&lights), None);
    assert_eq!(list(), ["P-0002"]);
    owner.done("DELETE", &path(&pump), None);
    assert_eq!(list(), [""; 0]);
    sandbox.set(|settings| settings.policy = true);
    assert_eq!(list(), ["RTM-0004", "RB-017"], "by the standing policy");
}

#[test]
fn whom_and_which_assets_a_policy_is_for_is_what_it_says() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    sandbox.set(|settings| settings.policy = false);
    let owner = Caller::owner(&sandbox);
    let claims = json!({ "display_name": "x", "custom_claims": { "site": "north" } });
    let made = owner.done("POST", APPLICATIONS, Some(&claims));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (id, secret) = (text(&made["client_id"]), text(&made["credentials"][0]["secret"]));
    let token = token(&sandbox, &Client { client_id: id.clone(), client_secret: secret });
    let none: &[&str] = &[];
    let all: &[&str] = &["RTM-0004", "RB-017", "TL-0901", "TL-0902", "P-0002"];
    let user = |groups: Value| json!({ "asset_attributes_read": ["*"], "user_attributes": groups });
    let mine = format!("subject={id}");
    let any_type = json!([{ "or": ["attributes.arc_display_type=*"] }]);
    let either =
        json!([{ "or": ["attributes.arc_display_type=Pump", "attributes.arc_display_type=Container"] }]);
    let both = json!([{ "or": ["attributes.arc_display_type=Pump"] }, { "or": ["attributes.arc_serial_number=TL-0901"] }]);
    let subjects = |subject: String| json!({ "asset_attributes_read": ["*"], "subjects": [subject] });
    let cases = [
        (&any_type, user(json!([{ "or": [mine] }])), all),
        (&any_type, user(json!([{ "or": ["subject=*"] }])), all),
        (&any_type, user(json!([{ "or": ["subject=somebody", mine] }])), all),
        (&any_type, user(json!([{ "or": ["subject=somebody"] }])), none),
        (&any_type, user(json!([])), none),
        (&any_type, user(json!([{ "or": [mine] }, { "or": ["site=north"] }])), all),
        (&any_type, user(json!([{ "or": [mine] }, { "or": ["site=south"] }])), none),
        (&any_type, user(json!([{ "or": ["region=*"] }])), none),
        (&any_type, subjects(id.clone()), all),
        (&any_type, subjects(format!("applications/{id}")), all),
        (&any_type, subjects("applications/somebody".to_owned()), none),
        (&either, user(json!([{ "or": [mine] }])), &["RTM-0004", "P-0002"]),
        (&both, user(json!([{ "or": [mine] }])), none),
        (&json!([{ "or": ["attributes.colour=*"] }]), user(json!([{ "or": [mine] }])), none),
        (&any_type, json!({ "asset_attributes_write": ["*"], "user_attributes": [{ "or": [mine] }] }), none),
    ];
    for (filters, permission, wanted) in cases {
        let body = json!({ "display_name": "x", "filters": filters, "access_permissions": [permission] });
        let policy = owner.done("POST", POLICIES, Some(&body));
        assert_eq!(serials(&assets(&sandbox, &token).json()), wanted, "{body}");
        owner.done("DELETE", &path(&policy), None);
    }
    let names =
        json!({ "asset_attributes_read": ["arc_display_name"], "user_attributes": [{ "or": [mine] }] });
    let body = json!({ "display_name": "x", "filters": either, "access_permissions": [names] });
    owner.done("POST", POLICIES, Some(&body));
    let list = assets(&sandbox, &token).json();
    assert_eq!(list["assets"][1]["attributes"], json!({ "arc_display_name": "Pump 2, intake" }));
}

#[test]
fn the_assets_of_a_policy_are_those_that_it_is_for_whoever_may_see_them() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    sandbox.set(|settings| settings.policy = false);
    let owner = Caller::owner(&sandbox);
    let policy = owner.done("POST", POLICIES, Some(&reading("Traffic light", "somebody")));
    let list = owner.done("GET", &format!("{}/assets", path(&policy)), None);
    assert_eq!(
        (serials(&list), &list["next_page_token"]),
        (vec!["TL-0901".to_owned(), "TL-0902".to_owned()], &json!(""))
    );
}

#[test]
fn a_policy_that_cannot_be_understood_is_refused_and_not_made() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let owner = Caller::owner(&sandbox);
    let good = reading("Pump", "*");
    let known = owner.done("POST", POLICIES, Some(&good));
    let cases = [
        ("display_name", json!("")),
        ("filters", json!([])),
        ("filters", json!([{ "or": [] }])),
        ("filters", json!([{ "or": ["arc_display_type=Pump"] }])),
        ("filters", json!([{ "or": ["attributes.=Pump"] }])),
        ("filters", json!([{ "or": ["attributes.arc_display_type"] }])),
        ("filters", json!([{ "and": ["attributes.arc_display_type=Pump"] }])),
        ("access_permissions", json!([])),
        ("access_permissions", json!([{ "user_attributes": [{ "or": ["subject"] }] }])),
        ("access_permissions", json!([{ "user_attributes": [{ "or": [] }] }])),
        ("access_permissions", json!([{ "behaviours": ["Everything"] }])),
        ("access_permissions", json!([{ "asset_attributes_raed": ["*"] }])),
        ("colour", json!("blue")),
    ];
    for (member, value) in cases {
        let mut body = good.clone();
        body[member] = value;
        let reply = owner.call("POST", POLICIES, Some(&body));
        assert_eq!((reply.status, &reply.json()["error"]), (400, &json!("bad request")), "{body}");
        let patch = json!({ member: body[member] });
        assert_eq!(owner.call("PATCH", &path(&known), Some(&patch)).status, 400, "{patch}");
    }
    for member in ["display_name", "filters", "access_permissions"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(member);
        assert_eq!(owner.call("POST", POLICIES, Some(&body)).status, 400, "{body}");
    }
    assert_eq!(sandbox.policies(), [known]);
}
