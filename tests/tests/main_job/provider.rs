//! What a real provider is asked, and understands.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use dt_cred_tests::{
    parts::oidc_provider::{OidcProvider, SCOPE, Setup},
    user::{Account, User},
};
use serde_json::Value;

#[test]
fn a_real_provider_takes_basic_authentication_and_grants_the_scope_and_resource_asked_for() {
    for basic in [false, true] {
        let Some(provider) = OidcProvider::start(Setup { basic, ..Setup::default() }) else { return };
        let user = User::in_memory();
        let account = Account::at_provider(&provider);
        let auth = if basic { "auth=basic\n" } else { "" };
        let resource = format!("{}/archivist", provider.url());
        user.log_in_with(&format!("{}{auth}scope={SCOPE}\nresource={resource}\n", account.lines()));
        let claims = claims(&user.token());
        assert_eq!(claims["scope"], SCOPE, "{claims}");
        assert_eq!(claims["aud"], resource, "{claims}");
        assert_eq!(claims["client_id"], account.client_id, "{claims}");
        // A scope that the client does not have is the provider's to refuse, and its reason is told.
        let refused = user.store(&format!("{}{auth}scope=nobodys\n", account.lines()));
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(4), ""), "{}", refused.stderr);
        assert!(refused.stderr.contains("invalid_scope"), "{}", refused.stderr);
    }
}

/// The claims of a JWT (RFC 7519 §3).
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&payload).expect("JSON")
}
