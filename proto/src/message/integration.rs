//! DataTrails' Custom Integrations and access policies, as an Owner's token makes and changes them.

use serde::{Deserialize, Serialize};

use super::{Failure, Keyring, Stored};
use crate::{lengths, profile::Profile, secret::Secret, text::Text, uuid::Uuid};

/// Asks for one operation of the Applications or Access Policies API.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub struct Manage {
    /// The profile whose token is used: that of an integration with the role Owner.
    pub owner: Profile,
    /// What to do.
    pub action: Action,
}

/// What can be asked of the APIs.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Make an integration and keep its credentials: answered by [`Managed::Created`].
    Create(Create),
    /// A page of the integrations: answered by [`Managed::Integrations`].
    List {
        /// The page, as [`Integrations::next`] named it; none is the first.
        #[serde(deserialize_with = "lengths::optional_string")]
        page: Option<String>,
    },
    /// One integration: answered by [`Managed::Integration`].
    Show(IntegrationSubject),
    /// Delete an integration: answered by [`Managed::Deleted`].
    Delete(IntegrationSubject),
    /// Another secret for the integration of a profile, kept in place of the one it has: answered by [`Managed::Rotated`].
    Rotate(Rotate),
    /// Make an access policy: answered by [`Managed::Granted`].
    Grant(Grant),
    /// A page of the access policies, those of it that apply to an integration: answered by [`Managed::Policies`].
    Policies {
        /// To which.
        subject: IntegrationSubject,
        /// The page, as [`Policies::next`] named it; none is the first.
        #[serde(deserialize_with = "lengths::optional_string")]
        page: Option<String>,
    },
    /// One access policy: answered by [`Managed::Policy`].
    Policy(Uuid),
    /// Delete an access policy: answered by [`Managed::Revoked`].
    Revoke(Uuid),
}

/// Which integration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum IntegrationSubject {
    /// The one of this client id, which is its id too.
    Id(Uuid),
    /// The one whose credentials this profile holds.
    Profile(Profile),
}

/// An integration to make.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub struct Create {
    /// Its name for people.
    pub display_name: Text,
    /// Claims that its tokens have besides, in this order.
    #[serde(deserialize_with = "lengths::sequence")]
    pub claims: Vec<Claim>,
    /// Whether it is an Owner.
    pub owner: bool,
    /// Where its credentials are kept.
    pub save: Option<Save>,
    /// Whether the answer has the secret, for a person at a terminal.
    pub reveal: bool,
}

/// A claim that an integration's tokens have besides.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Claim {
    /// Its name.
    pub name: Text,
    /// Its value.
    pub value: Text,
}

/// Where credentials are kept that were made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Save {
    /// As which profile; one that is not there yet.
    pub profile: Profile,
    /// In which store; none is the configured one.
    pub keyring: Option<Keyring>,
}

/// Another secret for an integration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rotate {
    /// The profile that holds its credentials, or is to hold them.
    pub profile: Profile,
    /// Which integration, where the profile holds none yet: its secret was lost.
    pub client_id: Option<Uuid>,
    /// In which store such a profile is kept; none is the configured one.
    pub keyring: Option<Keyring>,
    /// Only if the secret ends within so many seconds.
    pub due: Option<u64>,
}

/// An access policy to make.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// The integration that is granted something.
    pub subject: IntegrationSubject,
    /// The types of the assets (`arc_display_type`); none are all.
    #[serde(deserialize_with = "lengths::sequence")]
    pub asset_types: Vec<Text>,
    /// Whether they may be read.
    pub read: bool,
    /// Whether they may be changed, and events recorded.
    pub write: bool,
    /// The policy's name for people; none is made of the rest.
    pub display_name: Option<Text>,
    /// Only tell what would be sent.
    pub dry_run: bool,
}

/// What came of it.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub enum Managed {
    /// An integration was made.
    Created(Box<Created>),
    /// A page of integrations.
    Integrations(Integrations),
    /// An integration.
    Integration(Box<Integration>),
    /// An integration is gone.
    Deleted {
        /// Which.
        id: Uuid,
        /// The profiles that hold its credentials still.
        #[serde(deserialize_with = "lengths::sequence")]
        profiles: Vec<Profile>,
    },
    /// A profile has another secret, or needs none yet.
    Rotated(Rotated),
    /// An access policy was made, or would be.
    Granted(Box<Granted>),
    /// A page of access policies.
    Policies(Policies),
    /// An access policy.
    Policy(Box<Policy>),
    /// An access policy is gone.
    Revoked(Uuid),
    /// An integration was made whose secret could not be kept, and is shown where [`Create::reveal`] asked for it.
    Unkept {
        /// What was made, with its secret.
        created: Box<Created>,
        /// Why it is not kept, and how to go on.
        failure: Failure,
    },
}

/// A Custom Integration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Integration {
    /// Its client identifier (RFC 6749 §2.2).
    pub client_id: Uuid,
    /// Its name for people.
    pub display_name: Text,
    /// Claims that its tokens have besides, by name.
    #[serde(deserialize_with = "lengths::sequence")]
    pub claims: Vec<Claim>,
    /// Its roles.
    #[serde(deserialize_with = "lengths::sequence")]
    pub roles: Vec<Text>,
    /// From when on its secret is valid, in seconds since the Unix epoch.
    pub valid_from: Option<i64>,
    /// Until when.
    pub valid_until: Option<i64>,
    /// The profiles that hold its credentials, by name.
    #[serde(deserialize_with = "lengths::sequence")]
    pub profiles: Vec<Profile>,
}

/// An integration that was made.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// What it is.
    pub integration: Integration,
    /// Where its credentials are kept, where they are.
    pub stored: Option<Stored>,
    /// Its secret, where it was asked for.
    pub secret: Option<Secret>,
}

/// A page of integrations.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Integrations {
    /// Those on it.
    #[serde(deserialize_with = "lengths::sequence")]
    pub integrations: Vec<Integration>,
    /// The next page, where there is one.
    #[serde(deserialize_with = "lengths::optional_string")]
    pub next: Option<String>,
    /// Profiles whose credentials could not be read, so that they stand at no integration.
    #[serde(deserialize_with = "lengths::sequence")]
    pub unread: Vec<Profile>,
}

/// What came of a rotation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rotated {
    /// Whose secret.
    pub profile: Profile,
    /// Of which integration.
    pub client_id: Uuid,
    /// Until when it is valid, in seconds since the Unix epoch.
    pub valid_until: Option<i64>,
    /// Where the new one is kept; none where the old one is not due yet.
    pub stored: Option<Stored>,
}

/// An access policy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// Its id.
    pub id: Uuid,
    /// Its name for people.
    pub display_name: Text,
    /// Which assets, a condition each; those joined by "or" stand in one.
    #[serde(deserialize_with = "lengths::sequence")]
    pub filters: Vec<Text>,
    /// To whom, a condition each.
    #[serde(deserialize_with = "lengths::sequence")]
    pub subjects: Vec<Text>,
    /// Whether it lets anything be read.
    pub read: bool,
    /// Whether it lets anything be changed or recorded.
    pub write: bool,
}

/// A page of access policies.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Policies {
    /// Whom they apply to.
    pub client_id: Uuid,
    /// Those of it that do.
    #[serde(deserialize_with = "lengths::sequence")]
    pub policies: Vec<Policy>,
    /// The next page, where there is one.
    #[serde(deserialize_with = "lengths::optional_string")]
    pub next: Option<String>,
}

/// An access policy that was made, or would be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Granted {
    /// Whom it applies to.
    pub client_id: Uuid,
    /// The policy; none where it was only to be told.
    pub policy: Option<Policy>,
    /// What was sent or would be, as JSON.
    #[serde(deserialize_with = "lengths::string")]
    pub body: String,
}

/// How long a profile's secret is valid yet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SecretStatus {
    /// Whose.
    pub profile: Profile,
    /// Until when, in seconds since the Unix epoch, where that is known.
    pub valid_until: Option<i64>,
    /// As which owner a rotation of it began that has not ended.
    pub rotation: Option<Profile>,
}

impl SecretStatus {
    /// How many seconds before its end a secret is warned of: 30 days.
    pub const SOON: i64 = 30 * 24 * 60 * 60;
}
