//! One HTTP request over a connection of its own: whom it trusts, by which way it goes, and why it had no answer.

mod client;
mod transport;

use std::{ops::Deref, time::Duration};

use bytes::Bytes;
use dt_cred_proto::{profile::Profile, text::Text};
use reqwest::{Client, Response, header};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use self::client::{ClientError, Route};
use crate::{
    config::Proxy,
    credentials::{Credentials, host},
    platform,
};

/// An answer goes by way of the attempt, the profile's task and the session, each of which has a turn for it.
const TURNS: usize = 3;

/// Where a request goes, and for whom.
#[derive(Clone, Copy)]
pub(crate) struct Destination<'a> {
    /// The whole address.
    pub(crate) url: &'a str,
    /// Whose request it is.
    pub(crate) profile: &'a Profile,
    /// Whose CA is trusted, and whose secret is never shown.
    pub(crate) credentials: &'a Credentials,
    /// By which way it goes.
    pub(crate) proxy: &'a Proxy,
    /// The option of `login` by which another address is given.
    pub(crate) option: &'static str,
}

/// The client for one request. When it goes, so does what that request alone needed.
pub(crate) struct OneRequest(Client);

impl Deref for OneRequest {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

impl Drop for OneRequest {
    fn drop(&mut self) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(forget_how());
        }
    }
}

/// Lets go of the memory and of the program's pages that a request alone needs; behind the end of its connection, and the answers
/// to whoever waited for what it got.
async fn forget_how() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
    platform::give_back_memory();
    platform::unmap_program();
}

/// How far a request came that had no answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Stage {
    /// It was not sent: what is kept of it is wrong.
    Before,
    /// The host's addresses were looked for.
    Name,
    /// A connection was made.
    Connection,
    /// Certificate and protocol were agreed on.
    Tls,
    /// An answer was waited for.
    Answer,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fault {
    /// How far it came.
    pub(crate) stage: Stage,
    /// Whether it may go away by itself; else the user must mend it, and `what` ends with how.
    pub(crate) passes: bool,
    /// What failed, in words that hold no secret.
    pub(crate) what: String,
}

/// How much of a body came.
pub(crate) enum Body {
    Whole(Zeroizing<Vec<u8>>),
    TooLong,
    Broken(reqwest::Error),
}

impl Destination<'_> {
    /// Host and, where it is not the usual one, port.
    pub(crate) fn host(&self) -> Text {
        host(self.url)
    }

    /// The client for this one request; CA file, roots and proxy are read anew.
    pub(crate) async fn client(&self, connect_timeout: Duration) -> Result<OneRequest, Fault> {
        let told = |error: ClientError| error.fault(self);
        let route = Route::new(self).map_err(told)?;
        // Roots and CA file are on file systems, which may hang, and the runtime has one thread.
        let client = tokio::task::spawn_blocking(move || route.client(connect_timeout)).await;
        let unmade = |_| Fault {
            stage: Stage::Before,
            passes: true,
            what: format!("the client for {} could not be made", self.host()),
        };
        client.map_err(unmade)?.map(OneRequest).map_err(told)
    }

    /// What a request's error means.
    pub(crate) fn fault(&self, error: &reqwest::Error, connect_timeout: Duration) -> Fault {
        transport::fault(error, self, connect_timeout)
    }
}

/// The body of an answer, as far as it is not longer than `limit` bytes.
pub(crate) async fn body(response: &mut Response, limit: usize) -> Body {
    let declared = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if declared.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > limit) {
        return Body::TooLong;
    }
    // As large as it may become: a buffer that grows leaves copies behind.
    let mut body = Zeroizing::new(Vec::with_capacity(limit));
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => return Body::TooLong,
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Body::Whole(body),
            Err(error) => return Body::Broken(error),
        }
    }
}

/// Bytes for a body or a header that are wiped when the last reference to them goes.
pub(crate) fn wiped(text: Zeroizing<String>) -> Bytes {
    struct Wiped(Zeroizing<String>);

    impl AsRef<[u8]> for Wiped {
        fn as_ref(&self) -> &[u8] {
            self.0.as_bytes()
        }
    }

    Bytes::from_owner(Wiped(text))
}
