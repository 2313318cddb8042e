//! An answer of 401 to a token that has not expired.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    thread,
};

use dt_cred_tests::{
    issuer::{Client, Fault, Sandbox},
    parts::run,
    user::{Account, User},
};

use super::{
    ASSETS,
    real::{is_assets, is_here},
};

const AGAIN: &str = "dt-cred: the API refused the token (401), and the next one is a new one: run it again\n";

struct Scene {
    sandbox: Sandbox,
    client: Client,
    user: User,
}

impl Scene {
    fn new() -> Self {
        let sandbox = Sandbox::http();
        let client = sandbox.new_client();
        let user = User::in_memory();
        let Client { client_id, client_secret, .. } = client.clone();
        user.log_in(&Account { url: sandbox.url().to_owned(), client_id, client_secret, ca_file: None });
        Self { sandbox, client, user }
    }

    /// The API takes the token that is held no longer.
    fn revoke(&self) {
        self.sandbox.revoke_tokens(&self.client.client_id);
    }

    fn tokens(&self) -> u64 {
        self.sandbox.counts().tokens.total
    }
}

#[test]
fn the_request_is_sent_once_more_with_a_new_token_and_nobody_notices() {
    if !is_here() {
        return;
    }
    let scene = Scene::new();
    let file = scene.user.home.path().join("body");
    fs::write(&file, "{}").expect("written");
    let body = format!("@{}", file.display());
    let ways: [&[&str]; 6] = [
        &["-sS", ASSETS],
        &["-sSf", ASSETS],
        &["-sSfL", ASSETS],
        &["-sS", "--fail-with-body", ASSETS],
        &["-sS", "--no-progress-meter", ASSETS],
        &["-sS", "-XGET", "-d", &body, ASSETS],
    ];
    for (at, words) in (1..).zip(ways) {
        scene.revoke();
        let curl = scene.user.dt_cred(&[&["curl"], words].concat());
        assert_eq!(curl.stderr, "", "{words:?}");
        is_assets(&curl.done());
        let asked = scene.sandbox.counts();
        assert_eq!(
            (asked.assets.revoked, asked.assets.ok, asked.tokens.total),
            (at, at, at + 1),
            "{words:?}"
        );
    }
}

#[test]
fn what_cannot_be_done_twice_is_not_and_says_to_run_again() {
    if !is_here() {
        return;
    }
    let scene = Scene::new();
    let folder = scene.user.home.path().join("state");
    let folder = folder.to_str().expect("UTF-8");
    let output = scene.user.home.path().join("out");
    let output = output.to_str().expect("UTF-8");
    let two = format!("{ASSETS}?a={{b,c}}");
    let ways: &[&[&str]] = &[
        &["-sS", "-o", output, ASSETS],
        &["-sS", "-O", ASSETS],
        &["-sSOJ", "--output-dir", folder, ASSETS],
        &["-sSi", ASSETS],
        &["-sS", "-w", "%{http_code}", ASSETS],
        &["-sSN", ASSETS],
        &["-sS", "-c", output, ASSETS],
        &["-sS", "--stderr", output, ASSETS],
        &["-sS", ASSETS, ASSETS],
        &["-sS", &two],
        &["-sSZ", ASSETS, ASSETS],
        &["-sS", "-XGET", "-d", "@-", ASSETS],
        &["-sS", "-XGET", "--json", "@-", ASSETS],
        &["-sS", "-XGET", "-d", "@/dev/null", ASSETS],
    ];
    for (at, words) in (1..).zip(ways) {
        scene.revoke();
        let before = scene.sandbox.counts().assets.revoked;
        let curl = scene.user.dt_cred(&[&["curl"], *words].concat());
        assert_eq!(curl.code, Some(0), "{words:?}");
        // With -Z curl shows how far it is, silent or not.
        assert!(
            curl.stderr == AGAIN || words[0] == "-sSZ" && curl.stderr.ends_with(AGAIN),
            "{words:?}: {}",
            curl.stderr
        );
        let after = scene.sandbox.counts().assets;
        let urls = words.iter().filter(|word| word.starts_with(ASSETS)).count() as u64;
        let urls = if words.contains(&&*two) { 2 } else { urls };
        assert_eq!(after.revoked - before, urls, "{words:?}");
        assert_eq!((after.ok, scene.tokens()), (at - 1, at), "{words:?}");
        // The next one is served by a new token.
        scene.user.dt_cred(&["curl", "-sS", ASSETS]).done();
        assert_eq!((scene.sandbox.counts().assets.ok, scene.tokens()), (at, at + 1), "{words:?}");
    }
}

#[test]
fn where_the_user_has_the_headers_dumped_a_refusal_is_seen_and_told_all_the_same() {
    if !is_here() {
        return;
    }
    let scene = Scene::new();
    let folder = scene.user.home.path();
    let file = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    let (dump, output, format) = (file("dump"), file("out"), file("format"));
    fs::write(&format, "<%{http_code}\n>").expect("written");
    let format = format!("@{format}");
    let two = format!("{ASSETS}?a={{b,c}}");
    // The options, and what is on standard output of the status lines, the answers and the user's own format.
    let ways: [(&[&str], usize, usize, &str); 9] = [
        (&["-D", &dump, ASSETS], 0, 1, ""),
        (&["-D", "-", ASSETS], 1, 1, ""),
        (&["-D-", "-o", &output, ASSETS], 1, 0, ""),
        (&["-D", "-", "-o", &output, "-w", "<%{http_code}>", ASSETS], 1, 0, "<401>"),
        (&["-D", "-", "-w", &format, ASSETS], 1, 1, "<401>"),
        (&["-D", "-", "-w", "%{onerror}<error>", ASSETS], 1, 1, ""),
        (&["-D", "-", ASSETS, ASSETS], 2, 2, ""),
        (&["-D", "-", "-N", &two], 2, 2, ""),
        (&["-D", "/dev/stderr", ASSETS], 0, 1, ""),
    ];
    for (at, (words, heads, bodies, own)) in (1..).zip(ways) {
        scene.revoke();
        let before = scene.sandbox.counts().assets;
        let curl = scene.user.dt_cred(&[&["curl", "-sS"], words].concat());
        assert_eq!(curl.code, Some(0), "{words:?}");
        assert!(curl.stderr.ends_with(AGAIN), "{words:?}: {}", curl.stderr);
        let count = |what: &str| curl.stdout.matches(what).count();
        assert_eq!(
            (count("HTTP/1.1 401 "), count("\"error\":")),
            (heads, bodies),
            "{words:?}: {}",
            curl.stdout
        );
        assert!(curl.stdout.ends_with(own) && !curl.stdout.contains('\u{1f}'), "{words:?}: {}", curl.stdout);
        let after = scene.sandbox.counts().assets;
        assert_eq!(
            (after.ok, after.revoked - before.revoked),
            (before.ok, 2.min(heads.max(1)) as u64),
            "{words:?}"
        );
        assert_eq!(scene.tokens(), at, "{words:?}");
        scene.user.token();
        assert_eq!(scene.tokens(), at + 1, "the next one is another one: {words:?}");
    }
    assert!(fs::read_to_string(dump).expect("headers").starts_with("HTTP/1.1 401 "));
}

#[test]
fn a_dump_of_the_headers_and_an_own_format_come_as_from_curl_itself() {
    if !is_here() {
        return;
    }
    let scene = Scene::new();
    scene.user.token();
    let body = "HTTP/1.1 401\n\u{1f}0 401 0\u{1f}";
    let fault = Fault::Answer { status: 200, headers: Vec::new(), body: body.to_owned() };
    scene.sandbox.set(|settings| settings.assets_fault = Some(fault));
    let curl =
        scene.user.dt_cred(&["curl", "-sS", "-D", "-", "-w", "<%{http_code} %{num_redirects}>", ASSETS]);
    assert_eq!(curl.stderr, "");
    let said = curl.done();
    assert!(said.starts_with("HTTP/1.1 200 ") && said.ends_with(&format!("\r\n\r\n{body}<200 0>")), "{said}");
    // A format that nobody can read is curl's to tell.
    let curl = scene.user.dt_cred(&["curl", "-D", "-", "-w", "@/nowhere", ASSETS]);
    assert!(curl.stderr.contains("/nowhere"), "{}", curl.stderr);
    assert_eq!(scene.tokens(), 1);
}

/// A server, its origin without the scheme, and what gives one answer without a body for each of these heads.
fn server() -> (String, impl Fn(&[&str])) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let origin = listener.local_addr().expect("an address").to_string();
    let answer = move |heads: &[&str]| {
        for head in heads {
            let (mut stream, _) = listener.accept().expect("a client");
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            lines.take_while(|line| !line.is_empty()).count();
            let answer = format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).expect("sent");
        }
    };
    (origin, answer)
}

#[test]
fn a_redirect_of_one_url_hides_no_refusal_of_another() {
    if !is_here() {
        return;
    }
    let scene = Scene::new();
    let (origin, answer) = server();
    scene.revoke();
    let url = format!("http://{origin}/");
    let curl = thread::scope(|scope| {
        scope.spawn(|| answer(&["302 Found\r\nLocation: /there", "200 OK"]));
        scene.user.dt_cred(&["curl", "--allow-host", &origin, "-sSL", &url, ASSETS])
    });
    assert_eq!((curl.code, curl.stderr.as_str()), (Some(0), AGAIN));
    scene.user.token();
    assert_eq!(scene.tokens(), 2);
}

#[test]
fn what_curl_itself_sends_again_and_is_taken_then_was_not_refused() {
    if !is_here() {
        return;
    }
    let scene = Scene::new();
    scene.user.token();
    let (origin, answer) = server();
    let url = format!("http://{origin}/");
    let curl = thread::scope(|scope| {
        scope.spawn(|| answer(&["401 Unauthorized", "200 OK"]));
        let again = ["-sSfN", "--retry", "1", "--retry-all-errors"];
        scene.user.dt_cred(&[&["curl", "--allow-host", &origin], &again[..], &[&url]].concat())
    });
    assert_eq!(curl.code, Some(0), "{}", curl.stderr);
    assert!(!curl.stderr.contains("refused the token"), "{}", curl.stderr);
    scene.user.token();
    assert_eq!(scene.tokens(), 1);
}

#[test]
fn however_much_curl_tells_of_a_request_that_may_fail_it_waits_for_nobody() {
    let scene = Scene::new();
    // More than a pipe holds; curl itself would tell as much only within a quarter of an hour.
    let folder = scene.user.home.path().join("bin");
    fs::create_dir(&folder).expect("made");
    let script = "#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x >&2\necho 'curl: (22) its last word' >&2\nexit 22\n";
    fs::write(folder.join("curl"), script).expect("written");
    fs::set_permissions(folder.join("curl"), fs::Permissions::from_mode(0o755)).expect("a program");
    let path = std::env::var("PATH").expect("there is one");
    let mut client = scene.user.home.client(&["curl", "-f", ASSETS]);
    client.env("PATH", format!("{}:{path}", folder.display()));
    let curl = run(client, "");
    assert_eq!(curl.code, Some(22));
    assert!(curl.stderr == format!("{}curl: (22) its last word\n", "x".repeat(300_000)));
}

#[test]
fn an_answer_longer_than_a_mebibyte_is_let_through_and_not_asked_for_again() {
    if !is_here() {
        return;
    }
    let scene = Scene::new();
    for (length, sent) in [(1024 * 1024 - 1, 2), (1024 * 1024, 1), (1024 * 1024 + 100, 1)] {
        let before = scene.sandbox.counts().assets.total;
        let body = "a".repeat(length);
        let fault = Fault::Answer { status: 401, headers: Vec::new(), body: body.clone() };
        scene.sandbox.set(|settings| settings.assets_fault = Some(fault));
        let curl = scene.user.dt_cred(&["curl", "-sS", ASSETS]);
        assert_eq!(curl.code, Some(0));
        assert!(curl.stdout == body, "{} bytes of {length}", curl.stdout.len());
        assert_eq!(scene.sandbox.counts().assets.total - before, sent);
    }
}

#[test]
fn a_new_token_that_is_refused_as_well_is_not_replaced_again() {
    if !is_here() {
        return;
    }
    let scene = Scene::new();
    scene.sandbox.set(|settings| settings.assets_fault = Some(Fault::html(401)));
    let curl = scene.user.dt_cred(&["curl", "-sSf", ASSETS]);
    assert_eq!((curl.code, curl.stdout.as_str()), (Some(22), ""));
    let lines: Vec<_> = curl.stderr.lines().collect();
    assert!(lines[0].starts_with("curl: (22)") && lines.len() == 2, "{}", curl.stderr);
    assert_eq!(
        lines[1],
        "dt-cred: the API refused a new token as well (401): see dt-cred inspect, and what the integration may do"
    );
    assert_eq!((scene.sandbox.counts().assets.total, scene.tokens()), (2, 2));
    scene.user.token();
    assert_eq!(scene.tokens(), 2);
}

#[test]
fn where_there_is_no_new_token_the_answer_is_the_one_that_came() {
    if !is_here() {
        return;
    }
    let scene = Scene::new();
    scene.revoke();
    scene.sandbox.set(|settings| settings.token_fault = Some(Fault::oauth(401, "invalid_client", "gone")));
    let curl = scene.user.dt_cred(&["curl", "-sSf", ASSETS]);
    assert_eq!((curl.code, curl.stdout.as_str()), (Some(22), ""));
    let lines: Vec<_> = curl.stderr.lines().collect();
    assert!(lines[0].starts_with("curl: (22)") && lines.len() == 2, "{}", curl.stderr);
    assert!(
        lines[1].starts_with("dt-cred: the API refused the token (401), and there is no new one: "),
        "{}",
        lines[1]
    );
}

#[test]
fn the_same_token_again_is_not_sent_again() {
    if !is_here() {
        return;
    }
    let scene = Scene::new();
    scene.sandbox.set(|settings| {
        settings.repeat_token = true;
        settings.assets_fault = Some(Fault::html(401));
    });
    let curl = scene.user.dt_cred(&["curl", "-sS", ASSETS]);
    assert_eq!(curl.stderr.lines().count(), 1, "{}", curl.stderr);
    assert!(curl.done().contains("401"));
    assert_eq!((scene.sandbox.counts().assets.total, scene.tokens()), (1, 2));
}

#[test]
fn any_other_status_is_passed_on_as_it_is() {
    if !is_here() {
        return;
    }
    let scene = Scene::new();
    for status in [200, 402, 403, 429, 500] {
        let fault =
            Fault::Answer { status, headers: Vec::new(), body: "HTTP/1.1 401\n\u{1f}401 0".to_owned() };
        scene.sandbox.set(|settings| settings.assets_fault = Some(fault));
        for options in ["-sS", "-sSi", "-sSN"] {
            let curl = scene.user.dt_cred(&["curl", options, ASSETS]);
            assert_eq!(curl.stderr, "", "{status}");
            assert!(curl.done().ends_with("HTTP/1.1 401\n\u{1f}401 0"), "{status}");
        }
    }
    assert_eq!(scene.tokens(), 1);
}

#[test]
fn a_hundred_at_once_that_are_refused_cause_one_request_for_a_token() {
    if !is_here() {
        return;
    }
    let scene = Scene::new();
    scene.revoke();
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| is_assets(&run(scene.user.home.client(&["curl", "-sS", ASSETS]), "").done()));
        }
    });
    let asked = scene.sandbox.counts();
    assert_eq!((asked.assets.ok, asked.tokens.total), (100, 2));
}
