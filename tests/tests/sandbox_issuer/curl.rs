//! The client's side: curl, as a user runs it.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dt_cred_tests::issuer::{Client, Sandbox};
use serde_json::Value;

/// curl with nothing of the user's own: no ~/.curlrc, no proxy. `-w` puts the status after the body.
pub(crate) fn curl(arguments: &[&str]) -> Command {
    let mut command = Command::new("curl");
    command.args(["-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", "120"]);
    command.args(["--write-out", "\n%{http_code}"]).args(arguments);
    // The system's own there asks for a list of revoked certificates, which a CA made for a test does not have.
    command.args(cfg!(windows).then_some("--ssl-no-revoke"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) struct Reply {
    /// curl's exit code.
    pub(crate) exit: i32,
    /// HTTP's; 0 where no answer came.
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        let exit = output.status.code().unwrap();
        Self { exit, status: status.parse().unwrap(), body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

pub(crate) fn ask(arguments: &[&str]) -> Reply {
    Reply::of(curl(arguments).spawn().unwrap())
}

/// The documented request, word for word, and more arguments.
pub(crate) fn guide(sandbox: &Sandbox, client: &Client, more: &[&str]) -> Command {
    let (id, secret) =
        (format!("client_id={}", client.client_id), format!("client_secret={}", client.client_secret));
    let url = sandbox.token_url();
    let mut command = curl(&["--data-urlencode", "grant_type=client_credentials", "--data-urlencode", &id]);
    command.args(["--data-urlencode", &secret, &url]).args(more);
    if let Some(file) = sandbox.ca_file() {
        command.arg("--cacert").arg(file);
    }
    command
}

pub(crate) fn grant(sandbox: &Sandbox, client: &Client) -> Reply {
    Reply::of(guide(sandbox, client, &[]).spawn().unwrap())
}

pub(crate) fn token(sandbox: &Sandbox, client: &Client) -> String {
    let reply = grant(sandbox, client);
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()["access_token"].as_str().unwrap().to_owned()
}

pub(crate) fn assets(sandbox: &Sandbox, token: &str) -> Reply {
    let header = format!("Authorization: Bearer {token}");
    let ca = sandbox.ca_file().unwrap_or(Path::new("/dev/null")).to_str().unwrap();
    ask(&["--header", &header, "--cacert", ca, &sandbox.assets_url()])
}

pub(crate) fn claims(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// False, loudly, where curl is not installed; a failure where the real parts are required.
pub(crate) fn curl_is_here() -> bool {
    let here = Command::new("curl").arg("--version").output().is_ok();
    if !here {
        assert_ne!(std::env::var("DT_CRED_REQUIRE_REAL").as_deref(), Ok("1"), "curl is missing");
        let _ = std::io::stderr().write_all(b"LEFT OUT: a test that needs curl, which is not here\n");
    }
    here
}

/// Whoever calls the APIs with a token.
pub(crate) struct Caller<'a> {
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) token: String,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox, client: &Client) -> Self {
        Self { sandbox, token: token(sandbox, client) }
    }

    /// By an Owner of its own.
    pub(crate) fn owner(sandbox: &'a Sandbox) -> Self {
        Self::new(sandbox, &sandbox.new_owner())
    }

    /// A request at a path below the issuer's url, begun.
    pub(crate) fn start(&self, method: &str, path: &str, body: Option<&Value>) -> Child {
        let bearer = format!("Authorization: Bearer {}", self.token);
        let url = format!("{}{path}", self.sandbox.url());
        let mut command = curl(&["--globoff", "--request", method, "--header", &bearer, &url]);
        if let Some(body) = body {
            command.args(["--header", "Content-Type: application/json", "--data", &body.to_string()]);
        }
        command.spawn().unwrap()
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        Reply::of(self.start(method, path, body))
    }

    /// A request that is to be done.
    pub(crate) fn done(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let reply = self.call(method, path, body);
        assert_eq!(reply.status, 200, "{method} {path}: {}", reply.body);
        reply.json()
    }
}

pub(crate) const APPLICATIONS: &str = "/archivist/iam/v1/applications";
pub(crate) const POLICIES: &str = "/archivist/iam/v1/access_policies";
