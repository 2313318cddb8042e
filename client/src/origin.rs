//! Where a token may go: the origin of a URL (RFC 6454), read so strictly that no two programs can take it for another one.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use thiserror::Error;

/// Scheme, host and port, in lower case. Two are equal only where all three are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scheme {
    Http,
    Https,
}

/// Why a text is no origin.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum OriginError {
    /// White space, a control character, a backslash, or a character outside ASCII.
    #[error("a character that no URL holds stands at byte {0}")]
    Character(usize),
    /// Another scheme than http and https, or none.
    #[error("it does not begin with http:// or https://")]
    Scheme,
    /// `user@host`.
    #[error("a user stands in front of the host")]
    UserInfo,
    /// Nothing where the host should stand, or something that is none.
    #[error("its host is no name and no address")]
    Host,
    /// No number from 1 to 65535, or one written otherwise than in the shortest way.
    #[error("its port is no number from 1 to 65535")]
    Port,
}

impl Origin {
    /// The origin of `url`; path, query and fragment do not count.
    ///
    /// # Errors
    /// [`OriginError`], for the first thing that is wrong.
    pub fn of(url: &str) -> Result<Self, OriginError> {
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| character(url).unwrap_or(OriginError::Scheme))?;
        character(url).map_or(Ok(()), Err)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        Self::of_parts(scheme, authority)
    }

    /// The origin of a URL with this scheme and this authority: `https` and `app.datatrails.ai`, or with `:443` behind it.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn of_parts(scheme: &str, authority: &str) -> Result<Self, OriginError> {
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(OriginError::Scheme),
        };
        character(authority).map_or(Ok(()), Err)?;
        if authority.contains('@') {
            return Err(OriginError::UserInfo);
        }
        // The colons of an IPv6 address stand in brackets.
        let end = authority.find(']').map_or(0, |bracket| bracket + 1);
        let (host, port) = match authority[end..].split_once(':') {
            Some((before, port)) => (&authority[..end + before.len()], Some(port)),
            None => (authority, None),
        };
        let host = host.to_ascii_lowercase();
        if !is_address(&host) && !is_name(&host) {
            return Err(OriginError::Host);
        }
        let default = if scheme == Scheme::Https { 443 } else { 80 };
        Ok(Self { scheme, host, port: port.map_or(Ok(default), number)? })
    }

    /// Whether a token may be sent there at all: by https, or by http to this machine.
    pub fn takes_tokens(&self) -> bool {
        let address = self.host.trim_matches(['[', ']']);
        let is_loopback = self.host == "localhost"
            || address.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
            || address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback());
        self.scheme == Scheme::Https || is_loopback
    }

    /// The host, in lower case, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        match (scheme, port) {
            (Scheme::Http, 80) => write!(f, "http://{host}"),
            (Scheme::Http, port) => write!(f, "http://{host}:{port}"),
            (Scheme::Https, 443) => write!(f, "https://{host}"),
            (Scheme::Https, port) => write!(f, "https://{host}:{port}"),
        }
    }
}

/// The first character that some programs drop and others do not.
fn character(text: &str) -> Option<OriginError> {
    let strange = |byte: u8| !byte.is_ascii_graphic() || byte == b'\\';
    text.bytes().position(strange).map(|at| OriginError::Character(at + 1))
}

/// An IPv6 address in brackets, without a zone.
fn is_address(host: &str) -> bool {
    let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inside.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// Labels with a dot between them: no empty one, so no dot at the end, and nothing that is percent-encoded. An IPv4 address
/// is one of these.
fn is_name(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    host.split('.').all(|label| !label.is_empty() && label.bytes().all(allowed))
}

fn number(digits: &str) -> Result<u16, OriginError> {
    let shortest = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| shortest).ok_or(OriginError::Port)
}
