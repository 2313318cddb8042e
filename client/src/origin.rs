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

    /// Whether what goes there is encrypted.
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin(url: &str) -> Origin {
        Origin::of(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn two_urls_are_of_one_origin_only_if_scheme_host_and_port_are_equal() {
        let own = origin("https://app.datatrails.ai");
        for same in [
            "https://app.datatrails.ai/",
            "https://app.datatrails.ai:443",
            "https://app.datatrails.ai:443/archivist/v2?a=b#c",
            "HTTPS://APP.DataTrails.AI/x@evil.example",
            "https://app.datatrails.ai?https://evil.example",
            "https://app.datatrails.ai#@evil.example",
            "https://app.datatrails.ai/\u{2f}evil.example",
            "https://app.datatrails.ai/../..//evil.example",
        ] {
            assert_eq!(origin(same), own, "{same}");
        }
        for other in [
            "http://app.datatrails.ai",
            "http://app.datatrails.ai:443",
            "https://app.datatrails.ai:80",
            "https://app.datatrails.ai:8443",
            "https://app.datatrails.ai:4430",
            "https://app.datatrails.ai.evil",
            "https://app.datatrails.aievil.example",
            "https://evil-app.datatrails.ai",
            "https://evil.app.datatrails.ai",
            "https://datatrails.ai",
            "https://app.datatrails.ai-evil.example",
            "https://app-datatrails.ai",
            "https://app_datatrails.ai",
            "https://app.datatrai1s.ai",
            "https://evil.example/app.datatrails.ai",
            "https://evil.example?app.datatrails.ai",
            "https://evil.example#app.datatrails.ai",
            "https://evil.example/https://app.datatrails.ai",
            "https://xn--app-datatrails-ai.example",
        ] {
            assert_ne!(origin(other), own, "{other}");
        }
    }

    #[test]
    fn what_two_programs_could_read_as_two_hosts_is_no_origin() {
        use OriginError::{Character, Host, Port, Scheme, UserInfo};
        let cases = [
            ("https://app.datatrails.ai@evil", UserInfo),
            ("https://app.datatrails.ai:443@evil", UserInfo),
            ("https://app.datatrails.ai%40evil", Host),
            ("https://user:pass@app.datatrails.ai", UserInfo),
            ("https://@app.datatrails.ai", UserInfo),
            ("https://evil@app.datatrails.ai", UserInfo),
            ("https://[::1]@app.datatrails.ai", UserInfo),
            ("https://app.datatrails.ai.", Host),
            ("https://app.datatrails.ai..", Host),
            ("https://app.datatrails.ai.:443", Host),
            ("https://.app.datatrails.ai", Host),
            ("https://app..datatrails.ai", Host),
            ("https://.", Host),
            ("https://", Host),
            ("https:///app.datatrails.ai", Host),
            ("https://:443", Host),
            ("https:app.datatrails.ai", Scheme),
            ("https:/app.datatrails.ai", Scheme),
            ("//app.datatrails.ai", Scheme),
            ("app.datatrails.ai", Scheme),
            ("", Scheme),
            ("://app.datatrails.ai", Scheme),
            ("ftp://app.datatrails.ai", Scheme),
            ("httpss://app.datatrails.ai", Scheme),
            ("git+https://app.datatrails.ai", Scheme),
            ("javascript:https://app.datatrails.ai", Scheme),
            (" https://app.datatrails.ai", Character(1)),
            ("https://app.datatrails.ai ", Character(26)),
            ("https:/\\app.datatrails.ai", Character(8)),
            ("https:\\\\app.datatrails.ai", Character(7)),
            ("https://evil.example\\.app.datatrails.ai", Character(21)),
            ("https://evil.example\\@app.datatrails.ai", Character(21)),
            ("https://app.datatrails.ai\\@evil.example", Character(26)),
            ("https://app.datatrails.ai\t.evil", Character(26)),
            ("https://app.data\ntrails.ai", Character(17)),
            ("https://app.data\rtrails.ai", Character(17)),
            ("https://app.datatrails.ai\0.evil", Character(26)),
            ("https://app.datatrails.ai\u{7f}", Character(26)),
            // A soft hyphen, and a full stop and a slash of other scripts, which IDNA maps to nothing, `.` and `/`.
            ("https://app.data\u{ad}trails.ai", Character(17)),
            ("https://app\u{3002}datatrails\u{3002}ai", Character(12)),
            ("https://app.datatrails.ai\u{ff0f}evil", Character(26)),
            ("https://\u{430}pp.datatrails.ai", Character(9)),
            ("https://app.datatrails.ai/\u{e9}", Character(27)),
            ("https://app%2edatatrails.ai", Host),
            ("https://app.datatrails.ai%2eevil", Host),
            ("https://app.datatrails.ai%00", Host),
            ("https://app.datatrails.ai%2fevil", Host),
            ("https://app.datatrails.ai;evil", Host),
            ("https://app.datatrails.ai&evil", Host),
            ("https://app.datatrails.ai,evil", Host),
            ("https://app.datatrails.ai*", Host),
            ("https://$(id)", Host),
            ("https://app.datatrails.ai:", Port),
            ("https://app.datatrails.ai:0443", Port),
            ("https://app.datatrails.ai:+443", Port),
            ("https://app.datatrails.ai:443:443", Port),
            ("https://app.datatrails.ai:0", Port),
            ("https://app.datatrails.ai:65536", Port),
            ("https://app.datatrails.ai:65979", Port),
            ("https://app.datatrails.ai:https", Port),
            ("https://app.datatrails.ai:443.evil", Port),
            ("https://::1", Host),
            ("https://[::1", Host),
            ("https://::1]", Host),
            ("https://[::1%25eth0]", Host),
            ("https://[::1%eth0]", Host),
            ("https://[::1]evil", Host),
            ("https://evil[::1]", Host),
            ("https://[[::1]]", Host),
            ("https://[app.datatrails.ai]", Host),
            ("https://[127.0.0.1]", Host),
            ("https://[v1.a]", Host),
            ("https://[]", Host),
            ("https://[::1]443", Host),
            ("https://[::1]:", Port),
            ("https://[::1]:0443", Port),
        ];
        for (url, expected) in cases {
            assert_eq!(Origin::of(url), Err(expected), "{url:?}");
        }
    }

    #[test]
    fn default_ports_are_filled_in_and_left_out_again() {
        for (url, text) in [
            ("https://A.example:443/x", "https://a.example"),
            ("https://a.example:80", "https://a.example:80"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("http://[::1]:8080/x", "http://[::1]:8080"),
            ("http://[::FFFF:7F00:1]", "http://[::ffff:7f00:1]"),
        ] {
            assert_eq!(origin(url).to_string(), text);
            assert_eq!(origin(text), origin(url));
        }
    }

    #[test]
    fn an_authority_is_no_url() {
        for authority in
            ["app.datatrails.ai/x", "app.datatrails.ai?x", "app.datatrails.ai#x", "https://a", "a/"]
        {
            assert!(Origin::of_parts("https", authority).is_err(), "{authority}");
        }
        assert_eq!(
            Origin::of_parts("https", "App.DataTrails.ai:443"),
            Ok(origin("https://app.datatrails.ai"))
        );
    }

    #[test]
    fn a_token_goes_by_https_or_to_this_machine() {
        for url in [
            "https://a.example",
            "http://127.0.0.1:1",
            "http://127.9.9.9",
            "http://[::1]",
            "http://localhost:8080",
        ] {
            assert!(origin(url).takes_tokens(), "{url}");
        }
        for url in [
            "http://a.example",
            "http://127.0.0.1.evil",
            "http://localhost.evil",
            "http://128.0.0.1",
            "http://127.1",
            "http://2130706433",
            "http://0x7f.0.0.1",
            "http://0177.0.0.1",
            "http://0.0.0.0",
            "http://[::]",
            "http://[::ffff:127.0.0.1]",
        ] {
            assert!(!origin(url).takes_tokens(), "{url}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_origin_is_read_again_as_it_is_written(url in "[hH][tT]{2}[pP]s?://[a-zA-Z0-9._:@%\\[\\]-]{0,12}[/?#]?.{0,4}") {
            if let Ok(origin) = Origin::of(&url) {
                prop_assert_eq!(Origin::of(&origin.to_string()), Ok(origin));
            }
        }
    }
}
