//! One operation of the Applications or Access Policies API: nothing of its address but an id and the name of a page.

use dt_cred_proto::{message::Claim, text::Text, uuid::Uuid};
use reqwest::Method;
use serde::{Serialize, Serializer, de::IgnoredAny, ser::SerializeMap};

use crate::credentials::form;

/// Where the integrations are, after the base URL.
pub const APPLICATIONS_PATH: &str = "/archivist/iam/v1/applications";

/// Where the access policies are.
pub const POLICIES_PATH: &str = "/archivist/iam/v1/access_policies";

/// How many integrations or policies are asked for at once.
const PAGE_SIZE: &str = "100";

/// Longest name of a page that is sent, in bytes.
pub const PAGE_LIMIT: usize = 2048;

/// What a call is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// The list of integrations.
    Integrations,
    /// An integration.
    Integration(Uuid),
    /// The list of access policies.
    Policies,
    /// An access policy.
    Policy(Uuid),
}

/// What is asked of the API.
pub struct Call {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    /// JSON.
    pub(super) body: Option<String>,
    pub(super) target: Target,
}

#[derive(Serialize)]
struct NewIntegration<'a> {
    display_name: &'a Text,
    #[serde(serialize_with = "object")]
    custom_claims: &'a [Claim],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    roles: &'a [&'a str],
}

impl Call {
    /// Makes an integration.
    pub fn create(display_name: &Text, claims: &[Claim], owner: bool) -> Self {
        let roles: &[_] = if owner { &["OWNER"] } else { &[] };
        let new = NewIntegration { display_name, custom_claims: claims, roles };
        Self::new(Method::POST, APPLICATIONS_PATH.to_owned(), Target::Integrations).with(&new)
    }

    /// A page of the integrations.
    pub fn list(page: Option<&str>) -> Self {
        Self::new(Method::GET, paged(APPLICATIONS_PATH, page), Target::Integrations)
    }

    /// An integration.
    pub fn show(id: Uuid) -> Self {
        Self::new(Method::GET, format!("{APPLICATIONS_PATH}/{id}"), Target::Integration(id))
    }

    /// Deletes an integration.
    pub fn delete(id: Uuid) -> Self {
        Self::new(Method::DELETE, format!("{APPLICATIONS_PATH}/{id}"), Target::Integration(id))
    }

    /// Another secret for an integration; the one before is not taken any more.
    pub fn regenerate_secret(id: Uuid) -> Self {
        let path = format!("{APPLICATIONS_PATH}/{id}:regenerate-secret");
        Self::new(Method::POST, path, Target::Integration(id))
    }

    /// Makes an access policy; `body` is what [`super::policies::body`] wrote.
    pub fn grant(body: String) -> Self {
        let call = Self::new(Method::POST, POLICIES_PATH.to_owned(), Target::Policies);
        Self { body: Some(body), ..call }
    }

    /// A page of the access policies.
    pub fn policies(page: Option<&str>) -> Self {
        Self::new(Method::GET, paged(POLICIES_PATH, page), Target::Policies)
    }

    /// An access policy.
    pub fn policy(id: Uuid) -> Self {
        Self::new(Method::GET, format!("{POLICIES_PATH}/{id}"), Target::Policy(id))
    }

    /// Deletes an access policy.
    pub fn revoke(id: Uuid) -> Self {
        Self::new(Method::DELETE, format!("{POLICIES_PATH}/{id}"), Target::Policy(id))
    }

    /// Whether it changes something: where no answer comes, it is not known whether it did.
    pub fn changes(&self) -> bool {
        self.method != Method::GET
    }

    fn new(method: Method, path: String, target: Target) -> Self {
        Self { method, path, body: None, target }
    }

    fn with(self, body: &impl Serialize) -> Self {
        Self { body: Some(serde_json::to_string(body).expect("texts can be written")), ..self }
    }
}

/// Whether a success says what a deletion has to say: nothing, or an object. A page for people is somebody else's.
pub fn is_nothing(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    body.is_empty() || (body[0] == b'{' && serde_json::from_slice::<IgnoredAny>(body).is_ok())
}

fn paged(path: &str, page: Option<&str>) -> String {
    let page = page.map(|page| format!("&page_token={}", *form::encode_one(page)));
    format!("{path}?page_size={PAGE_SIZE}{}", page.unwrap_or_default())
}

/// Claims as an object, in their order.
fn object<S: Serializer>(claims: &&[Claim], serializer: S) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_map(Some(claims.len()))?;
    for Claim { name, value } in *claims {
        object.serialize_entry(name, value)?;
    }
    object.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(name: &str, value: &str) -> Claim {
        Claim { name: name.into(), value: value.into() }
    }

    #[test]
    fn a_page_for_people_says_nothing_of_a_deletion() {
        for (body, nothing) in [
            ("", true),
            (" \r\n", true),
            ("{}", true),
            ("{\"identity\":\"x\"}", true),
            ("<html>", false),
            ("{", false),
            ("null", false),
        ] {
            assert_eq!(is_nothing(body.as_bytes()), nothing, "{body:?}");
        }
    }

    #[test]
    fn each_operation_is_one_address_and_what_the_api_documents_as_its_body() {
        let id: Uuid = "01234567-89ab-cdef-0123-456789abcdef".parse().unwrap();
        let claims = [claim("team", "a \"b\""), claim("area", "north")];
        let create = |owner| Call::create(&"line 3".into(), &claims, owner);
        for (call, method, path, body) in [
            (
                create(false),
                "POST",
                "/archivist/iam/v1/applications",
                Some(r#"{"display_name":"line 3","custom_claims":{"team":"a \"b\"","area":"north"}}"#),
            ),
            (
                create(true),
                "POST",
                "/archivist/iam/v1/applications",
                Some(
                    r#"{"display_name":"line 3","custom_claims":{"team":"a \"b\"","area":"north"},"roles":["OWNER"]}"#,
                ),
            ),
            (Call::list(None), "GET", "/archivist/iam/v1/applications?page_size=100", None),
            (
                Call::list(Some("a/../b?c&d=é\r\n")),
                "GET",
                "/archivist/iam/v1/applications?page_size=100&page_token=a%2F..%2Fb%3Fc%26d%3D%C3%A9%0D%0A",
                None,
            ),
            (
                Call::show(id),
                "GET",
                "/archivist/iam/v1/applications/01234567-89ab-cdef-0123-456789abcdef",
                None,
            ),
            (
                Call::delete(id),
                "DELETE",
                "/archivist/iam/v1/applications/01234567-89ab-cdef-0123-456789abcdef",
                None,
            ),
            (
                Call::regenerate_secret(id),
                "POST",
                "/archivist/iam/v1/applications/01234567-89ab-cdef-0123-456789abcdef:regenerate-secret",
                None,
            ),
            (Call::grant("{}".to_owned()), "POST", "/archivist/iam/v1/access_policies", Some("{}")),
            (Call::policies(None), "GET", "/archivist/iam/v1/access_policies?page_size=100", None),
            (
                Call::policy(id),
                "GET",
                "/archivist/iam/v1/access_policies/01234567-89ab-cdef-0123-456789abcdef",
                None,
            ),
            (
                Call::revoke(id),
                "DELETE",
                "/archivist/iam/v1/access_policies/01234567-89ab-cdef-0123-456789abcdef",
                None,
            ),
        ] {
            assert_eq!((call.method.as_str(), &*call.path, call.body.as_deref()), (method, path, body));
            assert_eq!(call.changes(), method != "GET");
        }
    }
}
