//! Which addresses a secret may be sent to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use dt_cred_proto::text::Text;
use reqwest::Url;
use thiserror::Error;

/// Why a secret is not sent to an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum UrlError {
    /// No absolute URL.
    #[error("is not a URL such as https://app.datatrails.ai")]
    NotUrl,
    /// Neither https, nor http to this machine.
    #[error("must begin with https:// (http:// is for 127.0.0.1, [::1] and localhost only)")]
    NotHttps,
    /// `user:password@`: it would be shown wherever the URL is.
    #[error("must not hold a user or a password before an @")]
    UserInfo,
    /// `#…` (RFC 6749 §3.2 forbids it).
    #[error("must not hold a fragment (#)")]
    Fragment,
    /// `?…` in a base URL.
    #[error("must not hold a query (?)")]
    Query,
    /// White space, a backslash or a control character, which URL parsers read in different ways.
    #[error("must not hold white space, backslashes or control characters")]
    Character,
}

/// The addresses of `localhost`, whatever a resolver says; port 0 is the URL's own.
pub(crate) const LOCALHOST: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0),
];

/// Whether `url` is at this machine: 127.0.0.0/8, `[::1]` or `localhost`.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Host and, where it is not the usual one, port of an address, for people.
pub(crate) fn host(url: &str) -> Text {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or("its address");
    match url.as_ref().and_then(Url::port) {
        Some(port) => format!("{host}:{port}").into(),
        None => host.into(),
    }
}

/// A base URL, normalised: no query, no slash at the end.
pub(crate) fn base(text: &str) -> Result<String, UrlError> {
    let url = secure(text)?;
    if url.query().is_some() {
        return Err(UrlError::Query);
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A token endpoint, normalised. It may hold a query (RFC 6749 §3.2).
pub(crate) fn token(text: &str) -> Result<String, UrlError> {
    Ok(secure(text)?.into())
}

fn secure(text: &str) -> Result<Url, UrlError> {
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(UrlError::Character);
    }
    // The parser also takes `https:host`; what a person reads should be what is asked.
    let (scheme, after) = text.split_once("://").ok_or(UrlError::NotUrl)?;
    let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(UrlError::NotUrl);
    }
    if authority.contains('@') {
        return Err(UrlError::UserInfo);
    }
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return Err(UrlError::NotHttps);
    }
    let url = Url::parse(text).map_err(|_| UrlError::NotUrl)?;
    if url.fragment().is_some() {
        return Err(UrlError::Fragment);
    }
    if url.scheme() == "https" || is_loopback(&url) { Ok(url) } else { Err(UrlError::NotHttps) }
}
