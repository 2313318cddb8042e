//! `curl`: the token goes where it belongs, outside of arguments, and whatever would carry it elsewhere is refused before
//! anything is sent.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(unix)]
mod real;
#[cfg(unix)]
mod refused_token;
#[cfg(unix)]
mod table;

use dt_cred_tests::{issuer::Sandbox, parts::Output, user::User};

/// The documented request, by its path alone.
const ASSETS: &str = "/archivist/v2/assets";

#[track_caller]
fn refused(output: &Output, message: &str) {
    assert_eq!((output.code, output.stdout.as_str()), (Some(125), ""), "{output:?}");
    assert_eq!(output.stderr, format!("dt-cred: {message}\n"));
}

const OTHER_CREDENTIALS: &str = "the token is what authenticates: leave it out, or run curl itself";
const ELSEWHERE: &str = "the token would go to another place than the URL names: leave it out";
const OWN_HEADER: &str =
    "an Authorization of your own would stand beside the token: leave it out, or run curl itself";
const EXPANDED: &str = "what curl makes of it cannot be looked at: let the shell expand it";
const NOTHING_SENT: &str = "no request is made with it: run curl itself";

#[test]
fn what_would_carry_the_token_elsewhere_or_drop_it_is_refused_with_the_reason() {
    let sandbox = Sandbox::http();
    let user = User::logged_in(&sandbox);
    let rows: &[(&[&str], &str, &str)] = &[
        (
            &["--next"],
            "next",
            "what follows it would be sent without the token: run dt-cred curl once for each",
        ),
        (&["-:"], "next", "what follows it would be sent without the token: run dt-cred curl once for each"),
        (&["-K", "file"], "config", "what it holds cannot be looked at beforehand: write it out"),
        (&["--config=file"], "config", "what it holds cannot be looked at beforehand: write it out"),
        (
            &["--location-trusted"],
            "location-trusted",
            "the token would follow to whichever host an answer names: use --location, which keeps it",
        ),
        (
            &["--location-t"],
            "location-trusted",
            "the token would follow to whichever host an answer names: use --location, which keeps it",
        ),
        (&["--resolve", "a:80:127.0.0.1"], "resolve", ELSEWHERE),
        (&["--connect-to", "::127.0.0.1:1"], "connect-to", ELSEWHERE),
        (&["--unix-socket", "socket"], "unix-socket", ELSEWHERE),
        (&["--abstract-unix-socket", "socket"], "abstract-unix-socket", ELSEWHERE),
        (
            &["-sk"],
            "insecure",
            "anybody could answer in the server's place and have the token: give the server's CA by --cacert",
        ),
        (&["-u", "a:b"], "user", OTHER_CREDENTIALS),
        (&["--oauth2-bearer", "a"], "oauth2-bearer", OTHER_CREDENTIALS),
        (&["-n"], "netrc", OTHER_CREDENTIALS),
        (&["--netrc-file", "file"], "netrc-file", OTHER_CREDENTIALS),
        (&["--netrc-optional"], "netrc-optional", OTHER_CREDENTIALS),
        (&["--negotiate"], "negotiate", OTHER_CREDENTIALS),
        (&["--ntlm"], "ntlm", OTHER_CREDENTIALS),
        (&["--ntlm-wb"], "ntlm-wb", OTHER_CREDENTIALS),
        (&["--aws-sigv4", "a"], "aws-sigv4", OTHER_CREDENTIALS),
        (&["-H", "authorization: Basic YTpi"], "header", OWN_HEADER),
        (&["-sHAuthorization;"], "header", OWN_HEADER),
        (&["-H", "Authorization:"], "header", OWN_HEADER),
        (
            &["-H", "@headers"],
            "header",
            "the file may hold an Authorization, or another one when curl reads it: write each header as --header 'NAME: VALUE'",
        ),
        (
            &["-H", "A: b\r\nAuthorization: c"],
            "header",
            "a line ends in it, and another header would begin: give each by a --header of its own",
        ),
        (&["--variable", "a=b"], "variable", EXPANDED),
        (&["--expand-url", "{{a}}"], "expand-url", EXPANDED),
        (&["--metalink"], "metalink", "curl would go wherever the file names: leave it out"),
        (
            &["-x", "http://127.0.0.1:1"],
            "proxy",
            "by http the proxy would read the token: leave it out, or use https",
        ),
        (
            &["--preproxy", "127.0.0.1:1"],
            "preproxy",
            "by http the proxy would read the token: leave it out, or use https",
        ),
        (
            &["--socks5", "127.0.0.1:1"],
            "socks5",
            "by http the proxy would read the token: leave it out, or use https",
        ),
        (&["-V"], "version", NOTHING_SENT),
        (&["-sh"], "help", NOTHING_SENT),
        (&["-M"], "manual", NOTHING_SENT),
        (&["--dump-ca-embed"], "dump-ca-embed", NOTHING_SENT),
    ];
    for (words, option, reason) in rows {
        for words in [[&["curl"], *words, &[ASSETS]].concat(), [&["curl", "-s", ASSETS], *words].concat()] {
            refused(&user.dt_cred(&words), &format!("--{option} is refused: {reason}"));
        }
    }
    assert_eq!(sandbox.counts().assets.total, 0);
}

#[test]
fn a_url_of_another_origin_is_refused_and_its_server_hears_nothing() {
    let (sandbox, other) = (Sandbox::http(), Sandbox::http());
    let user = User::logged_in(&sandbox);
    let (own, place) = (sandbox.url(), other.url().trim_start_matches("http://"));
    let elsewhere = |target: &str, authority: &str| {
        format!(
            "{target} is not where this token belongs, which is {own}: choose the profile by dt-cred -p NAME curl …, or \
             allow the host by dt-cred curl --allow-host {authority} …"
        )
    };
    let none = |number: u32, why: &str| {
        format!(
            "URL {number} is none that the token may go to: {why}; write it as https://HOST/PATH, or /PATH for the \
             profile's own service"
        )
    };
    let assets = other.assets_url();
    let port = place.rsplit(':').next().expect("a port");
    let with_user = format!("http://user:hunter2@{place}/");
    let pattern = format!("http://{{{place},{place}}}/");
    let localhost = format!("http://localhost:{port}/");
    let rows: &[(&[&str], String)] = &[
        (&[&assets], elsewhere(other.url(), place)),
        (&["--url", &assets], elsewhere(other.url(), place)),
        (&[ASSETS, &assets], elsewhere(other.url(), place)),
        (&["-Z", ASSETS, "--url", &assets], elsewhere(other.url(), place)),
        (&[&localhost], elsewhere(&format!("http://localhost:{port}"), &format!("localhost:{port}"))),
        (&["https://evil.example/"], elsewhere("https://evil.example", "evil.example")),
        (
            &["http://evil.example/"],
            "http://evil.example is reached by http: a token goes by https only, write https://".to_owned(),
        ),
        (&[place], none(1, "it does not begin with http:// or https://")),
        (&[ASSETS, "//evil.example/"], none(2, "it does not begin with http:// or https://")),
        (&[&with_user], none(1, "a user stands in front of the host")),
        (&[&pattern], none(1, "its host is no name and no address")),
        (&["-g", &pattern], none(1, "its host is no name and no address")),
        (&["http://127.0.0.1\\@evil.example/"], none(1, "a character that no URL holds stands at byte 17")),
    ];
    for (words, message) in rows {
        refused(&user.dt_cred(&[&["curl"], *words].concat()), message);
    }
    // What is allowed must be a host, and is so for its own port alone.
    let not_so = format!("127.0.0.1:{}", port.parse::<u16>().expect("a number") ^ 1);
    refused(&user.dt_cred(&["curl", "--allow-host", &not_so, &assets]), &elsewhere(other.url(), place));
    refused(
        &user.dt_cred(&["curl", "--allow-host", "a/b", &assets]),
        "--allow-host \"a/b\" is no HOST or HOST:PORT: its host is no name and no address",
    );
    assert_eq!((other.counts().connections, sandbox.counts().assets.total), (0, 0));
}

#[test]
fn without_a_token_nothing_is_sent() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let url = sandbox.assets_url();
    let curl = user.dt_cred(&["curl", "-sS", &url]);
    assert_eq!((curl.code, curl.stdout.as_str()), (Some(125), ""));
    // The same as `get` says.
    assert_eq!(curl.stderr, user.dt_cred(&["get"]).stderr);
    let curl = user.dt_cred(&["--no-start", "curl", "-sS", &url]);
    assert_eq!((curl.code, curl.stdout.as_str()), (Some(125), ""));
    assert_eq!(sandbox.counts().connections, 0);
}

#[test]
fn what_stands_behind_curl_is_its_own_and_every_mistake_is_125() {
    let user = User::in_memory();
    for (words, message) in [
        (&["curl"][..], "no URL is given: write dt-cred curl /archivist/v2/assets"),
        (&["curl", "-p"], "no URL is given: write dt-cred curl /archivist/v2/assets"),
        (
            &["curl", "--timeout", "3"],
            "--timeout SECONDS stands before curl: dt-cred --timeout SECONDS curl …",
        ),
        (
            &["curl", "-s", "--allow-host", "a"],
            "--allow-host HOST stands directly behind curl: dt-cred curl --allow-host HOST …",
        ),
        (
            &["curl", "-s", "-p", "staging", "/x"],
            "-p NAME stands before curl: dt-cred -p staging curl …; curl's own -p is --proxytunnel",
        ),
        (
            &["curl", "-pprod", "/x"],
            "-pprod would be several of curl's flags: a profile stands before curl, dt-cred -p NAME curl …; write curl's own -p as --proxytunnel",
        ),
        (
            &["curl", "-s", "/x", "--profile=staging"],
            "--profile NAME stands before curl: dt-cred --profile NAME curl …",
        ),
        (&["curl", "--no-start", "/x"], "--no-start stands before curl: dt-cred --no-start curl …"),
        (
            &["curl", "--prof", "/x"],
            "--prof is none of curl's options that are known here, and could carry the token elsewhere: leave it out, or see dt-cred curl --help",
        ),
        (
            &["curl", "-p", "staging", "/x"],
            "-p NAME stands before curl: dt-cred -p staging curl …; curl's own -p is --proxytunnel",
        ),
        (&["curl", "--da", "/x"], "--da is the start of several of curl's options: write it out"),
        (&["curl", "-d"], "--data has no value behind it: see curl --help all"),
        (&["curl", "--silent=1", "/x"], "--silent takes no value: leave out the = and what stands behind it"),
    ] {
        refused(&user.dt_cred(words), message);
    }
    for words in [&["-p", "a b", "curl", "/x"][..], &["--timeout=x", "curl", "/x"], &["curl", "--allow-host"]]
    {
        let output = user.dt_cred(words);
        assert_eq!((output.code, output.stdout.as_str(), output.stderr.lines().count()), (Some(125), "", 1));
    }
    for help in ["--help", "-h"] {
        let help = user.dt_cred(&["curl", help]).done();
        assert!(help.contains("--allow-host") && help.contains("125"), "{help}");
    }
    assert_eq!(user.home.daemon_pid(), None);
}
