//! Access policies as the Access Policies API writes them.

use std::fmt;

use dt_cred_proto::{message::Policy, text::Text, uuid::Uuid};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, SeqAccess, Visitor},
};

use super::applications::or_nothing;

/// What a policy is to grant.
pub struct Granting<'a> {
    /// Its name for people.
    pub display_name: &'a str,
    /// Whom: an integration's client id.
    pub client_id: Uuid,
    /// The types of the assets; none are all.
    pub asset_types: &'a [Text],
    /// Whether they may be read.
    pub read: bool,
    /// Whether they may be changed, and events recorded.
    pub write: bool,
}

/// A page of access policies.
pub struct Page {
    /// Those on it that apply.
    pub policies: Vec<Policy>,
    /// The next page, where there is one.
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct List {
    access_policies: Vec<Document>,
    #[serde(default)]
    next_page_token: Option<String>,
}

/// A policy as it is read.
#[derive(Deserialize)]
struct Document {
    identity: String,
    #[serde(default, deserialize_with = "or_nothing")]
    display_name: String,
    #[serde(default, deserialize_with = "or_nothing")]
    filters: Vec<Conditions>,
    #[serde(default, deserialize_with = "or_nothing")]
    access_permissions: Vec<Granted>,
}

/// A policy as it is made.
#[derive(Serialize)]
struct NewDocument<'a> {
    display_name: &'a str,
    filters: [Conditions; 1],
    access_permissions: [Permission; 1],
}

/// Conditions of which one suffices, or all are needed.
#[derive(Default, Serialize, Deserialize)]
struct Conditions {
    #[serde(default, deserialize_with = "or_nothing", skip_serializing_if = "Vec::is_empty")]
    or: Vec<String>,
    #[serde(default, deserialize_with = "or_nothing", skip_serializing_if = "Vec::is_empty")]
    and: Vec<String>,
}

#[derive(Default, Serialize)]
struct Permission {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    asset_attributes_read: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    asset_attributes_write: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    event_arc_display_type_read: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    event_arc_display_type_write: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    behaviours: &'static [&'static str],
    include_attributes: [&'static str; 0],
    subjects: [&'static str; 0],
    user_attributes: Vec<Conditions>,
}

/// What a permission lets whom do; of what is only allowed or not, no more than that.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Granted {
    asset_attributes_read: Something,
    asset_attributes_write: Something,
    event_arc_display_type_read: Something,
    event_arc_display_type_write: Something,
    behaviours: Something,
    #[serde(deserialize_with = "or_nothing")]
    subjects: Vec<String>,
    #[serde(deserialize_with = "or_nothing")]
    user_attributes: Vec<Conditions>,
}

/// Whether there is anything in a list of texts.
#[derive(Clone, Copy, Default)]
struct Something(bool);

impl<'de> Deserialize<'de> for Something {
    fn deserialize<D: Deserializer<'de>>(list: D) -> Result<Self, D::Error> {
        struct Looking;

        impl<'de> Visitor<'de> for Looking {
            type Value = Something;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E>(self) -> Result<Something, E> {
                Ok(Something(false))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Something, A::Error> {
                let mut found = false;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    found = true;
                }
                Ok(Something(found))
            }
        }

        list.deserialize_any(Looking)
    }
}

impl Conditions {
    fn any(of: Vec<String>) -> Self {
        Self { or: of, and: Vec::new() }
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.or.iter().chain(&self.and).map(String::as_str)
    }

    fn told(&self) -> Text {
        let parts = [self.or.join(" or "), self.and.join(" and ")];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(" and ").into()
    }
}

impl Granted {
    fn reads(&self) -> bool {
        self.asset_attributes_read.0 || self.event_arc_display_type_read.0
    }

    fn writes(&self) -> bool {
        self.asset_attributes_write.0 || self.event_arc_display_type_write.0 || self.behaviours.0
    }

    fn is_for(&self, client_id: &str) -> bool {
        let attributes = self.user_attributes.iter().flat_map(Conditions::all);
        let attributes = attributes.filter_map(|condition| condition.trim().strip_prefix("subject="));
        let subjects = self.subjects.iter().map(|subject| {
            let subject = subject.trim();
            let subject = subject.strip_prefix("subject=").unwrap_or(subject);
            subject.strip_prefix("applications/").unwrap_or(subject)
        });
        attributes.chain(subjects).any(|subject| {
            let subject = subject.trim();
            subject == "*" || subject.eq_ignore_ascii_case(client_id)
        })
    }
}

/// The body that makes the policy.
pub fn body(granting: &Granting<'_>) -> String {
    let Granting { display_name, client_id, asset_types, read, write } = *granting;
    let types = match asset_types {
        [] => vec!["attributes.arc_display_type=*".to_owned()],
        types => types.iter().map(|name| format!("attributes.arc_display_type={name}")).collect(),
    };
    let all = |granted: bool, what: &'static [&'static str]| if granted { what } else { &[] };
    let permission = Permission {
        asset_attributes_read: all(read, &["*"]),
        asset_attributes_write: all(write, &["*"]),
        event_arc_display_type_read: all(read, &["*"]),
        event_arc_display_type_write: all(write, &["*"]),
        behaviours: all(write, &["RecordEvidence"]),
        user_attributes: vec![Conditions::any(vec![format!("subject={client_id}")])],
        ..Permission::default()
    };
    let (filters, access_permissions) = ([Conditions::any(types)], [permission]);
    let document = NewDocument { display_name, filters, access_permissions };
    serde_json::to_string(&document).expect("texts can be written")
}

/// Reads an access policy; none where the body is no such.
pub fn policy(body: &[u8]) -> Option<Policy> {
    told(&serde_json::from_slice(body).ok()?)
}

/// Reads a page of access policies, those of it that apply to `client_id`; none where the body is no such.
pub fn policies(body: &[u8], client_id: Uuid) -> Option<Page> {
    let List { access_policies, next_page_token } = serde_json::from_slice(body).ok()?;
    let client_id = client_id.to_string();
    let mut policies = Vec::new();
    for document in &access_policies {
        let policy = told(document)?;
        if document.access_permissions.iter().any(|permission| permission.is_for(&client_id)) {
            policies.push(policy);
        }
    }
    Some(Page { policies, next: next_page_token.filter(|token| !token.is_empty()) })
}

fn told(document: &Document) -> Option<Policy> {
    let Document { identity, display_name, filters, access_permissions } = document;
    let id = identity.strip_prefix("access_policies/").unwrap_or(identity);
    let subjects = access_permissions.iter().flat_map(|permission| {
        let attributes = permission.user_attributes.iter().map(Conditions::told);
        attributes.chain(permission.subjects.iter().map(|subject| subject.as_str().into()))
    });
    Some(Policy {
        id: id.parse().ok()?,
        display_name: display_name.as_str().into(),
        filters: filters.iter().map(Conditions::told).collect(),
        subjects: subjects.collect(),
        read: access_permissions.iter().any(Granted::reads),
        write: access_permissions.iter().any(Granted::writes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "d1fb6c87-faa9-4d56-b2fd-a5b70a9af065";
    const POLICY: &str = "47b58286-ff0f-11e9-8f0b-362b9e155667";

    fn written(asset_types: &[Text], read: bool, write: bool) -> serde_json::Value {
        let client_id = CLIENT.parse().unwrap();
        let granting = Granting { display_name: "line 3: read", client_id, asset_types, read, write };
        serde_json::from_str(&body(&granting)).unwrap()
    }

    #[test]
    fn what_is_sent_is_what_the_api_documents() {
        assert_eq!(
            written(&[], true, true),
            serde_json::json!({
                "display_name": "line 3: read",
                "filters": [{ "or": ["attributes.arc_display_type=*"] }],
                "access_permissions": [{
                    "asset_attributes_read": ["*"],
                    "asset_attributes_write": ["*"],
                    "event_arc_display_type_read": ["*"],
                    "event_arc_display_type_write": ["*"],
                    "behaviours": ["RecordEvidence"],
                    "include_attributes": [],
                    "subjects": [],
                    "user_attributes": [{ "or": [format!("subject={CLIENT}")] }]
                }]
            })
        );
        let read = written(&["Door".into(), "a \"b\"=c".into()], true, false);
        assert_eq!(
            read["filters"],
            serde_json::json!([{ "or": ["attributes.arc_display_type=Door", "attributes.arc_display_type=a \"b\"=c"] }])
        );
        let granted = read["access_permissions"][0].as_object().unwrap();
        assert!(!granted.keys().any(|name| name.ends_with("_write") || name == "behaviours"), "{granted:?}");
    }

    #[test]
    fn what_is_sent_is_read_again_and_applies_to_whom_it_was_made_for() {
        for (read, write) in [(true, false), (false, true), (true, true)] {
            let mut document = written(&["Door".into(), "Gate".into()], read, write);
            document["identity"] = format!("access_policies/{POLICY}").into();
            let expected = Policy {
                id: POLICY.parse().unwrap(),
                display_name: "line 3: read".into(),
                filters: vec!["attributes.arc_display_type=Door or attributes.arc_display_type=Gate".into()],
                subjects: vec![format!("subject={CLIENT}").into()],
                read,
                write,
            };
            assert_eq!(policy(document.to_string().as_bytes()), Some(expected.clone()));
            let page =
                serde_json::json!({ "access_policies": [document], "next_page_token": "n" }).to_string();
            let found = policies(page.as_bytes(), CLIENT.parse().unwrap()).unwrap();
            assert_eq!((found.policies, found.next.as_deref()), (vec![expected], Some("n")));
            let others = policies(page.as_bytes(), POLICY.parse().unwrap()).unwrap();
            assert_eq!((others.policies, others.next.as_deref()), (vec![], Some("n")));
        }
    }

    #[test]
    fn a_policy_applies_however_its_subject_is_written() {
        let upper = CLIENT.to_uppercase();
        for (permission, applies) in [
            (
                serde_json::json!({ "user_attributes": [{ "or": ["email=a@b", format!("subject={CLIENT}")] }] }),
                true,
            ),
            (
                serde_json::json!({ "user_attributes": [{ "or": ["x=y"] }, { "and": [format!("subject={upper}")] }] }),
                true,
            ),
            (serde_json::json!({ "user_attributes": [{ "or": ["subject=*"] }] }), true),
            (serde_json::json!({ "subjects": [CLIENT] }), true),
            (serde_json::json!({ "subjects": [format!("applications/{CLIENT}")] }), true),
            (serde_json::json!({ "subjects": [format!("subject={CLIENT}")] }), true),
            (serde_json::json!({ "subjects": ["*"] }), true),
            (serde_json::json!({ "user_attributes": [{ "or": [CLIENT] }] }), false),
            (serde_json::json!({ "user_attributes": [{ "or": [format!("subject={CLIENT}0")] }] }), false),
            (serde_json::json!({ "subjects": [format!("subjects/{CLIENT}")] }), false),
            (serde_json::json!({ "user_attributes": null, "subjects": null }), false),
            (serde_json::json!({}), false),
        ] {
            let page = serde_json::json!({ "access_policies": [{ "identity": POLICY, "access_permissions": [permission] }] });
            let found = policies(page.to_string().as_bytes(), CLIENT.parse().unwrap()).unwrap();
            assert_eq!(found.policies.len(), usize::from(applies), "{page}");
        }
    }

    #[test]
    fn what_is_no_policy_is_none() {
        for rubbish in
            ["", "null", "[]", "{}", "<html>", "{\"identity\":\"access_policies/../x\"}", "{\"identity\":7}"]
        {
            assert!(policy(rubbish.as_bytes()).is_none(), "{rubbish}");
            assert!(policies(rubbish.as_bytes(), CLIENT.parse().unwrap()).is_none(), "{rubbish}");
        }
        let page = b"{\"access_policies\":[{\"identity\":\"x\"}]}";
        assert!(policies(page, CLIENT.parse().unwrap()).is_none());
    }
}
