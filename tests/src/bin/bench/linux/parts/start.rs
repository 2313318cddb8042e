//! From no daemon to the first token.

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use dt_cred_tests::{
    issuer::{Sandbox, Scheme},
    parts::{Home, keyring, keyring::Profile},
    user::Account,
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use super::super::{
    fixture::{self, LINE, quiet_home, request_for},
    floor::Caller,
    report::{Cell, Goal, Limit, Report, Table},
    scale::Scale,
    spawn::Program,
    statistics::Spread,
};

/// Credentials in the kernel's keyring, an issuer, and what each round took, in seconds.
struct Cold {
    name: &'static str,
    home: Home,
    issuer: Sandbox,
    profile: Profile,
    account: Account,
    first: Vec<f64>,
    daemon: Vec<f64>,
    asked: Vec<f64>,
}

impl Cold {
    fn new(name: &'static str, scheme: Scheme) -> Result<Self> {
        let issuer = fixture::issuer(scheme, LINE)?;
        let (mut home, profile) = (quiet_home(), Profile::unique("bench"));
        home.set("DT_CRED_PROFILE", profile.name());
        let account = Account::at(&issuer);
        home.dt_cred_with(&["store"], format!("{}keyring={}\n", account.lines(), keyring::STORE)).done();
        Ok(Self {
            name,
            home,
            issuer,
            profile,
            account,
            first: Vec::new(),
            daemon: Vec::new(),
            asked: Vec::new(),
        })
    }

    fn round(&mut self) -> Result<()> {
        self.stop();
        let get = Program::of(&self.home.client(&["get"]))?;
        self.first.push(get.run()?.wall.as_secs_f64());
        self.stop();
        self.daemon.push(self.start_and_ask()?.as_secs_f64());
        let began = Instant::now();
        let answer = ask(&self.issuer, &self.account)?;
        self.asked.push(began.elapsed().as_secs_f64());
        ensure!(answer.contains("\"access_token\""), "the issuer refuses: {answer}");
        Ok(())
    }

    fn stop(&self) {
        self.home.dt_cred(&["stop"]).done();
        self.home.until_no_daemon();
    }

    /// From before a daemon is started until a token has come from it, by its socket.
    fn start_and_ask(&self) -> Result<Duration> {
        let request = request_for(self.profile.name())?;
        let mut daemon = self.home.command(self.home.daemon_program());
        daemon.arg("--background").stdout(Stdio::piped());
        let began = Instant::now();
        let mut daemon = daemon.spawn()?;
        let mut said = String::new();
        // It says that it is ready, and closes it.
        daemon.stdout.take().context("it is piped")?.read_to_string(&mut said)?;
        let answer = Caller::over(UnixStream::connect(self.home.socket())?).exchange(&request)?;
        let took = began.elapsed();
        ensure!(answer > LINE, "no token came, but {answer} bytes; the daemon said {said:?}");
        self.stop();
        daemon.wait()?;
        Ok(took)
    }

    fn row(&self) -> (String, Vec<Cell>) {
        let times = [&self.first, &self.daemon, &self.asked];
        let cells = times.map(|times| Cell::Seconds(Spread::of(times.iter().copied())));
        (self.name.to_owned(), cells.into())
    }
}

/// Measures it.
pub(crate) fn measure(scale: &Scale) -> Result<Report> {
    if !keyring::works() {
        return Ok(Report::default());
    }
    let mut cold = [Cold::new("over http", Scheme::Http)?, Cold::new("over https", Scheme::Https)?];
    for _ in 0..scale.starts {
        cold.iter_mut().try_for_each(Cold::round)?;
    }
    let goal = |what, times: &[f64]| {
        Goal::new(what, Limit::AtMost(25.0), Some(Spread::of(times.iter().copied()).median * 1e3))
    };
    let [plain, secured] = &cold;
    Ok(Report {
        goals: vec![
            goal("start to first token, ms", &plain.first),
            goal("the same over TLS, ms", &secured.first),
        ],
        tables: vec![Table {
            title: "From no daemon to the first token",
            note: "A `dt-cred get` that starts the daemon, which reads the kernel's keyring and asks an issuer on loopback; the daemon's part of it, to the token that comes by its socket; and the same request to the issuer by a connection alone.",
            columns: vec!["first `dt-cred get`", "dt-credd alone", "the issuer alone"],
            rows: cold.iter().map(Cold::row).collect(),
        }],
    })
}

/// The request of the daemon, over a connection of its own.
fn ask(issuer: &Sandbox, account: &Account) -> Result<String> {
    let body = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        account.client_id, account.client_secret
    );
    let (scheme, address) = issuer.url().split_once("://").context("an url")?;
    let url = issuer.token_url();
    let path = url.strip_prefix(issuer.url()).context("a path")?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let stream = TcpStream::connect(address)?;
    // Else what follows a handshake waits for its acknowledgement.
    stream.set_nodelay(true)?;
    if scheme == "http" { converse(stream, &request) } else { converse(secured(stream, account)?, &request) }
}

fn converse(mut stream: impl Read + Write, request: &str) -> Result<String> {
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn secured(stream: TcpStream, account: &Account) -> Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(account.ca_file.as_ref().context("a CA of its own")?)?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1")?;
    Ok(StreamOwned::new(ClientConnection::new(Arc::new(config), name)?, stream))
}
