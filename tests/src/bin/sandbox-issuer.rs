//! The sandbox issuer by itself, for users' own scripts: a DataTrails that can be made to fail.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use dt_cred_tests::issuer::{Sandbox, Scheme, Signals};

const HELP: &str = "\
A server on 127.0.0.1 that behaves as DataTrails does: it grants access tokens, lists assets,
and makes Custom Integrations and access policies for an Owner.

Usage: sandbox-issuer [OPTIONS]

  --https             With TLS, by a certificate authority made on the spot
  --port PORT         Listen there (default: any free port)
  --lifetime SECONDS  How long a token lives (default: 3660)
  --owner             Print an Owner's credentials too, after the rest
  -h, --help          This text

It prints a client's credentials as `dt-cred store` reads them, up to the empty line, and then where it is
steered, and runs until it gets SIGINT or SIGTERM:

  url=http://127.0.0.1:40001
  ca_file=/tmp/sandbox-issuer-x/ca.pem      (with --https)
  client_id=…
  client_secret=…

  control=http://127.0.0.1:40002
  owner_client_id=…                         (with --owner)
  owner_client_secret=…                     (with --owner)

Steer it with curl:

  curl $control/counts                      what it was asked
  curl $control/settings                    all settings and their names
  curl $control/settings -d '{\"lifetime\": 10, \"latency\": 500}'
  curl $control/settings -d '{\"door\": \"closed\"}'              or open, full, mute
  curl $control/settings -d '{\"certificate\": \"expired\"}'      or trusted, unknown_ca, wrong_name
  curl $control/settings -d '{\"token_fault\": {\"answer\": {\"status\": 503}}}'
  curl $control/settings -d '{\"token_fault\": \"silence\"}'      or trickle, reset, endless, null for none
  curl $control/settings -d '{\"expires_in\": {\"value\": \"soon\"}}'   or \"absent\", \"usual\"
  curl $control/settings -d '{\"policy\": false}'               show what access policies grant, and no more
  curl $control/settings -d '{\"api_fault\": {\"answer\": {\"status\": 402}}}'
  curl -X POST $control/clients             another client
  curl $control/clients -d '{\"owner\": true}'                  and one that is an Owner
  curl -X POST $control/clients/$client_id/regenerate-secret
  curl -X POST $control/clients/$client_id/expire-secret
  curl -X POST $control/clients/$client_id/revoke-tokens
";

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            // Whoever closed standard output does not want the help any more.
            let _ = io::stdout().write_all(HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("sandbox-issuer: {error}; see sandbox-issuer --help");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandbox-issuer: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug, PartialEq)]
struct Options {
    scheme: Scheme,
    port: u16,
    lifetime: f64,
    owner: bool,
}

impl Options {
    /// None asks for help.
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self { scheme: Scheme::Http, port: 0, lifetime: 3660.0, owner: false };
        while let Some(argument) = arguments.next() {
            let (name, attached) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            let mut value =
                || attached.clone().or_else(|| arguments.next()).ok_or(format!("{name} needs a value"));
            match name.as_str() {
                "-h" | "--help" => return Ok(None),
                "--https" => options.scheme = Scheme::Https,
                "--owner" => options.owner = true,
                "--port" => options.port = value()?.parse().map_err(|_| "--port takes a port".to_owned())?,
                "--lifetime" => {
                    let seconds = value()?.parse().ok().filter(|seconds| (0.0..=1e9).contains(seconds));
                    options.lifetime = seconds.ok_or("--lifetime takes seconds")?;
                }
                _ => return Err(format!("unknown option {name:?}")),
            }
        }
        Ok(Some(options))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(options: &Options) -> anyhow::Result<()> {
    // Before anything is made that would have to be cleaned up.
    let mut signals = Signals::caught().context("cannot catch signals")?;
    let sandbox = Sandbox::start(options.scheme, options.port)?;
    sandbox.set(|settings| settings.lifetime = options.lifetime);
    let client = sandbox.new_client();
    let mut text = format!("url={}\n", sandbox.url());
    if let Some(file) = sandbox.ca_file() {
        text += &format!("ca_file={}\n", file.display());
    }
    text += &format!("client_id={}\nclient_secret={}\n\n", client.client_id, client.client_secret);
    text += &format!("control={}\n", sandbox.control_url());
    if options.owner {
        let owner = sandbox.new_owner();
        text +=
            &format!("owner_client_id={}\nowner_client_secret={}\n", owner.client_id, owner.client_secret);
    }
    let mut stdout = io::stdout();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("cannot write to standard output")?;
    signals.received().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_or_refused() {
        let plain = Options { scheme: Scheme::Http, port: 0, lifetime: 3660.0, owner: false };
        let full = Options { scheme: Scheme::Https, port: 8443, lifetime: 2.5, owner: true };
        let cases = [
            ("", Ok(Some(plain))),
            ("--https --port 8443 --owner --lifetime=2.5", Ok(Some(full))),
            ("--https -h", Ok(None)),
            ("--port", Err(())),
            ("--port 70000", Err(())),
            ("--lifetime -1", Err(())),
            ("--lifetime NaN", Err(())),
            ("--htps", Err(())),
            ("8443", Err(())),
        ];
        for (line, wanted) in cases {
            let read = Options::read(line.split_whitespace().map(str::to_owned));
            assert_eq!(read.map_err(|_| ()), wanted, "{line}");
        }
    }
}
