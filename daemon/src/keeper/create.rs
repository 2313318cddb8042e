//! An integration that is made, and whose secret goes from the API into the keyring.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use dt_cred_proto::{
    message::{Create, Created, Failure, FailureKind, Integration, Keyring, Managed, Save},
    profile::Profile,
};

use super::{
    Keeper, Shared,
    change::Proven,
    command::Command,
    item::{Item, locked},
    manage::{list, perhaps},
    settled::{Asking, KEEPING, PROVING, Settled},
};
use crate::{
    api::{Call, applications},
    clock,
    keyring::KeyringError,
};

/// An integration that was made.
pub(super) struct Made {
    pub(super) created: Created,
    /// Why its secret is not kept, where whoever asked is shown it.
    pub(super) unkept: Option<Failure>,
}

impl Keeper {
    /// Makes an integration and keeps its credentials.
    ///
    /// # Errors
    /// Why there is none, or what there is and how to go on.
    pub(super) async fn create(
        &self,
        owner: Profile,
        create: Create,
        deadline: Duration,
    ) -> Result<Managed, Failure> {
        let wrong = |what: String| Err(Failure::new(FailureKind::Usage, what));
        let name = create.display_name.as_str();
        if name.is_empty() || name.contains(char::REPLACEMENT_CHARACTER) {
            return wrong(format!("an integration cannot be called {name:?}: give it another name"));
        }
        if let Err(why) = applications::check(&create.claims) {
            return wrong(why);
        }
        let goes_on = format!(
            "integration {name:?} is being made still: dt-cred integration list --as {owner} tells, and dt-cred status whether \
             its profile is there"
        );
        let profile = place(&create)?.profile.clone();
        let Made { created, unkept } =
            self.settle(profile, (owner, create), deadline, goes_on, Command::Create).await?;
        let created = Box::new(created);
        Ok(match unkept {
            None => Managed::Created(created),
            Some(failure) => Managed::Unkept { created, failure },
        })
    }

    /// Makes it, in the task of the profile that holds this.
    pub(super) async fn make_integration(
        &self,
        profile: &Profile,
        held: Option<Item>,
        asking: &Asking<Create, Made>,
        fetches: &AtomicU64,
    ) -> Settled<Made> {
        match self.make_and_keep(profile, held, asking, fetches).await {
            Ok(settled) => settled,
            Err(failure) => failure.into(),
        }
    }

    async fn make_and_keep(
        &self,
        profile: &Profile,
        held: Option<Item>,
        asking: &Asking<Create, Made>,
        fetches: &AtomicU64,
    ) -> Result<Settled<Made>, Failure> {
        let (by, deadline, save) = (asking.owner.clone(), asking.deadline, place(&asking.what)?);
        let keyring = self.0.room_for(save, &by, held).await?;
        let mut owner = self.owner(&by, deadline).await?;
        asking.begin()?;

        let Create { display_name, claims, owner: is_owner, reveal, .. } = &asking.what;
        let name = display_name.as_str();
        let call = Call::create(display_name, claims, *is_owner);
        let unknown = format!("integration {name:?} was created: {}", listed(&by, save));
        let body = self.call_to_its_end(&mut owner, &call).await;
        let body = body.map_err(|refused| perhaps(refused, &unknown))?;
        let made = applications::integration(&body);
        drop(body);
        let made = made.ok_or_else(|| perhaps(owner.asked(&call).rubbish(), &unknown))?;
        let client_id = made.integration.client_id;
        tracing::info!(%client_id, owner = %by, "an integration was made");

        let Some(issued) = made.issued else {
            let host = crate::credentials::host(&owner.credentials.url);
            let why = Failure::new(
                FailureKind::Other,
                format!("the answer of {host} has none; tell whoever runs it"),
            );
            return Err(lost(&made.integration, save, &by, &why));
        };
        let secret = reveal.then(|| issued.secret.share());
        let created = Created { integration: made.integration, stored: None, secret };
        let credentials = match owner.credentials.for_client(client_id.to_string(), issued) {
            Ok(credentials) => credentials,
            Err(error) => {
                let why = Failure::new(FailureKind::Other, format!("it cannot be kept: {error}"));
                return unkept(created, save, &by, &why);
            }
        };
        let item = Item { credentials: Arc::new(credentials), keyring };
        let until = clock::now().boot + PROVING;
        let proof = self.0.grant(profile, &item, until, fetches).await;
        let (grant, unproven) = match proof {
            Ok(grant) => (Some(grant), None),
            Err(why) => (None, Some(why)),
        };
        let proven = Proven { item, grant, before: None };
        let kept = match self.0.keep(profile, proven, clock::now().boot + KEEPING).await {
            Ok(kept) => kept,
            Err(why) => return unkept(created, save, &by, &why),
        };
        let answer = match unproven {
            None => Ok(Made { created, unkept: None }),
            Some(why) => Err(Failure::new(
                why.kind,
                format!(
                    "integration {name:?} was created with client id {client_id}, and its credentials are kept as profile \
                     {profile} in {}, but no token was got by them: {}; dt-cred -p {profile} test tries again",
                    keyring.place(),
                    why.message
                ),
            )),
        };
        Ok(Settled { kept: Some(Box::new(kept)), answer })
    }
}

impl Shared {
    /// The store in which a new profile can be kept. Raises no prompt.
    pub(super) async fn room_for(
        &self,
        save: &Save,
        by: &Profile,
        held: Option<Item>,
    ) -> Result<Keyring, Failure> {
        let profile = &save.profile;
        self.changeable(profile)?;
        let existing = match held {
            Some(item) => Some(item.keyring),
            None => match self.load(profile).await {
                Ok(item) => Some(item.keyring),
                Err(failure) if failure.kind == FailureKind::NothingStored => None,
                Err(failure) => return Err(failure),
            },
        };
        if let Some(existing) = existing {
            let message = format!(
                "profile {profile} is there already, in {}: choose another with --save, or give its integration \
                 another secret by dt-cred integration rotate {profile} --as {by}",
                existing.place()
            );
            return Err(Failure::new(FailureKind::Usage, message));
        }
        self.room_in(profile, save.keyring).await
    }

    /// The store, this one or the configured one, once it is open for a profile of which it holds nothing.
    pub(super) async fn room_in(
        &self,
        profile: &Profile,
        keyring: Option<Keyring>,
    ) -> Result<Keyring, Failure> {
        let keyring = match keyring.or(self.config().profile(profile).keyring) {
            Some(keyring) => keyring,
            None => self.automatic().await?,
        };
        if keyring == Keyring::Memory {
            return Ok(keyring);
        }
        self.keyrings.writable(keyring).await.map_err(|error| locked(profile, &error))?;
        let there = match self.keyrings.read(keyring, profile).await {
            // It is made with its first item.
            Err(KeyringError::NoCollection) => Ok(None),
            read => read,
        };
        match there.map_err(|error| locked(profile, &error))? {
            None => Ok(keyring),
            Some(_) => {
                let message = format!(
                    "{} holds an item for profile {profile} already: choose another profile, or see with dt-cred keyring \
                     list what it is",
                    keyring.place()
                );
                Err(Failure::new(FailureKind::Usage, message))
            }
        }
    }
}

/// Where the credentials of what is to be made are kept.
fn place(create: &Create) -> Result<&Save, Failure> {
    create.save.as_ref().ok_or_else(|| {
        let message = format!(
            "the secret of integration {:?} would be lost: say with --save as which profile it is kept",
            create.display_name.as_str()
        );
        Failure::new(FailureKind::Usage, message)
    })
}

/// What tells whether there is one, and how to go on with it.
fn listed(owner: &Profile, save: &Save) -> String {
    let (profile, keyring) = (&save.profile, keyring_option(save));
    format!(
        "{}; one that stands there without a profile gets a secret by dt-cred integration rotate {profile} --as {owner} \
         --client-id ID{keyring}, or goes by dt-cred integration delete ID --as {owner}",
        list(owner)
    )
}

/// The option by which the same store is named again, with a blank before it; nothing where none was.
fn keyring_option(save: &Save) -> String {
    save.keyring.map(|keyring| format!(" --keyring {keyring}")).unwrap_or_default()
}

/// What there is where keeping it failed: whoever is to be shown the secret has it.
fn unkept(created: Created, save: &Save, owner: &Profile, why: &Failure) -> Result<Settled<Made>, Failure> {
    let Save { profile, .. } = save;
    if created.secret.is_none() {
        return Err(lost(&created.integration, save, owner, why));
    }
    let then = format!("dt-cred login -p {profile} keeps it, or ");
    let failure = without_secret(&created.integration, ("is not kept", &then), save, owner, why);
    Ok(Settled { kept: None, answer: Ok(Made { created, unkept: Some(failure) }) })
}

/// That an integration is there whose secret nobody has, and how to go on.
fn lost(integration: &Integration, save: &Save, owner: &Profile, why: &Failure) -> Failure {
    without_secret(integration, ("is lost", ""), save, owner, why)
}

/// What became of the secret of an integration that was made, and how to go on; `then` is what is best tried first.
fn without_secret(
    integration: &Integration,
    (became, then): (&str, &str),
    save: &Save,
    owner: &Profile,
    why: &Failure,
) -> Failure {
    let Integration { client_id, display_name, .. } = integration;
    let (profile, keyring) = (&save.profile, keyring_option(save));
    let message = format!(
        "integration {:?} was created with client id {client_id}, and its secret {became}: {}; once that is mended, \
         {then}dt-cred integration rotate {profile} --as {owner} --client-id {client_id}{keyring} gives it another one, or \
         dt-cred integration delete {client_id} --as {owner} removes it",
        display_name.as_str(),
        why.message
    );
    Failure::new(why.kind, message)
}
