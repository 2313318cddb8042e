//! What the daemon sends, and to whom: a server that speaks only what nobody should any more gets no byte of a secret.

use std::{fs, path::Path, process::Command};

use dt_cred_tests::{
    parts::{Running, on_path, require, run},
    user::User,
};

const SECRET: &str = "my-sekret-of-the-outgoing-kind";

/// A server of OpenSSL's that speaks one version of TLS, and its port; what it is sent is its standard output.
fn server(folder: &Path, version: &str) -> (Running, String) {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_server", "-accept", "127.0.0.1:0", "-no_dhe", "-cert"]);
    openssl.arg(folder.join("cert.pem")).arg("-key").arg(folder.join("key.pem"));
    // At the usual level OpenSSL itself speaks nothing so old.
    openssl.args([version, "-cipher", "DEFAULT@SECLEVEL=0"]);
    let server = Running::start(openssl, "");
    let line = server.stdout_line(|line| line.starts_with("ACCEPT "));
    let port = line.rsplit(':').next().expect("a port").trim().to_owned();
    (server, port)
}

#[test]
fn below_tls_1_2_no_secret_is_sent_whatever_the_server_offers() {
    if !require("openssl", on_path(&["openssl"])) {
        return;
    }
    for (version, sent) in [("-tls1", false), ("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
        let user = User::in_memory();
        let folder = user.home.path();
        let mut certificate = Command::new("openssl");
        certificate.args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ]);
        certificate.args([
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ]);
        certificate.arg("-keyout").arg(folder.join("key.pem")).arg("-out").arg(folder.join("cert.pem"));
        run(certificate, "").done();
        let (server, port) = server(folder, version);
        let url = format!("https://127.0.0.1:{port}");
        let ca = folder.join("cert.pem").display().to_string();
        let lines = format!("url={url}\nclient_id=an-id\nclient_secret={SECRET}\nca_file={ca}\n");
        if sent {
            // It never answers; that it is asked is enough.
            let store = Running::start(user.home.client(&["store"]), format!("{lines}keyring=memory\n\n"));
            server.stdout_line(|line| line.starts_with("POST "));
            drop(store);
        } else {
            let refused = user.store(&lines);
            assert_eq!(
                (refused.code, refused.stdout.as_str()),
                (Some(7), ""),
                "{version}: {}",
                refused.stderr
            );
            assert!(
                refused.stderr.contains("does not speak TLS 1.2 or 1.3"),
                "{version}: {}",
                refused.stderr
            );
            assert!(!server.said().contains(SECRET), "{version}");
        }
        let kept = fs::read_to_string(user.home.state().join("dt-credd.log")).expect("a log");
        assert!(!kept.contains(SECRET));
    }
}
