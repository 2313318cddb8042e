//! The proxy that a profile's requests go through, as `status` tells it.

use dt_cred_proto::text::Text;
use reqwest::Url;

use crate::{config::Proxy, credentials::is_loopback};

/// The variables that name a proxy for https, in the order in which they count.
const VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// The proxy for `token_url`, without the user and password that may stand in it; none where there is none.
/// `no_proxy` is not looked at here.
pub(super) fn in_use(proxy: &Proxy, token_url: &str) -> Option<Text> {
    if Url::parse(token_url).is_ok_and(|url| is_loopback(&url)) {
        return None;
    }
    match proxy {
        Proxy::None => None,
        Proxy::Url(url) => Some(shown(url)),
        Proxy::Env => VARIABLES
            .iter()
            .find_map(|name| std::env::var(name).ok())
            .filter(|url| !url.is_empty())
            .map(|url| shown(&url)),
    }
}

/// Scheme, host and port alone: what is not percent-encoded of a password may stand where path, query or fragment do.
fn shown(url: &str) -> Text {
    // Without a scheme it is http's, and so would the part before a colon not be taken for one.
    let whole = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let url = Url::parse(&whole).ok();
    let place = url.as_ref().and_then(|url| Some((url.scheme(), url.host_str()?, url.port())));
    match place {
        Some((scheme, host, Some(port))) => format!("{scheme}://{host}:{port}").into(),
        Some((scheme, host, None)) => format!("{scheme}://{host}").into(),
        None => "set, but no URL".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{in_use, shown};
    use crate::config::Proxy;

    #[test]
    fn a_proxys_password_is_not_shown() {
        for (url, text) in [
            ("http://me:pass@proxy.example:3128", "http://proxy.example:3128"),
            ("me:pass@proxy.example:3128", "http://proxy.example:3128"),
            ("https://me:pass@proxy.example:3128/?pass#pass", "https://proxy.example:3128"),
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("http://me:12/pass@proxy.example:3128", "http://me:12"),
            ("http://me:12?pass@proxy.example:3128", "http://me:12"),
            ("http://me:12#pass@proxy.example:3128", "http://me:12"),
            ("http://me:pass#word@proxy.example:3128", "set, but no URL"),
            ("socks5://me:pass@proxy.example:1080", "socks5://proxy.example:1080"),
            ("http://", "set, but no URL"),
            ("me:p://pass@proxy.example", "set, but no URL"),
        ] {
            assert_eq!(shown(url).as_str(), text);
        }
    }

    #[test]
    fn loopback_is_never_proxied() {
        let proxy = Proxy::Url("http://proxy.example:3128".to_owned());
        assert!(in_use(&proxy, "http://127.0.0.1:8080/token").is_none());
        assert!(in_use(&proxy, "https://app.example.com/token").is_some());
    }
}
