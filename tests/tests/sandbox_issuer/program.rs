//! How it is steered from outside, run by itself, and cleaned up after.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::process::Command;

use dt_cred_tests::issuer::{Client, Sandbox};
use serde_json::json;

use crate::curl::{APPLICATIONS, Caller, ask, assets, curl_is_here, grant, token};

#[test]
fn a_script_steers_it_at_the_control_address() {
    if !curl_is_here() {
        return;
    }
    let sandbox = Sandbox::http();
    let control = |path: &str, more: &[&str]| {
        let url = format!("{}{path}", sandbox.control_url());
        ask(&[&[url.as_str()], more].concat())
    };
    let post = |path: &str| control(path, &["--request", "POST"]);
    let made = post("/clients");
    assert_eq!(made.status, 201);
    let client: Client = serde_json::from_str(&made.body).unwrap();
    let chosen = control("/clients", &["--data", r#"{"client_secret":"s & s"}"#]).json();
    assert_eq!(chosen["client_secret"], "s & s");
    let owner = control("/clients", &["--data", r#"{"owner":true}"#]);
    let owner: Client = serde_json::from_str(&owner.body).unwrap();
    assert_eq!(Caller::new(&sandbox, &owner).call("GET", APPLICATIONS, None).status, 200);
    assert_eq!(Caller::new(&sandbox, &client).call("GET", APPLICATIONS, None).status, 403);
    assert_eq!(control("/clients", &["--data", r#"{"ownr":true}"#]).status, 400);
    assert_eq!((client.client_id.len(), client.client_secret.len()), (36, 64));
    let old = token(&sandbox, &client);

    let secret = post(&format!("/clients/{}/regenerate-secret", client.client_id)).json();
    assert_eq!(grant(&sandbox, &client).status, 401);
    let client = Client { client_secret: secret["client_secret"].as_str().unwrap().to_owned(), ..client };
    assert_eq!(grant(&sandbox, &client).status, 200);
    assert_eq!(post(&format!("/clients/{}/expire-secret", client.client_id)).status, 200);
    assert_eq!(grant(&sandbox, &client).status, 400);
    assert_eq!(post(&format!("/clients/{}/revoke-tokens", client.client_id)).status, 200);
    assert_eq!(assets(&sandbox, &old).status, 401);
    assert_eq!(post("/clients/nobody/revoke-tokens").status, 404);

    let patch = r#"{"lifetime":12.5,"door":"closed","token_script":["reset"]}"#;
    let settings = control("/settings", &["--data", patch]);
    assert_eq!((settings.status, &settings.json()["lifetime"]), (200, &json!(12.5)));
    assert_eq!(grant(&sandbox, &client).exit, 7);
    assert_eq!(control("/settings", &[]).json(), settings.json());
    for nonsense in [r#"{"dor":"open"}"#, "door=open", "3"] {
        assert_eq!(control("/settings", &["--data", nonsense]).status, 400, "{nonsense}");
    }
    assert_eq!(control("/settings", &[]).json(), settings.json());
    assert_eq!(control("/counts", &[]).json(), serde_json::to_value(sandbox.counts()).unwrap());
    assert_eq!(sandbox.counts().tokens.total, 6);
}

#[test]
fn nothing_is_left_of_a_sandbox_that_was_dropped() {
    let sandbox = Sandbox::https();
    let folder = sandbox.ca_file().unwrap().parent().unwrap().to_owned();
    let address = sandbox.url().trim_start_matches("https://").to_owned();
    assert!(folder.is_dir());
    let mut stream = TcpStream::connect(&address).unwrap();
    drop(sandbox);
    // Closed or reset, but no longer kept.
    assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
    assert_eq!(TcpStream::connect(&address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert!(!folder.exists());
}

#[cfg(unix)]
#[test]
fn the_program_prints_credentials_serves_and_cleans_up_after_itself() {
    use std::{
        io::{BufRead, BufReader},
        process::Stdio,
    };
    if !curl_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox-issuer"));
    command.args(["--https", "--lifetime", "11", "--owner"]).env("TMPDIR", folder.path());
    let mut program = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines: Vec<String> =
        BufReader::new(program.stdout.take().unwrap()).lines().take(8).map(Result::unwrap).collect();
    let value = |index: usize, key: &str| lines[index].strip_prefix(key).unwrap().strip_prefix('=').unwrap();
    let (url, ca_file) = (value(0, "url"), value(1, "ca_file"));
    let id = format!("client_id={}", value(2, "client_id"));
    let secret = format!("client_secret={}", value(3, "client_secret"));
    let control = value(5, "control");
    assert_eq!(lines[4], "");

    let token_url = format!("{url}/archivist/iam/v1/appidp/token");
    let grant = "grant_type=client_credentials";
    let reply = ask(&["--cacert", ca_file, "--data", grant, "--data", &id, "--data", &secret, &token_url]);
    assert_eq!((reply.status, &reply.json()["expires_in"]), (200, &json!(11)));
    assert_eq!(ask(&[&format!("{control}/counts")]).json()["tokens"]["granted"], 1);

    let (id, secret) = (value(6, "owner_client_id"), value(7, "owner_client_secret"));
    let (id, secret) = (format!("client_id={id}"), format!("client_secret={secret}"));
    let grant = ask(&["--cacert", ca_file, "--data", grant, "--data", &id, "--data", &secret, &token_url]);
    let bearer = format!("Authorization: Bearer {}", grant.json()["access_token"].as_str().unwrap());
    let list = ask(&["--cacert", ca_file, "--header", &bearer, &format!("{url}{APPLICATIONS}")]);
    assert_eq!((list.status, list.json()["applications"].as_array().unwrap().len()), (200, 2));

    let pid = rustix::process::Pid::from_child(&program);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(program.wait().unwrap().success());
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "temporary files are left");
}

#[test]
fn the_program_refuses_what_it_does_not_understand() {
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_sandbox-issuer")).args(arguments).output().unwrap()
    };
    let help = run(&["--help"]);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("Usage: sandbox-issuer"));
    let wrong = run(&["--htps"]);
    assert_eq!((wrong.status.code(), wrong.stdout.len()), (Some(2), 0));
    let wanted = "sandbox-issuer: unknown option \"--htps\"; see sandbox-issuer --help\n";
    assert_eq!(String::from_utf8_lossy(&wrong.stderr), wanted);

    let sandbox = Sandbox::http();
    let port = sandbox.url().rsplit(':').next().unwrap();
    let taken = run(&["--port", port]);
    assert_eq!((taken.status.code(), taken.stdout.len()), (Some(1), 0));
    let error = String::from_utf8_lossy(&taken.stderr);
    assert!(error.starts_with(&format!("sandbox-issuer: cannot listen on 127.0.0.1:{port}: ")), "{error}");
}
