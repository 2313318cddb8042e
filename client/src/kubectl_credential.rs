//! `dt-cred kubectl-credential`: answers kubectl as a credential plugin.

use dt_cred::{
    kubectl::{self, ExecInfo, KubectlError, VARIABLE},
    origin::{Origin, OriginError},
};
use dt_cred_proto::{
    message::{Failure, FailureKind, Get, Token},
    text::Text,
};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{daemon, deadline::Deadline, error, output, settings::Settings};

/// Why kubectl gets no token.
#[derive(Debug, Error)]
pub(crate) enum PluginError {
    /// Nobody asks.
    #[error(
        "{VARIABLE} is not set: kubectl sets it for the command that a kubeconfig's user names: see dt-cred's README"
    )]
    NotAsked,
    /// Not text.
    #[error("{VARIABLE} is not UTF-8: leave it to kubectl to set it")]
    NotUtf8,
    /// What kubectl says, or what it would be answered.
    #[error(transparent)]
    Kubectl(#[from] KubectlError),
    /// The cluster's URL is none.
    #[error("the cluster's server \"{server}\" is no URL that a token may go to: {source}")]
    Server { server: Text, source: OriginError },
    /// By http to another machine.
    #[error(
        "the cluster's server {0} is reached by http: a token goes by https only; mend server: in the kubeconfig"
    )]
    Http(Origin),
    /// By http to this machine, by way of another one.
    #[error(
        "the cluster's server {0} is reached by http through a proxy, which would read the token: take proxy-url out of the kubeconfig"
    )]
    Proxied(Origin),
    /// Somewhere else.
    #[error(
        "the cluster's server {server} is not where the token of profile {profile} belongs, which is {own}: nothing is given to it; choose the profile by --profile among the args: in the kubeconfig"
    )]
    Elsewhere { server: Origin, profile: String, own: Text },
    /// The certificate of somebody else is taken for the server's.
    #[error(
        "the cluster's certificate is checked against another name than {0}: take tls-server-name out of the kubeconfig"
    )]
    OtherName(String),
}

impl From<PluginError> for Failure {
    fn from(error: PluginError) -> Self {
        let kind = match error {
            PluginError::Kubectl(KubectlError::NotAToken | KubectlError::Expiry) => FailureKind::Other,
            _ => FailureKind::Usage,
        };
        Self::new(kind, error.to_string())
    }
}

/// Prints the token for the cluster that kubectl names, where the token belongs there.
///
/// # Errors
/// [`PluginError`], the daemon's failure, or why there is no answer.
pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let deadline = Deadline::after(settings.timeout);
    let asked = asked()?;
    let get = Get { profile: settings.profile.clone(), ..Get::default() };
    let token = daemon::token(settings, get, deadline)?;
    output::write(&*answer(asked, &token)?)?;
    if let Some(warning) = &token.warning {
        error::warn(warning);
    }
    Ok(())
}

/// Where kubectl would send it.
fn asked() -> Result<Origin, PluginError> {
    let said = std::env::var_os(VARIABLE).filter(|said| !said.is_empty()).ok_or(PluginError::NotAsked)?;
    let said = said.into_string().map_err(|_| PluginError::NotUtf8)?;
    let ExecInfo { server, tls_server_name, proxy_url } = kubectl::read(&said)?;
    let origin = Origin::of(&server)
        .map_err(|source| PluginError::Server { server: server.as_str().into(), source })?;
    if !origin.takes_tokens() {
        return Err(PluginError::Http(origin));
    }
    if proxy_url.is_some() && !origin.is_https() {
        return Err(PluginError::Proxied(origin));
    }
    match tls_server_name {
        Some(name) if !name.eq_ignore_ascii_case(origin.host()) => {
            Err(PluginError::OtherName(origin.host().to_owned()))
        }
        _ => Ok(origin),
    }
}

fn answer(server: Origin, token: &Token) -> Result<Zeroizing<Vec<u8>>, PluginError> {
    if Origin::of(token.url.as_str()).is_ok_and(|own| own == server) {
        return Ok(kubectl::write(&token.access_token, token.expires_at_ms / 1000)?);
    }
    let (profile, own) = (token.profile.to_string(), token.url.clone());
    Err(PluginError::Elsewhere { server, profile, own })
}
