//! What kubectl says to a credential plugin and is answered: `ExecCredential` of `client.authentication.k8s.io/v1`
//! (Kubernetes, "client-go credential plugins").

use dt_cred_proto::{secret::Secret, text::Text};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::bearer;

/// Environment variable that kubectl says it in.
pub const VARIABLE: &str = "KUBERNETES_EXEC_INFO";

/// Longest input, in bytes: as much as Linux takes for one variable (execve(2)).
pub const LIMIT: usize = 128 * 1024;

/// The only version that is spoken.
const API_VERSION: &str = "client.authentication.k8s.io/v1";

const KIND: &str = "ExecCredential";

/// How the cluster comes to be among what is said.
const PROVIDE: &str = "set provideClusterInfo: true beside command: in the kubeconfig's user";

/// What kubectl asks for a credential for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExecInfo {
    /// Where the credential would be sent: the cluster's URL.
    pub server: String,
    /// The name that the server's certificate is checked against, where it is not that of the URL.
    pub tls_server_name: Option<String>,
}

/// Why nothing can be answered.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum KubectlError {
    /// More than [`LIMIT`] bytes.
    #[error("{VARIABLE} is longer than {LIMIT} bytes")]
    TooLong,
    /// No JSON of that form.
    #[error("{VARIABLE} is no ExecCredential: {0}")]
    Json(Text),
    /// Another object.
    #[error("{VARIABLE} is a {0}, not an {KIND}")]
    Kind(Text),
    /// Another version.
    #[error("{VARIABLE} is of {0}: set apiVersion: {API_VERSION} beside command: in the kubeconfig's user")]
    Version(Text),
    /// The cluster is not among what is said: nobody knows where the token would go.
    #[error("{VARIABLE} does not say which cluster the token is for: {PROVIDE}")]
    NoCluster,
    /// Whoever answers in the server's place would have the token.
    #[error("the cluster's certificate is not verified: take insecure-skip-tls-verify out of the kubeconfig")]
    Insecure,
    /// What should be answered is no token.
    #[error("the daemon's answer holds no token of the RFC 6750 alphabet: run dt-cred stop, then again")]
    NotAToken,
    /// A moment that no calendar holds.
    #[error("the daemon's answer holds an impossible expiry: run dt-cred stop, then again")]
    Expiry,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    api_version: String,
    kind: String,
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Spec {
    cluster: Option<Cluster>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: Option<String>,
    tls_server_name: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
}

/// Reads the value of [`VARIABLE`].
///
/// # Errors
/// [`KubectlError`], for the first thing that is wrong.
pub fn read(input: &str) -> Result<ExecInfo, KubectlError> {
    if input.len() > LIMIT {
        return Err(KubectlError::TooLong);
    }
    let asked: Asked =
        serde_json::from_str(input).map_err(|error| KubectlError::Json(error.to_string().into()))?;
    if asked.kind != KIND {
        return Err(KubectlError::Kind(asked.kind.into()));
    }
    if asked.api_version != API_VERSION {
        return Err(KubectlError::Version(asked.api_version.into()));
    }
    let cluster = asked.spec.and_then(|spec| spec.cluster).ok_or(KubectlError::NoCluster)?;
    if cluster.insecure_skip_tls_verify {
        return Err(KubectlError::Insecure);
    }
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let server = given(cluster.server).ok_or(KubectlError::NoCluster)?;
    Ok(ExecInfo { server, tls_server_name: given(cluster.tls_server_name) })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    api_version: &'a str,
    kind: &'a str,
    status: Status<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    expiration_timestamp: String,
    token: &'a str,
}

/// The answer: a token that ends at `expires_at`, in seconds since the Unix epoch.
///
/// # Errors
/// [`KubectlError::NotAToken`] and [`KubectlError::Expiry`]; then nothing may be printed.
pub fn write(token: &Secret, expires_at: u64) -> Result<Zeroizing<Vec<u8>>, KubectlError> {
    /// What stands around the token at most, in bytes.
    const AROUND: usize = 256;
    let token = token.expose();
    if !bearer::is_token(token) {
        return Err(KubectlError::NotAToken);
    }
    let seconds = i64::try_from(expires_at).map_err(|_| KubectlError::Expiry)?;
    let expiration = jiff::Timestamp::from_second(seconds).map_err(|_| KubectlError::Expiry)?;
    let status = Status { expiration_timestamp: expiration.to_string(), token };
    // Sized beforehand: a buffer that grows leaves copies of what it held behind.
    let mut answer = Zeroizing::new(Vec::with_capacity(token.len() + AROUND));
    serde_json::to_writer(&mut *answer, &Answer { api_version: API_VERSION, kind: KIND, status })
        .map_err(|_| KubectlError::Expiry)?;
    answer.push(b'\n');
    Ok(answer)
}
