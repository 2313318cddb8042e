//! What an Owner's token is used for: DataTrails' integrations and access policies.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dt_cred_proto::{
    message::{
        Action, Failure, FailureKind, Get, Grant, Granted, IntegrationSubject, Integrations, Keyring, Manage,
        Managed, Policies, Reject, SecretStatus, Token,
    },
    profile::Profile,
    text::Text,
    uuid::Uuid,
};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{Keeper, command::Command, item::left};
use crate::{
    api::{
        Asked, Call, Holder, Refused, Why, applications,
        call::{PAGE_LIMIT, is_nothing},
        policies::{self, Granting},
    },
    credentials::{Credentials, host},
};

/// The longest that an Owner's token is waited for in the midst of a change.
const ANOTHER: Duration = Duration::from_secs(30);

/// An Owner's token, and what it was got by.
pub(super) struct Owner {
    pub(super) profile: Profile,
    pub(super) credentials: Arc<Credentials>,
    token: Token,
}

/// Which local profiles hold which integration's credentials.
struct Holders {
    by_id: BTreeMap<Uuid, Vec<Profile>>,
    /// Those whose credentials could not be read.
    unread: Vec<Profile>,
}

impl Owner {
    /// What was asked, for whoever judges the answer.
    pub(super) fn asked<'a>(&'a self, call: &'a Call) -> Asked<'a> {
        Asked { owner: &self.profile, credentials: &self.credentials, call }
    }
}

impl Keeper {
    /// Does what is asked for as an Owner.
    ///
    /// # Errors
    /// What kept it from being done; where something was done, or may have been, that too.
    pub async fn manage(&self, manage: Manage, deadline: Duration) -> Result<Managed, Failure> {
        let Manage { owner, action } = manage;
        Ok(match action {
            Action::Create(create) => self.create(owner, create, deadline).await?,
            Action::Rotate(rotate) => Managed::Rotated(self.rotate(owner, rotate, deadline).await?),
            Action::List { page } => Managed::Integrations(self.integrations(&owner, page, deadline).await?),
            Action::Show(subject) => {
                let (mut owner, id) = self.of(&owner, subject, deadline).await?;
                let call = Call::show(id);
                let body = self.call(&mut owner, &call, deadline).await.map_err(|refused| refused.failure)?;
                let shown = applications::integration(&body).filter(|made| made.integration.client_id == id);
                let mut shown = shown.ok_or_else(|| owner.asked(&call).rubbish().failure)?.integration;
                shown.profiles = self.holders(&owner.credentials.url, deadline).await.of(id);
                Managed::Integration(Box::new(shown))
            }
            Action::Delete(subject) => {
                let (mut owner, id) = self.of(&owner, subject, deadline).await?;
                let unknown = || format!("integration {id} was deleted: {}", list(&owner.profile));
                let (call, unknown) = (Call::delete(id), unknown());
                self.remove(&mut owner, &call, &unknown, deadline).await?;
                let profiles = self.holders(&owner.credentials.url, deadline).await.of(id);
                tracing::info!(%id, owner = %owner.profile, "an integration was deleted");
                Managed::Deleted { id, profiles }
            }
            Action::Grant(grant) => {
                Managed::Granted(Box::new(self.grant_access(&owner, grant, deadline).await?))
            }
            Action::Policies { subject, page } => {
                let page = checked(page)?;
                let (mut owner, client_id) = self.of(&owner, subject, deadline).await?;
                let call = Call::policies(page.as_deref());
                let body = self.call(&mut owner, &call, deadline).await.map_err(|refused| refused.failure)?;
                let read = policies::policies(&body, client_id);
                let policies::Page { policies, next } =
                    read.ok_or_else(|| owner.asked(&call).rubbish().failure)?;
                Managed::Policies(Policies { client_id, policies, next })
            }
            Action::Policy(id) => {
                let mut owner = self.owner(&owner, deadline).await?;
                let call = Call::policy(id);
                let body = self.call(&mut owner, &call, deadline).await.map_err(|refused| refused.failure)?;
                let policy = policies::policy(&body).filter(|policy| policy.id == id);
                Managed::Policy(Box::new(policy.ok_or_else(|| owner.asked(&call).rubbish().failure)?))
            }
            Action::Revoke(id) => {
                let mut owner = self.owner(&owner, deadline).await?;
                let unknown = format!("access policy {id} was deleted: the same command again tells");
                self.remove(&mut owner, &Call::revoke(id), &unknown, deadline).await?;
                tracing::info!(%id, owner = %owner.profile, "an access policy was deleted");
                Managed::Revoked(id)
            }
        })
    }

    /// How long each profile's secret is valid yet: as memory tells, else as was noted when its keyring was last read.
    /// Changes nothing, reads no keyring.
    pub async fn secrets(&self) -> Vec<SecretStatus> {
        let mut secrets = Vec::new();
        for profile in self.known() {
            let held = self.ask(Some(profile.clone()), |reply| Command::Item { reply }).await.ok().flatten();
            let noted = self.0.state.remembered(&profile).unwrap_or_default();
            let valid_until = match held {
                Some(item) => item.credentials.ends(),
                // What a source gives is noted nowhere.
                None => noted.valid_until.filter(|_| self.0.source(&profile).is_none()),
            };
            let rotation = noted.rotation;
            secrets.push(SecretStatus { profile, valid_until, rotation });
        }
        secrets
    }

    async fn integrations(
        &self,
        owner: &Profile,
        page: Option<String>,
        deadline: Duration,
    ) -> Result<Integrations, Failure> {
        let page = checked(page)?;
        let mut owner = self.owner(owner, deadline).await?;
        let call = Call::list(page.as_deref());
        let body = self.call(&mut owner, &call, deadline).await.map_err(|refused| refused.failure)?;
        let read = applications::integrations(&body);
        let applications::Page { mut integrations, next } =
            read.ok_or_else(|| owner.asked(&call).rubbish().failure)?;
        let holders = self.holders(&owner.credentials.url, deadline).await;
        for integration in &mut integrations {
            integration.profiles = holders.of(integration.client_id);
        }
        Ok(Integrations { integrations, next, unread: holders.unread })
    }

    async fn grant_access(
        &self,
        owner: &Profile,
        grant: Grant,
        deadline: Duration,
    ) -> Result<Granted, Failure> {
        let Grant { subject, asset_types, read, write, display_name, dry_run } = grant;
        let wrong =
            |text: &Text| text.as_str().is_empty() || text.as_str().contains(char::REPLACEMENT_CHARACTER);
        if let Some(text) = asset_types.iter().chain(&display_name).find(|text| wrong(text)) {
            let message = format!("{:?} is no type of assets and no name: give another", text.as_str());
            return Err(Failure::new(FailureKind::Usage, message));
        }
        let named = match &subject {
            IntegrationSubject::Id(id) => id.to_string(),
            IntegrationSubject::Profile(profile) => profile.to_string(),
        };
        let read = read || !write;
        let what = match (read, write) {
            (true, true) => "read and write",
            (_, true) => "write",
            _ => "read",
        };
        let display_name = display_name.unwrap_or_else(|| format!("{named}: {what}").into());
        let (mut owner, client_id) = self.of(owner, subject, deadline).await?;
        let body = policies::body(&Granting {
            display_name: display_name.as_str(),
            client_id,
            asset_types: &asset_types,
            read,
            write,
        });
        if dry_run {
            return Ok(Granted { client_id, policy: None, body });
        }
        let call = Call::grant(body.clone());
        let unknown = format!(
            "the access policy {:?} was made: dt-cred integration grants {named} --as {} tells",
            display_name.as_str(),
            owner.profile
        );
        let answer = self.change(&mut owner, &call, &unknown, deadline).await?;
        let policy = policies::policy(&answer);
        let policy = policy.ok_or_else(|| perhaps(owner.asked(&call).rubbish(), &unknown))?;
        tracing::info!(id = %policy.id, %client_id, owner = %owner.profile, "an access policy was made");
        Ok(Granted { client_id, policy: Some(policy), body })
    }

    /// The Owner, and the id of an integration of the same service.
    async fn of(
        &self,
        owner: &Profile,
        subject: IntegrationSubject,
        deadline: Duration,
    ) -> Result<(Owner, Uuid), Failure> {
        let (id, url) = match subject {
            IntegrationSubject::Id(id) => (id, None),
            IntegrationSubject::Profile(profile) => {
                let item = self.item(&profile, deadline).await?;
                let id = client_id(&profile, &item.credentials)?;
                (id, Some((profile, item.credentials.url.clone())))
            }
        };
        let owner = self.owner(owner, deadline).await?;
        if let Some((profile, url)) = url {
            same_service(&profile, &url, &owner)?;
        }
        Ok((owner, id))
    }

    /// An Owner's token; whether it is one's the API tells.
    pub(super) async fn owner(&self, profile: &Profile, deadline: Duration) -> Result<Owner, Failure> {
        let get = Get { profile: Some(profile.clone()), ..Get::default() };
        let (token, credentials) = self.granted(get, deadline).await?;
        Ok(Owner { profile: profile.clone(), credentials, token })
    }

    /// Makes a call by `deadline`. Where the token is not taken, another one is got and tried once.
    pub(super) async fn call(
        &self,
        owner: &mut Owner,
        call: &Call,
        deadline: Duration,
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        timeout(left(deadline), self.call_to_its_end(owner, call)).await.unwrap_or_else(|_| {
            let message = format!(
                "profile {}: {} gave no answer in time: try again, or with a longer --timeout",
                owner.profile,
                host(&owner.credentials.url)
            );
            let why = if call.changes() { Why::Unknown } else { Why::Other };
            Err(Refused { why, failure: Failure::new(FailureKind::TryLater, message) })
        })
    }

    /// [`Self::call`], for as long as it takes.
    pub(super) async fn call_to_its_end(
        &self,
        owner: &mut Owner,
        call: &Call,
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let refused = match self.once(owner, call).await {
            Err(refused) if refused.why == Why::Unauthorized => refused,
            result => return result,
        };
        let generation = Some(owner.token.generation);
        let profile = Some(owner.profile.clone());
        self.reject(Reject { profile, generation, force: false }).await?;
        let other = self.owner(&owner.profile, crate::clock::now().boot + ANOTHER).await?;
        if other.credentials.url != owner.credentials.url {
            // Who logged in elsewhere meanwhile did not mean this call.
            return Err(refused);
        }
        *owner = other;
        self.once(owner, call).await
    }

    async fn once(&self, owner: &Owner, call: &Call) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let proxy = self.0.config().profile(&owner.profile).proxy;
        let holder = Holder {
            profile: &owner.profile,
            credentials: &owner.credentials,
            proxy: &proxy,
            token: &owner.token.access_token,
        };
        self.0.api.call(&holder, call).await
    }

    /// [`Self::call`] for one that changes something; `unknown` says of what it is not known whether it was done.
    async fn change(
        &self,
        owner: &mut Owner,
        call: &Call,
        unknown: &str,
        deadline: Duration,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        self.call(owner, call, deadline).await.map_err(|refused| perhaps(refused, unknown))
    }

    /// [`Self::change`] for one that removes something: nothing is left to be told.
    async fn remove(
        &self,
        owner: &mut Owner,
        call: &Call,
        unknown: &str,
        deadline: Duration,
    ) -> Result<(), Failure> {
        let body = self.change(owner, call, unknown, deadline).await?;
        match is_nothing(&body) {
            true => Ok(()),
            false => Err(perhaps(owner.asked(call).rubbish(), unknown)),
        }
    }

    /// Which profiles hold credentials at the service of this address. Runs no program: it may ask a person.
    async fn holders(&self, url: &str, deadline: Duration) -> Holders {
        let (mut by_id, mut unread) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
        for profile in self.known() {
            let held = self.ask(Some(profile.clone()), |reply| Command::Item { reply }).await.ok().flatten();
            let item = match held {
                Some(item) => Ok(item),
                None if self.0.source(&profile) == Some(Keyring::Command) => {
                    unread.push(profile);
                    continue;
                }
                None => self.item(&profile, deadline).await,
            };
            match item {
                Ok(item) if item.credentials.url == url => {
                    if let Ok(id) = item.credentials.client_id.parse::<Uuid>() {
                        by_id.entry(id).or_default().push(profile);
                    }
                }
                Ok(_) => {}
                Err(failure) if failure.kind == FailureKind::NothingStored => {}
                Err(_) => unread.push(profile),
            }
        }
        Holders { by_id, unread }
    }
}

impl Holders {
    fn of(&self, id: Uuid) -> Vec<Profile> {
        self.by_id.get(&id).cloned().unwrap_or_default()
    }
}

/// The command that tells what integrations there are.
pub(super) fn list(owner: &Profile) -> String {
    format!("dt-cred integration list --as {owner} tells")
}

/// Why it was refused; and where it may have been done all the same, `unknown` says what, and what tells.
pub(super) fn perhaps(refused: Refused, unknown: &str) -> Failure {
    let Refused { why, failure } = refused;
    match why {
        Why::Unknown => {
            Failure::new(failure.kind, format!("{}; it is not known whether {unknown}", failure.message))
        }
        _ => failure,
    }
}

/// The integration whose credentials these are.
pub(super) fn client_id(profile: &Profile, credentials: &Credentials) -> Result<Uuid, Failure> {
    credentials.client_id.parse().map_err(|_| {
        let message = format!(
            "profile {profile} holds no integration of DataTrails: its client id is no UUID; name another profile, or an id"
        );
        Failure::new(FailureKind::Usage, message)
    })
}

/// Sees that the Owner is asked about what belongs to the same service.
pub(super) fn same_service(profile: &Profile, url: &str, owner: &Owner) -> Result<(), Failure> {
    if owner.credentials.url == url {
        return Ok(());
    }
    let message = format!(
        "profile {profile} is at {url}, and profile {} at {}: name an Owner of the same service with --as",
        owner.profile, owner.credentials.url
    );
    Err(Failure::new(FailureKind::Usage, message))
}

/// A page's name that may be sent.
fn checked(page: Option<String>) -> Result<Option<String>, Failure> {
    match page {
        Some(page) if page.len() > PAGE_LIMIT => {
            let message = format!(
                "the list's next page has a name of {} bytes, and at most {PAGE_LIMIT} are sent: tell whoever runs the service",
                page.len()
            );
            Err(Failure::new(FailureKind::Other, message))
        }
        page => Ok(page),
    }
}
