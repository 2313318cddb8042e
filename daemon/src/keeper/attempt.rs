//! One attempt to get a token: the keyring where nothing is held, then the issuer.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use dt_cred_proto::{message::Failure, profile::Profile, secret::Secret};

use super::{Shared, item::Item};
use crate::{
    clock,
    credentials::Credentials,
    issuer::Declined,
    lifecycle::{Cause, Failed, Grant},
};

/// A token, and the credentials that it was got by, which it never parts from: it goes to no other place than theirs,
/// whatever the profile's are by then.
#[derive(Clone)]
pub(super) struct Granted {
    pub(super) access_token: Arc<Secret>,
    pub(super) credentials: Arc<Credentials>,
}

/// What makes a token the one that was rejected is its string.
impl PartialEq for Granted {
    fn eq(&self, other: &Self) -> bool {
        self.access_token == other.access_token
    }
}

/// How an attempt to get a token ended.
pub(super) struct Attempt {
    /// What was read from the keyring for it.
    pub(super) loaded: Option<Item>,
    pub(super) result: Result<Grant<Granted>, Failed<Failure>>,
}

/// Makes one. `loading` is true for as long as it waits for the keyring.
pub(super) async fn attempt(
    shared: &Shared,
    profile: &Profile,
    held: Option<Item>,
    fetches: &AtomicU64,
    loading: &AtomicBool,
) -> Attempt {
    let is_held = held.is_some();
    let item = match held {
        Some(item) => item,
        None => match shared.load(profile).await {
            Ok(item) => item,
            Err(error) => {
                let result = Err(Failed { cause: Cause::Local, retry_after: None, error });
                return Attempt { loaded: None, result };
            }
        },
    };
    loading.store(false, Ordering::Relaxed);
    if let Some(ca) = &item.credentials.ca {
        shared.see_to(ca).await;
    }
    let result = shared.fetch(profile, &item, fetches).await;
    let result = result.map_err(|Declined { cause, retry_after, failure }| Failed {
        cause,
        retry_after,
        error: failure,
    });
    Attempt { loaded: (!is_held).then_some(item), result }
}

impl Shared {
    /// One request to the issuer. Its grant counts from the moment before it was sent.
    pub(super) async fn fetch(
        &self,
        profile: &Profile,
        item: &Item,
        fetches: &AtomicU64,
    ) -> Result<Grant<Granted>, Declined> {
        let preferences = self.config().profile(profile);
        let requested = clock::now();
        fetches.fetch_add(1, Ordering::Relaxed);
        let fetch =
            self.issuer.fetch(profile, &item.credentials, &preferences.proxy, preferences.default_lifetime);
        let granted = fetch.await?;
        let credentials = Arc::clone(&item.credentials);
        let token = Granted { access_token: Arc::new(granted.access_token), credentials };
        Ok(Grant { token, lifetime: granted.lifetime, requested })
    }
}
