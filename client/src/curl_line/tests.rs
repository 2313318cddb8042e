use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

const OWN: &str = "https://app.datatrails.ai";

fn read(words: &[&str]) -> Result<Line, LineError> {
    Line::read(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
}

fn line(words: &[&str]) -> Line {
    read(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

fn error(words: &[&str]) -> String {
    read(words).expect_err(&words.join(" ")).to_string()
}

fn admit(words: &[&str]) -> Result<Vec<String>, LineError> {
    line(words).admit(OWN, &[]).map(|admitted| admitted.arguments)
}

#[test]
fn what_is_understood_is_written_by_whole_names() {
    let url = "https://app.datatrails.ai/x";
    let cases: &[(&[&str], &str)] = &[
        (&[url], "--url https://app.datatrails.ai/x"),
        (&["--url", url], "--url https://app.datatrails.ai/x"),
        (&["--url=https://app.datatrails.ai/x"], "--url https://app.datatrails.ai/x"),
        (&["-sSfL", url], "--silent --show-error --fail --location --url https://app.datatrails.ai/x"),
        (&["-sXPOST", url], "--silent --request POST --url https://app.datatrails.ai/x"),
        (&["-sX", "-k", url], "--silent --request -k --url https://app.datatrails.ai/x"),
        (&["-ok", url], "--output k --url https://app.datatrails.ai/x"),
        (&["-HX: -k", url], "--header X: -k --url https://app.datatrails.ai/x"),
        (&["-d", "", url], "--data  --url https://app.datatrails.ai/x"),
        (&["-d--next", url], "--data --next --url https://app.datatrails.ai/x"),
        (&["-N", "--no-buffer", url], "--no-buffer --no-buffer --url https://app.datatrails.ai/x"),
        (&["--sil", url], "--silent --url https://app.datatrails.ai/x"),
        (&["--max-t", "3", url], "--max-time 3 --url https://app.datatrails.ai/x"),
        (
            &["--no-insecure", "--no-location", url],
            "--no-insecure --no-location --url https://app.datatrails.ai/x",
        ),
        (&["--", url], "--url https://app.datatrails.ai/x"),
        (&["/x"], "--url https://app.datatrails.ai/x"),
        (&["/x/{a,b}", "-q"], "--url https://app.datatrails.ai/x/{a,b} --disable"),
    ];
    for (words, expected) in cases {
        assert_eq!(admit(words).map(|words| words.join(" ")).as_deref(), Ok(*expected), "{words:?}");
    }
}

#[test]
fn what_could_be_taken_for_something_else_is_refused() {
    let cases: &[(&[&str], &str)] = &[
        (&["--frobnicate", OWN], "--frobnicate is none of curl's options"),
        (&["--URL", OWN], "--URL is none"),
        (&["-~", OWN], "-~ is none"),
        (&["-s~", OWN], "-~ is none"),
        (&["-", OWN], "- is none"),
        (&["-s-", OWN], "-- is none"),
        (&["---url", OWN], "---url is none"),
        (&["--no-sil", OWN], "--no-sil is none"),
        (&["--no-", OWN], "--no- is the start of several"),
        (&["--da", "x", OWN], "--da is the start of several"),
        (&["--silent=1", OWN], "--silent takes no value: leave out the ="),
        (
            &["--no-data", OWN],
            "--no-data is none of curl's options: what takes a value cannot be switched off",
        ),
        (&["-X"], "--request has no value behind it"),
        (&["--data"], "--data has no value behind it"),
        (&[], "no URL is given: write dt-cred curl /archivist/v2/assets"),
        (&["-s"], "no URL is given"),
        (&["--", "-k"], "URL 1 is none"),
    ];
    for (words, expected) in cases {
        let said = match read(words) {
            Err(error) => error.to_string(),
            Ok(line) => line.admit(OWN, &[]).expect_err(&words.join(" ")).to_string(),
        };
        assert!(said.starts_with(expected) && said.lines().count() == 1, "{words:?}: {said}");
    }
}

#[test]
fn an_option_is_refused_in_each_spelling_that_curl_takes() {
    let spellings: &[&[&str]] = &[
        &["--insecure"],
        &["--insec"],
        &["-k"],
        &["-sk"],
        &["-sSfLk"],
        &["--no-insecure", "-k"],
        &["--location-trusted"],
        &["--location-t"],
        &["--next"],
        &["--nex"],
        &["-:"],
        &["-s:"],
        &["--config", "x"],
        &["--config=x"],
        &["--conf", "x"],
        &["-K", "x"],
        &["-Kx"],
        &["-sKx"],
        &["--resolve", "a:1:b"],
        &["--reso", "a:1:b"],
        &["--connect-to", "::a:1"],
        &["-u", "a:b"],
        &["-ua:b"],
        &["--user", "a"],
        &["--user=a"],
        &["-n"],
        &["--netrc"],
        &["--netrc-o"],
        &["-H", "Authorization: x"],
        &["-HAuthorization: x"],
        &["-sHauthorization:x"],
        &["--header", "AUTHORIZATION;"],
        &["-H", "Authorization:"],
        &["-H", " Authorization : x"],
        &["--head", "x", "-H", "Authorization"],
        &["-H", "X: y\r\nAuthorization: z"],
        &["-A", "x\r\nAuthorization: z"],
        &["-e", "x\nAuthorization: z"],
        &["-b", "a=b\r\nAuthorization: z"],
        &["-r", "0-1\r\nAuthorization: z"],
        &["-X", "GET / HTTP/1.1\r\nAuthorization: z\r\nX:"],
        &["--request-target", "/ HTTP/1.1\r\nAuthorization: z\r\nX:"],
        &["-H", "X: y\nZ: z"],
        &["-H@file"],
        &["-H", "@-"],
        &["--expand-url", "x"],
        &["--expand-data=x"],
        &["--variable", "x=y"],
    ];
    for spelling in spellings {
        let words: Vec<_> = spelling.iter().copied().chain([OWN]).collect();
        let said = error(&words);
        assert!(said.contains(" is refused: "), "{words:?}: {said}");
    }
}

#[test]
fn only_a_header_of_that_name_is_an_authorization() {
    for header in ["Accept: Authorization", "X-Authorization: a", "Authorization-Info: a", "Content-Type;"] {
        assert!(read(&["-H", header, OWN]).is_ok(), "{header}");
    }
}

#[test]
fn every_url_is_of_the_profiles_origin_or_allowed() {
    let own = line(&["https://app.datatrails.ai/a", "--url", "https://APP.datatrails.ai:443/b", "/c"]);
    assert!(own.admit(OWN, &[]).is_ok());
    for url in [
        "https://evil.example/",
        "http://app.datatrails.ai/",
        "https://app.datatrails.ai:8443/",
        "https://app.datatrails.ai.evil.example/",
        "https://app.datatrails.ai@evil.example/",
        "https://user:password@app.datatrails.ai/",
        "https://{app.datatrails.ai,evil.example}/",
        "https://app[1-3].datatrails.ai/",
        "https://app.datatrails.ai{/,.evil.example/}",
        "{https://app.datatrails.ai/,https://evil.example/}",
        "htt{p,ps}://app.datatrails.ai/",
        "app.datatrails.ai/x",
        "//evil.example/x",
        "file:///etc/passwd",
        "https:\\\\evil.example",
        "https://app.datatrails.ai\t.evil.example",
        "https://app\u{3002}datatrails.ai",
        "https://app%2edatatrails.ai",
        "@urls",
        "-",
        "",
    ] {
        for words in [&["--", url][..], &["/a", "--url", url], &["--url", url, "/a"]] {
            assert!(line(words).admit(OWN, &[]).is_err(), "{words:?}");
        }
    }
    let said = admit(&["https://user:hunter2@app.datatrails.ai/"]).unwrap_err().to_string();
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_host_is_allowed_by_https_and_by_http_on_this_machine_alone() {
    let admit = |host: &str, url: &str| {
        let allowed = allowed(host).unwrap_or_else(|error| panic!("{host}: {error}"));
        line(&[url]).admit(OWN, &allowed).is_ok()
    };
    for (host, url) in [
        ("other.example", "https://other.example/x"),
        ("OTHER.example:443", "https://other.example"),
        ("other.example:8443", "https://other.example:8443"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("127.0.0.1:8080", "https://127.0.0.1:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("localhost", "http://localhost"),
    ] {
        assert!(admit(host, url), "{host} {url}");
    }
    for (host, url) in [
        ("other.example", "http://other.example"),
        ("other.example", "https://other.example:8443"),
        ("other.example", "https://sub.other.example"),
        ("other.example:8443", "https://other.example"),
        ("127.0.0.1:8080", "http://127.0.0.1:8081"),
    ] {
        assert!(!admit(host, url), "{host} {url}");
    }
    for host in ["", "https://other.example", "other.example/x", "*.example", "a@b", "a:0", "a b", "{a,b}"] {
        assert!(allowed(host).is_err(), "{host}");
    }
}

#[test]
fn by_http_no_proxy_may_stand_between() {
    let own = "http://127.0.0.1:8080";
    for proxy in [
        &["-x", "p"][..],
        &["-xp"],
        &["--proxy", "p"],
        &["--prox", "p"],
        &["--preproxy", "p"],
        &["--proxy1.0", "p"],
        &["--socks4", "p"],
        &["--socks4a", "p"],
        &["--socks5", "p"],
        &["--socks5-hostname", "p"],
    ] {
        let words: Vec<_> = proxy.iter().copied().chain(["/x"]).collect();
        // Abbreviated, it is the start of several.
        let Ok(line) = read(&words) else { continue };
        assert!(
            line.admit(own, &[]).is_err_and(|error| error.to_string().contains("the proxy would read")),
            "{proxy:?}"
        );
        assert_eq!(line.admit(OWN, &[]).map(|admitted| admitted.by_http), Ok(false));
    }
    assert_eq!(line(&["/x"]).admit(own, &[]).map(|admitted| admitted.by_http), Ok(true));
}

#[test]
fn only_what_nobody_would_notice_is_sent_again() {
    let cases: &[(&[&str], Option<&[&str]>)] = &[
        (&["/x"], Some(&[])),
        (&["-sSfL", "-X", "POST", "-H", "A: b", "-d", "@event.json", "/x"], Some(&["event.json"])),
        (&["--json", "{}", "/x"], Some(&[])),
        (&["--json", "@a", "-d", "@b", "/x"], Some(&["a", "b"])),
        (&["--data-raw", "@a", "/x"], Some(&[])),
        (&["--data-urlencode", "a@b", "/x"], Some(&["b"])),
        (&["--data-urlencode", "a=@b", "/x"], Some(&[])),
        (&["--data-urlencode", "@-", "/x"], None),
        (&["--data-urlencode", "a@-", "/x"], None),
        (&["--url-query", "+a@b", "/x"], Some(&[])),
        (&["-F", "a=b", "/x"], Some(&[])),
        (&["-F", "a=@b", "/x"], Some(&["b"])),
        (&["-F", "a=<b", "/x"], Some(&["b"])),
        (&["-F", "a=@-", "/x"], None),
        (&["-F", "a=@-;type=b", "/x"], None),
        (&["-F", "a=@b,c", "/x"], None),
        (&["-F", "a=b;headers=@c", "/x"], None),
        (&["--form-string", "a=@-", "/x"], Some(&[])),
        (&["-T", "a", "/x"], Some(&["a"])),
        (&["-T-", "/x"], None),
        (&["-T", ".", "/x"], None),
        (&["-T", "{a,b}", "/x"], None),
        (&["-d@-", "/x"], None),
        (&["--data-binary", "@-", "/x"], None),
        (&["-b", "a=b", "/x"], Some(&[])),
        (&["-b", "a", "/x"], Some(&["a"])),
        (&["-b", "-", "/x"], None),
        (&["--cacert", "a", "/x"], Some(&["a"])),
        (&["/x", "/y"], None),
        (&["/{x,y}"], None),
        (&["/x[1-3]"], None),
        (&["-g", "/x[1-3]"], Some(&[])),
        (&["-g", "--no-globoff", "/x[1-3]"], None),
        (&["http://[::1]/x"], Some(&[])),
        (&["http://[::1]/{x,y}"], None),
        (&["-o", "a", "/x"], None),
        (&["-O", "/x"], None),
        (&["-J", "/x"], None),
        (&["-D", "a", "/x"], None),
        (&["-i", "/x"], None),
        (&["-w", "a", "/x"], None),
        (&["-N", "/x"], None),
        (&["-#", "/x"], None),
        (&["-c", "a", "/x"], None),
        (&["--stderr", "a", "/x"], None),
        (&["-v", "/x"], None),
        (&["-v", "--no-verbose", "/x"], None),
        (&["--trace", "a", "/x"], None),
    ];
    for (words, files) in cases {
        assert_eq!(line(words).inputs().as_deref(), *files, "{words:?}");
    }
}

#[test]
fn what_shows_the_token_is_known() {
    let tells = |words: &[&str]| line(words).tells().collect::<Vec<_>>();
    assert_eq!(
        tells(&["-sv", "--trace", "a", "--trace-ascii=b", "--libcurl", "c", "/x"]),
        ["verbose", "trace", "trace-ascii", "libcurl"]
    );
    assert_eq!(tells(&["--no-verbose", "-s", "--trace-time", "/x"]), [""; 0]);
}

/// Words that mean something, and what may stand behind them.
const WORDS: &[&str] = &[
    "--url",
    "--url=",
    "--",
    "-",
    "-s",
    "-k",
    "-:",
    "-X",
    "-H",
    "-Hk",
    "-d",
    "-o",
    "-g",
    "-K",
    "-u",
    "-x",
    "--no-",
    "--next",
    "--data",
    "--data=x",
    "--insecure",
    "--no-insecure",
    "--location",
    "--sil",
    "--expand-url",
    "/x",
    "//evil.example",
    "https://evil.example",
    "https://app.datatrails.ai/x",
    "https://app.datatrails.ai{,.evil.example}/",
    "https://other.example/{a,b}",
    "http://other.example",
    "https://app.datatrails.ai@evil.example",
    "evil.example",
    "Authorization: x",
    "@x",
    "",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_words_are_curl_is_told_of_no_url_that_is_not_allowed(
        words in vec(select(WORDS), 0..8),
        noise in vec("[-]{0,2}[a-zA-Z:#=]{0,3}", 0..2),
        at in any::<prop::sample::Index>(),
    ) {
        let mut words: Vec<_> = words.into_iter().map(str::to_owned).collect();
        let at = at.index(words.len() + 1);
        words.splice(at..at, noise);
        let allowed = allowed("other.example").expect("a host");
        let Ok(line) = Line::read(&words) else { return Ok(()) };
        let Ok(Admitted { arguments, .. }) = line.admit(OWN, &allowed) else { return Ok(()) };
        // As curl reads it: no letter, no abbreviation, and each URL behind its option.
        let mut words = arguments.iter();
        let mut urls = 0;
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").expect("an option");
            prop_assert!(!["insecure", "next", "config", "user"].contains(&name), "{}", name);
            let option = options::exact(name.strip_prefix("no-").unwrap_or(name)).expect("a whole name");
            let value = if option.takes_value { words.next().expect("a value") } else { continue };
            if name == "url" {
                let origin = Origin::of(value).expect("an origin");
                prop_assert!(origin == Origin::of(OWN).expect("an origin") || allowed.contains(&origin), "{}", origin);
                let authority = value.split('/').nth(2).expect("an authority");
                prop_assert!(!authority.contains(['{', '[']), "{}", authority);
                urls += 1;
            }
        }
        prop_assert!(urls > 0);
        // What was written is read as it was meant.
        let again = Line::read(&arguments).and_then(|line| line.admit(OWN, &allowed));
        prop_assert_eq!(again.map(|again| again.arguments), Ok(arguments));
    }
}
