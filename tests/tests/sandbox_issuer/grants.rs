//! What it grants, to whom, and what the tokens open.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dt_cred_tests::issuer::{Client, Field, Sandbox};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::{Value, json};

use crate::curl::{ask, assets, claims, curl_is_here, grant, token};

#[test]
fn the_documented_request_gets_a_token_that_opens_assets() {
    if !curl_is_here() {
        return;
    }
    for sandbox in [Sandbox::http(), Sandbox::https()] {
        let client = sandbox.new_client();
        let reply = grant(&sandbox, &client);
        assert_eq!((reply.exit, reply.status), (0, 200), "{}", reply.body);
        let grant = reply.json();
        assert_eq!((&grant["expires_in"], &grant["token_type"]), (&json!(3660), &json!("Bearer")));
        assert_eq!(grant.as_object().unwrap().len(), 3);

        let token = grant["access_token"].as_str().unwrap();
        let list = assets(&sandbox, token);
        assert_eq!((list.status, list.json()["assets"].as_array().unwrap().len()), (200, 2));
        assert_eq!(list.json()["next_page_token"], "");
        sandbox.set(|settings| settings.policy = false);
        assert_eq!(assets(&sandbox, token).json(), json!({ "assets": [], "next_page_token": "" }));

        let counts = sandbox.counts();
        assert_eq!((counts.connections, counts.tokens.total, counts.tokens.granted), (3, 1, 1));
        assert_eq!((counts.assets.total, counts.assets.ok, counts.assets.refused), (2, 2, 0));
        let [request] = &sandbox.requests()[..] else { panic!("one request") };
        assert_eq!((request.method.as_str(), request.header("authorization")), ("POST", None));
        let wanted = [
            ("grant_type", "client_credentials"),
            ("client_id", client.client_id.as_str()),
            ("client_secret", client.client_secret.as_str()),
        ];
        let fields = request.fields().unwrap();
        assert!(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(wanted), "{fields:?}");
        assert_eq!(sandbox.tokens(), [token]);
    }
}

#[test]
fn a_token_is_a_jwt_of_the_documented_claims_that_the_published_key_verifies() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let client = sandbox.new_client();
    let token = token(&sandbox, &client);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(signed.split('.').next().unwrap()).unwrap()).unwrap();
    let keys = ask(&[&format!("{}/appidpv1/.well-known/jwks.json", sandbox.url())]).json();
    let key = &keys["keys"][0];
    assert_eq!(header, json!({ "alg": "RS256", "typ": "at+jwt", "kid": key["kid"] }));
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let key = RsaPublicKeyComponents { n: number("n"), e: number("e") };
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature).unwrap();

    let claims = claims(&token);
    assert!(claims["jit_tenant_id"].as_str().unwrap().starts_with("tenant/"));
    assert_eq!(claims["jti"].as_str().unwrap().len(), 21);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3660);
    let text = |name: &str| claims[name].as_str().unwrap().to_owned();
    assert_eq!((text("sub"), text("client_id")), (client.client_id.clone(), client.client_id));
    assert_eq!(text("iss"), format!("{}/appidpv1", sandbox.url()));
    assert_eq!(text("aud"), format!("{}/archivist", sandbox.url()));
    assert_eq!((text("jit_tier"), text("name").is_empty()), ("FREE".to_owned(), false));
    assert_eq!(claims.as_object().unwrap().len(), 10);
}

#[test]
fn what_is_wrong_with_a_request_decides_the_refusal() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let (client, expired) = (sandbox.new_client(), sandbox.new_client());
    sandbox.expire_secret(&expired.client_id);
    let url = sandbox.token_url();
    let form = |client: &Client| {
        format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            client.client_id, client.client_secret
        )
    };
    let good = form(&client);
    let strange = Client { client_id: "nobody".to_owned(), client_secret: "x".to_owned() };
    let wrong = Client { client_secret: "x".to_owned(), ..client.clone() };
    let cases = [
        (form(&wrong), 401, "invalid_client"),
        (form(&strange), 401, "invalid_client"),
        (form(&expired), 400, "invalid_client"),
        (good.replace("client_credentials", "password"), 400, "unsupported_grant_type"),
        (good.replace("grant_type", "granttype"), 400, "invalid_request"),
        (good.replace("client_id", "id"), 400, "invalid_request"),
        (good.replace("client_secret", "secret"), 400, "invalid_request"),
        (good.replace(&client.client_secret, ""), 400, "invalid_request"),
        (format!("{good}&client_id=again"), 400, "invalid_request"),
        (format!("{good}%"), 400, "invalid_request"),
    ];
    let mut bodies = Vec::new();
    for (form, status, error) in &cases {
        let reply = ask(&["--data", form, &url]);
        assert_eq!((reply.status, &reply.json()["error"]), (*status, &json!(error)), "{form}");
        bodies.push(reply.body);
    }
    assert_eq!(bodies[0], bodies[1], "an unknown client and a wrong secret are told apart");
    let json = ask(&["--header", "Content-Type: application/json", "--data", &good, &url]);
    assert_eq!((json.status, &json.json()["error"]), (400, &json!("invalid_request")));
    assert_eq!(ask(&[&url]).status, 405);
    assert_eq!(ask(&[&format!("{}/elsewhere", sandbox.url())]).status, 404);
    assert_eq!(ask(&["--data", &good, &url]).status, 200);
    let counts = sandbox.counts().tokens;
    assert_eq!((counts.total, counts.refused, counts.granted), (13, 12, 1));
}

#[test]
fn secrets_of_any_characters_are_taken_from_the_form_and_from_basic_authentication() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    for secret in ["a&b+c%d=e", "\"' \\", "grüße, 世界", ":colons:"] {
        let client = sandbox.new_client_with_secret(secret);
        assert_eq!(grant(&sandbox, &client).status, 200, "{secret}");
        // curl does not encode these, as RFC 6749 wants it done.
        let encoded: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let user = format!("{}:{encoded}", client.client_id);
        let basic = |more: &[&str]| {
            let basic = ["--user", &user, "--data", "grant_type=client_credentials", &sandbox.token_url()];
            ask(&[&basic, more].concat()).status
        };
        assert_eq!(basic(&[]), 200, "{secret}");
        assert_eq!(basic(&["--data", "client_secret=both"]), 400, "{secret}");
    }
}

#[test]
fn a_regenerated_secret_replaces_the_old_one_and_leaves_tokens_alone() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let old = sandbox.new_client();
    let token = token(&sandbox, &old);
    let client_secret = sandbox.regenerate_secret(&old.client_id);
    let new = Client { client_secret, ..old.clone() };
    assert_eq!((grant(&sandbox, &old).status, grant(&sandbox, &new).status), (401, 200));
    assert_eq!(assets(&sandbox, &token).status, 200);
}

#[test]
fn every_bearer_is_checked_against_those_that_were_issued() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    sandbox.expect_late();
    let (client, other) = (sandbox.new_client(), sandbox.new_client());
    let (revoked, good) = (token(&sandbox, &client), token(&sandbox, &other));
    sandbox.revoke_tokens(&client.client_id);
    sandbox.set(|settings| settings.lifetime = 0.0);
    let late = token(&sandbox, &client);
    assert_eq!(ask(&[&sandbox.assets_url()]).status, 401);
    let statuses = [&revoked, &late, "made.up.token", &good].map(|token| assets(&sandbox, token).status);
    assert_eq!(statuses, [401, 401, 401, 200]);
    let counts = sandbox.counts().assets;
    let refused = (counts.unauthenticated, counts.revoked, counts.late, counts.unknown);
    assert_eq!((refused, counts.refused, counts.ok, counts.total), ((1, 1, 1, 1), 4, 1, 5));
}

#[test]
fn every_member_of_a_grant_can_be_left_out_or_replaced() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let client = sandbox.new_client();
    let values =
        [json!(null), json!(""), json!("a\r\nb"), json!("a\u{0}b"), json!(1e300), json!(-1), json!("soon")];
    for (index, name) in ["access_token", "expires_in", "token_type"].into_iter().enumerate() {
        let put = |field: Field| {
            sandbox.set(|settings| {
                let fields = [&mut settings.access_token, &mut settings.expires_in, &mut settings.token_type];
                for (at, known) in fields.into_iter().enumerate() {
                    *known = if at == index { field.clone() } else { Field::Usual };
                }
            });
            grant(&sandbox, &client).json()
        };
        assert_eq!(put(Field::Absent).get(name), None);
        for value in &values {
            let grant = put(Field::Value(value.clone()));
            assert_eq!((grant.get(name), grant.as_object().unwrap().len()), (Some(value), 3));
        }
    }
}

#[test]
fn tokens_are_as_long_as_told_opaque_if_told_and_dated_by_a_clock_that_can_be_wrong() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let client = sandbox.new_client();
    for length in [2_000, 2_001, 2_002, 2_003, 61_440, 70_000] {
        for opaque in [false, true] {
            sandbox.set(|settings| (settings.token_length, settings.opaque) = (Some(length), opaque));
            let token = token(&sandbox, &client);
            assert_eq!((token.len(), token.contains('.')), (length, !opaque));
        }
    }
    sandbox.set(|settings| (settings.token_length, settings.opaque) = (None, false));
    let usual = claims(&token(&sandbox, &client));
    sandbox.set(|settings| (settings.clock_skew, settings.lifetime) = (-7200, 2.5));
    let early = claims(&token(&sandbox, &client));
    let seconds = |claims: &Value, name: &str| claims[name].as_f64().unwrap();
    assert_eq!(seconds(&early, "exp") - seconds(&early, "iat"), 2.5);
    let behind = seconds(&usual, "iat") - seconds(&early, "iat");
    assert!((7100.0..=7200.0).contains(&behind), "{behind}");
}

#[test]
fn a_token_is_repeated_while_it_lives_if_told_so() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let client = sandbox.new_client();
    let first = token(&sandbox, &client);
    assert_ne!(token(&sandbox, &client), first);
    sandbox.set(|settings| settings.repeat_token = true);
    let repeated = token(&sandbox, &client);
    let again = grant(&sandbox, &client).json();
    assert_eq!(again["access_token"], json!(repeated));
    assert!(again["expires_in"].as_i64().unwrap() < 3660, "it has less time left than a new one");
    sandbox.revoke_tokens(&client.client_id);
    assert_ne!(token(&sandbox, &client), repeated);
}
