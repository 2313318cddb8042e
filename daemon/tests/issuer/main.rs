//! What goes to a token endpoint over real sockets, and what does not.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod plain;
mod tls;

use std::{future::Future, net::TcpListener as Listener, time::Duration};

use dt_cred_proto::message::FailureKind;
use dt_cred_proto::profile::Profile;
use dt_credd::{
    config::Proxy,
    credentials::Credentials,
    issuer::{Declined, Granted, Issuer},
    lifecycle::Cause,
};

/// An upper bound that only a hang reaches.
const HANG: Duration = Duration::from_secs(60);
const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);
const TEMPORARY: (Cause, FailureKind) = (Cause::Temporary, FailureKind::TryLater);
const MISCONFIGURED: (Cause, FailureKind) = (Cause::Slow, FailureKind::Configuration);

/// Credentials for `token_url`, which is not checked here.
fn credentials(token_url: &str) -> Credentials {
    let item = r#"{"v":1,"client_id":"i:d é","client_secret":"s&+%= \"'é"}"#;
    let credentials = Credentials::parse(item).map_err(|e| e.to_string()).unwrap();
    Credentials { token_url: token_url.to_owned(), ..credentials }
}

async fn fetch(credentials: &Credentials, proxy: &Proxy) -> Result<Granted, Declined> {
    let profile: Profile = "work".parse().unwrap();
    Issuer::new().fetch(&profile, credentials, proxy, DEFAULT_LIFETIME).await
}

/// Why the fetch failed; its message is of the usual form.
fn declined(result: Result<Granted, Declined>) -> ((Cause, FailureKind), String) {
    let declined = result.err().unwrap();
    let message = declined.failure.message.to_string();
    assert!(message.starts_with("profile work: ") && message.contains("; "), "{message}");
    assert!(!message.contains("s&+%"), "{message}");
    ((declined.cause, declined.failure.kind), message)
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(HANG, test).await.unwrap() })
}

/// A socket that nobody may connect to.
struct Forbidden(Listener);

impl Forbidden {
    fn new() -> Self {
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// A connection waits in the listener's queue from the moment that it was made.
    fn assert_untouched(&self) {
        assert!(self.0.accept().is_err(), "a connection was made");
    }
}
