//! Who may ask for tokens, and which tokens are out.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::bearer::BadBearer;
use super::random;
use crate::transcript;

/// The role that the APIs of integrations and policies are open to.
pub(super) const OWNER: &str = "OWNER";

/// The credentials of one Custom Integration. They open nothing but this sandbox, so they are plain strings.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Client {
    /// A UUID.
    pub client_id: String,
    /// 64 hexadecimal digits, unless it was chosen.
    pub client_secret: String,
}

/// Custom Integrations and issued tokens.
#[derive(Default)]
pub(super) struct Registry {
    integrations: HashMap<String, Integration>,
    /// How many there ever were.
    made: u64,
    tokens: HashMap<String, Issued>,
    secrets: Vec<String>,
}

pub(super) struct Integration {
    pub(super) about: About,
    /// Its place among all that were ever made.
    pub(super) number: u64,
    pub(super) term: Term,
    secret: String,
    last_token: Option<String>,
}

/// What an integration was made to be.
#[derive(Default)]
pub(super) struct About {
    pub(super) display_name: String,
    pub(super) custom_claims: BTreeMap<String, String>,
    pub(super) roles: Vec<String>,
}

/// When a secret is valid, in seconds since the Unix epoch by the issuer's clock.
#[derive(Clone, Copy)]
pub(super) struct Term {
    pub(super) from: i64,
    /// No longer from this moment on.
    pub(super) until: i64,
}

struct Issued {
    client_id: String,
    expires: Instant,
    revoked: bool,
}

/// Why a client was not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// Unknown, or the secret is wrong: which of the two is not told.
    Unknown,
    /// The secret is right and its time is over.
    Expired,
}

impl Registry {
    pub(super) fn add(&mut self, about: About, client_secret: String, term: Term) -> Client {
        self.note(&client_secret);
        self.made += 1;
        let client_id = random::uuid();
        let secret = client_secret.clone();
        let integration = Integration { about, number: self.made, term, secret, last_token: None };
        self.integrations.insert(client_id.clone(), integration);
        Client { client_id, client_secret }
    }

    /// One that nobody asked for by the API, with a name of the sandbox's own.
    pub(super) fn add_unasked(&mut self, owner: bool, client_secret: String, term: Term) -> Client {
        let about = About {
            display_name: format!("sandbox integration {}", self.made + 1),
            roles: owner.then(|| OWNER.to_owned()).into_iter().collect(),
            ..About::default()
        };
        self.add(about, client_secret, term)
    }

    fn note(&mut self, secret: &str) {
        transcript::secret(secret);
        self.secrets.push(secret.to_owned());
    }

    pub(super) fn integration(&self, client_id: &str) -> Option<&Integration> {
        self.integrations.get(client_id)
    }

    pub(super) fn integration_mut(&mut self, client_id: &str) -> Option<&mut Integration> {
        self.integrations.get_mut(client_id)
    }

    /// All of them with their client ids, in the order in which they were made.
    pub(super) fn integrations(&self) -> Vec<(&str, &Integration)> {
        let mut all: Vec<_> = self.integrations.iter().map(|(id, one)| (id.as_str(), one)).collect();
        all.sort_unstable_by_key(|(_, integration)| integration.number);
        all
    }

    pub(super) fn is_owner(&self, client_id: &str) -> bool {
        self.integration(client_id)
            .is_some_and(|integration| integration.about.roles.iter().any(|r| r == OWNER))
    }

    /// A new secret for a client that exists; tokens already out are left alone.
    pub(super) fn regenerate_secret(&mut self, client_id: &str, term: Term) -> Option<String> {
        let integration = self.integrations.get_mut(client_id)?;
        let secret = random::hex::<32>();
        integration.secret.clone_from(&secret);
        integration.term = term;
        self.note(&secret);
        Some(secret)
    }

    /// The secret is refused from `moment` on; Some(()) if there is such a client.
    pub(super) fn end_secret(&mut self, client_id: &str, moment: i64) -> Option<()> {
        self.integrations.get_mut(client_id)?.term.until = moment;
        Some(())
    }

    /// Some(()) if there is such a client.
    pub(super) fn revoke_tokens(&mut self, client_id: &str) -> Option<()> {
        let integration = self.integrations.get_mut(client_id)?;
        integration.last_token = None;
        self.tokens
            .values_mut()
            .filter(|token| token.client_id == client_id)
            .for_each(|token| token.revoked = true);
        Some(())
    }

    /// Neither its secret nor a token of it is taken any more; Some(()) if there was such a client.
    pub(super) fn remove(&mut self, client_id: &str) -> Option<()> {
        self.revoke_tokens(client_id)?;
        self.integrations.remove(client_id).map(drop)
    }

    /// `moment` is now by the issuer's clock.
    pub(super) fn authenticate(
        &self,
        client_id: &str,
        secret: &str,
        moment: i64,
    ) -> Result<&Integration, Stranger> {
        let integration = self.integrations.get(client_id).ok_or(Stranger::Unknown)?;
        match integration {
            Integration { secret: known, .. } if known != secret => Err(Stranger::Unknown),
            Integration { term, .. } if term.until <= moment => Err(Stranger::Expired),
            _ => Ok(integration),
        }
    }

    /// The client's last token and the time it has left, if it has any.
    pub(super) fn live_token(&self, client_id: &str, now: Instant) -> Option<(String, Duration)> {
        let token = self.integrations.get(client_id)?.last_token.as_ref()?;
        let left = self.tokens.get(token)?.expires.checked_duration_since(now)?;
        Some((token.clone(), left))
    }

    pub(super) fn issue(&mut self, client_id: &str, token: &str, expires: Instant) {
        transcript::token(token);
        let issued = Issued { client_id: client_id.to_owned(), expires, revoked: false };
        self.tokens.insert(token.to_owned(), issued);
        if let Some(integration) = self.integrations.get_mut(client_id) {
            integration.last_token = Some(token.to_owned());
        }
    }

    /// The client id of the one it was issued to.
    pub(super) fn check(&self, token: &str, now: Instant) -> Result<&str, BadBearer> {
        match self.tokens.get(token) {
            None => Err(BadBearer::Unknown),
            Some(issued) if issued.revoked => Err(BadBearer::Revoked),
            Some(issued) if issued.expires <= now => Err(BadBearer::Late),
            Some(issued) => Ok(&issued.client_id),
        }
    }

    pub(super) fn tokens(&self) -> Vec<String> {
        self.tokens.keys().cloned().collect()
    }

    pub(super) fn secrets(&self) -> Vec<String> {
        self.secrets.clone()
    }
}
