//! One connection: how long a client may be silent, on a clock of the test's own, and what it may say meanwhile.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its scene fails")]

use std::{
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

use dt_cred_proto::{
    frame::{self, HEADER},
    message::{Attributes, Keyring, Lend, Operation, Request, Response, Starter, Store},
    secret::Secret,
};
use dt_credd::{
    audit::Peer,
    config::Config,
    confinement::Confinement,
    keeper::Keeper,
    keyring::Keyrings,
    service::Service,
    session::{self, IDLE, TRANSFER},
    state::State,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::Instant,
};

fn service(folder: &Path) -> Arc<Service> {
    let (state, keyrings) = (State::open(folder).unwrap(), Keyrings::new().unwrap());
    let keeper = Keeper::new(Config::default(), state, keyrings, folder.join("lent"));
    Service::new(keeper, Confinement::none(), Starter::Person)
}

/// For how long a session waits for a client that says this, reads what it is answered, and no more.
async fn silence_after(said: &[u8]) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path());
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    client.write_all(said).await.unwrap();
    let session = tokio::spawn(async move {
        let began = Instant::now();
        session::run(server, Peer::default(), service).await;
        began.elapsed()
    });
    let mut answered = Vec::new();
    client.read_to_end(&mut answered).await.unwrap();
    session.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_falls_silent_is_dropped_after_its_time() {
    let status = frame::encode(&Request { deadline_ms: 1000, operation: Operation::Status }).unwrap();
    for (what, said, limit) in [
        ("nothing at all", &b""[..], TRANSFER),
        ("half a header", b"\x01\x05", TRANSFER),
        ("half a body", b"\x01\x05\0\0\0a", TRANSFER),
        ("one request", &status, IDLE),
        ("one request and a half", &[&status[..], &status[..3]].concat(), TRANSFER),
    ] {
        let waited = silence_after(said).await;
        assert!(waited >= limit && waited < limit + Duration::from_secs(1), "{what}: {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_answer_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path());
    // Room for a part of an answer only.
    let (mut client, server) = tokio::io::duplex(16);
    let session = tokio::spawn(session::run(server, Peer::default(), service));
    let status = frame::encode(&Request { deadline_ms: 1000, operation: Operation::Status }).unwrap();
    client.write_all(&status).await.unwrap();
    let began = Instant::now();
    session.await.unwrap();
    assert!(began.elapsed() >= TRANSFER && began.elapsed() < TRANSFER * 2, "{:?}", began.elapsed());
}

/// The address of an issuer that grants once, over HTTP.
fn issuer() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.windows(10).any(|bytes| bytes == b"grant_type") {
            let mut some = [0; 1024];
            let read = client.read(&mut some).unwrap();
            request.extend_from_slice(&some[..read]);
        }
        let body = r#"{"access_token":"r7Qd.2kXw9.Zt5m-V","token_type":"Bearer","expires_in":86400}"#;
        write!(
            client,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        // It is the client's to close.
        let _ = client.read(&mut [0; 1024]);
    });
    url
}

async fn asked(client: &mut DuplexStream, operation: Operation) -> Response {
    let request = frame::encode(&Request { deadline_ms: 60_000, operation }).unwrap();
    client.write_all(&request).await.unwrap();
    answer(client).await
}

#[tokio::test]
async fn a_request_that_comes_while_credentials_are_kept_is_answered_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path());
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    let session = tokio::spawn(session::run(server, Peer::default(), service));
    let secret = Some(Secret::new("q8Zr3LkV0pXw5TnB".to_owned()));
    for _ in 0..20 {
        let attributes = Attributes {
            client_id: Some("id".to_owned()),
            client_secret: secret.as_ref().map(Secret::share),
            ..Attributes::default()
        };
        let keyring = Some(Keyring::Memory);
        let store = Operation::Store(Box::new(Store { profile: None, keyring, check: false, attributes }));
        let mut said = Vec::new();
        for operation in [store, Operation::Status] {
            said.extend_from_slice(&frame::encode(&Request { deadline_ms: 10_000, operation }).unwrap());
        }
        client.write_all(&said).await.unwrap();
        assert!(matches!(answer(&mut client).await, Response::Stored(_)));
        assert!(matches!(answer(&mut client).await, Response::Status(_)));
    }
    drop(client);
    session.await.unwrap();
}

async fn answer(client: &mut DuplexStream) -> Response {
    let mut header = [0; HEADER];
    client.read_exact(&mut header).await.unwrap();
    let mut body = vec![0; frame::body_length::<Response>(header).unwrap()];
    client.read_exact(&mut body).await.unwrap();
    frame::decode(&body).unwrap()
}

#[tokio::test]
async fn a_client_that_was_lent_a_file_may_be_silent_for_days_and_the_file_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path());
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    let session = tokio::spawn(session::run(server, Peer::default(), Arc::clone(&service)));
    let attributes = Attributes {
        url: Some(issuer()),
        client_id: Some("b3Fw8Lx2".to_owned()),
        client_secret: Some(Secret::new("y6Tn0Rk4-jD9sHc1vGq8".to_owned())),
        ..Attributes::default()
    };
    let store = Store { profile: None, keyring: Some(Keyring::Memory), check: true, attributes };
    let stored = asked(&mut client, Operation::Store(Box::new(store))).await;
    assert!(matches!(stored, Response::Stored(_)));
    let Response::Lent(lent) = asked(&mut client, Operation::Lend(Lend::default())).await else {
        panic!("it is not lent")
    };
    assert_eq!(std::fs::read_to_string(&lent.path).unwrap(), "r7Qd.2kXw9.Zt5m-V\n");
    // The session's clock alone: the token's own is the system's.
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(3 * 86_400)).await;
    tokio::time::resume();
    assert!(matches!(asked(&mut client, Operation::Status).await, Response::Status(_)), "it is served on");
    assert!(Path::new(&lent.path).exists());
    drop(client);
    session.await.unwrap();
    service.close().await;
    assert!(!Path::new(&lent.path).exists());
}
