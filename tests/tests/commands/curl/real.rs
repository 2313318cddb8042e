//! The curl of this machine.

use std::{
    ffi::{OsStr, OsString},
    fs,
    net::TcpListener,
    os::unix::ffi::OsStrExt,
    thread,
};

use dt_cred_tests::{
    issuer::{Door, Fault, Sandbox},
    parts::{Output, on_path, require, run},
    user::{Account, User},
};
use serde_json::Value;

use super::{ASSETS, refused};

/// Whether there is a curl; says so loudly where there is none.
pub(super) fn is_here() -> bool {
    require("curl", on_path(&["curl"]))
}

#[track_caller]
pub(super) fn is_assets(answer: &str) {
    let json: Value = serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
    assert!(json["assets"].is_array(), "{answer}");
}

#[test]
fn the_assets_come_by_a_url_and_by_a_path_alone() {
    if !is_here() {
        return;
    }
    for sandbox in [Sandbox::http(), Sandbox::https()] {
        let user = User::logged_in(&sandbox);
        let url = sandbox.assets_url();
        let ca = sandbox.ca_file().map_or(Vec::new(), |file| vec!["--cacert", file.to_str().expect("UTF-8")]);
        for rest in
            [&[url.as_str()][..], &[ASSETS], &["--url", ASSETS], &["--", ASSETS], &["-g", ASSETS, "-XGET"]]
        {
            let curl = user.dt_cred(&[&["curl", "-sS"], &*ca, rest].concat());
            assert_eq!(curl.stderr, "", "{rest:?}");
            is_assets(&curl.done());
        }
        let both =
            user.dt_cred(&[&["curl", "-sS"], &*ca, &[ASSETS, &format!("{url}?a={{b,c}}")]].concat()).done();
        assert_eq!(both.matches("next_page_token").count(), 3);
        assert_eq!((sandbox.counts().assets.ok, sandbox.counts().assets.refused), (8, 0));
        assert_eq!(sandbox.counts().tokens.total, 1);
    }
}

#[test]
fn a_host_that_is_allowed_gets_the_token() {
    if !is_here() {
        return;
    }
    let (sandbox, other) = (Sandbox::http(), Sandbox::http());
    let user = User::logged_in(&sandbox);
    let place = other.url().trim_start_matches("http://");
    user.dt_cred(&["curl", "--allow-host", place, "-sS", &other.assets_url()]).done();
    user.dt_cred(&[
        "curl",
        "--allow-host=a.example",
        &format!("--allow-host={place}"),
        "-sS",
        &other.assets_url(),
    ])
    .done();
    // It is a token of another issuer, and so is the one that takes its place.
    assert_eq!((other.counts().assets.unknown, other.counts().assets.unauthenticated), (4, 0));
}

#[test]
fn a_token_of_any_length_goes_through() {
    if !is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    sandbox.set(|settings| settings.token_length = Some(60 * 1024));
    let user = User::logged_in(&sandbox);
    // The sandbox, as many servers do, takes no header of that length; that it came is seen where it goes.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = listener.local_addr().expect("an address").to_string();
    let token = user.token();
    let server = thread::spawn(move || one_request(&listener));
    let url = format!("http://{place}/");
    user.dt_cred(&["curl", "--allow-host", &place, "-sS", &url]).done();
    let request = server.join().expect("a request");
    assert!(request.contains(&format!("\r\nAuthorization: Bearer {token}\r\n")));
    assert_eq!(request.matches("Authorization").count(), 1);
}

/// Answers the next request with nothing; what it was.
pub(super) fn one_request(listener: &TcpListener) -> String {
    use std::io::{BufRead, BufReader, Write};
    let (stream, _) = listener.accept().expect("a client");
    let mut reader = BufReader::new(&stream);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut request).expect("a line"), 0, "it was cut off");
    }
    (&stream).write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").expect("taken");
    request
}

#[test]
fn a_redirect_takes_the_token_to_no_other_origin() {
    if !is_here() {
        return;
    }
    let (sandbox, other) = (Sandbox::http(), Sandbox::http());
    let user = User::logged_in(&sandbox);
    let port = other.url().rsplit(':').next().expect("a port");
    // Another port of the same host, and another name of it.
    for (at, location) in
        [other.assets_url(), format!("http://localhost:{port}{ASSETS}")].into_iter().enumerate()
    {
        for status in [301, 302, 303, 307, 308] {
            let location = location.clone();
            sandbox.set(|settings| settings.assets_fault = Some(Fault::Redirect { status, location }));
            let curl = user.dt_cred(&["curl", "-sSL", ASSETS]);
            assert_eq!((curl.code, curl.stderr.as_str()), (Some(0), ""), "{status}");
        }
        let asked = other.counts().assets;
        assert_eq!((asked.total, asked.unauthenticated), (5 * (at as u64 + 1), asked.total));
    }
    // Their 401 says nothing about our token.
    assert_eq!(sandbox.counts().tokens.total, 1);
    user.token();
    assert_eq!(sandbox.counts().tokens.total, 1);
    // To another path of its own it goes along.
    let location = format!("{ASSETS}?again");
    sandbox.set(|settings| settings.assets_fault = Some(Fault::Redirect { status: 302, location }));
    let curl = user.dt_cred(&["curl", "-sS", "-L", "--max-redirs", "2", ASSETS]);
    assert_eq!(curl.code, Some(47), "{}", curl.stderr);
    assert_eq!(sandbox.counts().assets.total, 13);
}

#[test]
fn the_exit_code_is_curls() {
    if !is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let user = User::logged_in(&sandbox);
    let code = |words: &[&str]| user.dt_cred(&[&["curl"], words].concat()).code;
    assert_eq!(code(&["-s", ASSETS]), Some(0));
    assert_eq!(code(&["-sf", "/nothing"]), Some(22));
    assert_eq!(code(&["-sfo", "/dev/null", "/nothing"]), Some(22));
    assert_eq!(code(&["-s", "-T", "nothing", ASSETS]), Some(26));
    assert_eq!(code(&["-s", "--max-filesize", "1", ASSETS]), Some(63));
    assert_eq!(code(&["-s", "--retry", "x", ASSETS]), Some(2));
    sandbox.set(|settings| settings.door = Door::Closed);
    assert_eq!((code(&["-s", ASSETS]), code(&["-sN", ASSETS])), (Some(7), Some(7)));
}

#[test]
fn neither_a_curlrc_nor_a_proxy_of_the_environment_gets_in_between() {
    if !is_here() {
        return;
    }
    let (sandbox, other) = (Sandbox::http(), Sandbox::http());
    let mut user = User::in_memory();
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        user.home.set(name, other.url());
    }
    user.log_in(&Account::at(&sandbox));
    fs::create_dir_all(user.home.path().join("config")).expect("a folder");
    for name in [".curlrc", "config/curlrc"] {
        fs::write(user.home.path().join(name), format!("url = {}\nlocation-trusted\n", other.assets_url()))
            .expect("written");
    }
    for words in
        [&["curl", "-sS", ASSETS][..], &["curl", "-sSi", ASSETS], &["curl", "-sS", "--noproxy", "", ASSETS]]
    {
        assert!(user.dt_cred(words).done().contains("next_page_token"), "{words:?}");
    }
    assert_eq!((other.counts().connections, sandbox.counts().assets.ok), (0, 3));
}

#[test]
fn standard_input_is_curls() {
    if !is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let user = User::logged_in(&sandbox);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = listener.local_addr().expect("an address").to_string();
    let server = thread::spawn(move || one_request(&listener));
    let url = format!("http://{place}/");
    let words = ["curl", "--allow-host", &place, "-sS", "-G", "-d", "@-", &url];
    user.home.dt_cred_with(&words, "a=from-standard-input").done();
    assert!(server.join().expect("a request").starts_with("GET /?a=from-standard-input HTTP/1.1\r\n"));
}

#[test]
fn where_the_output_takes_no_more_the_exit_code_is_that_of_curl() {
    if !is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let user = User::logged_in(&sandbox);
    // It never ends, and is longer than what is held.
    sandbox.set(|settings| settings.assets_fault = Some(Fault::Endless));
    for options in ["-sS", "-sSN"] {
        let curl = user
            .shell(&format!("{{ dt-cred curl {options} {ASSETS}; echo $? >&2; }} | head -c 3000000 | wc -c"));
        assert_eq!(curl.clone().done().trim(), "3000000");
        assert!(curl.stderr.ends_with("\n23\n"), "{}", curl.stderr);
    }
    sandbox.set(|settings| settings.assets_fault = None);
    let curl =
        user.shell(&format!("dt-cred curl -sS {ASSETS} | head -c0; dt-cred curl -sS {ASSETS} | wc -c"));
    assert_eq!(curl.stderr, "");
    #[cfg(target_os = "linux")]
    for options in ["-sS", "-sSN"] {
        let curl = user.shell(&format!("dt-cred curl {options} {ASSETS} >/dev/full"));
        assert_eq!((curl.code, curl.stderr.lines().count()), (Some(23), 1), "{}", curl.stderr);
    }
    for options in ["-sS", "-sSN", "-sSi", "-sSD-", "-sS /x"] {
        let curl = user.shell(&format!("dt-cred curl {options} {ASSETS} >&-"));
        assert_eq!((curl.code, curl.stdout.as_str()), (Some(23), ""), "{options}: {}", curl.stderr);
    }
}

#[test]
fn what_shows_the_token_is_run_with_a_warning() {
    if !is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let user = User::logged_in(&sandbox);
    let trace = user.home.path().join("trace");
    let trace = trace.to_str().expect("UTF-8");
    for (words, option) in [
        (&["--trace", trace][..], "trace"),
        (&["--trace-ascii", trace], "trace-ascii"),
        (&["--libcurl", trace], "libcurl"),
    ] {
        let curl = user.dt_cred(&[&["curl", "-s"], words, &[ASSETS]].concat());
        assert_eq!(
            curl.stderr,
            format!("dt-cred: --{option} writes the token out as well: keep what it writes to yourself\n")
        );
        is_assets(&curl.done());
        fs::remove_file(trace).expect("it was written");
    }
    // Where nobody takes the request its headers are not shown, which what the tests say must not hold.
    let nobody = format!("127.0.0.1:{}", dead_port());
    let url = format!("http://{nobody}/");
    let curl = user.dt_cred(&["curl", "--allow-host", &nobody, "-svvv", &url]);
    assert_eq!(curl.code, Some(7));
    assert!(
        curl.stderr.starts_with("dt-cred: --verbose writes the token out as well: keep"),
        "{}",
        curl.stderr
    );
    assert_eq!(curl.stderr.matches("writes the token out").count(), 1, "{}", curl.stderr);
}

/// A port on which nobody listens, as long as it is this process's.
fn dead_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn where_there_is_no_curl_it_is_said() {
    let sandbox = Sandbox::http();
    let user = User::logged_in(&sandbox);
    let mut command = user.home.client(&["curl", ASSETS]);
    command.env("PATH", user.home.path());
    refused(&run(command, ""), "curl is not on PATH: install it, or see that PATH names its folder");
    assert_eq!(sandbox.counts().assets.total, 0);
}

#[test]
fn an_argument_that_cannot_be_looked_at_is_refused() {
    let user = User::in_memory();
    let mut command = user.home.client(&["curl", ASSETS, "-o"]);
    command.arg(OsString::from(OsStr::from_bytes(b"\xff")));
    let output: Output = run(command, "");
    refused(&output, "invalid UTF-8 was detected in one or more arguments: see dt-cred curl --help");
}
