//! The sandbox issuer: a server on loopback that behaves as DataTrails does, and misbehaves on demand.
//!
//! It grants and checks tokens, counts what it was asked, and plays every fault of [`Fault`], [`Door`] and
//! [`Certificate`]. It runs on a thread of its own, so plain tests use it without a runtime:
//!
//! ```
//! use dt_cred_tests::issuer::{Fault, Sandbox};
//!
//! let sandbox = Sandbox::http();
//! let client = sandbox.new_client();
//! sandbox.set(|settings| settings.token_script.push_back(Fault::html(503)));
//! // … a program is given `sandbox.url()` and the client's id and secret …
//! assert_eq!(sandbox.counts().assets.late, 0);
//! # drop(client);
//! ```

mod api;
mod applications;
mod assets;
mod bearer;
mod certificates;
mod connection;
mod control;
mod counts;
mod door;
mod fault;
mod form;
mod http;
mod jwt;
mod page;
mod policies;
mod random;
mod registry;
mod rsa;
mod rule;
mod settings;
mod shared;
mod timestamp;
mod token;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use serde_json::Value;
use tempfile::TempDir;

pub use counts::{ApiCounts, ApplicationCounts, AssetCounts, Counts, PolicyCounts, TokenCounts};
pub use fault::Fault;
pub use http::Request;
pub use registry::Client;
pub use settings::{Certificate, Door, Field, Settings};
#[cfg(unix)]
pub use unix::Signals;
#[cfg(windows)]
pub use windows::Signals;

use certificates::Certificates;
use door::{Face, Port};
use rsa::SigningKey;
use shared::{PATIENCE, Shared};
use token::Identity;

/// With or without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain.
    Http,
    /// With a certificate of a CA that exists for this sandbox only.
    Https,
}

/// Why no sandbox came up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The port is taken, or no port is to be had.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Port {
        /// 0 for any.
        port: u16,
        /// From the operating system.
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The certificate that was made is not taken.
    #[error("cannot use the certificate: {0}")]
    Tls(#[from] rustls::Error),
    /// No thread, no runtime or no temporary folder.
    #[error("cannot start the sandbox: {0}")]
    Start(#[from] io::Error),
}

/// A running issuer on a port of 127.0.0.1 that it keeps for life; dropping it ends it.
pub struct Sandbox {
    shared: Arc<Shared>,
    control_url: String,
    /// With its file, as long as the sandbox lives.
    ca: Option<(TempDir, PathBuf)>,
    thread: Option<JoinHandle<()>>,
    /// Whether a test brings tokens that have expired on purpose.
    late_is_meant: std::cell::Cell<bool>,
}

impl Sandbox {
    /// A sandbox without TLS on a free port.
    ///
    /// # Panics
    /// If none comes up.
    pub fn http() -> Self {
        Self::start(Scheme::Http, 0).expect("a sandbox over http")
    }

    /// A sandbox with TLS on a free port.
    ///
    /// # Panics
    /// If none comes up.
    pub fn https() -> Self {
        Self::start(Scheme::Https, 0).expect("a sandbox over https")
    }

    /// A sandbox on `port`, or on a free one for 0. When this returns it is open.
    pub fn start(scheme: Scheme, port: u16) -> Result<Self, SandboxError> {
        let unavailable = |source| SandboxError::Port { port, source };
        let certificates = if scheme == Scheme::Https { Some(Certificates::make()?) } else { None };
        let ca = certificates.as_ref().map(|certificates| keep_ca(&certificates.ca)).transpose()?;
        let port = Port::take(port).map_err(unavailable)?;
        let control = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        control.set_nonblocking(true)?;
        let control_url = format!("http://{}", control.local_addr()?);
        let prefix = if scheme == Scheme::Https { "https" } else { "http" };
        let identity = Identity {
            url: format!("{prefix}://{}", port.address),
            tenant: format!("tenant/{}", random::uuid()),
        };
        let (commands, inbox) = tokio::sync::mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(identity, SigningKey::of_process(), commands));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("sandbox-issuer".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::spawn(control::serve(control, Arc::clone(&theirs)));
                door::keep(port, certificates, theirs, inbox).await;
            });
        })?;
        let sandbox = Self { shared, control_url, ca, thread: Some(thread), late_is_meant: false.into() };
        sandbox.shared.show(Face::of(&Settings::default())).map_err(unavailable)?;
        Ok(sandbox)
    }

    /// What stands for `https://app.datatrails.ai`, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.shared.identity.url
    }

    /// The token endpoint.
    pub fn token_url(&self) -> String {
        format!("{}{}", self.url(), token::PATH)
    }

    /// The list of assets.
    pub fn assets_url(&self) -> String {
        format!("{}{}", self.url(), assets::PATH)
    }

    /// Where programs steer this sandbox; always plain http.
    pub fn control_url(&self) -> &str {
        &self.control_url
    }

    /// The Custom Integrations.
    pub fn applications_url(&self) -> String {
        format!("{}{}", self.url(), applications::PATH)
    }

    /// The access policies.
    pub fn policies_url(&self) -> String {
        format!("{}{}", self.url(), policies::PATH)
    }

    /// The PEM file of the CA to trust; None without TLS. It goes with the sandbox.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca.as_ref().map(|(_, file)| file.as_path())
    }

    /// A new Custom Integration with a secret of 64 hexadecimal digits.
    pub fn new_client(&self) -> Client {
        self.new_client_with_secret(&random::hex::<32>())
    }

    /// A new Custom Integration with this secret.
    pub fn new_client_with_secret(&self, secret: &str) -> Client {
        self.add(false, secret)
    }

    /// A new Custom Integration that is an Owner.
    pub fn new_owner(&self) -> Client {
        self.add(true, &random::hex::<32>())
    }

    fn add(&self, owner: bool, secret: &str) -> Client {
        self.shared
            .with(|state| state.registry.add_unasked(owner, secret.to_owned(), state.settings.secret_term()))
    }

    /// A new secret: the old one stops working, tokens already out live on.
    ///
    /// # Panics
    /// If there is no such client; so do the three below.
    pub fn regenerate_secret(&self, client_id: &str) -> String {
        self.shared
            .with(|state| state.registry.regenerate_secret(client_id, state.settings.secret_term()))
            .expect("a client of this sandbox")
    }

    /// The secret's time is over: it is refused with 400 until it is regenerated.
    pub fn expire_secret(&self, client_id: &str) {
        self.end_secret(client_id, 0);
    }

    /// The secret's time is over in so many seconds, which is what the API then tells.
    pub fn end_secret(&self, client_id: &str, seconds: u32) {
        self.shared
            .with(|state| state.registry.end_secret(client_id, state.settings.clock() + i64::from(seconds)))
            .expect("a client of this sandbox");
    }

    /// Tokens already out are refused by assets from now on.
    pub fn revoke_tokens(&self, client_id: &str) {
        self.shared.with(|state| state.registry.revoke_tokens(client_id)).expect("a client of this sandbox");
    }

    /// Changes the settings. When it returns they hold for every request that arrives.
    ///
    /// # Panics
    /// If the door could not be opened again.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        let changed = self.shared.set(|settings| {
            change(settings);
            Ok::<(), std::convert::Infallible>(())
        });
        let Ok(shown) = changed;
        shown.expect("the sandbox keeps its port");
    }

    /// The settings as they are; of `token_script` what is still to come.
    pub fn settings(&self) -> Settings {
        self.shared.with(|state| state.settings.clone())
    }

    /// What was asked so far.
    pub fn counts(&self) -> Counts {
        self.shared.with(|state| state.counts)
    }

    /// The last 10,000 token requests, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.with(|state| state.requests.iter().cloned().collect())
    }

    /// The last 10,000 requests of the Applications and Access Policies APIs, oldest first, those that are held or met by a
    /// fault included.
    pub fn api_requests(&self) -> Vec<Request> {
        self.shared.with(|state| state.api_requests.iter().cloned().collect())
    }

    /// All integrations as the API lists them, oldest first.
    pub fn integrations(&self) -> Vec<Value> {
        self.shared.with(|state| applications::all(&self.shared.identity.tenant, &state.registry))
    }

    /// All access policies as the API lists them, oldest first.
    pub fn policies(&self) -> Vec<Value> {
        self.shared.with(|state| state.policies.all(&self.shared.identity.tenant))
    }

    /// Every secret that there ever was, oldest first: what may be found nowhere.
    pub fn secrets(&self) -> Vec<String> {
        self.shared.with(|state| state.registry.secrets())
    }

    /// Every token ever issued, in no order: what may be found in no log.
    pub fn tokens(&self) -> Vec<String> {
        self.shared.with(|state| state.registry.tokens())
    }

    /// Waits until the counts are so, and returns them.
    ///
    /// # Panics
    /// After a minute, with `what` was waited for and the counts.
    pub fn wait_until(&self, what: &str, holds: impl Fn(&Counts) -> bool) -> Counts {
        let waited = self.shared.wait_until(PATIENCE, holds);
        waited.unwrap_or_else(|counts| panic!("waited in vain for {what}; the issuer counted {counts:?}"))
    }

    /// Takes late bearers for what the test wants. Otherwise none may ever come: no daemon serves an expired token.
    pub fn expect_late(&self) {
        self.late_is_meant.set(true);
    }

    /// Ends it, as dropping it does: every connection is dropped and nothing listens any more.
    pub fn shutdown(self) {}
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shared.end();
        if let Some(thread) = self.thread.take() {
            // A panic over there was printed there; another one here would end the test without its own.
            let _ = thread.join();
        }
        let counts = self.counts();
        let late = counts.assets.late + counts.api.late;
        assert!(
            late == 0 || self.late_is_meant.get() || thread::panicking(),
            "{late} bearers brought a token that had expired"
        );
    }
}

fn keep_ca(pem: &str) -> io::Result<(TempDir, PathBuf)> {
    let folder = tempfile::Builder::new().prefix("sandbox-issuer-").tempdir()?;
    let file = folder.path().join("ca.pem");
    fs::write(&file, pem)?;
    Ok((folder, file))
}
