//! What credentials are taken, and how they are kept.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use dt_cred_proto::{
    message::{Attributes, ClientAuth, FailureKind},
    secret::Secret,
};
use dt_credd::credentials::{
    Ca, CaError, Credentials, CredentialsError, DEFAULT_URL, ITEM_LIMIT, ItemError, TOKEN_PATH, UrlError,
};

const SECRET: &str = "0b5f-the-secret-itself";

fn given() -> Attributes {
    let client_secret = Some(Secret::new(SECRET.to_owned()));
    Attributes { client_id: Some("id".to_owned()), client_secret, ..Attributes::default() }
}

fn with(change: impl FnOnce(&mut Attributes)) -> Attributes {
    let mut attributes = given();
    change(&mut attributes);
    attributes
}

fn kept(item: &str) -> Credentials {
    Credentials::parse(item).map_err(|e| e.to_string()).unwrap()
}

fn merged(existing: Option<&Credentials>, given: Attributes) -> Credentials {
    Credentials::merged(existing, given).map_err(|e| e.to_string()).unwrap()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn ca_pem() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.self_signed(&key).unwrap().pem()
}

#[test]
fn datatrails_is_the_default() {
    let credentials = merged(None, given());
    assert_eq!(credentials.url, DEFAULT_URL);
    assert_eq!(credentials.token_url, "https://app.datatrails.ai/archivist/iam/v1/appidp/token");
    assert_eq!(
        credentials.to_item().expose(),
        format!(
            r#"{{"v":1,"url":"https://app.datatrails.ai","token_url":"https://app.datatrails.ai{TOKEN_PATH}","client_id":"id","client_secret":"{SECRET}"}}"#
        )
    );
}

#[test]
fn an_item_is_read_and_written_again_with_what_is_not_known() {
    let sha256 = "0123456789abcdef".repeat(4);
    let item = format!(
        r#"{{"v":1,"url":"https://example.com/base","token_url":"https://auth.example.com/token?a=b","client_id":"é \"","client_secret":"s&+%= \"'","auth":"basic","scope":"a b","audience":"aud","resource":"urn:x","ca_file":"/ca.pem","ca_sha256":"{sha256}","valid_until":"2027-01-01T00:00:00Z","later":{{"deep":[1,null]}}}}"#
    );
    let credentials = kept(&format!("\n {item} \r\n"));
    assert_eq!(credentials.client_secret.expose(), "s&+%= \"'");
    assert_eq!(credentials.auth, ClientAuth::Basic);
    assert_eq!(credentials.ca, Some(Ca { file: "/ca.pem".to_owned(), sha256 }));
    assert_eq!(credentials.to_item().expose(), item);
    assert!(kept(credentials.to_item().expose()) == credentials);
}

#[test]
fn an_item_made_by_hand_needs_only_the_version_the_id_and_the_secret() {
    let credentials = kept(
        r#"{"client_secret":"s","client_id":"i","v":1,"scope":null,"url":"HTTPS://EU.example.com:443/"}"#,
    );
    assert_eq!(credentials.url, "https://eu.example.com");
    assert_eq!(credentials.token_url, format!("https://eu.example.com{TOKEN_PATH}"));
    assert!(credentials.scope.is_none());
}

#[test]
fn an_item_of_another_format_is_told_from_what_the_user_gave_and_never_quoted() {
    let sha256 = "0".repeat(64);
    let body = r#""client_id":"i","client_secret":"hunter2-hunter2""#;
    let url = |source| ItemError::Url { field: "url", source };
    let cases = [
        ("hunter2-hunter2".to_owned(), ItemError::NotJson),
        (String::new(), ItemError::NotJson),
        (r#"["hunter2-hunter2"]"#.to_owned(), ItemError::NotJson),
        (format!("{{\"v\":1,{body}"), ItemError::NotJson),
        (format!("{{{body}}}"), ItemError::Missing("v")),
        (format!(r#"{{"v":2,{body}}}"#), ItemError::Version),
        (format!(r#"{{"v":"1",{body}}}"#), ItemError::Version),
        (r#"{"v":1,"client_id":"i"}"#.to_owned(), ItemError::Missing("client_secret")),
        (r#"{"v":1,"client_secret":"hunter2-hunter2"}"#.to_owned(), ItemError::Missing("client_id")),
        (
            r#"{"v":1,"client_id":"i","client_secret":["hunter2-hunter2"]}"#.to_owned(),
            ItemError::Member("client_secret"),
        ),
        (format!(r#"{{"v":1,{body},"auth":"hunter2-hunter2"}}"#), ItemError::Member("auth")),
        (format!(r#"{{"v":1,{body},"scope":""}}"#), ItemError::Member("scope")),
        (format!(r#"{{"v":1,{body},"scope":"a\nb"}}"#), ItemError::ControlCharacter("scope")),
        (format!(r#"{{"v":1,{body},"valid_until":"\u0000"}}"#), ItemError::ControlCharacter("valid_until")),
        (format!(r#"{{"v":1,{body},"ca_file":"/ca"}}"#), ItemError::Missing("ca_sha256")),
        (format!(r#"{{"v":1,{body},"ca_sha256":"{sha256}"}}"#), ItemError::Missing("ca_file")),
        (
            format!(r#"{{"v":1,{body},"ca_file":"/ca","ca_sha256":"é{sha256}"}}"#),
            ItemError::Member("ca_sha256"),
        ),
        (format!(r#"{{"v":1,{body},"url":"http://example.com"}}"#), url(UrlError::NotHttps)),
    ];
    for (item, expected) in cases {
        let Some(CredentialsError::Item(error)) = Credentials::parse(&item).err() else { panic!("{item}") };
        assert_eq!(error, expected, "{item}");
        let error = CredentialsError::Item(error);
        assert_eq!(error.kind(), FailureKind::Keyring);
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[test]
fn what_is_missing_is_named_at_once() {
    let nothing = Credentials::merged(None, Attributes::default()).err().unwrap();
    assert_eq!(nothing.kind(), FailureKind::Usage);
    assert_eq!(nothing.to_string(), "client_id and client_secret are missing: give them with login or store");
    let empty = with(|a| a.client_secret = Some(Secret::new(String::new())));
    assert_eq!(
        Credentials::merged(None, empty).err().unwrap().to_string(),
        "client_secret is missing: give it with login or store"
    );
}

#[test]
fn the_kept_secret_is_sent_nowhere_else_by_one_who_does_not_have_it() {
    let existing = merged(None, given());
    let attributes = Attributes { url: some("https://other.example"), ..Attributes::default() };
    let error = Credentials::merged(Some(&existing), attributes).err().unwrap();
    assert!(matches!(error, CredentialsError::Missing(fields) if fields == ["client_secret"]));
}

#[test]
fn everything_but_the_secret_is_kept_unless_it_is_given() {
    let existing = kept(
        r#"{"v":1,"url":"https://a.example","token_url":"https://b.example/t","client_id":"old","client_secret":"s","auth":"basic","scope":"s1","audience":"a1","resource":"r1","valid_until":"2027-01-01T00:00:00Z","more":1}"#,
    );
    let rotated = merged(Some(&existing), Attributes { client_id: None, ..given() });
    assert_eq!(rotated.client_id, "old");
    assert_eq!(rotated.client_secret.expose(), SECRET);
    assert_eq!((&*rotated.url, &*rotated.token_url), ("https://a.example", "https://b.example/t"));
    assert_eq!((rotated.auth, rotated.scope), (ClientAuth::Basic, some("s1")));
    assert_eq!((rotated.audience, rotated.resource), (some("a1"), some("r1")));
    assert_eq!(rotated.rest["more"], 1);
    assert_eq!(rotated.valid_until, None, "the date was the old secret's");

    let again = Attributes { client_secret: Some(Secret::new("s".to_owned())), ..Attributes::default() };
    assert_eq!(merged(Some(&existing), again).valid_until, existing.valid_until);

    let changed = merged(
        Some(&existing),
        with(|a| {
            a.auth = Some(ClientAuth::Post);
            a.scope = some("");
            a.audience = some("a2");
        }),
    );
    assert_eq!((changed.client_id.as_str(), changed.auth), ("id", ClientAuth::Post));
    assert_eq!((changed.scope, changed.audience, changed.resource), (None, some("a2"), some("r1")));
}

#[test]
fn the_token_endpoint_follows_a_changed_base_url_unless_it_is_given() {
    let existing = kept(
        r#"{"v":1,"url":"https://a.example","token_url":"https://b.example/t","client_id":"i","client_secret":"s"}"#,
    );
    let cases = [
        (None, None, "https://b.example/t".to_owned()),
        (Some("https://A.example/"), None, "https://b.example/t".to_owned()),
        (Some("https://c.example"), None, format!("https://c.example{TOKEN_PATH}")),
        (Some("https://c.example"), Some("https://d.example/t"), "https://d.example/t".to_owned()),
        (None, Some("https://d.example/t"), "https://d.example/t".to_owned()),
        (None, Some(""), format!("https://a.example{TOKEN_PATH}")),
    ];
    for (url, token_url, expected) in cases {
        let attributes = with(|a| (a.url, a.token_url) = (url.and_then(some), token_url.and_then(some)));
        assert_eq!(merged(Some(&existing), attributes).token_url, expected, "{url:?} {token_url:?}");
    }
}

#[test]
fn a_secret_goes_by_https_or_to_this_machine() {
    for (url, kept) in [
        ("https://example.com", "https://example.com"),
        ("https://example.com:8443/base/", "https://example.com:8443/base"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.1.2.3", "http://127.1.2.3"),
        ("http://[::1]:1", "http://[::1]:1"),
        ("http://LOCALHOST:1/", "http://localhost:1"),
        ("https://localhost", "https://localhost"),
    ] {
        assert_eq!(merged(None, with(|a| a.url = some(url))).url, kept);
    }
    for (url, expected) in [
        ("http://example.com", UrlError::NotHttps),
        ("http://localhost.example.com", UrlError::NotHttps),
        ("http://127.0.0.1.example.com", UrlError::NotHttps),
        ("http://sub.localhost", UrlError::NotHttps),
        ("http://localhost.", UrlError::NotHttps),
        ("http://0.0.0.0", UrlError::NotHttps),
        ("http://128.0.0.1", UrlError::NotHttps),
        ("http://[::ffff:127.0.0.1]", UrlError::NotHttps),
        ("ftp://example.com", UrlError::NotHttps),
        ("file:///etc/passwd", UrlError::NotUrl),
        ("example.com", UrlError::NotUrl),
        ("https:example.com", UrlError::NotUrl),
        ("https://", UrlError::NotUrl),
        ("https://exa mple.com", UrlError::Character),
        ("https://good.example\\.evil.example", UrlError::Character),
        ("https://example.com\n", UrlError::Character),
        ("https://user@example.com", UrlError::UserInfo),
        ("https://user:pass@example.com", UrlError::UserInfo),
        ("https://@example.com", UrlError::UserInfo),
        ("https://example.com#x", UrlError::Fragment),
        ("https://example.com/#", UrlError::Fragment),
    ] {
        for (field, attributes) in
            [("url", with(|a| a.url = some(url))), ("token_url", with(|a| a.token_url = some(url)))]
        {
            let error = Credentials::merged(None, attributes).err().unwrap();
            assert_eq!(error.kind(), FailureKind::Usage);
            let CredentialsError::Url { field: named, source } = error else { panic!("{url}: {error}") };
            assert_eq!((named, source), (field, expected), "{url}");
        }
    }
    let query = "https://example.com/token?tenant=1";
    assert_eq!(merged(None, with(|a| a.token_url = some(query))).token_url, query);
    let error = Credentials::merged(None, with(|a| a.url = some(query))).err();
    assert!(matches!(error, Some(CredentialsError::Url { field: "url", source: UrlError::Query })));
}

#[test]
fn no_field_holds_a_control_character_and_no_message_a_value() {
    type Field = (&'static str, fn(&mut Attributes, String));
    let fields: [Field; 5] = [
        ("client_id", |a, text| a.client_id = Some(text)),
        ("client_secret", |a, text| a.client_secret = Some(Secret::new(text))),
        ("scope", |a, text| a.scope = Some(text)),
        ("audience", |a, text| a.audience = Some(text)),
        ("resource", |a, text| a.resource = Some(text)),
    ];
    for (field, set) in fields {
        for bad in ['\n', '\r', '\0', '\u{7f}', '\u{85}'] {
            let attributes = with(|a| set(a, format!("hunter2{bad}")));
            let error = Credentials::merged(None, attributes).err().unwrap();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
            assert!(matches!(error, CredentialsError::ControlCharacter { field: named } if named == field));
        }
    }
}

#[test]
fn an_item_is_never_larger_than_the_smallest_keyring_takes() {
    let attributes = |length: usize| with(|a| a.scope = Some("x".repeat(length)));
    let rest = ITEM_LIMIT - merged(None, attributes(1)).to_item().expose().len();
    assert_eq!(merged(None, attributes(rest + 1)).to_item().expose().len(), ITEM_LIMIT);
    let error = Credentials::merged(None, attributes(rest + 2)).err();
    assert!(matches!(error, Some(CredentialsError::TooLong { size }) if size == ITEM_LIMIT + 1));
}

#[test]
fn a_ca_file_is_pinned_and_a_changed_one_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let file = path.to_str().unwrap();
    std::fs::write(&path, ca_pem()).unwrap();
    let credentials = merged(None, with(|a| a.ca_file = some(file)));
    let ca = credentials.ca.clone().unwrap();
    assert_eq!(ca.read().unwrap().certificates.len(), 1);
    assert_eq!(merged(Some(&credentials), given()).ca, Some(ca.clone()), "kept with its pin");

    std::fs::write(&path, ca_pem()).unwrap();
    assert!(matches!(ca.read().err(), Some(CaError::Changed { .. })));
    assert_eq!(merged(Some(&credentials), given()).ca, Some(ca.clone()), "not pinned anew by itself");
    assert_ne!(merged(Some(&credentials), with(|a| a.ca_file = some(file))).ca, Some(ca.clone()));
    assert_eq!(merged(Some(&credentials), with(|a| a.ca_file = some(""))).ca, None);

    std::fs::remove_file(&path).unwrap();
    assert!(matches!(ca.read().err(), Some(CaError::Unreadable { .. })));
}

#[test]
fn a_ca_file_that_cannot_be_trusted_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let pem = ca_pem();
    let cases = [
        ("ca.pem".to_owned(), "absolute"),
        (folder.path().to_str().unwrap().to_owned(), "not a regular file"),
        (folder.path().join("none").to_str().unwrap().to_owned(), "cannot be read"),
        (at("empty", ""), "not a PEM file"),
        (at("text", "hello"), "not a PEM file"),
        (at("cut", &pem[..pem.len() / 2]), "not a PEM file"),
        (at("garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "not a PEM file"),
        (at("large", &"x".repeat((1 << 20) + 1)), "longer than"),
    ];
    for (path, expected) in cases {
        let error = Credentials::merged(None, with(|a| a.ca_file = Some(path))).err().unwrap();
        assert_eq!(error.kind(), FailureKind::Usage);
        assert!(matches!(error, CredentialsError::Ca(_)));
        assert!(error.to_string().contains(expected), "{error}");
    }
}
