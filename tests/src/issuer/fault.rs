//! What can go wrong with an answer.

use serde::{Deserialize, Serialize};

use super::http::Answer;

/// One way for a request to end badly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The request is read and never answered.
    Silence,
    /// The head of the answer comes at once, its body a byte a second, for longer than anybody waits.
    Trickle,
    /// The connection is reset in the middle of the body.
    Reset,
    /// A grant's JSON that stops in the middle of the token.
    Truncated {
        /// True: `Content-Length` says what was sent. False: it promises more, and the connection is closed.
        framed: bool,
    },
    /// A body of well-framed chunks that never ends, sent as fast as it is read.
    Endless,
    /// Another place is named.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The header `Location`.
        location: String,
    },
    /// Any answer at all; `Content-Length` is added where the headers have none.
    Answer {
        /// The status line's number.
        status: u16,
        /// As they are to be sent.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// As it is to be sent.
        #[serde(default)]
        body: String,
    },
}

impl Fault {
    /// An OAuth error (RFC 6749 §5.2).
    pub fn oauth(status: u16, error: &str, description: &str) -> Self {
        Answer::oauth(status, error, description).into()
    }

    /// A page for people, as proxies and load balancers send them, that looks like nothing an issuer says.
    pub fn html(status: u16) -> Self {
        let page = format!(
            "<!DOCTYPE html>\n<html><head><title>{status}</title></head><body>{status}</body></html>\n"
        );
        Answer { status, headers: header("Content-Type", "text/html; charset=utf-8"), body: page }.into()
    }

    /// A status and nothing else.
    pub fn empty(status: u16) -> Self {
        Answer { status, headers: Vec::new(), body: String::new() }.into()
    }

    /// 429 with these headers, for instance `[("Archivist-Rate-Limit-Reset", "2.5")]`.
    pub fn rate_limited(headers: &[(&str, &str)]) -> Self {
        let mut answer = Answer::error(429, "too many requests", "the rate limit was reached");
        answer.headers.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        answer.into()
    }

    /// 402 as DataTrails sends it: `description`, and not `error_description`.
    pub fn quota() -> Self {
        Answer::error(402, "quota exceeded", "the quota of this tenant is used up").into()
    }

    /// 200 with this body, said to be JSON.
    pub fn json(body: &str) -> Self {
        Answer { status: 200, headers: header("Content-Type", "application/json"), body: body.to_owned() }
            .into()
    }

    /// The whole answer, for the faults that keep to HTTP.
    pub(super) fn answer(&self) -> Option<Answer> {
        match self {
            Self::Redirect { status, location } => {
                Some(Answer { status: *status, headers: header("Location", location), body: String::new() })
            }
            Self::Answer { status, headers, body } => {
                Some(Answer { status: *status, headers: headers.clone(), body: body.clone() })
            }
            Self::Silence | Self::Trickle | Self::Reset | Self::Truncated { .. } | Self::Endless => None,
        }
    }
}

impl From<Answer> for Fault {
    fn from(Answer { status, headers, body }: Answer) -> Self {
        Self::Answer { status, headers, body }
    }
}

fn header(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}
