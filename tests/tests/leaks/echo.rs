//! What an issuer, or something before it, may say that holds what it was sent.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use dt_cred_tests::issuer::Fault;
use serde_json::json;

/// Ways to say `secret` and `token`, each with its name.
pub(crate) fn faults(secret: &str, token: &str) -> Vec<(String, Fault)> {
    let hexadecimal: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    // It may stand in a header.
    let url_safe = BASE64_URL_SAFE_NO_PAD.encode(secret);
    let bearing = |name: &str, value: &str, status: u16| {
        let headers = vec![(name.to_owned(), value.to_owned())];
        Fault::Answer { status, headers, body: String::new() }
    };
    let quoted = json!(secret).to_string();
    let texts = [
        ("as it is", secret.to_owned()),
        ("in capitals", secret.to_uppercase()),
        ("percent-encoded", percent),
        ("in JSON", quoted.clone()),
        ("in hexadecimal", hexadecimal),
        ("in base64", BASE64_STANDARD.encode(secret)),
        ("in base64 after one byte", BASE64_STANDARD.encode(format!("\"{secret}\""))),
        ("in base64 after two bytes", BASE64_URL_SAFE_NO_PAD.encode(format!("=\"{secret}\""))),
        ("where the text is cut", format!("{} {secret}", "a long story ".repeat(15))),
        ("as a token", token.to_owned()),
    ];
    let described = texts.map(|(form, text)| {
        let fault = Fault::oauth(401, "invalid_client", &format!("the secret {text} is wrong"));
        (format!("error_description {form}"), fault)
    });
    let others = [
        ("error", Fault::oauth(400, secret, "no")),
        (
            "error_uri",
            Fault::json(
                &json!({"error": "invalid_client", "error_uri": format!("https://x/{secret}")}).to_string(),
            ),
        ),
        ("an unknown error", Fault::oauth(503, "temporarily_unavailable", secret)),
        ("a text", Fault::Answer { status: 503, headers: Vec::new(), body: secret.to_owned() }),
        ("an unknown member", Fault::json(&json!({"message": secret, "token": token}).to_string())),
        ("half a grant", Fault::Truncated { framed: true }),
        ("a grant's token", Fault::json(&json!({"access_token": format!("{token} {secret}")}).to_string())),
        ("a grant's type", Fault::json(&json!({"access_token": token, "token_type": secret}).to_string())),
        ("no JSON", Fault::json(&format!("{{\"access_token\":{quoted},"))),
        ("Location", Fault::Redirect { status: 302, location: format!("/?client_secret={url_safe}") }),
        ("Retry-After", bearing("Retry-After", &url_safe, 503)),
        ("WWW-Authenticate", bearing("WWW-Authenticate", &url_safe, 401)),
    ];
    let others = others.map(|(name, fault)| (name.to_owned(), fault));
    described.into_iter().chain(others).collect()
}
