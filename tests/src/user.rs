//! A user of dt-cred: a home, a profile of its own, and an account at an issuer.

use serde_json::Value;

use crate::{
    issuer::{Client, Sandbox},
    parts::{
        Home, Output,
        keyring::{self, Profile},
        oidc_provider::{self, OidcProvider},
    },
    transcript,
};

#[cfg(target_os = "linux")]
#[path = "user/linux.rs"]
mod linux;
#[cfg(unix)]
#[path = "user/unix.rs"]
mod unix;
#[cfg(windows)]
#[path = "user/windows.rs"]
mod windows;

/// A client that an issuer knows.
#[derive(Clone)]
pub struct Account {
    /// Base URL of the issuer.
    pub url: String,
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: String,
    /// The issuer's CA, where it is not one of the system's.
    pub ca_file: Option<String>,
}

impl Account {
    /// A new one at the sandbox.
    pub fn at(sandbox: &Sandbox) -> Self {
        Self::of(sandbox, sandbox.new_client())
    }

    /// A new one at the sandbox that is an Owner.
    pub fn owner_at(sandbox: &Sandbox) -> Self {
        Self::of(sandbox, sandbox.new_owner())
    }

    /// A new one at the sandbox, with this secret.
    pub fn with_secret(sandbox: &Sandbox, secret: &str) -> Self {
        Self::of(sandbox, sandbox.new_client_with_secret(secret))
    }

    /// One that the sandbox has.
    pub fn of(sandbox: &Sandbox, client: Client) -> Self {
        Self {
            url: sandbox.url().to_owned(),
            client_id: client.client_id,
            client_secret: client.client_secret,
            ca_file: sandbox.ca_file().map(|path| path.display().to_string()),
        }
    }

    /// The one that the provider knows.
    pub fn at_provider(provider: &OidcProvider) -> Self {
        transcript::secret(oidc_provider::CLIENT_SECRET);
        let https = provider.url().starts_with("https:");
        Self {
            url: provider.url().to_owned(),
            client_id: oidc_provider::CLIENT_ID.to_owned(),
            client_secret: oidc_provider::CLIENT_SECRET.to_owned(),
            ca_file: https.then(|| provider.ca_file().display().to_string()),
        }
    }

    /// The lines of `store` for it.
    pub fn lines(&self) -> String {
        let Self { url, client_id, client_secret, ca_file } = self;
        let ca_file = ca_file.as_ref().map_or(String::new(), |path| format!("ca_file={path}\n"));
        format!("url={url}\nclient_id={client_id}\nclient_secret={client_secret}\n{ca_file}")
    }
}

/// Somebody with a home and a profile.
pub struct User {
    /// Where everything of theirs lies.
    pub home: Home,
    keyring: &'static str,
    profile: Profile,
}

impl User {
    /// One whose credentials are in the daemon's memory.
    pub fn in_memory() -> Self {
        Self::new("memory")
    }

    /// One in memory, with an account of their own at the sandbox.
    #[track_caller]
    pub fn logged_in(sandbox: &Sandbox) -> Self {
        let user = Self::in_memory();
        user.log_in(&Account::at(sandbox));
        user
    }

    /// One whose credentials are in the store that is the user's own on this system; none where it cannot be used.
    pub fn in_keyring() -> Option<Self> {
        keyring::works().then(|| Self::new(keyring::STORE))
    }

    /// One whose credentials go into this store.
    pub fn new(keyring: &'static str) -> Self {
        let (mut home, profile) = (Home::new(), Profile::unique("test"));
        home.set("DT_CRED_PROFILE", profile.name());
        // Many daemons and issuers share the machine with this one.
        home.set("DT_CRED_TIMEOUT", "60");
        Self { home, keyring, profile }
    }

    /// Their profile's name.
    pub fn profile(&self) -> &str {
        self.profile.name()
    }

    /// Whether that store holds their credentials.
    pub fn is_in_keyring(&self) -> bool {
        self.profile.is_kept()
    }

    /// `dt-cred store` with these lines and their store.
    #[track_caller]
    pub fn store(&self, lines: &str) -> Output {
        self.home.dt_cred_with(&["store"], format!("{lines}keyring={}\n", self.keyring))
    }

    /// Stores an account, which must succeed.
    #[track_caller]
    pub fn log_in(&self, account: &Account) {
        self.log_in_with(&account.lines());
    }

    /// Stores these lines, which must succeed.
    #[track_caller]
    pub fn log_in_with(&self, lines: &str) {
        self.store(lines).done();
    }

    /// The client with these arguments.
    #[track_caller]
    pub fn dt_cred(&self, arguments: &[&str]) -> Output {
        self.home.dt_cred(arguments)
    }

    /// The raw token, which there must be.
    #[track_caller]
    pub fn token(&self) -> String {
        let token = self.dt_cred(&["get", "--format", "raw"]).done().trim_end().to_owned();
        // One of npm's provider is heard of nowhere else.
        transcript::token(&token);
        token
    }

    /// The state of their profile by `status --json`.
    #[track_caller]
    pub fn status(&self) -> Value {
        let text = self.dt_cred(&["status", "--json"]).done();
        let status: Value = serde_json::from_str(&text).expect("status is JSON");
        let profiles = status["profiles"].as_array().expect("a list of profiles");
        let own = profiles.iter().find(|known| known["profile"] == self.profile());
        own.cloned().unwrap_or(Value::Null)
    }
}
