//! The Applications API: what an Owner makes, is shown once, and changes.

use dt_cred_tests::issuer::{Client, Sandbox};
use serde_json::{Value, json};

use crate::curl::{APPLICATIONS, Caller, assets, claims, curl_is_here, grant, token};

fn client(made: &Value) -> Client {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Client { client_id: text(&made["client_id"]), client_secret: text(&made["credentials"][0]["secret"]) }
}

fn path(client: &Client) -> String {
    format!("{APPLICATIONS}/{}", client.client_id)
}

/// As the API tells it but at its making.
fn without_secret(mut made: Value) -> Value {
    made["credentials"][0]["secret"] = json!("");
    made
}

#[test]
fn an_integration_is_made_as_documented_and_its_secret_is_told_that_once() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let owner = Caller::owner(&sandbox);
    let body = json!({ "display_name": "Cold chain", "custom_claims": { "site": "north" }, "roles": [] });
    let made = owner.done("POST", APPLICATIONS, Some(&body));
    let new = client(&made);
    assert_eq!(new.client_secret.len(), 64);
    assert!(new.client_secret.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let valid = |name: &str| made["credentials"][0][name].as_str().unwrap().to_owned();
    let (from, until) = (valid("valid_from"), valid("valid_until"));
    assert_eq!((from.len(), &from[19..], &from[10..11]), (20, "Z", "T"));
    let years = |text: &str| text[..4].parse::<i32>().unwrap();
    assert_eq!(years(&until) - years(&from), 1);
    let wanted = json!({
        "identity": format!("applications/{}", new.client_id),
        "display_name": "Cold chain",
        "client_id": new.client_id,
        "tenant_id": claims(&owner.token)["jit_tenant_id"],
        "credentials": [{ "secret": new.client_secret, "valid_from": from, "valid_until": until }],
        "custom_claims": { "site": "north" },
        "roles": [],
    });
    assert_eq!(made, wanted);
    assert_eq!(owner.done("GET", &path(&new), None), without_secret(made.clone()));
    assert_eq!(owner.done("GET", APPLICATIONS, None)["applications"][1], without_secret(made));
    assert_eq!(sandbox.secrets()[1..], [new.client_secret]);
}

#[test]
fn a_patch_changes_what_it_names_and_the_next_token_has_the_claims_that_it_sets() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let owner = Caller::owner(&sandbox);
    let body = json!({ "display_name": "before", "custom_claims": { "site": "north", "line": "7" } });
    let made = owner.done("POST", APPLICATIONS, Some(&body));
    let new = client(&made);
    let of_token = claims(&token(&sandbox, &new));
    assert_eq!(
        (&of_token["site"], &of_token["line"], &of_token["name"]),
        (&json!("north"), &json!("7"), &json!("before"))
    );
    assert_eq!(of_token.as_object().unwrap().len(), 12);

    let mut wanted = without_secret(made);
    for (member, value) in [
        ("display_name", json!("after")),
        ("custom_claims", json!({ "site": "south" })),
        ("roles", json!(["OWNER"])),
    ] {
        wanted[member] = value.clone();
        assert_eq!(owner.done("PATCH", &path(&new), Some(&json!({ member: value }))), wanted);
    }
    assert_eq!(owner.done("GET", &path(&new), None), wanted);
    let of_token = claims(&token(&sandbox, &new));
    assert_eq!(
        (&of_token["site"], of_token.get("line"), &of_token["name"]),
        (&json!("south"), None, &json!("after"))
    );
    // It is an Owner by now.
    Caller::new(&sandbox, &new).done("GET", APPLICATIONS, None);
}

#[test]
fn a_secret_made_anew_is_told_the_old_one_is_refused_at_once_and_tokens_live_on() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let owner = Caller::owner(&sandbox);
    let made = owner.done("POST", APPLICATIONS, Some(&json!({ "display_name": "Cold chain" })));
    let old = client(&made);
    let before = token(&sandbox, &old);
    sandbox.end_secret(&old.client_id, 60);
    let again = owner.done("POST", &format!("{}:regenerate-secret", path(&old)), None);
    let new = client(&again);
    assert_ne!(new.client_secret, old.client_secret);
    assert_eq!(without_secret(again.clone())["identity"], made["identity"]);
    assert_eq!((grant(&sandbox, &old).status, grant(&sandbox, &new).status), (401, 200));
    assert_eq!(assets(&sandbox, &before).status, 200);
    let told = owner.done("GET", &path(&new), None);
    assert_eq!(told, without_secret(again.clone()), "it has another year, and the secret is not told again");
    assert_eq!(again["credentials"].as_array().unwrap().len(), 1);
}

#[test]
fn a_secret_is_refused_as_expired_from_the_moment_on_that_the_api_tells() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let owner = Caller::owner(&sandbox);
    let until = |client: &Client| {
        let told = owner.done("GET", &path(client), None);
        told["credentials"][0]["valid_until"].as_str().unwrap().to_owned()
    };
    let year = sandbox.new_client();
    sandbox.set(|settings| settings.secret_lifetime = 86_400);
    let day = sandbox.new_client();
    assert!(until(&day) < until(&year), "{} {}", until(&day), until(&year));
    sandbox.end_secret(&year.client_id, 3600);
    assert!(until(&year) < until(&day));
    assert_eq!((grant(&sandbox, &year).status, grant(&sandbox, &day).status), (200, 200));

    sandbox.end_secret(&year.client_id, 0);
    sandbox.set(|settings| settings.secret_lifetime = 0);
    let born_late = client(&owner.done("POST", APPLICATIONS, Some(&json!({ "display_name": "late" }))));
    for late in [&year, &born_late] {
        let reply = grant(&sandbox, late);
        assert_eq!((reply.status, &reply.json()["error"]), (400, &json!("invalid_client")));
    }
    let wrong = Client { client_secret: day.client_secret.clone(), ..year.clone() };
    assert_eq!(grant(&sandbox, &wrong).status, 401, "a wrong secret is told to have expired");
    sandbox.set(|settings| settings.secret_lifetime = 60);
    let again = owner.done("POST", &format!("{}:regenerate-secret", path(&year)), None);
    assert_eq!(grant(&sandbox, &client(&again)).status, 200);
}

#[test]
fn no_claim_is_taken_that_a_token_has_by_itself_and_no_role_but_one() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let owner = Caller::owner(&sandbox);
    let new = sandbox.new_client();
    for name in ["jit_tier", "jit_", "arc_display_name", "sub", "exp", "name", "client_id", "email", ""] {
        let claims = json!({ "display_name": "Cold chain", "custom_claims": { name: "x" } });
        assert_eq!(owner.call("POST", APPLICATIONS, Some(&claims)).status, 400, "{name}");
        assert_eq!(owner.call("PATCH", &path(&new), Some(&claims)).status, 400, "{name}");
    }
    let bodies = [
        json!({ "display_name": "x", "custom_claims": { "site": 7 } }),
        json!({ "display_name": "x", "custom_claims": [] }),
        json!({ "display_name": "x", "roles": ["ADMIN"] }),
        json!({ "display_name": "" }),
        json!({ "display_name": 7 }),
        json!({ "custom_claims": {} }),
        json!({ "display_name": "x", "client_id": new.client_id }),
        json!([]),
    ];
    for body in bodies {
        let reply = owner.call("POST", APPLICATIONS, Some(&body));
        assert_eq!((reply.status, &reply.json()["error"]), (400, &json!("bad request")), "{body}");
    }
    assert_eq!(sandbox.integrations().len(), 2);
    assert_eq!(sandbox.counts().api.applications.created, 0);
    for name in ["site", "xjit_", "subject", "JIT_TIER"] {
        owner.done("PATCH", &path(&new), Some(&json!({ "custom_claims": { name: "x" } })));
    }
}

#[test]
fn a_list_comes_in_pages_that_lose_and_repeat_nothing_and_can_be_narrowed_to_a_name() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let owner = Caller::owner(&sandbox);
    let others: Vec<Client> = (0..4).map(|_| sandbox.new_client()).collect();
    let page = |query: &str| {
        let told = owner.done("GET", &format!("{APPLICATIONS}?{query}"), None);
        let ids = told["applications"].as_array().unwrap().iter();
        let ids: Vec<String> = ids.map(|one| one["client_id"].as_str().unwrap().to_owned()).collect();
        (ids, told["next_page_token"].as_str().unwrap().to_owned())
    };
    let (mut first, next) = page("page_size=2");
    assert_eq!((first.len(), &first[1]), (2, &others[0].client_id));
    // One of those that were told, and one that was not.
    owner.done("DELETE", &path(&others[0]), None);
    owner.done("DELETE", &path(&others[2]), None);
    let (rest, end) = page(&format!("page_size=2&page_token={next}"));
    first.extend(rest);
    assert_eq!(
        (&first[2..], end.as_str()),
        (&[others[1].client_id.clone(), others[3].client_id.clone()][..], "")
    );
    assert_eq!(page("page_size=3").1, "", "the last page is not full, and there is no other");
    assert_eq!(page("").0.len(), 3);

    sandbox.set(|settings| settings.page_size = 1);
    assert_eq!(page("").0.len(), 1, "a page is as long as the sandbox has it");
    assert_eq!(page("page_size=9").0.len(), 1);
    assert_eq!(page("page_token=").0.len(), 1);
    for query in ["page_size=0", "page_size=x", "page_token=x", "size=2", "page_size"] {
        assert_eq!(owner.call("GET", &format!("{APPLICATIONS}?{query}"), None).status, 400, "{query}");
    }
    owner.done("PATCH", &path(&others[3]), Some(&json!({ "display_name": "Kühl & trocken" })));
    assert_eq!(
        page("display_name=K%C3%BChl+%26+trocken"),
        (vec![others[3].client_id.clone()], String::new())
    );
    assert_eq!(page("display_name=K"), (vec![], String::new()));
}

#[test]
fn neither_secret_nor_tokens_of_a_deleted_integration_are_taken() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let owner = Caller::owner(&sandbox);
    let (gone, left) = (sandbox.new_client(), sandbox.new_client());
    let tokens = [token(&sandbox, &gone), token(&sandbox, &left)];
    assert_eq!(owner.done("DELETE", &path(&gone), None), json!({}));
    assert_eq!((grant(&sandbox, &gone).status, grant(&sandbox, &left).status), (401, 200));
    assert_eq!(tokens.map(|token| assets(&sandbox, &token).status), [401, 200]);
    for (method, body) in [("GET", None), ("DELETE", None), ("PATCH", Some(json!({})))] {
        assert_eq!(owner.call(method, &path(&gone), body.as_ref()).status, 404, "{method}");
    }
    assert_eq!(owner.call("POST", &format!("{}:regenerate-secret", path(&gone)), None).status, 404);
}

#[test]
fn an_integration_too_many_is_refused_and_how_many_are_left_is_told() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let owner = Caller::owner(&sandbox);
    sandbox.set(|settings| settings.quota = 2);
    // Anybody is told.
    let caps = |caller: &Caller<'_>| caller.done("GET", "/archivist/v1/caps?service=applications", None);
    let wanted =
        |left: &str| json!({ "caps": [{ "resource_type": "Applications", "resource_remaining": left }] });
    assert_eq!(caps(&owner), wanted("1"));
    let body = json!({ "display_name": "Cold chain" });
    let made = owner.done("POST", APPLICATIONS, Some(&body));
    assert_eq!(caps(&Caller::new(&sandbox, &client(&made))), wanted("0"));
    let refused = owner.call("POST", APPLICATIONS, Some(&body));
    assert_eq!((refused.status, refused.json()["description"].is_string()), (402, true));
    assert_eq!(sandbox.integrations().len(), 2);
    assert_eq!(owner.call("GET", "/archivist/v1/caps", None).status, 400);
}
