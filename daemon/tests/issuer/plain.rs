//! http on loopback: the request's bytes, broken answers, redirects, proxies.

use std::time::Duration;

use dt_cred_proto::message::ClientAuth;
use dt_credd::{
    config::Proxy,
    credentials::Credentials,
    issuer::{BODY_LIMIT, Declined, Granted, Issuer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{DEFAULT_LIFETIME, Forbidden, MISCONFIGURED, TEMPORARY, credentials, declined, fetch, run};

const GRANT: &str = r#"{"access_token":"tok","expires_in":3660,"token_type":"Bearer"}"#;

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/oauth/token?a=b", listener.local_addr().unwrap());
    (listener, url)
}

/// The whole request: head and body.
async fn request(stream: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() == length.parse::<usize>().unwrap() {
                return (head.to_owned(), body.to_owned());
            }
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the request was cut short: {text}");
    }
}

/// Answers one request with these bytes and closes the connection.
async fn answer(listener: TcpListener, bytes: &[u8]) -> (String, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let request = request(&mut stream).await;
    // A client that has read enough may be gone.
    drop(stream.write_all(bytes).await);
    drop(stream.shutdown().await);
    request
}

/// One fetch from an issuer that answers so.
async fn exchange(
    change: impl FnOnce(&mut Credentials),
    bytes: &str,
) -> ((String, String), Result<Granted, Declined>) {
    let (listener, url) = listen().await;
    let mut credentials = credentials(&url);
    change(&mut credentials);
    tokio::join!(answer(listener, bytes.as_bytes()), fetch(&credentials, &Proxy::None))
}

fn headers(head: &str) -> Vec<&str> {
    let mut lines: Vec<_> = head.lines().skip(1).filter(|line| !line.starts_with("host: ")).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_post_holds_exactly_the_three_fields_and_no_authorization() {
    let ((head, body), result) = run(exchange(|_| {}, &ok(GRANT)));
    assert!(head.starts_with("POST /oauth/token?a=b HTTP/1.1\r\n"), "{head}");
    let length = format!("content-length: {}", body.len());
    let agent = concat!("user-agent: dt-cred/", env!("CARGO_PKG_VERSION"));
    let mut expected =
        ["accept: application/json", "content-type: application/x-www-form-urlencoded", &length, agent];
    expected.sort_unstable();
    assert_eq!(headers(&head), expected);
    assert_eq!(
        body,
        "grant_type=client_credentials&client_id=i%3Ad+%C3%A9&client_secret=s%26%2B%25%3D+%22%27%C3%A9"
    );
    let grant = result.map_err(|e| e.failure.to_string()).unwrap();
    assert_eq!(grant.access_token.expose(), "tok");
    assert_eq!(grant.lifetime, Duration::from_secs(3660));
}

#[test]
fn scope_audience_and_resource_are_sent_only_when_set() {
    let set = |credentials: &mut Credentials| {
        credentials.scope = Some("a b".to_owned());
        credentials.audience = Some("https://api.example/".to_owned());
        credentials.resource = Some("urn:r&s".to_owned());
    };
    let ((_, body), _) = run(exchange(set, &ok(GRANT)));
    assert!(
        body.ends_with("&scope=a+b&audience=https%3A%2F%2Fapi.example%2F&resource=urn%3Ar%26s"),
        "{body}"
    );
}

#[test]
fn basic_sends_both_form_encoded_in_the_header_and_not_in_the_body() {
    let ((head, body), _) = run(exchange(|credentials| credentials.auth = ClientAuth::Basic, &ok(GRANT)));
    assert_eq!(body, "grant_type=client_credentials");
    // i%3Ad+%C3%A9:s%26%2B%25%3D+%22%27%C3%A9
    let expected = "authorization: Basic aSUzQWQrJUMzJUE5OnMlMjYlMkIlMjUlM0QrJTIyJTI3JUMzJUE5";
    assert!(head.lines().any(|line| line == expected), "{head}");
}

#[test]
fn loopback_is_never_proxied() {
    let proxy = Forbidden::new();
    for host in ["localhost", "127.0.0.1"] {
        run(async {
            let (listener, url) = listen().await;
            let credentials = credentials(&url.replace("127.0.0.1", host));
            let proxy = Proxy::Url(format!("http://127.0.0.1:{}", proxy.port()));
            let bytes = ok(GRANT);
            let (_, result) = tokio::join!(answer(listener, bytes.as_bytes()), fetch(&credentials, &proxy));
            assert!(result.is_ok(), "{host}");
        });
    }
    proxy.assert_untouched();
}

#[test]
fn a_remote_issuer_is_reached_through_the_proxy_that_is_set() {
    run(async {
        let (listener, _) = listen().await;
        let proxy = Proxy::Url(format!("http://{}", listener.local_addr().unwrap()));
        let credentials = credentials("https://issuer.invalid/token");
        let connect = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0);
            }
            stream.write_all(b"HTTP/1.1 502 no\r\n\r\n").await.unwrap();
            String::from_utf8(head).unwrap()
        };
        let (head, result) = tokio::join!(connect, fetch(&credentials, &proxy));
        assert!(head.starts_with("CONNECT issuer.invalid:443 HTTP/1.1\r\n"), "{head}");
        let (kind, message) = declined(result);
        assert_eq!(kind, TEMPORARY, "{message}");
        assert!(message.contains("proxy"), "{message}");
    });
}

#[test]
fn a_proxy_that_is_none_is_a_wrong_configuration_and_its_password_is_not_shown() {
    for url in [
        "http://",
        "socks5://me:hunter2@proxy.example",
        "me:hunter2@proxy.example:3128",
        "http://me:hunter2@pro xy.example",
    ] {
        let result = run(fetch(&credentials("https://issuer.invalid/token"), &Proxy::Url(url.to_owned())));
        let (kind, message) = declined(result);
        assert_eq!(kind, MISCONFIGURED, "{url}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn http_is_for_this_machine_only() {
    // Both lead to this machine all the same on most systems, and are not what the contract lets through.
    let forbidden = Forbidden::new();
    for host in ["0.0.0.0", "[::ffff:127.0.0.1]"] {
        let credentials = credentials(&format!("http://{host}:{}/token", forbidden.port()));
        let (kind, message) = declined(run(fetch(&credentials, &Proxy::None)));
        assert_eq!(kind, MISCONFIGURED, "{message}");
        assert!(message.contains("without https"), "{message}");
        forbidden.assert_untouched();
    }
}

#[test]
fn a_redirect_is_not_followed() {
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let elsewhere = Forbidden::new();
        let port = elsewhere.port();
        let bytes = format!(
            "HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:{port}/token\r\nContent-Length: 0\r\n\r\n"
        );
        let (_, result) = run(exchange(|_| {}, &bytes));
        assert_eq!(declined(result).0, MISCONFIGURED);
        elsewhere.assert_untouched();
    }
}

#[test]
fn a_refused_connection_is_temporary() {
    let port = Forbidden::new().port();
    let (kind, message) =
        declined(run(fetch(&credentials(&format!("http://127.0.0.1:{port}/")), &Proxy::None)));
    assert_eq!(kind, TEMPORARY);
    assert!(message.contains(&format!("no connection to 127.0.0.1:{port}: ")), "{message}");
}

#[test]
fn a_connection_that_breaks_is_temporary() {
    let whole = ok(GRANT);
    for bytes in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nContent-Len",
        &whole[..whole.len() - 1],
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"acc",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\0\u{1}\u{2}\u{3}",
    ] {
        let (_, result) = run(exchange(|_| {}, bytes));
        let (kind, message) = declined(result);
        assert_eq!(kind, TEMPORARY, "{bytes:?}");
        assert!(message.contains("broke before the whole answer came"), "{message}");
    }
}

#[test]
fn a_reset_is_temporary() {
    let (kind, message) = run(async {
        let (listener, url) = listen().await;
        let reset = async {
            // Closing with the request unread resets the connection.
            let (stream, _) = listener.accept().await.unwrap();
            stream.readable().await.unwrap();
        };
        let credentials = credentials(&url);
        let ((), result) = tokio::join!(reset, fetch(&credentials, &Proxy::None));
        declined(result)
    });
    assert_eq!(kind, TEMPORARY, "{message}");
}

#[test]
fn a_request_is_made_once_whatever_comes_of_it() {
    run(async {
        let (listener, url) = listen().await;
        let credentials = credentials(&url);
        let close = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            request(&mut stream).await;
            drop(stream);
            listener
        };
        let (listener, result) = tokio::join!(close, fetch(&credentials, &Proxy::None));
        assert_eq!(declined(result).0, TEMPORARY);
        let listener = listener.into_std().unwrap();
        assert!(listener.accept().is_err(), "the request was made again");
    });
}

#[test]
fn an_endless_body_is_read_to_a_limit_only() {
    let (kind, message) = run(async {
        let (listener, url) = listen().await;
        let endless = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            request(&mut stream).await;
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"a\":\"").await);
            // Ends when the client has closed the connection.
            while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
        };
        let credentials = credentials(&url);
        let ((), result) = tokio::join!(endless, fetch(&credentials, &Proxy::None));
        declined(result)
    });
    assert_eq!(kind, TEMPORARY);
    assert!(message.contains(&format!("more than {BODY_LIMIT} bytes")), "{message}");
}

#[test]
fn a_body_of_the_limit_is_read_and_one_byte_more_is_not() {
    for (padding, good) in [(BODY_LIMIT - GRANT.len(), true), (BODY_LIMIT + 1 - GRANT.len(), false)] {
        let body = format!("{GRANT}{}", " ".repeat(padding));
        let lengths = [ok(&body), format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}")];
        for bytes in lengths {
            let (_, result) = run(exchange(|_| {}, &bytes));
            assert_eq!(result.is_ok(), good);
        }
    }
}

#[test]
fn a_status_that_says_enough_needs_no_whole_body() {
    let (_, result) =
        run(exchange(|_| {}, "HTTP/1.1 404 Not Found\r\nContent-Length: 9999999\r\n\r\n<html>"));
    assert_eq!(declined(result).0, MISCONFIGURED);
    let bytes = "HTTP/1.1 429 Slow\r\nArchivist-Rate-Limit-Reset: 2.5\r\nContent-Length: 9\r\n\r\n{";
    let (_, result) = run(exchange(|_| {}, bytes));
    assert_eq!(result.err().unwrap().retry_after, Some(Duration::from_millis(2500)));
}

#[test]
fn an_issuer_that_never_answers_is_left_after_a_while() {
    let (kind, message) = run(async {
        let (listener, url) = listen().await;
        let (credentials, profile) = (credentials(&url), "work".parse().unwrap());
        let issuer = Issuer::with_timeouts(Duration::from_secs(5), Duration::from_millis(300));
        let fetch = issuer.fetch(&profile, &credentials, &Proxy::None, DEFAULT_LIFETIME);
        // The listener takes the connection into its queue and nobody ever reads from it.
        let result = fetch.await;
        drop(listener);
        declined(result)
    });
    assert_eq!(kind, TEMPORARY);
    assert!(message.contains("no whole answer within 0.3 s"), "{message}");
}
