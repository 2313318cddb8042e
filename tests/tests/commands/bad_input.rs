//! Bad input: exit 2 or 7, one line on standard error, nothing on standard output, nothing kept, the daemon unharmed.

use dt_cred_tests::{
    issuer::Sandbox,
    parts::Output,
    user::{Account, User},
};

#[track_caller]
fn refused(output: &Output, codes: &[i32], what: &str) {
    assert!(output.code.is_some_and(|code| codes.contains(&code)), "{what}: {output:?}");
    assert_eq!(output.stdout, "", "{what}");
    assert_eq!(output.stderr.lines().count(), 1, "{what}: {}", output.stderr);
}

#[test]
fn arguments_that_cannot_be_understood_are_usage_and_start_no_daemon() {
    let user = User::in_memory();
    let long = "a".repeat(65);
    let cases: &[&[&str]] = &[
        &["get", "--nonsense"],
        &["nonsense"],
        &[],
        &["get", "-p", "a b"],
        &["get", "-p", "a/b"],
        &["get", "-p", ""],
        &["get", "-p", &long],
        &["get", "--min-ttl", "soon"],
        &["get", "--format", "xml"],
        &["get", "--timeout", "0"],
    ];
    for arguments in cases {
        refused(&user.dt_cred(arguments), &[2], &format!("{arguments:?}"));
    }
    assert_eq!(user.home.daemon_pid(), None);
}

#[test]
fn a_malformed_variable_is_usage_and_is_named() {
    for (name, value) in [
        ("DT_CRED_PROFILE", "a b"),
        ("DT_CRED_TIMEOUT", "soon"),
        ("DT_CRED_TIMEOUT", "0"),
        ("DT_CRED_NO_START", "perhaps"),
        ("DT_CRED_SERVER_UID", "root"),
        ("DT_CRED_SOCKET", "relative.sock"),
    ] {
        let mut user = User::in_memory();
        user.home.set(name, value);
        let get = user.dt_cred(&["get"]);
        refused(&get, &[2], name);
        assert!(get.stderr.contains(name), "{name}: {}", get.stderr);
        assert_eq!(user.home.daemon_pid(), None, "{name}");
    }
}

#[test]
fn an_unknown_key_in_the_configuration_is_named_with_its_file_and_line() {
    let user = User::in_memory();
    user.home.configure("default_profile = \"default\"\nnonsense = 1\n");
    let get = user.dt_cred(&["get"]);
    refused(&get, &[7], "unknown key");
    for part in ["config.toml", "2", "nonsense"] {
        assert!(get.stderr.contains(part), "{part}: {}", get.stderr);
    }
    assert_eq!(user.home.daemon_pid(), None);
}

#[cfg(unix)]
#[test]
fn a_configuration_that_others_may_write_is_refused() {
    use std::{fs, os::unix::fs::PermissionsExt};
    let user = User::in_memory();
    user.home.configure("default_profile = \"default\"\n");
    let file = user.home.configuration();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("a mode");
    refused(&user.dt_cred(&["get"]), &[7], "0666");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
    assert_eq!(user.dt_cred(&["get"]).code, Some(5));
}

#[test]
fn store_refuses_bad_lines_keeps_nothing_and_the_daemon_serves_on() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let (token, pid, asked) = (user.token(), user.home.daemon_pid(), sandbox.counts().tokens.total);
    let end = "keyring=memory\n";
    let mut rubbish = b"client_id=".to_vec();
    rubbish.resize(1_000_000, b'x');
    let nowhere = user.home.path().join("nowhere.pem");
    // Where nothing but the line in question is wrong, the secret would go to this issuer and nowhere else.
    let url = format!("url={}\n", sandbox.url());
    let lines = |lines: &str| format!("{url}{lines}{end}").into_bytes();
    let cases = [
        ("nothing", "holds no client_secret", Vec::new()),
        ("no secret", "holds no client_secret", lines("client_id=a\n")),
        ("no id", "client_id", lines("client_secret=b\n")),
        ("empty secret", "line 3: client_secret is empty", lines("client_id=a\nclient_secret=\n")),
        (
            "a duplicate",
            "line 3: client_id stands there twice",
            lines("client_id=a\nclient_id=c\nclient_secret=b\n"),
        ),
        (
            "an unknown key",
            "line 4: unknown key \"nonsense\"",
            lines("client_id=a\nclient_secret=b\nnonsense=c\n"),
        ),
        ("a CR", "line 2 holds a control character", lines("client_id=a\rc\nclient_secret=b\n")),
        // On Windows it is how a line ends.
        #[cfg(unix)]
        ("a CR at the end", "line 3 holds a control character", lines("client_id=a\nclient_secret=b\r\n")),
        ("a NUL", "line 2 holds a control character", lines("client_id=a\0c\nclient_secret=b\n")),
        ("no =", "line 3 has no", lines("client_id=a\nclient_secret\n")),
        (
            "no UTF-8",
            "line 3 is not UTF-8",
            [url.as_bytes(), b"client_id=a\nclient_secret=\xff\xfe\n"].concat(),
        ),
        ("1 MB of rubbish", "the input is longer than", rubbish),
        (
            "http elsewhere",
            "must begin with https://",
            format!("url=http://example.com\nclient_id=a\nclient_secret=b\n{end}").into_bytes(),
        ),
        (
            "no such CA",
            "nowhere.pem",
            lines(&format!("ca_file={}\nclient_id=a\nclient_secret=b\n", nowhere.display())),
        ),
    ];
    for (what, words, lines) in cases {
        let store = user.home.dt_cred_with(&["store", "-p", "other"], lines);
        refused(&store, &[2, 7], what);
        assert!(store.stderr.contains(words), "{what}: {}", store.stderr);
        assert_eq!(user.dt_cred(&["get", "-p", "other"]).code, Some(5), "{what}");
        assert_eq!((user.home.daemon_pid(), user.token()), (pid, token.clone()), "{what}");
    }
    assert_eq!(sandbox.counts().tokens.total, asked);
}
