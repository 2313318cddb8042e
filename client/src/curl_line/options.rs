//! Every option of curl, 7.88 to 8.17, and what it means for a token. One that is not here is refused: who does not know whether
//! it takes a value does not know what the next word is.

/// What an option means for the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect {
    /// Nothing.
    Plain,
    /// It writes or shows something, which happens once: nothing is sent again.
    Once,
    /// Its value may name a file, which is read.
    Reads(Source),
    /// It shows the headers that are sent.
    Tells,
    /// Its value is a URL.
    Url,
    /// Its value is a header.
    Header,
    /// It has a proxy stand between: one that reads what goes by http.
    Proxy,
    /// It carries the token elsewhere, drops it, or stands in its place.
    Refused(&'static str),
}

/// Where in a value the name of a file stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// It is one.
    Whole,
    /// Behind an `@` at its start.
    At,
    /// Behind the first `@`, unless a `=` stands there; and behind a `+` is none.
    Named,
    /// Behind `=@` or `=<`.
    Form,
    /// It is one, or `-` or `.` for standard input, and it may be a pattern.
    Upload,
    /// It is one unless a `=` stands there.
    Cookie,
}

/// An option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// Its long name, without dashes, as it is when it is on.
    pub(super) name: &'static str,
    /// Whether a value follows.
    pub(super) takes_value: bool,
    /// What it means.
    pub(super) effect: Effect,
}

const ELSEWHERE: &str = "the token would go to another place than the URL names: leave it out";
const OTHER_CREDENTIALS: &str = "the token is what authenticates: leave it out, or run curl itself";
const UNSEEN: &str = "what it holds cannot be looked at beforehand: write it out";
const NOTHING_SENT: &str = "no request is made with it: run curl itself";

/// Flags and options with a value, by what they mean: names with a blank between them, a letter in front where there is one.
const GROUPS: [(bool, Effect, &str); 25] = [
    (
        false,
        Effect::Plain,
        "alpn anyauth a/append basic ca-native cert-status compressed compressed-ssh create-dirs crlf digest q/disable \
         disable-eprt disable-epsv disallow-username-in-url doh-cert-status doh-insecure eprt epsv f/fail fail-early \
         fail-with-body false-start follow form-escape ftp-create-dirs ftp-pasv ftp-pret ftp-skip-pasv-ip ftp-ssl \
         ftp-ssl-ccc ftp-ssl-control ftp-ssl-reqd G/get g/globoff haproxy-protocol I/head http0.9 0/http1.0 http1.1 http2 \
         http2-prior-knowledge http3 http3-only ignore-content-length 4/ipv4 6/ipv6 j/junk-session-cookies keepalive \
         l/list-only L/location mail-rcpt-allowfails mptcp npn Z/parallel parallel-immediate path-as-is post301 post302 \
         post303 progress-meter proxy-anyauth proxy-basic proxy-ca-native proxy-digest proxy-http2 proxy-insecure \
         proxy-negotiate proxy-ntlm proxy-ssl-allow-beast proxy-ssl-auto-client-cert proxy-tlsv1 p/proxytunnel raw \
         retry-all-errors retry-connrefused sasl-ir sessionid S/show-error s/silent socks5-basic socks5-gssapi \
         socks5-gssapi-nec ssl ssl-allow-beast ssl-auto-client-cert ssl-no-revoke ssl-reqd ssl-revoke-best-effort 2/sslv2 \
         3/sslv3 styled-output suppress-connect-headers tcp-fastopen tcp-nodelay tftp-no-options tls-earlydata 1/tlsv1 \
         tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 tr-encoding trace-ids trace-time B/use-ascii",
    ),
    (
        true,
        Effect::Plain,
        "alt-svc cert-type ciphers connect-timeout create-file-mode curves data-raw delegation dns-interface dns-ipv4-addr \
         dns-ipv6-addr dns-servers doh-url ech egd-file engine expect100-timeout form-string ftp-account \
         ftp-alternative-to-user ftp-method P/ftp-port ftp-ssl-ccc-mode happy-eyeballs-timeout-ms haproxy-clientip \
         hostpubmd5 hostpubsha256 hsts interface ip-tos ipfs-gateway keepalive-cnt keepalive-time key-type knownhosts krb \
         krb4 limit-rate local-port login-options mail-auth mail-from mail-rcpt max-filesize max-redirs m/max-time noproxy \
         parallel-max parallel-max-host pass pinnedpubkey proto proto-default proto-redir proxy-cert-type proxy-ciphers \
         proxy-key-type proxy-pass proxy-pinnedpubkey proxy-service-name proxy-tls13-ciphers proxy-tlsauthtype \
         proxy-tlspassword proxy-tlsuser U/proxy-user pubkey Q/quote random-file r/range rate e/referer X/request \
         request-target retry retry-delay retry-max-time sasl-authzid service-name sigalgs socks5-gssapi-service \
         Y/speed-limit y/speed-time t/telnet-option tftp-blksize z/time-cond tls-max tls13-ciphers tlsauthtype tlspassword \
         tlsuser upload-flags A/user-agent vlan-priority",
    ),
    (
        false,
        Effect::Once,
        "buffer clobber i/include out-null #/progress-bar J/remote-header-name O/remote-name remote-name-all R/remote-time \
         remove-on-error show-headers skip-existing xattr",
    ),
    (
        true,
        Effect::Once,
        "C/continue-at c/cookie-jar D/dump-header etag-save o/output output-dir ssl-sessions stderr trace-config w/write-out",
    ),
    (true, Effect::Reads(Source::At), "d/data data-ascii data-binary json proxy-header"),
    (true, Effect::Reads(Source::Named), "data-urlencode url-query"),
    (true, Effect::Reads(Source::Form), "F/form"),
    (true, Effect::Reads(Source::Upload), "T/upload-file"),
    (true, Effect::Reads(Source::Cookie), "b/cookie"),
    (
        true,
        Effect::Reads(Source::Whole),
        "cacert capath E/cert crlfile etag-compare key proxy-cacert proxy-capath proxy-cert proxy-crlfile proxy-key",
    ),
    (false, Effect::Tells, "v/verbose"),
    (true, Effect::Tells, "libcurl trace trace-ascii"),
    (true, Effect::Url, "url"),
    (true, Effect::Header, "H/header"),
    (true, Effect::Proxy, "preproxy x/proxy proxy1.0 socks4 socks4a socks5 socks5-hostname"),
    (
        false,
        Effect::Refused("what follows it would be sent without the token: run dt-cred curl once for each"),
        ":/next",
    ),
    (
        false,
        Effect::Refused(
            "the token would follow to whichever host an answer names: use --location, which keeps it",
        ),
        "location-trusted",
    ),
    (
        false,
        Effect::Refused(
            "anybody could answer in the server's place and have the token: give the server's CA by --cacert",
        ),
        "k/insecure",
    ),
    (true, Effect::Refused(ELSEWHERE), "abstract-unix-socket connect-to resolve unix-socket"),
    (false, Effect::Refused("curl would go wherever the file names: leave it out"), "metalink"),
    (true, Effect::Refused(UNSEEN), "K/config"),
    (true, Effect::Refused("what curl makes of it cannot be looked at: let the shell expand it"), "variable"),
    (false, Effect::Refused(OTHER_CREDENTIALS), "negotiate n/netrc netrc-optional ntlm ntlm-wb"),
    (true, Effect::Refused(OTHER_CREDENTIALS), "aws-sigv4 netrc-file oauth2-bearer u/user"),
    (false, Effect::Refused(NOTHING_SENT), "dump-ca-embed h/help M/manual V/version"),
];

/// The first option that is `wanted`, by its letter and itself.
fn first(wanted: &mut dyn FnMut(&str, Entry) -> bool) -> Option<Entry> {
    for (takes_value, effect, names) in GROUPS {
        for word in names.split(' ') {
            let (letter, name) = word.split_once('/').unwrap_or(("", word));
            let entry = Entry { name, takes_value, effect };
            if wanted(letter, entry) {
                return Some(entry);
            }
        }
    }
    None
}

/// What a long name means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Named {
    /// No option begins so.
    Nothing,
    /// The option of this name, or the only one that begins so.
    One(Entry),
    /// More than one begins so.
    Several,
}

/// The option that curl takes this name for.
pub(super) fn named(word: &str) -> Named {
    let mut found = Named::Nothing;
    let exact = first(&mut |_, entry| {
        if entry.name.starts_with(word) {
            found = if found == Named::Nothing { Named::One(entry) } else { Named::Several };
        }
        entry.name == word
    });
    exact.map_or(found, Named::One)
}

/// The option of this name.
pub(super) fn exact(name: &str) -> Option<Entry> {
    first(&mut |_, entry| entry.name == name)
}

/// The option of a letter, and whether the letter switches it on: `-N` is `--no-buffer`.
pub(super) fn lettered(wanted: char) -> Option<(Entry, bool)> {
    if wanted == 'N' {
        return exact("buffer").map(|entry| (entry, false));
    }
    let entry = first(&mut |letter, _| letter.starts_with(wanted));
    entry.map(|entry| (entry, true))
}
