//! Who may ask for tokens, and which tokens are out.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::random;
use crate::transcript;

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
    tokens: HashMap<String, Issued>,
}

pub(super) struct Integration {
    pub(super) display_name: String,
    secret: String,
    secret_expired: bool,
    last_token: Option<String>,
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

/// Why a bearer was not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadBearer {
    Unknown,
    Late,
    Revoked,
}

impl Registry {
    pub(super) fn add(&mut self, client_secret: String) -> Client {
        transcript::secret(&client_secret);
        let client_id = random::uuid();
        let integration = Integration {
            display_name: format!("sandbox integration {}", self.integrations.len() + 1),
            secret: client_secret.clone(),
            secret_expired: false,
            last_token: None,
        };
        self.integrations.insert(client_id.clone(), integration);
        Client { client_id, client_secret }
    }

    /// A new secret for a client that exists; tokens already out are left alone.
    pub(super) fn regenerate_secret(&mut self, client_id: &str) -> Option<String> {
        let integration = self.integrations.get_mut(client_id)?;
        integration.secret = random::hex::<32>();
        transcript::secret(&integration.secret);
        integration.secret_expired = false;
        Some(integration.secret.clone())
    }

    /// Some(()) if there is such a client.
    pub(super) fn expire_secret(&mut self, client_id: &str) -> Option<()> {
        self.integrations.get_mut(client_id)?.secret_expired = true;
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

    pub(super) fn authenticate(&self, client_id: &str, secret: &str) -> Result<&Integration, Stranger> {
        let integration = self.integrations.get(client_id).ok_or(Stranger::Unknown)?;
        match integration {
            Integration { secret: known, .. } if known != secret => Err(Stranger::Unknown),
            Integration { secret_expired: true, .. } => Err(Stranger::Expired),
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

    pub(super) fn check(&self, token: &str, now: Instant) -> Result<(), BadBearer> {
        match self.tokens.get(token) {
            None => Err(BadBearer::Unknown),
            Some(issued) if issued.revoked => Err(BadBearer::Revoked),
            Some(issued) if issued.expires <= now => Err(BadBearer::Late),
            Some(_) => Ok(()),
        }
    }

    pub(super) fn tokens(&self) -> Vec<String> {
        self.tokens.keys().cloned().collect()
    }
}
