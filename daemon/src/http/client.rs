//! The HTTP client for one request: whom it trusts, by which way it goes, and what it will not do.

use std::time::Duration;

use reqwest::{Certificate, Client, Url, redirect, retry, tls};
use thiserror::Error;

use crate::{
    config::Proxy,
    credentials::{Ca, CaError, LOCALHOST, is_loopback},
};

use super::{Destination, Fault, Stage};

/// How a server is reached.
pub(super) struct Route {
    endpoint: Endpoint,
    ca: Option<Ca>,
    proxy: Way,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    /// `http` to this machine: no TLS.
    LoopbackHttp,
    /// `https` to this machine.
    LoopbackHttps,
    /// Anything else; only `https` is let through.
    Remote,
}

enum Way {
    Direct,
    Environment,
    Through(Box<reqwest::Proxy>),
}

/// Why there is no client.
#[derive(Debug, Error)]
pub(super) enum ClientError {
    #[error("the address that is kept is not a URL; enter it again: dt-cred login -p NAME OPTION URL")]
    NotUrl,
    /// The URL is not quoted: it may hold a password.
    #[error("the configured proxy is not of the form http://proxy.example:3128; mend proxy in config.toml")]
    Proxy,
    #[error("{0}; if that is right, enter it again: dt-cred login -p NAME --ca-file FILE")]
    Ca(CaError),
    #[error("{0}: dt-cred stop, then again")]
    GivenUp(CaError),
    #[error(
        "TLS cannot be set up: {0}; install the system's CA certificates, or dt-cred login -p NAME --ca-file FILE"
    )]
    Tls(String),
}

impl From<CaError> for ClientError {
    fn from(error: CaError) -> Self {
        match error {
            CaError::GivenUp { .. } => Self::GivenUp(error),
            other => Self::Ca(other),
        }
    }
}

impl ClientError {
    pub(super) fn fault(&self, to: &Destination<'_>) -> Fault {
        let what = self.to_string().replace("NAME", to.profile.as_str()).replace("OPTION", to.option);
        Fault { stage: Stage::Before, passes: false, what }
    }
}

impl Route {
    pub(super) fn new(to: &Destination<'_>) -> Result<Self, ClientError> {
        let url = Url::parse(to.url).map_err(|_| ClientError::NotUrl)?;
        let endpoint = match (is_loopback(&url), url.scheme()) {
            (true, "http") => Endpoint::LoopbackHttp,
            (true, _) => Endpoint::LoopbackHttps,
            (false, _) => Endpoint::Remote,
        };
        let proxy = match to.proxy {
            // A proxy's own loopback is not ours, and it would read what goes there by http.
            _ if endpoint != Endpoint::Remote => Way::Direct,
            Proxy::None => Way::Direct,
            Proxy::Env => Way::Environment,
            Proxy::Url(url) => Way::Through(Box::new(through(url)?)),
        };
        Ok(Self { endpoint, ca: to.credentials.ca.clone(), proxy })
    }

    /// Reads the CA file or the system's roots. May block.
    pub(super) fn client(self, connect_timeout: Duration) -> Result<Client, ClientError> {
        let tls = |e: reqwest::Error| ClientError::Tls(super::transport::innermost(&e));
        let mut builder = Client::builder()
            .user_agent(concat!("dt-cred/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .https_only(self.endpoint != Endpoint::LoopbackHttp)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .pool_max_idle_per_host(0)
            .connect_timeout(connect_timeout)
            .tls_version_min(tls::Version::TLS_1_2);
        if let Some(ca) = &self.ca {
            let certificates = ca.read()?.certificates;
            let certificates = certificates.iter().map(|der| Certificate::from_der(der));
            builder = builder.tls_certs_only(certificates.collect::<Result<Vec<_>, _>>().map_err(tls)?);
        } else if self.endpoint == Endpoint::LoopbackHttp {
            // No TLS: nothing to trust, and no need of roots, which a bare container does not have.
            builder = builder.tls_certs_only([]);
        }
        if self.endpoint != Endpoint::Remote {
            builder = builder.resolve_to_addrs("localhost", &LOCALHOST);
        }
        match self.proxy {
            Way::Direct => builder = builder.no_proxy(),
            Way::Environment => {}
            Way::Through(proxy) => builder = builder.no_proxy().proxy(*proxy),
        }
        builder.build().map_err(tls)
    }
}

/// The library takes any scheme, and goes without a proxy where it does not know it.
fn through(url: &str) -> Result<reqwest::Proxy, ClientError> {
    let scheme = Url::parse(url).map_err(|_| ClientError::Proxy)?.scheme().to_owned();
    if !matches!(&*scheme, "http" | "https") {
        return Err(ClientError::Proxy);
    }
    reqwest::Proxy::all(url).map_err(|_| ClientError::Proxy)
}
