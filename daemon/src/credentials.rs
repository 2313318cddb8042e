//! A profile's credentials: where a secret goes and how, as the keyring's item and the user's attributes say it.

mod ca;
pub mod date;
mod endpoint;
mod error;
pub(crate) mod form;
mod item;

pub use ca::{Ca, CaError, CaFile, is_public as is_public_ca};
pub use dt_cred_proto::message::DEFAULT_URL;
pub(crate) use endpoint::{LOCALHOST, host};
pub use endpoint::{UrlError, is_loopback};
pub use error::{CredentialsError, GivenError, ItemError};

use dt_cred_proto::{
    attributes::Lines,
    message::{Attributes, ClientAuth},
    secret::Secret,
};
use serde_json::{Map, Value};

/// DataTrails' token endpoint, after the base URL.
pub const TOKEN_PATH: &str = "/archivist/iam/v1/appidp/token";

/// Largest item, in bytes: what Windows' Credential Manager takes. It holds everywhere, so that an item can move.
pub const ITEM_LIMIT: usize = 2560;

/// Longest item that is read, in bytes: another program may have written more into it than this one would.
pub const READ_LIMIT: usize = 64 * 1024;

/// A client's credentials and where they may be sent. They live in the keyring's item and nowhere else, so that
/// an edited file sends no secret elsewhere.
#[derive(PartialEq, Eq)]
pub struct Credentials {
    /// Base URL of the service, normalised, without a slash at the end.
    pub url: String,
    /// The token endpoint (RFC 6749 §3.2), normalised.
    pub token_url: String,
    /// The client identifier (RFC 6749 §2.2).
    pub client_id: String,
    /// The client secret (RFC 6749 §2.3.1).
    pub client_secret: Secret,
    /// How the client authenticates.
    pub auth: ClientAuth,
    /// `scope` of the token request (RFC 6749 §3.3).
    pub scope: Option<String>,
    /// `audience` of the token request.
    pub audience: Option<String>,
    /// `resource` of the token request (RFC 8707).
    pub resource: Option<String>,
    /// The only CAs to trust for this profile.
    pub ca: Option<Ca>,
    /// When the secret expires, as the issuer wrote it.
    pub valid_until: Option<String>,
    /// Members of the item that this release does not know; kept as they are.
    pub rest: Map<String, Value>,
}

/// A secret as its issuer gave it.
pub struct Issued {
    /// The secret.
    pub secret: Secret,
    /// When it expires, as the issuer wrote it.
    pub valid_until: Option<String>,
}

impl Credentials {
    /// Reads a keyring's item; white space around it is taken.
    ///
    /// # Errors
    /// [`CredentialsError::Item`], which quotes nothing of it.
    pub fn parse(item: &str) -> Result<Self, CredentialsError> {
        Ok(item::parse(item)?)
    }

    /// Reads the lines of `store`, as a source gives them that can only be read.
    ///
    /// # Errors
    /// [`GivenError`], which quotes no value.
    pub fn given(lines: &str) -> Result<Self, GivenError> {
        let Lines { attributes, keyring, no_check } = Lines::parse(lines.as_bytes())?;
        if keyring.is_some() || no_check {
            return Err(GivenError::Preference);
        }
        let credentials = Self::merged(None, attributes)?;
        // Pinned anew at each reading: whoever could write it could move the profile's trust.
        if let Some(ca) = &credentials.ca {
            ca.trusted()?;
        }
        Ok(credentials)
    }

    /// When the secret expires, in seconds since the Unix epoch; none where that is not known.
    pub fn ends(&self) -> Option<i64> {
        date::read(self.valid_until.as_deref()?)
    }

    /// The credentials of a client that these made: it is at the same service, trusted alike.
    ///
    /// # Errors
    /// Where they cannot be kept.
    pub fn for_client(&self, client_id: String, issued: Issued) -> Result<Self, CredentialsError> {
        let Issued { secret, valid_until } = issued;
        Self {
            url: self.url.clone(),
            token_url: self.token_url.clone(),
            client_id,
            client_secret: secret,
            auth: self.auth,
            scope: None,
            audience: None,
            resource: None,
            ca: self.ca.clone(),
            valid_until,
            rest: Map::new(),
        }
        .keepable()
    }

    /// The same with another secret.
    ///
    /// # Errors
    /// Where they cannot be kept.
    pub fn with_secret(&self, issued: Issued) -> Result<Self, CredentialsError> {
        Self {
            scope: self.scope.clone(),
            audience: self.audience.clone(),
            resource: self.resource.clone(),
            rest: self.rest.clone(),
            ..self.for_client(self.client_id.clone(), issued)?
        }
        .keepable()
    }

    fn keepable(self) -> Result<Self, CredentialsError> {
        if let Some(field) = self.unprintable() {
            return Err(CredentialsError::ControlCharacter { field });
        }
        let size = self.to_item().expose().len();
        if size > ITEM_LIMIT { Err(CredentialsError::TooLong { size }) } else { Ok(self) }
    }

    /// The item that [`Credentials::parse`] reads.
    pub fn to_item(&self) -> Secret {
        item::write(self)
    }

    /// What the user gave, over what is kept. Everything but the secret is kept unless it is given; an optional
    /// attribute given empty is dropped; the token endpoint follows a changed base URL. Reads the CA file, where
    /// one is given, and pins it.
    ///
    /// The secret must always be given: credentials that are sent to another place than before are entered by
    /// one who has them.
    ///
    /// # Errors
    /// Every missing field at once, else the first that is wrong.
    pub fn merged(existing: Option<&Self>, mut given: Attributes) -> Result<Self, CredentialsError> {
        let (client_id, client_secret) = (given.client_id.take(), given.client_secret.take());
        let client_id =
            client_id.filter(|id| !id.is_empty()).or_else(|| existing.map(|e| e.client_id.clone()));
        let client_secret = client_secret.filter(|secret| !secret.expose().is_empty());
        let (client_id, client_secret) = match (client_id, client_secret) {
            (Some(id), Some(secret)) => (id, secret),
            (id, secret) => {
                let missing = [(id.is_none(), "client_id"), (secret.is_none(), "client_secret")];
                let missing = missing.into_iter().filter(|(missing, _)| *missing);
                return Err(CredentialsError::Missing(missing.map(|(_, field)| field).collect()));
            }
        };

        let Endpoints { url, token_url, auth, scope, audience, resource, ca } =
            Endpoints::merged(existing, given)?;
        // The date belongs to one secret of one client; of another's it says nothing.
        let same = |e: &&Self| e.client_id == client_id && e.client_secret == client_secret;
        let valid_until = existing.filter(same).and_then(|e| e.valid_until.clone());
        let rest = existing.map(|e| e.rest.clone()).unwrap_or_default();
        let merged = Self {
            url,
            token_url,
            client_id,
            client_secret,
            auth,
            scope,
            audience,
            resource,
            ca,
            valid_until,
            rest,
        };
        merged.keepable()
    }

    /// The first field that holds a control character: a line feed in a value is another line or header elsewhere
    /// (CVE-2020-5260).
    fn unprintable(&self) -> Option<&'static str> {
        let fields = [
            ("url", Some(&*self.url)),
            ("token_url", Some(&*self.token_url)),
            ("client_id", Some(&*self.client_id)),
            ("client_secret", Some(self.client_secret.expose())),
            ("scope", self.scope.as_deref()),
            ("audience", self.audience.as_deref()),
            ("resource", self.resource.as_deref()),
            ("ca_file", self.ca.as_ref().map(|ca| &*ca.file)),
            ("valid_until", self.valid_until.as_deref()),
        ];
        let unprintable = |text: &str| text.chars().any(char::is_control);
        fields.into_iter().find(|(_, text)| text.is_some_and(unprintable)).map(|(field, _)| field)
    }
}

/// Where a secret goes, and how: what credentials hold besides the client itself.
#[derive(PartialEq, Eq, Debug)]
pub struct Endpoints {
    /// As in [`Credentials`], and so are all the others.
    pub url: String,
    /// The token endpoint.
    pub token_url: String,
    /// How the client authenticates.
    pub auth: ClientAuth,
    /// `scope` of the token request.
    pub scope: Option<String>,
    /// `audience` of the token request.
    pub audience: Option<String>,
    /// `resource` of the token request.
    pub resource: Option<String>,
    /// The only CAs to trust.
    pub ca: Option<Ca>,
}

impl Endpoints {
    /// What the user gave, over what is kept, as [`Credentials::merged`] says.
    ///
    /// # Errors
    /// The first attribute that is wrong.
    pub fn merged(existing: Option<&Credentials>, given: Attributes) -> Result<Self, CredentialsError> {
        let kept = |given: Option<String>, field: fn(&Credentials) -> &Option<String>| {
            given.or_else(|| existing.and_then(|e| field(e).clone())).filter(|text| !text.is_empty())
        };
        let url = match given.url.filter(|url| !url.is_empty()) {
            Some(url) => {
                endpoint::base(&url).map_err(|source| CredentialsError::Url { field: "url", source })?
            }
            None => existing.map_or_else(|| DEFAULT_URL.to_owned(), |e| e.url.clone()),
        };
        let token_url = match given.token_url {
            Some(url) if !url.is_empty() => endpoint::token(&url)
                .map_err(|source| CredentialsError::Url { field: "token_url", source })?,
            None if existing.is_some_and(|e| e.url == url) => {
                existing.map_or_else(String::new, |e| e.token_url.clone())
            }
            _ => format!("{url}{TOKEN_PATH}"),
        };
        let ca = match given.ca_file {
            Some(path) if path.is_empty() => None,
            Some(path) => Some(Ca::pin(&path)?),
            None => existing.and_then(|e| e.ca.clone()),
        };
        Ok(Self {
            url,
            token_url,
            auth: given.auth.or_else(|| existing.map(|e| e.auth)).unwrap_or_default(),
            scope: kept(given.scope, |e| &e.scope),
            audience: kept(given.audience, |e| &e.audience),
            resource: kept(given.resource, |e| &e.resource),
            ca,
        })
    }
}
