//! What an access policy grants, of which assets and to whom.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::registry::About;

/// Which assets, and what of them to whom.
pub(super) struct Rule {
    pub(super) filters: Vec<Either>,
    pub(super) access_permissions: Vec<Permission>,
}

/// One of these must hold; a list of them must hold altogether.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Either {
    or: Vec<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Permission {
    asset_attributes_read: Vec<String>,
    asset_attributes_write: Vec<String>,
    event_arc_display_type_read: Vec<String>,
    event_arc_display_type_write: Vec<String>,
    behaviours: Vec<String>,
    include_attributes: Vec<String>,
    subjects: Vec<String>,
    user_attributes: Vec<Either>,
}

impl Rule {
    /// Whoever it is may read every attribute of the assets of these types.
    pub(super) fn for_everybody(types: &[&str]) -> Self {
        let or = types.iter().map(|kind| format!("attributes.arc_display_type={kind}")).collect();
        let permission = Permission {
            asset_attributes_read: vec!["*".to_owned()],
            user_attributes: vec![Either { or: vec!["subject=*".to_owned()] }],
            ..Permission::default()
        };
        Self { filters: vec![Either { or }], access_permissions: vec![permission] }
    }

    pub(super) fn is_for(&self, asset: &Value) -> bool {
        all_hold(&self.filters, |name| asset["attributes"][name.strip_prefix("attributes.")?].as_str())
    }

    /// Whether the client may read this attribute of the asset.
    pub(super) fn shows(&self, client_id: &str, about: &About, asset: &Value, attribute: &str) -> bool {
        let mut permissions = self.access_permissions.iter();
        self.is_for(asset)
            && permissions.any(|permission| {
                permission.is_for(client_id, about)
                    && permission.asset_attributes_read.iter().any(|known| known == "*" || known == attribute)
            })
    }
}

impl Permission {
    /// Whether it can be understood.
    pub(super) fn is_one(&self) -> bool {
        let named = |name: &str, value: &str| !name.is_empty() && !value.is_empty();
        are_conditions(&self.user_attributes, named)
            && self.behaviours.iter().all(|behaviour| behaviour == "RecordEvidence")
    }

    fn is_for(&self, client_id: &str, about: &About) -> bool {
        let identity = format!("applications/{client_id}");
        let attributes = &self.user_attributes;
        self.subjects.iter().any(|subject| *subject == identity || subject == client_id)
            || (!attributes.is_empty()
                && all_hold(attributes, |name| match name {
                    "subject" => Some(client_id),
                    claim => about.custom_claims.get(claim).map(String::as_str),
                }))
    }
}

/// Whether they can be understood and there is one at least.
pub(super) fn are_filters(groups: &[Either]) -> bool {
    let of_attribute = |name: &str, value: &str| {
        name.strip_prefix("attributes.").is_some_and(|name| !name.is_empty()) && !value.is_empty()
    };
    !groups.is_empty() && are_conditions(groups, of_attribute)
}

fn are_conditions(groups: &[Either], are: fn(&str, &str) -> bool) -> bool {
    let is_condition = |text: &String| text.split_once('=').is_some_and(|(name, value)| are(name, value));
    groups.iter().all(|Either { or }| !or.is_empty() && or.iter().all(is_condition))
}

/// Whether one condition of each group holds; `*` is any value, where there is one.
fn all_hold<'a>(groups: &[Either], value: impl Fn(&str) -> Option<&'a str>) -> bool {
    let holds = |condition: &String| {
        let (name, wanted) = condition.split_once('=').unwrap_or((condition, ""));
        value(name).is_some_and(|value| wanted == "*" || wanted == value)
    };
    groups.iter().all(|Either { or }| or.iter().any(holds))
}
