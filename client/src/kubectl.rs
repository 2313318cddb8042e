//! What kubectl says to a credential plugin and is answered: `ExecCredential` of `client.authentication.k8s.io/v1`
//! (Kubernetes, "client-go credential plugins").

use dt_cred_proto::{secret::Secret, text::Text};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{bearer, moment::Moment};

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
    /// The proxy that it goes through, where there is one.
    pub proxy_url: Option<String>,
}

/// Why nothing can be answered.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum KubectlError {
    /// More than [`LIMIT`] bytes.
    #[error("{VARIABLE} is longer than {LIMIT} bytes: leave it to kubectl to set it")]
    TooLong,
    /// No JSON of that form.
    #[error("{VARIABLE} is no ExecCredential ({0}): leave it to kubectl to set it")]
    Json(Text),
    /// Another object.
    #[error("{VARIABLE} is a {0}, not an {KIND}: leave it to kubectl to set it")]
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
    proxy_url: Option<String>,
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
    let (tls_server_name, proxy_url) = (given(cluster.tls_server_name), given(cluster.proxy_url));
    Ok(ExecInfo { server, tls_server_name, proxy_url })
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
    let expiration = Moment::from_seconds(seconds).ok_or(KubectlError::Expiry)?;
    let status = Status { expiration_timestamp: expiration.to_string(), token };
    // Sized beforehand: a buffer that grows leaves copies of what it held behind.
    let mut answer = Zeroizing::new(Vec::with_capacity(token.len() + AROUND));
    serde_json::to_writer(&mut *answer, &Answer { api_version: API_VERSION, kind: KIND, status })
        .map_err(|_| KubectlError::Expiry)?;
    answer.push(b'\n');
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn info(spec: &Value) -> String {
        json!({"apiVersion": API_VERSION, "kind": KIND, "spec": spec}).to_string()
    }

    fn error(input: &str) -> String {
        read(input).expect_err("refused").to_string()
    }

    #[test]
    fn the_cluster_is_read_and_what_is_not_known_is_left_out() {
        let input = info(&json!({
            "cluster": {
                "server": "https://app.datatrails.ai", "certificate-authority-data": "eA==", "config": {"a": 1},
                "tls-server-name": "", "insecure-skip-tls-verify": false,
            },
            "interactive": false,
        }));
        let expected = ExecInfo {
            server: "https://app.datatrails.ai".to_owned(),
            tls_server_name: None,
            proxy_url: None,
        };
        assert_eq!(read(&input), Ok(expected));
        let named = info(&json!({"cluster": {"server": "https://a", "tls-server-name": "b"}}));
        assert_eq!(read(&named).map(|info| info.tls_server_name), Ok(Some("b".to_owned())));
        let proxied = info(&json!({"cluster": {"server": "https://a", "proxy-url": "http://p"}}));
        assert_eq!(read(&proxied).map(|info| info.proxy_url), Ok(Some("http://p".to_owned())));
    }

    #[test]
    fn without_the_cluster_the_mend_is_named() {
        for spec in [
            json!({}),
            json!({"interactive": true}),
            json!({"cluster": null}),
            json!({"cluster": {}}),
            json!({"cluster": {"server": ""}}),
        ] {
            assert_eq!(read(&info(&spec)), Err(KubectlError::NoCluster), "{spec}");
        }
        let without = json!({"apiVersion": API_VERSION, "kind": KIND}).to_string();
        assert!(error(&without).contains("provideClusterInfo: true"));
    }

    #[test]
    fn a_cluster_whose_certificate_is_not_verified_is_refused() {
        let spec = json!({"cluster": {"server": "https://a", "insecure-skip-tls-verify": true}});
        assert_eq!(read(&info(&spec)), Err(KubectlError::Insecure));
    }

    #[test]
    fn everything_else_is_refused_in_one_line() {
        let version = json!({"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": KIND}).to_string();
        let kind = json!({"apiVersion": API_VERSION, "kind": "Config\n"}).to_string();
        let twice = "{\"apiVersion\":\"a\",\"kind\":\"b\",\"kind\":\"b\"}".to_owned();
        let deep = format!("{{\"spec\":{}", "[".repeat(50_000));
        let cases = [
            (String::new(), "is no ExecCredential (EOF"),
            ("[]".to_owned(), "is no ExecCredential (invalid length 0"),
            ("{}".to_owned(), "is no ExecCredential (missing field `apiVersion`"),
            (deep, "is no ExecCredential ("),
            (twice, "is no ExecCredential (duplicate field `kind`"),
            (version, "set apiVersion: client.authentication.k8s.io/v1 "),
            (kind, "is a Config, not an ExecCredential"),
            ("x".repeat(LIMIT + 1), "is longer than"),
        ];
        for (input, expected) in cases {
            let error = error(&input);
            assert!(error.contains(expected) && error.lines().count() == 1, "{error}");
        }
    }

    #[test]
    fn the_answer_is_an_exec_credential() {
        let answer = write(&Secret::new("a.b".to_owned()), 1_764_000_000).expect("an answer");
        let expected = "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\
                        \"status\":{\"expirationTimestamp\":\"2025-11-24T16:00:00Z\",\"token\":\"a.b\"}}\n";
        assert_eq!(String::from_utf8_lossy(&answer), expected);
    }

    #[test]
    fn the_buffer_never_grows_and_what_is_no_token_is_not_answered() {
        let answer = write(&Secret::new("a".repeat(bearer::LIMIT)), 253_402_207_200).expect("an answer");
        assert_eq!(answer.capacity(), bearer::LIMIT + 256);
        assert_eq!(write(&Secret::new("a\n".to_owned()), 0).err(), Some(KubectlError::NotAToken));
        assert_eq!(write(&Secret::new("a".to_owned()), u64::MAX).err(), Some(KubectlError::Expiry));
    }
}
