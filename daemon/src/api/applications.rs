//! Integrations as the Applications API writes them, and what their claims may be called.

use std::collections::BTreeMap;

use dt_cred_proto::{
    message::{Claim, Integration},
    secret::Secret,
    text::Text,
    uuid::Uuid,
};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::{
    credentials::{Issued, date},
    grant::Redaction,
};

/// Longest date that is kept, in bytes: what is longer is none.
const DATE_LIMIT: usize = 64;

/// The registered claims of a JSON Web Token: RFC 7519 §4.1, and those of IANA's registry that an access token of DataTrails
/// has, that RFC 9068 or OpenID Connect Core 1.0 (§2, §5.1, §5.6.2) define.
const REGISTERED: [&str; 47] = [
    "acr",
    "act",
    "address",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "birthdate",
    "c_hash",
    "_claim_names",
    "_claim_sources",
    "client_id",
    "cnf",
    "email",
    "email_verified",
    "entitlements",
    "exp",
    "family_name",
    "gender",
    "given_name",
    "groups",
    "iat",
    "iss",
    "jti",
    "locale",
    "may_act",
    "middle_name",
    "name",
    "nbf",
    "nickname",
    "nonce",
    "phone_number",
    "phone_number_verified",
    "picture",
    "preferred_username",
    "profile",
    "roles",
    "scope",
    "sid",
    "sub",
    "sub_jwk",
    "txn",
    "updated_at",
    "vot",
    "website",
    "zoneinfo",
];

/// What the names of DataTrails' own claims begin with.
const RESERVED: [&str; 2] = ["jit_", "arc_"];

/// An integration and, where the answer has one, its new secret.
pub struct Made {
    /// What it is; which profiles hold its credentials is not known here.
    pub integration: Integration,
    /// The secret, which is given once only.
    pub issued: Option<Issued>,
}

/// A page of integrations.
pub struct Page {
    /// Those on it.
    pub integrations: Vec<Integration>,
    /// The next page, where there is one.
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct List {
    applications: Vec<Application>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Application {
    client_id: String,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "or_nothing")]
    custom_claims: BTreeMap<String, Box<RawValue>>,
    #[serde(default, deserialize_with = "or_nothing")]
    roles: Vec<String>,
    #[serde(default, deserialize_with = "or_nothing")]
    credentials: Vec<Credential>,
}

#[derive(Deserialize)]
struct Credential {
    #[serde(default)]
    secret: Option<Secret>,
    #[serde(default)]
    valid_from: Option<String>,
    #[serde(default)]
    valid_until: Option<String>,
}

/// Null is what is not there.
pub(super) fn or_nothing<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads an integration; none where the body is no such.
pub fn integration(body: &[u8]) -> Option<Made> {
    made(serde_json::from_slice(body).ok()?)
}

/// Reads a page of integrations; none where the body is no such.
pub fn integrations(body: &[u8]) -> Option<Page> {
    let List { applications, next_page_token } = serde_json::from_slice(body).ok()?;
    let integrations = applications.into_iter().map(|application| Some(made(application)?.integration));
    let integrations = integrations.collect::<Option<_>>()?;
    Some(Page { integrations, next: next_page_token.filter(|token| !token.is_empty()) })
}

fn made(application: Application) -> Option<Made> {
    let Application { client_id, display_name, custom_claims, roles, mut credentials } = application;
    let client_id: Uuid = client_id.parse().ok()?;
    let is_secret =
        |secret: &Option<Secret>| secret.as_ref().is_some_and(|secret| !secret.expose().is_empty());
    // A name that holds the secret is the API's mistake, and nobody sees it for that.
    let secrets: Vec<_> =
        credentials.iter().filter_map(|one| one.secret.as_ref()).map(Redaction::of).collect();
    let shown = |text: &str| match secrets.iter().any(|secret| secret.holds_secret(text)) {
        true => Redaction::WITHHELD.into(),
        false => Text::new(text),
    };
    let claims = custom_claims.iter().map(|(name, value)| Claim {
        name: shown(name),
        // What is no string is shown as it is written.
        value: serde_json::from_str::<String>(value.get())
            .map_or_else(|_| shown(value.get()), |text| shown(&text)),
    });
    let moment = |text: &Option<String>| date::read(text.as_deref()?);
    // The one that is valid longest, where there are several.
    let lasting = credentials.iter().max_by_key(|one| moment(&one.valid_until));
    let integration = Integration {
        client_id,
        display_name: shown(&display_name.unwrap_or_default()),
        claims: claims.collect(),
        roles: roles.iter().map(|role| shown(role)).collect(),
        valid_from: lasting.and_then(|one| moment(&one.valid_from)),
        valid_until: lasting.and_then(|one| moment(&one.valid_until)),
        profiles: Vec::new(),
    };
    let at = credentials.iter().position(|one| is_secret(&one.secret));
    let issued =
        at.map(|at| credentials.swap_remove(at)).and_then(|Credential { secret, valid_until, .. }| {
            let plain = |date: &String| {
                !date.is_empty() && date.len() <= DATE_LIMIT && !date.contains(char::is_control)
            };
            Some(Issued { secret: secret?, valid_until: valid_until.filter(plain) })
        });
    Some(Made { integration, issued })
}

/// Why an integration cannot have these claims: which, and what may not be about it.
///
/// # Errors
/// In words, with the name.
pub fn check(claims: &[Claim]) -> Result<(), String> {
    for (at, Claim { name, value }) in claims.iter().enumerate() {
        let told = name.as_str();
        let lower = told.to_lowercase();
        let wrong = if told.is_empty() {
            "has no name"
        } else if value.as_str().is_empty() {
            "has no value"
        } else if RESERVED.iter().any(|reserved| lower.starts_with(reserved)) {
            "begins with jit_ or arc_, as DataTrails' own do"
        } else if REGISTERED.contains(&&*lower) {
            "is a registered claim of a JSON Web Token"
        } else if told.contains(char::REPLACEMENT_CHARACTER)
            || value.as_str().contains(char::REPLACEMENT_CHARACTER)
        {
            "holds a character that nobody could see"
        } else if claims[..at].iter().any(|other| other.name == *name) {
            "is given twice"
        } else {
            continue;
        };
        return Err(format!("the claim {told:?} {wrong}: give it another name or leave it out"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const SECRET: &str = "dd1e9d6f5a2c4b7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6";

    /// The documented answer.
    fn created() -> Value {
        serde_json::json!({
            "identity": "applications/d1fb6c87-faa9-4d56-b2fd-a5b70a9af065",
            "display_name": "line 3",
            "client_id": "d1fb6c87-faa9-4d56-b2fd-a5b70a9af065",
            "tenant_id": "tenant/53e6bed7-6f4c-4a37-8c4f-cf889f1b1aa6",
            "credentials": [{
                "secret": SECRET,
                "valid_from": "2021-09-21T16:43:19Z",
                "valid_until": "2022-09-21T16:43:19Z"
            }],
            "custom_claims": { "serial_number": "ABC123", "has_cyclist_light": "true" },
            "roles": ["OWNER"]
        })
    }

    fn read(answer: &Value) -> Option<Made> {
        integration(answer.to_string().as_bytes())
    }

    #[test]
    fn the_documented_answer_is_read_and_its_secret_stands_apart() {
        let Made { integration, issued } = read(&created()).unwrap();
        let claim = |name: &str, value: &str| Claim { name: name.into(), value: value.into() };
        assert_eq!(
            integration,
            Integration {
                client_id: "d1fb6c87-faa9-4d56-b2fd-a5b70a9af065".parse().unwrap(),
                display_name: "line 3".into(),
                claims: vec![claim("has_cyclist_light", "true"), claim("serial_number", "ABC123")],
                roles: vec!["OWNER".into()],
                valid_from: Some(1_632_242_599),
                valid_until: Some(1_663_778_599),
                profiles: Vec::new(),
            }
        );
        let issued = issued.unwrap();
        assert!(issued.secret.expose() == SECRET);
        assert_eq!(issued.valid_until.as_deref(), Some("2022-09-21T16:43:19Z"));
    }

    #[test]
    fn a_secret_that_stands_in_other_members_too_is_not_shown_there() {
        let mut answer = created();
        answer["display_name"] = format!("named {SECRET}").into();
        answer["custom_claims"] =
            serde_json::json!({ SECRET: SECRET.to_uppercase(), "n": { "deep": SECRET } });
        answer["roles"] = serde_json::json!([SECRET]);
        let text = format!("{:?}", read(&answer).unwrap().integration).to_lowercase();
        assert!(!text.contains(SECRET), "{text}");
        assert!(text.contains("withheld"), "{text}");
    }

    #[test]
    fn what_a_later_read_gives_has_no_secret_and_what_is_left_out_or_null_is_nothing() {
        let id = "d1fb6c87-faa9-4d56-b2fd-a5b70a9af065";
        for odd in [
            serde_json::json!({ "client_id": id }),
            serde_json::json!({ "client_id": id, "display_name": null, "custom_claims": null, "roles": null, "credentials": null }),
            serde_json::json!({ "client_id": id, "credentials": [{ "secret": "", "valid_until": "soon" }] }),
            serde_json::json!({ "client_id": id, "credentials": [{ "secret": null }, {}], "more": [{}] }),
        ] {
            let Made { integration, issued } = read(&odd).unwrap();
            assert!(issued.is_none(), "{odd}");
            assert_eq!((integration.valid_until, integration.claims.len()), (None, 0), "{odd}");
        }
    }

    #[test]
    fn what_is_no_integration_is_none() {
        for rubbish in ["", "null", "[]", "{}", "<html>", "{\"client_id\":7}", "{\"client_id\":\"../x\"}"] {
            assert!(integration(rubbish.as_bytes()).is_none(), "{rubbish}");
            assert!(integrations(rubbish.as_bytes()).is_none(), "{rubbish}");
            let list = format!("{{\"applications\":[{rubbish}]}}");
            let empty = rubbish.is_empty();
            assert_eq!(integrations(list.as_bytes()).is_some(), empty, "{rubbish}");
        }
    }

    #[test]
    fn a_page_names_the_next_one_where_there_is_one() {
        for (next, expected) in [
            ("", None),
            (r#","next_page_token":"""#, None),
            (r#","next_page_token":null"#, None),
            (r#","next_page_token":"a&b""#, Some("a&b")),
        ] {
            let page = format!("{{\"applications\":[{}]{next}}}", created());
            let page = integrations(page.as_bytes()).unwrap();
            assert_eq!((page.integrations.len(), page.next.as_deref()), (1, expected));
        }
    }

    #[test]
    fn a_date_that_cannot_be_kept_is_none() {
        for date in ["", "a\nb", &"x".repeat(65)] {
            let mut answer = created();
            answer["credentials"][0]["valid_until"] = date.into();
            assert_eq!(read(&answer).unwrap().issued.unwrap().valid_until, None, "{date:?}");
        }
    }

    #[test]
    fn a_claim_that_datatrails_or_a_token_has_itself_is_named_before_anything_is_sent() {
        let claim = |name: &str, value: &str| Claim { name: name.into(), value: value.into() };
        for name in [
            "jit_x",
            "arc_",
            "JIT_tenant_id",
            "Arc_display_type",
            "sub",
            "iss",
            "aud",
            "exp",
            "nbf",
            "iat",
            "jti",
            "client_id",
            "name",
            "scope",
            "email",
            "Sub",
            "",
        ] {
            let error = check(&[claim("team", "a"), claim(name, "v")]).unwrap_err();
            assert!(error.contains(&format!("{name:?}")), "{error}");
        }
        assert!(
            check(&[claim("team", "a"), claim("team", "b")]).unwrap_err().contains("\"team\" is given twice")
        );
        assert!(check(&[claim("team", "")]).unwrap_err().contains("has no value"));
        assert!(check(&[claim("te\u{202e}am", "a")]).unwrap_err().contains("nobody could see"));
        assert_eq!(
            check(&[claim("team", "a"), claim("jitter", "b"), claim("arch", "c"), claim("subject", "d")]),
            Ok(())
        );
        assert_eq!(check(&[]), Ok(()));
    }
}
