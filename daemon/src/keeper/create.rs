//! An integration that is made, and whose secret goes from the API into the keyring.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use dt_cred_proto::{
    message::{Create, Created, Failure, FailureKind, Integration, Keyring, Save},
    profile::Profile,
};

use super::{
    Keeper, Shared,
    change::Proven,
    command::Command,
    item::{Item, locked},
    manage::{list, perhaps},
    settled::{Asking, Settled},
};
use crate::{
    api::{Call, applications},
    clock,
    keyring::KeyringError,
};

/// How long keeping what was made may take: a keyring may ask a person.
const KEEPING: Duration = Duration::from_secs(60);

/// How long one attempt to get a token by it may take.
const PROVING: Duration = Duration::from_secs(30);

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
    ) -> Result<Created, Failure> {
        let wrong = |what: String| Err(Failure::new(FailureKind::Usage, what));
        let name = create.display_name.as_str();
        if name.is_empty() || name.contains(char::REPLACEMENT_CHARACTER) {
            return wrong(format!("an integration cannot be called {name:?}: give it another name"));
        }
        if let Err(why) = applications::check(&create.claims) {
            return wrong(why);
        }
        let goes_on = format!(
            "integration {name:?} is being made still: {}, and dt-cred status whether its profile is there",
            list(&owner)
        );
        match &create.save {
            Some(save) => {
                let profile = save.profile.clone();
                self.settle(profile, (owner, create), deadline, goes_on, Command::Create).await
            }
            // In the queue of the Owner's own profile, of which nothing is changed.
            None if create.reveal => {
                let profile = owner.clone();
                self.settle(profile, (owner, create), deadline, goes_on, Command::Create).await
            }
            None => wrong(format!(
                "the secret of integration {name:?} would be lost: say with --save as which profile it is kept"
            )),
        }
    }

    /// Makes it, in the task of the profile that holds this.
    pub(super) async fn make_integration(
        &self,
        profile: &Profile,
        held: Option<Item>,
        asking: &Asking<Create, Created>,
        fetches: &AtomicU64,
    ) -> Settled<Created> {
        match self.make_and_keep(profile, held, asking, fetches).await {
            Ok(settled) => settled,
            Err(failure) => failure.into(),
        }
    }

    async fn make_and_keep(
        &self,
        profile: &Profile,
        held: Option<Item>,
        asking: &Asking<Create, Created>,
        fetches: &AtomicU64,
    ) -> Result<Settled<Created>, Failure> {
        let (by, deadline, save) = (asking.owner.clone(), asking.deadline, asking.what.save.clone());
        let keyring = match &save {
            Some(save) => Some(self.0.room_for(save, held).await?),
            None => None,
        };
        let mut owner = self.owner(&by, deadline).await?;
        asking.begin()?;

        let Create { display_name, claims, owner: is_owner, reveal, .. } = &asking.what;
        let name = display_name.as_str();
        let call = Call::create(display_name, claims, *is_owner);
        let unknown = format!("integration {name:?} was created: {}", list(&by));
        let body = self.call_to_its_end(&mut owner, &call).await;
        let body = body.map_err(|refused| perhaps(refused, &unknown))?;
        let made = applications::integration(&body);
        drop(body);
        let made = made.ok_or_else(|| perhaps(owner.asked(&call).rubbish(), &unknown))?;
        let client_id = made.integration.client_id;
        tracing::info!(%client_id, owner = %by, "an integration was made");

        let Some(issued) = made.issued else {
            let host = crate::credentials::host(&owner.credentials.url);
            let why = Failure::new(FailureKind::Other, format!("{host} gave none with its answer"));
            return Err(lost(&made.integration, save.as_ref(), &by, &why));
        };
        let secret = reveal.then(|| issued.secret.share());
        let created = Created { integration: made.integration, stored: None, secret };
        let Some(keyring) = keyring else { return Ok(Settled { kept: None, answer: Ok(created) }) };
        let credentials = owner.credentials.for_client(client_id.to_string(), issued);
        let credentials = credentials.map_err(|error| {
            let why = Failure::new(FailureKind::Other, format!("it cannot be kept: {error}"));
            lost(&created.integration, save.as_ref(), &by, &why)
        })?;
        let item = Item { credentials: Arc::new(credentials), keyring };
        let until = clock::now().boot + PROVING;
        let proof = self.0.grant(profile, &item, until, fetches).await;
        let (grant, unproven) = match proof {
            Ok(grant) => (Some(grant), None),
            Err(why) => (None, Some(why)),
        };
        let proven = Proven { item, grant, before: None };
        let kept = self.0.keep(profile, proven, clock::now().boot + KEEPING).await;
        let kept = kept.map_err(|why| lost(&created.integration, save.as_ref(), &by, &why))?;
        let answer = match unproven {
            None => Ok(created),
            Some(why) => Err(Failure::new(
                why.kind,
                format!(
                    "integration {name:?} was created with client id {client_id}, and its credentials are kept as profile \
                     {profile} in {keyring}, but no token was got by them: {}; dt-cred -p {profile} test tries again",
                    why.message
                ),
            )),
        };
        Ok(Settled { kept: Some(Box::new(kept)), answer })
    }
}

impl Shared {
    /// The store in which a new profile can be kept. Raises no prompt.
    pub(super) async fn room_for(&self, save: &Save, held: Option<Item>) -> Result<Keyring, Failure> {
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
        if let Some(keyring) = existing {
            let message = format!(
                "profile {profile} is there already, in {keyring}: choose another with --save, or give its integration \
                 another secret by dt-cred integration rotate {profile}"
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
                    "{keyring} holds an item for profile {profile} already: choose another profile, or see with dt-cred \
                     keyring list what it is"
                );
                Err(Failure::new(FailureKind::Usage, message))
            }
        }
    }
}

/// That an integration is there whose secret nobody has, and how to go on.
fn lost(integration: &Integration, save: Option<&Save>, owner: &Profile, why: &Failure) -> Failure {
    let Integration { client_id, display_name, .. } = integration;
    let rotate = save.map_or_else(String::new, |Save { profile, keyring }| {
        let keyring = keyring.map(|keyring| format!(" --keyring {keyring}")).unwrap_or_default();
        format!(
            "once that is mended, dt-cred integration rotate {profile} --as {owner} --client-id {client_id}{keyring} gives \
             it another one, or "
        )
    });
    let message = format!(
        "integration {:?} was created with client id {client_id}, and its secret is lost: {}; {rotate}dt-cred integration \
         delete {client_id} --as {owner} removes it",
        display_name.as_str(),
        why.message
    );
    Failure::new(why.kind, message)
}
