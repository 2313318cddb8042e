//! How it fails: the door, the certificate, the answers.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use dt_cred_tests::issuer::{Certificate, Door, Fault, Sandbox};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};
use serde_json::Value;

use crate::curl::{Reply, ask, assets, curl_is_here, grant, guide, token};

#[test]
fn held_answers_come_when_they_are_released_and_not_before() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let client = sandbox.new_client();
    sandbox.set(|settings| settings.hold = true);
    let mut waiting: Vec<Child> = (0..10).map(|_| guide(&sandbox, &client, &[]).spawn().unwrap()).collect();
    sandbox.wait_until("ten requests", |counts| counts.tokens.total == 10);
    assert!(waiting.iter_mut().all(|child| child.try_wait().unwrap().is_none()));
    sandbox.set(|settings| settings.hold = false);
    for child in waiting {
        assert_eq!(Reply::of(child).status, 200);
    }
}

#[test]
fn the_door_can_be_closed_full_or_mute_and_opens_again_at_the_same_address() {
    if !curl_is_here() {
        return;
    }
    for sandbox in [Sandbox::http(), Sandbox::https()] {
        let client = sandbox.new_client();
        let knock = |door: Door, more: &[&str]| {
            sandbox.set(|settings| settings.door = door);
            Reply::of(guide(&sandbox, &client, more).spawn().unwrap())
        };
        assert_eq!(knock(Door::Closed, &[]).exit, 7, "not refused");
        assert_eq!(knock(Door::Full, &["--connect-timeout", "1"]).exit, 28, "connected");
        assert_eq!(sandbox.counts().connections, 0);

        sandbox.set(|settings| settings.door = Door::Mute);
        let waiting = guide(&sandbox, &client, &[]).spawn().unwrap();
        sandbox.wait_until("a connection", |counts| counts.connections == 1);
        assert_eq!(knock(Door::Open, &[]).status, 200);
        let reply = Reply::of(waiting);
        assert!(reply.exit != 0 && reply.status == 0, "the mute one answered: {}", reply.body);
        let counts = sandbox.counts();
        assert_eq!((counts.connections, counts.tokens.total), (2, 1));
    }
}

#[test]
fn closing_the_door_drops_the_connections_that_were_open() {
    let sandbox = Sandbox::http();
    let mut stream = TcpStream::connect(sandbox.url().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    sandbox.wait_until("the connection", |counts| counts.connections == 1);
    sandbox.set(|settings| settings.door = Door::Closed);
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
    let error = TcpStream::connect(stream.peer_addr().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn faults_that_keep_to_http_are_answered_to_the_letter() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let client = sandbox.new_client();
    let redirect = Fault::Redirect { status: 307, location: "https://elsewhere.example/x".to_owned() };
    let refusal = r#"{"error":"invalid_scope","error_description":"no such scope"}"#;
    let limits = [("Archivist-Rate-Limit-Reset", "2.5"), ("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT")];
    let cases = [
        (redirect, "HTTP/1.1 307 \r\nLocation: https://elsewhere.example/x\r\n", ""),
        (
            Fault::oauth(403, "invalid_scope", "no such scope"),
            "HTTP/1.1 403 \r\nContent-Type: application/json\r\n",
            refusal,
        ),
        (
            Fault::rate_limited(&limits),
            "HTTP/1.1 429 \r\nContent-Type: application/json\r\nArchivist-Rate-Limit-Reset: 2.5\r\n\
             Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n",
            r#"{"description":"the rate limit was reached","error":"too many requests"}"#,
        ),
        (
            Fault::quota(),
            "HTTP/1.1 402 \r\nContent-Type: application/json\r\n",
            r#"{"description":"the quota of this tenant is used up","error":"quota exceeded"}"#,
        ),
        (Fault::empty(503), "HTTP/1.1 503 \r\n", ""),
        (
            Fault::html(401),
            "HTTP/1.1 401 \r\nContent-Type: text/html; charset=utf-8\r\n",
            "<!DOCTYPE html>\n<html><head><title>401</title></head><body>401</body></html>\n",
        ),
        (Fault::json("{}"), "HTTP/1.1 200 \r\nContent-Type: application/json\r\n", "{}"),
    ];
    for (fault, head, body) in cases {
        sandbox.set(|settings| settings.token_script.push_back(fault.clone()));
        let reply = Reply::of(guide(&sandbox, &client, &["--include"]).spawn().unwrap());
        let wanted = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        assert_eq!((reply.exit, reply.body), (0, wanted), "{fault:?}");
    }
    assert_eq!(grant(&sandbox, &client).status, 200);
    assert_eq!(sandbox.counts().tokens.faulty, 7);
}

#[test]
fn faults_below_http_break_the_answer_as_they_say() {
    if !curl_is_here() {
        return;
    }
    for sandbox in [Sandbox::http(), Sandbox::https()] {
        let client = sandbox.new_client();
        let befall = |fault: Fault| {
            sandbox.set(|settings| settings.token_script.push_back(fault));
            guide(&sandbox, &client, &["--no-buffer"]).spawn().unwrap()
        };
        // Reading some of what comes shows that it came; the rest is not waited for.
        let begins = |mut child: Child, bytes: usize| {
            let mut begun = vec![0; bytes];
            child.stdout.as_mut().unwrap().read_exact(&mut begun).unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
            String::from_utf8(begun).unwrap()
        };
        assert_eq!(Reply::of(befall(Fault::Reset)).exit, 56, "curl: failure in receiving");
        let cut = Reply::of(befall(Fault::Truncated { framed: true }));
        assert_eq!((cut.exit, cut.status), (0, 200));
        assert!(serde_json::from_str::<Value>(&cut.body).unwrap_err().is_eof());
        let short = Reply::of(befall(Fault::Truncated { framed: false }));
        assert_eq!((short.exit, short.body), (18, cut.body), "curl: partial file");
        assert_eq!(begins(befall(Fault::Trickle), 2), r#"{""#);
        assert_eq!(begins(befall(Fault::Endless), 1 << 20).len(), 1 << 20);

        let silent = befall(Fault::Silence);
        sandbox.wait_until("the request that is not answered", |counts| counts.tokens.faulty == 6);
        assert_eq!(grant(&sandbox, &client).status, 200, "another one is answered meanwhile");
        sandbox.shutdown();
        let silent = Reply::of(silent);
        assert!(silent.exit != 0 && silent.status == 0, "silence was broken: {}", silent.body);
    }
}

#[test]
fn a_script_comes_before_the_standing_fault_and_assets_have_their_own() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let client = sandbox.new_client();
    let token = token(&sandbox, &client);
    sandbox.set(|settings| {
        settings.token_script = [Fault::empty(500), Fault::empty(501)].into();
        settings.token_fault = Some(Fault::empty(503));
        settings.assets_fault = Some(Fault::empty(403));
    });
    let statuses: Vec<u16> = (0..4).map(|_| grant(&sandbox, &client).status).collect();
    assert_eq!((statuses, assets(&sandbox, &token).status), (vec![500, 501, 503, 503], 403));
    sandbox.set(|settings| (settings.token_fault, settings.assets_fault) = (None, None));
    assert_eq!((grant(&sandbox, &client).status, assets(&sandbox, &token).status), (200, 200));
    assert_eq!((sandbox.counts().tokens.faulty, sandbox.counts().assets.faulty), (4, 1));
}

#[test]
fn each_certificate_is_wrong_in_its_own_way_and_in_no_other() {
    let sandbox = Sandbox::https();
    let ca = CertificateDer::from_pem_file(sandbox.ca_file().unwrap()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(ca).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let shake_hands = |certificate: Certificate, name: &'static str| {
        sandbox.set(|settings| settings.certificate = certificate);
        let name = ServerName::try_from(name).unwrap();
        let mut client = ClientConnection::new(Arc::clone(&config), name).unwrap();
        let mut stream = TcpStream::connect(sandbox.url().trim_start_matches("https://")).unwrap();
        while client.is_handshaking() {
            if let Err(error) = client.complete_io(&mut stream) {
                let error = error.into_inner().unwrap().downcast::<rustls::Error>().unwrap();
                return Err(*error);
            }
        }
        Ok(())
    };
    assert_eq!(shake_hands(Certificate::Trusted, "127.0.0.1"), Ok(()));
    assert_eq!(shake_hands(Certificate::Trusted, "localhost"), Ok(()));
    let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
    assert_eq!(shake_hands(Certificate::UnknownCa, "127.0.0.1"), Err(unknown));
    assert_eq!(shake_hands(Certificate::WrongName, "elsewhere.example"), Ok(()));
    let wrong_name = shake_hands(Certificate::WrongName, "127.0.0.1").unwrap_err();
    assert!(wrong_name.to_string().contains("not valid for name"), "{wrong_name}");
    let expired = shake_hands(Certificate::Expired, "127.0.0.1").unwrap_err();
    assert!(expired.to_string().contains("expired"), "{expired}");
    assert_eq!(shake_hands(Certificate::Trusted, "127.0.0.1"), Ok(()));
}

#[test]
fn a_connection_serves_request_after_request() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let url = sandbox.assets_url();
    let reply = ask(&[&url, &url, &url]);
    assert_eq!(reply.status, 401);
    assert_eq!((sandbox.counts().connections, sandbox.counts().assets.total), (1, 3));
}

#[test]
fn rubbish_is_refused_and_harms_nobody() {
    let sandbox = Sandbox::http();
    let endless_head = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(70_000));
    let cases = [
        "\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/2\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        &endless_head,
    ];
    for text in cases {
        let mut stream = TcpStream::connect(sandbox.url().trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(String::from_utf8_lossy(&status), "HTTP/1.1 400", "{:.60}", text);
    }
    assert_eq!(sandbox.counts().connections, 8);
}
