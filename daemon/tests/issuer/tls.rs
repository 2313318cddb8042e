//! https: whom a profile trusts.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
    thread::{self, JoinHandle},
};

use dt_credd::{config::Proxy, credentials::Ca};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer as Signer, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig, ServerConnection, Stream,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;

use crate::{Forbidden, MISCONFIGURED, TEMPORARY, credentials, declined, fetch, run};

/// A CA whose certificate lies in a file.
struct Authority {
    signer: Signer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        Self::named("a CA")
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { signer: Signer::new(params, key), folder }
    }

    fn ca(&self) -> Ca {
        Ca::pin(self.folder.path().join("ca.pem").to_str().unwrap()).unwrap()
    }

    /// A server's configuration with a certificate of this CA.
    fn server(
        &self,
        names: &[&str],
        versions: &[&'static rustls::SupportedProtocolVersion],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Arc<ServerConfig> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.signer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

/// Serves one connection; what was read after the handshake.
fn serve(config: Arc<ServerConfig>) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut connection = ServerConnection::new(config).unwrap();
        let mut stream = Stream::new(&mut connection, &mut socket);
        let mut read = Vec::new();
        let mut buffer = [0; 4096];
        while !read.ends_with(b"%C3%A9") {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return String::from_utf8(read).unwrap(),
                Ok(count) => read.extend_from_slice(&buffer[..count]),
            }
        }
        let body = r#"{"access_token":"tok","expires_in":60}"#;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(read).unwrap()
    });
    (port, thread)
}

const BOTH: [&rustls::SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

#[test]
fn a_profiles_own_ca_is_trusted_and_loopback_is_not_proxied_by_https_either() {
    let authority = Authority::new();
    let proxy = Forbidden::new();
    for version in BOTH {
        let (port, server) = serve(authority.server(&["localhost"], &[version], |_| {}));
        let mut credentials = credentials(&format!("https://localhost:{port}/token"));
        credentials.ca = Some(authority.ca());
        let proxy = Proxy::Url(format!("http://127.0.0.1:{}", proxy.port()));
        let result = run(fetch(&credentials, &proxy));
        assert_eq!(result.map_err(|e| e.failure.to_string()).unwrap().access_token.expose(), "tok");
        assert!(server.join().unwrap().starts_with("POST /token HTTP/1.1\r\n"));
    }
    proxy.assert_untouched();
}

#[test]
fn a_certificate_that_cannot_be_trusted_gets_no_secret_and_is_a_wrong_configuration() {
    let authority = Authority::new();
    let (trusted, other, namesake) = (authority.ca(), Authority::named("another CA"), Authority::new());
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2001, 1, 1);
    let future = |params: &mut CertificateParams| params.not_before = date_time_ymd(2999, 1, 1);
    let cases = [
        (other.server(&["localhost"], &BOTH, |_| {}), "signed by no CA that is trusted here"),
        (namesake.server(&["localhost"], &BOTH, |_| {}), "signed by no CA that is trusted here"),
        (authority.server(&["issuer.example"], &BOTH, |_| {}), "is for another name"),
        (authority.server(&["localhost"], &BOTH, expired), "has expired or is not valid yet"),
        (authority.server(&["localhost"], &BOTH, future), "has expired or is not valid yet"),
    ];
    for (server, expected) in cases {
        let (port, server) = serve(server);
        let mut credentials = credentials(&format!("https://localhost:{port}/token"));
        credentials.ca = Some(trusted.clone());
        let (kind, message) = declined(run(fetch(&credentials, &Proxy::None)));
        assert_eq!(kind, MISCONFIGURED, "{message}");
        assert!(message.contains(&format!("localhost:{port}")) && message.contains(expected), "{message}");
        assert_eq!(server.join().unwrap(), "", "nothing is sent");
    }
}

#[test]
fn an_endpoint_without_tls_gets_no_secret() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut read = [0; 4096];
        let count = socket.read(&mut read).unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
        String::from_utf8_lossy(&read[..count]).into_owned()
    });
    let mut credentials = credentials(&format!("https://localhost:{port}/token"));
    credentials.ca = Some(authority.ca());
    let (kind, message) = declined(run(fetch(&credentials, &Proxy::None)));
    assert_eq!(kind, MISCONFIGURED, "{message}");
    assert!(message.contains("does not speak TLS"), "{message}");
    assert!(!server.join().unwrap().contains("client_secret"));
}

#[test]
fn a_handshake_that_breaks_is_temporary() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || drop(listener.accept().unwrap()));
    let mut credentials = credentials(&format!("https://localhost:{port}/token"));
    credentials.ca = Some(authority.ca());
    let (kind, message) = declined(run(fetch(&credentials, &Proxy::None)));
    assert_eq!(kind, TEMPORARY, "{message}");
    server.join().unwrap();
}

#[test]
fn a_ca_file_that_changed_since_login_ends_the_asking_before_a_connection() {
    let authority = Authority::new();
    let forbidden = Forbidden::new();
    let mut credentials = credentials(&format!("https://localhost:{}/token", forbidden.port()));
    credentials.ca = Some(authority.ca());
    std::fs::copy(Authority::new().folder.path().join("ca.pem"), authority.folder.path().join("ca.pem"))
        .unwrap();
    let (kind, message) = declined(run(fetch(&credentials, &Proxy::None)));
    assert_eq!(kind, MISCONFIGURED, "{message}");
    assert!(message.ends_with("enter it again: dt-cred login -p work --ca-file FILE"), "{message}");

    std::fs::remove_file(authority.folder.path().join("ca.pem")).unwrap();
    assert_eq!(declined(run(fetch(&credentials, &Proxy::None))).0, MISCONFIGURED);
    forbidden.assert_untouched();
}
