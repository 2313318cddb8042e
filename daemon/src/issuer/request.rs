//! The token request (RFC 6749 §4.4.2), in buffers that are wiped.

use base64::{Engine, prelude::BASE64_STANDARD};
use dt_cred_proto::message::ClientAuth;
use reqwest::{
    Client, RequestBuilder,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use zeroize::Zeroizing;

use crate::{
    credentials::{Credentials, form},
    http::wiped,
};

pub(super) fn build(client: &Client, credentials: &Credentials) -> RequestBuilder {
    let request = client
        .post(&credentials.token_url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .body(wiped(body(credentials)));
    match credentials.auth {
        ClientAuth::Post => request,
        ClientAuth::Basic => request.header(AUTHORIZATION, basic(credentials)),
    }
}

fn body(credentials: &Credentials) -> Zeroizing<String> {
    let mut fields = vec![("grant_type", "client_credentials")];
    if credentials.auth == ClientAuth::Post {
        fields.push(("client_id", &credentials.client_id));
        fields.push(("client_secret", credentials.client_secret.expose()));
    }
    let optional = [
        ("scope", &credentials.scope),
        ("audience", &credentials.audience),
        ("resource", &credentials.resource),
    ];
    fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
    form::encode(&fields)
}

/// Both encoded as in a form first, so that a colon in the client id divides nothing (RFC 6749 §2.3.1).
fn basic(credentials: &Credentials) -> HeaderValue {
    let (id, secret) =
        (form::encode_one(&credentials.client_id), form::encode_one(credentials.client_secret.expose()));
    let pair = Zeroizing::new([&id, ":", &secret].concat());
    let encoded = Zeroizing::new(BASE64_STANDARD.encode(&*pair));
    let header = wiped(Zeroizing::new(["Basic ", &encoded].concat()));
    let mut header = HeaderValue::from_maybe_shared(header).expect("base64 may stand in a header");
    header.set_sensitive(true);
    header
}
