//! A real OpenID provider: npm's `oidc-provider` on loopback, as `tests/oidc-provider` sets it up.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;
use tempfile::TempDir;

use super::{BOUND, Running, on_path, require};

/// The client that it knows.
pub const CLIENT_ID: &str = "d1fb6c87-faa9-4d56-b2fd-a5b70a9af065";

/// That client's secret. All that is special in a form lies in it; the provider takes visible ASCII alone
/// (RFC 6749, appendix A.2).
pub const CLIENT_SECRET: &str = r#"a&b=c+d%20e "f' g/?#;h"#;

/// How a provider is set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setup {
    /// With a certificate for `localhost` from a CA of its own.
    pub https: bool,
    /// That certificate is out of date since 2001.
    pub expired: bool,
    /// The client authenticates by HTTP Basic instead of form fields (RFC 6749 §2.3.1).
    pub basic: bool,
    /// The tokens' lifetime, in seconds.
    pub lifetime: u32,
}

/// The scope that its client may ask for.
pub const SCOPE: &str = "assets:read assets:write";

impl Default for Setup {
    fn default() -> Self {
        Self { https: false, expired: false, basic: false, lifetime: 3660 }
    }
}

/// What a provider was asked so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
pub struct Counts {
    /// Requests for a token.
    pub token_requests: u32,
    /// Those that were granted.
    pub tokens: u32,
    /// Those that were refused.
    pub refused: u32,
    /// Lists of assets given to a bearer of a good token.
    pub assets: u32,
    /// Lists of assets refused.
    pub assets_refused: u32,
}

/// A provider that runs until it is dropped.
pub struct OidcProvider {
    _node: Running,
    ready: Ready,
    folder: TempDir,
}

/// What the provider says when it listens.
#[derive(Deserialize)]
struct Ready {
    url: String,
    control: String,
}

impl OidcProvider {
    /// One that speaks http; `None` where Node.js or the packages are missing.
    pub fn http() -> Option<Self> {
        Self::start(Setup::default())
    }

    /// One that speaks https.
    pub fn https() -> Option<Self> {
        Self::start(Setup { https: true, ..Setup::default() })
    }

    /// One of this setup; `None` where Node.js or the packages are missing.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(setup: Setup) -> Option<Self> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("oidc-provider");
        let present = on_path(&["node"]) && program.join("node_modules/oidc-provider").is_dir();
        if !require("Node.js and npm's oidc-provider", present) {
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut node = Command::new("node");
        node.arg("provider.mjs").current_dir(program);
        node.env("CLIENT_ID", CLIENT_ID).env("CLIENT_SECRET", CLIENT_SECRET);
        node.env("AUTH", if setup.basic { "client_secret_basic" } else { "client_secret_post" });
        node.env("SCOPE", SCOPE);
        node.env("LIFETIME", setup.lifetime.to_string());
        if setup.https {
            certify(folder.path(), setup.expired);
            node.env("TLS_CERTIFICATE", folder.path().join("certificate.pem"));
            node.env("TLS_KEY", folder.path().join("key.pem"));
        }
        let node = Running::start(node, "");
        let line = node.stdout_line(|line| line.starts_with("ready "));
        let ready = serde_json::from_str(line.trim_start_matches("ready ")).expect("the line is JSON");
        Some(Self { _node: node, ready, folder })
    }

    /// Its base URL, without a slash at the end. Over https it names `localhost`.
    pub fn url(&self) -> &str {
        &self.ready.url
    }

    /// Its token endpoint, at DataTrails' own path.
    pub fn token_url(&self) -> String {
        format!("{}/archivist/iam/v1/appidp/token", self.url())
    }

    /// The base URL by a name that its certificate does not hold.
    pub fn mismatched_url(&self) -> String {
        self.url().replace("//localhost:", "//127.0.0.1:")
    }

    /// The file with the CA that its certificate is from (https only).
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What it was asked so far.
    ///
    /// # Panics
    /// Where it does not answer.
    pub fn counts(&self) -> Counts {
        let body = self.control("counts");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error} in {body}"))
    }

    /// Refuses connections from now on.
    pub fn close(&self) {
        self.control("close");
    }

    /// Takes requests from now on, and answers none.
    pub fn mute(&self) {
        self.control("mute");
    }

    /// Answers again, on its old port.
    pub fn open(&self) {
        self.control("open");
    }

    /// Asks the control server; the body of its answer.
    fn control(&self, what: &str) -> String {
        let asked = TcpStream::connect(&self.ready.control).and_then(|mut stream| {
            stream.set_read_timeout(Some(BOUND))?;
            write!(stream, "GET /{what} HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        });
        let answer = asked.unwrap_or_else(|error| panic!("cannot ask the provider for {what}: {error}"));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{what}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP answer: {answer}"));
        body.to_owned()
    }
}

/// Writes a CA, and a certificate for `localhost` with its key, into `folder`.
fn certify(folder: &Path, expired: bool) {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "dt-cred tests CA");
    let key = KeyPair::generate().expect("a key for the CA");
    let ca = authority.self_signed(&key).expect("a CA");
    let authority = Issuer::new(authority, key);
    let key = KeyPair::generate().expect("a key");
    let mut named = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    if expired {
        named.not_before = rcgen::date_time_ymd(2000, 1, 1);
        named.not_after = rcgen::date_time_ymd(2001, 1, 1);
    }
    let certificate = named.signed_by(&key, &authority).expect("a certificate");
    let files =
        [("ca.pem", ca.pem()), ("certificate.pem", certificate.pem()), ("key.pem", key.serialize_pem())];
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("a file in the temporary folder");
    }
}
