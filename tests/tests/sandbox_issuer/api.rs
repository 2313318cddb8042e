//! What both APIs have in common: whom they let in, what they refuse, and how they fail.

use dt_cred_tests::issuer::{Fault, Sandbox};
use serde_json::json;

use crate::curl::{APPLICATIONS, Caller, POLICIES, Reply, ask, curl_is_here};

const NOBODY: &str = "0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9";

#[test]
fn only_the_live_token_of_an_owner_is_let_in() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    sandbox.expect_late();
    let (owner, other) = (sandbox.new_owner(), sandbox.new_client());
    sandbox.set(|settings| settings.lifetime = 0.0);
    let late = Caller::owner(&sandbox);
    sandbox.set(|settings| settings.lifetime = 3660.0);
    let revoked = Caller::new(&sandbox, &owner);
    sandbox.revoke_tokens(&owner.client_id);
    let unknown = Caller { sandbox: &sandbox, token: "made.up.token".to_owned() };
    let (plain, good) = (Caller::new(&sandbox, &other), Caller::new(&sandbox, &owner));
    let calls = [
        ("GET", APPLICATIONS.to_owned()),
        ("POST", APPLICATIONS.to_owned()),
        ("DELETE", format!("{APPLICATIONS}/{}", other.client_id)),
        ("POST", format!("{APPLICATIONS}/{}:regenerate-secret", other.client_id)),
        ("GET", POLICIES.to_owned()),
        ("DELETE", format!("{POLICIES}/{NOBODY}")),
        ("GET", format!("{POLICIES}/{NOBODY}/assets")),
    ];
    for (method, path) in &calls {
        let status = |caller: &Caller<'_>| caller.call(method, path, None).status;
        let url = format!("{}{path}", sandbox.url());
        assert_eq!(ask(&["--request", method, &url]).status, 401, "{method} {path}");
        let statuses = [&late, &revoked, &unknown, &plain].map(status);
        assert_eq!(statuses, [401, 401, 401, 403], "{method} {path}");
    }
    let counts = sandbox.counts().api;
    assert_eq!((counts.total, counts.refused, counts.late, counts.performed), (35, 35, 7, 0));
    assert_eq!(good.call("GET", APPLICATIONS, None).status, 200);
    let reply = ask(&["--include", &sandbox.applications_url()]);
    assert!(reply.body.contains("\r\nWWW-Authenticate: Bearer\r\n"), "{}", reply.body);
}

#[test]
fn what_is_not_understood_is_refused_by_what_is_wrong_with_it_and_changes_nothing() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let owner = Caller::owner(&sandbox);
    let one = format!("{APPLICATIONS}/{NOBODY}");
    let cases = [
        ("PUT", APPLICATIONS.to_owned(), 405),
        ("DELETE", APPLICATIONS.to_owned(), 405),
        ("POST", one.clone(), 405),
        ("GET", format!("{one}:regenerate-secret"), 405),
        ("POST", format!("{POLICIES}/{NOBODY}/assets"), 405),
        ("POST", "/archivist/v1/caps?service=applications".to_owned(), 405),
        ("GET", one.clone(), 404),
        ("GET", one.to_uppercase().replace(&APPLICATIONS.to_uppercase(), APPLICATIONS), 404),
        ("DELETE", one.clone(), 404),
        ("POST", format!("{one}:regenerate-secret"), 404),
        ("GET", format!("{POLICIES}/{NOBODY}"), 404),
        ("GET", format!("{one}/assets"), 404),
        ("GET", format!("{one}:expire"), 400),
        ("GET", format!("{APPLICATIONS}/me"), 400),
        ("DELETE", format!("{POLICIES}/me"), 400),
        ("GET", format!("{APPLICATIONS}/"), 404),
        ("GET", format!("{APPLICATIONS}x"), 404),
        ("POST", APPLICATIONS.to_owned(), 400),
        ("POST", POLICIES.to_owned(), 400),
    ];
    for (method, path, status) in &cases {
        assert_eq!(owner.call(method, path, None).status, *status, "{method} {path}");
    }
    let allowed = owner.call("PUT", APPLICATIONS, None).json();
    assert_eq!(allowed["description"], "GET, POST");
    let body = json!({ "display_name": "x" });
    let known = format!("{APPLICATIONS}/{}", sandbox.new_client().client_id);
    assert_eq!(owner.call("POST", &format!("{known}:regenerate-secret"), Some(&body)).status, 400);
    let bearer = format!("Authorization: Bearer {}", owner.token);
    let form = ["--header", &bearer, "--data", r#"{"display_name":"x"}"#, &sandbox.applications_url()];
    assert_eq!(ask(&form).status, 400, "a form is no JSON");
    assert_eq!((sandbox.integrations().len(), sandbox.counts().api.performed), (2, 0));
}

#[test]
fn a_fault_comes_in_place_of_a_request_that_is_not_performed_or_of_the_answer_to_one_that_was() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let owner = Caller::owner(&sandbox);
    let body = json!({ "display_name": "Cold chain" });
    sandbox.set(|settings| {
        let limit = Fault::rate_limited(&[("Archivist-Rate-Limit-Reset", "2.5")]);
        settings.api_script = [limit, Fault::quota()].into();
        settings.api_fault = Some(Fault::empty(503));
        settings.api_answer_script = [Fault::Reset, Fault::html(200)].into();
    });
    let create = || owner.call("POST", APPLICATIONS, Some(&body)).status;
    assert_eq!([create(), create(), create(), create()], [429, 402, 503, 503]);
    assert_eq!(sandbox.integrations().len(), 1, "nothing was made");
    sandbox.set(|settings| settings.api_fault = None);
    assert_eq!(owner.call("POST", APPLICATIONS, None).status, 400, "no answer to what was not performed");
    assert_eq!(owner.call("POST", APPLICATIONS, Some(&body)).exit, 56, "curl: failure in receiving");
    assert_eq!(sandbox.integrations().len(), 2, "it was made all the same");
    let page = owner.call("GET", POLICIES, None);
    assert!(page.status == 200 && page.body.starts_with("<!DOCTYPE html>"), "{}", page.body);
    assert_eq!(create(), 200);
    let counts = sandbox.counts().api;
    assert_eq!((counts.faulty, counts.spoilt, counts.refused, counts.performed), (4, 2, 1, 3));
    assert_eq!((counts.total, counts.applications.created, counts.policies.listed), (8, 2, 1));
    // Assets and tokens have faults of their own.
    assert_eq!((sandbox.counts().tokens.faulty, sandbox.counts().assets.faulty), (0, 0));
}

#[test]
fn a_request_is_held_before_it_is_performed_or_after_and_goes_on_when_it_is_released() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let (owner, client) = (Caller::owner(&sandbox), sandbox.new_client());
    let path = format!("{APPLICATIONS}/{}:regenerate-secret", client.client_id);
    sandbox.set(|settings| settings.api_hold = true);
    let mut waiting = owner.start("POST", &path, None);
    sandbox.wait_until("the request", |counts| counts.api.total == 1);
    assert_eq!((sandbox.counts().api.performed, sandbox.secrets().len()), (0, 2));

    sandbox.set(|settings| (settings.api_hold, settings.api_hold_answers) = (false, true));
    sandbox.wait_until("another secret", |counts| counts.api.applications.regenerated == 1);
    assert!(waiting.try_wait().unwrap().is_none(), "it was answered");
    sandbox.set(|settings| settings.api_hold_answers = false);
    let reply = Reply::of(waiting);
    assert_eq!(
        (reply.status, &reply.json()["credentials"][0]["secret"]),
        (200, &json!(sandbox.secrets()[2]))
    );
}

#[test]
fn a_request_that_was_held_is_performed_though_whoever_sent_it_is_gone() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let owner = Caller::owner(&sandbox);
    sandbox.set(|settings| settings.api_hold = true);
    let mut gone = owner.start("POST", APPLICATIONS, Some(&json!({ "display_name": "Cold chain" })));
    sandbox.wait_until("the request", |counts| counts.api.total == 1);
    gone.kill().unwrap();
    gone.wait().unwrap();
    sandbox.set(|settings| settings.api_hold = false);
    sandbox.wait_until("the integration", |counts| counts.api.applications.created == 1);
}

#[test]
fn the_requests_of_the_apis_are_kept_as_they_came_apart_from_those_for_tokens() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let owner = Caller::owner(&sandbox);
    let body = json!({ "display_name": "Cold chain" });
    sandbox.set(|settings| settings.api_script = [Fault::empty(503)].into());
    owner.call("POST", APPLICATIONS, Some(&body));
    owner.done("GET", &format!("{POLICIES}?page_size=7"), None);
    let seen = sandbox.api_requests();
    let line = |at: usize| (seen[at].method.as_str(), seen[at].target.as_str());
    assert_eq!(seen.len(), 2);
    assert_eq!(line(0), ("POST", APPLICATIONS));
    assert_eq!((line(1).0, seen[1].path()), ("GET", POLICIES));
    assert_eq!(seen[1].query(), Some(vec![("page_size".to_owned(), "7".to_owned())]));
    assert_eq!((serde_json::from_slice(&seen[0].body).ok(), seen[1].body.len()), (Some(body), 0));
    assert_eq!(sandbox.requests().len(), 1);
}
