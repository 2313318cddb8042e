//! From no daemon to the first token.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Instant,
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
    fixture::{self, LINE, quiet_home},
    report::{Cell, Goal, Limit, Report, Table},
    scale::Scale,
    spawn::Program,
    statistics::Spread,
};

/// A daemon's credentials in the kernel's keyring, and what asks for its first token.
struct Cold {
    issuer: Sandbox,
    home: Home,
    _profile: Profile,
    account: Account,
    first: Vec<f64>,
    asked: Vec<f64>,
}

impl Cold {
    /// None where the kernel permits no keyring.
    fn new(scheme: Scheme) -> Result<Option<Self>> {
        if !keyring::works() {
            return Ok(None);
        }
        let issuer = fixture::issuer(scheme, LINE)?;
        let (mut home, profile) = (quiet_home(), Profile::unique("bench"));
        home.set("DT_CRED_PROFILE", profile.name());
        let account = Account::at(&issuer);
        home.dt_cred_with(&["store"], format!("{}keyring={}\n", account.lines(), keyring::STORE)).done();
        Ok(Some(Self { issuer, home, _profile: profile, account, first: Vec::new(), asked: Vec::new() }))
    }

    /// A `dt-cred get` that starts the daemon, then the same request to the issuer alone.
    fn round(&mut self) -> Result<()> {
        self.home.dt_cred(&["stop"]).done();
        self.home.until_no_daemon();
        let get = Program::of(&self.home.client(&["get"]))?;
        self.first.push(get.run()?.wall.as_secs_f64());
        let began = Instant::now();
        let answer = ask(&self.issuer, &self.account)?;
        self.asked.push(began.elapsed().as_secs_f64());
        ensure!(answer.contains("\"access_token\""), "the issuer refuses: {answer}");
        Ok(())
    }
}

/// Measures it.
pub(crate) fn measure(scale: &Scale) -> Result<Report> {
    let cold = [("over http", Scheme::Http), ("over https", Scheme::Https)];
    let mut report = Report::default();
    let mut rows = Vec::new();
    for (name, scheme) in cold {
        let Some(mut cold) = Cold::new(scheme)? else { return Ok(report) };
        for _ in 0..scale.starts {
            cold.round()?;
        }
        let Cold { first, asked, .. } = &cold;
        let spread = |times: &[f64]| Spread::of(times.iter().copied());
        let own = Spread::of(first.iter().zip(asked).map(|(first, asked)| first - asked));
        rows.push((
            name.to_owned(),
            vec![Cell::Seconds(spread(first)), Cell::Seconds(spread(asked)), Cell::Seconds(own)],
        ));
        if scheme == Scheme::Http {
            let milliseconds = spread(first).median * 1e3;
            report.goals.push(Goal::new("start to first token, ms", Limit::AtMost(25.0), Some(milliseconds)));
        }
    }
    report.tables.push(Table {
        title: "From no daemon to the first token",
        note: "A `dt-cred get` that starts the daemon, which reads the kernel's keyring and asks an issuer on loopback; and the same request to the issuer by a connection alone.",
        columns: vec!["first `dt-cred get`", "the issuer alone", "difference"],
        rows,
    });
    Ok(report)
}

/// The request of the daemon, over a connection of its own.
fn ask(issuer: &Sandbox, account: &Account) -> Result<String> {
    let body = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        account.client_id, account.client_secret
    );
    let (scheme, address) = issuer.url().split_once("://").context("an url")?;
    let (_, path) = issuer
        .token_url()
        .split_at_checked(issuer.url().len())
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .context("a path")?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let stream = TcpStream::connect(address)?;
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
