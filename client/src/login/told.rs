//! What a person is told once their credentials are kept: what was proven, where they are kept, what to type next.

use dt_cred::jwt;
use dt_cred_proto::{
    message::{Stored, Token},
    profile::Profile,
    text::Text,
};
use serde_json::Value;

use crate::{duration, format};

/// The claims of a DataTrails token by which people know their tenant, and what each is called.
const CLAIMS: [(&str, &str); 3] = [("jit_tenant_id", "tenant"), ("jit_tier", "tier"), ("name", "name")];

/// How curl is called where `curl` may mean something else.
const CURL: &str = if cfg!(windows) { "curl.exe" } else { "curl" };

/// The lines. `token` is the one that has proven the credentials, `named` the profile that the user has named.
pub(super) fn lines(stored: &Stored, token: Option<&Token>, url: &Text, named: Option<&Profile>) -> String {
    let Stored { profile, keyring, lasts, expires_in_ms } = stored;
    let claims = token.map(claims).unwrap_or_default();
    let proof = match expires_in_ms {
        Some(left) => {
            let known: String = claims.iter().map(|(name, value)| format!(", {name} {value}")).collect();
            format!("proven: the token is valid for {}{known}", duration::in_words(*left))
        }
        None => "not proven by a token".to_owned(),
    };
    let place = keyring.place();
    let option = named.map(|name| format!(" -p {name}")).unwrap_or_default();
    let path = if claims.iter().any(|(name, _)| *name == "tenant") { "/archivist/v2/assets" } else { "/…" };
    // What a shell would take for something else is not there to be copied.
    let url = if format::is_plain(url.as_str()) { format!("{url}{path}") } else { "https://…".to_owned() };
    let next = format!("dt-cred test{option}; {CURL} -H \"$(dt-cred get{option})\" {url}");
    format!("{proof}\nkept as profile {profile} in {place}, {lasts}\nnext: {next}\n")
}

/// What the token says of its tenant, as far as it is there and is text.
fn claims(token: &Token) -> Vec<(&'static str, Text)> {
    // An opaque one says nothing to anybody but its issuer.
    let Ok(read) = jwt::read(token.access_token.expose().as_bytes()) else { return Vec::new() };
    let claim = |(claim, name)| match read.payload.iter().find(|(known, _)| known == claim) {
        Some((_, Value::String(value))) if !value.trim().is_empty() => {
            // `tenant/UUID` says itself what it is.
            let own = value.strip_prefix(name).and_then(|rest| rest.strip_prefix('/'));
            Some((name, Text::new(own.unwrap_or(value))))
        }
        _ => None,
    };
    CLAIMS.into_iter().filter_map(claim).collect()
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use dt_cred_proto::{message::Keyring, secret::Secret};

    use super::*;

    const ASSETS: &str = "https://app.datatrails.ai/archivist/v2/assets";

    fn stored(expires_in_ms: Option<u64>) -> Stored {
        Stored {
            profile: "staging".parse().expect("a name"),
            keyring: Keyring::SecretService,
            lasts: "until it is erased".into(),
            expires_in_ms,
        }
    }

    fn token(text: String) -> Token {
        Token {
            access_token: Secret::new(text),
            token_type: "Bearer".into(),
            expires_at_ms: 0,
            expires_in_ms: 0,
            generation: 1,
            profile: "staging".parse().expect("a name"),
            url: "".into(),
            warning: None,
        }
    }

    fn claiming(payload: &str) -> Token {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        token(format!("{}.{}.{}", part("{}"), part(payload), part("signature")))
    }

    fn told(token: &Token, named: Option<&Profile>) -> String {
        lines(&stored(Some(61 * 60_000)), Some(token), &"https://app.datatrails.ai".into(), named)
    }

    #[test]
    fn what_was_proven_where_it_is_kept_and_what_to_type_next_is_told_in_three_lines() {
        let token = claiming(r#"{"jit_tenant_id":"tenant/7","name":"ours","jit_tier":"FREE"}"#);
        let expected = format!(
            "proven: the token is valid for 1 h 1 min, tenant 7, tier FREE, name ours\n\
             kept as profile staging in the Secret Service, until it is erased\n\
             next: dt-cred test; {CURL} -H \"$(dt-cred get)\" {ASSETS}\n"
        );
        assert_eq!(told(&token, None), expected);
        let named = told(&token, Some(&"staging".parse().expect("a name")));
        let next =
            format!("next: dt-cred test -p staging; {CURL} -H \"$(dt-cred get -p staging)\" {ASSETS}\n");
        assert!(named.ends_with(&next), "{named}");
    }

    #[test]
    fn a_token_of_which_nothing_is_known_is_told_without_a_tenant() {
        for token in [
            token("opaque".to_owned()),
            claiming("{}"),
            claiming(r#"{"jit_tenant_id":7,"name":" ","jit_tier":null}"#),
        ] {
            let told = told(&token, None);
            assert!(told.starts_with("proven: the token is valid for 1 h 1 min\nkept as "), "{told}");
            assert!(told.ends_with(" https://app.datatrails.ai/…\n"), "{told}");
        }
        let unproven = lines(&stored(None), None, &"https://a.example".into(), None);
        assert!(unproven.starts_with("not proven by a token\nkept as "), "{unproven}");
    }

    #[test]
    fn no_claim_writes_more_than_its_word_and_no_url_gives_a_shell_more() {
        let told = told(&claiming("{\"jit_tenant_id\":\"a\\nb\\u001b[2J\"}"), None);
        assert_eq!(told.lines().count(), 3, "{told:?}");
        assert!(told.contains("tenant a\u{fffd}b\u{fffd}[2J\n"), "{told:?}");
        for url in ["https://a.example/$(id)", "https://a.example/;id", "https://a.example/a b", "https://é"]
        {
            let told = lines(&stored(None), None, &url.into(), None);
            assert!(told.ends_with(" https://…\n"), "{told}");
        }
    }
}
