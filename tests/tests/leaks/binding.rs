//! What says where a secret or a token goes lives in the keyring's item: no edit of the configuration, of the state or of
//! the environment makes one of them reach another listener.

use std::fs;

use dt_cred_tests::{
    issuer::{Certificate, Sandbox},
    parts::private_folder,
    search::Search,
    user::{Account, User},
};

use super::listener::Listener;

const SECRET: &str = "the-secret-of-a-profile-that-is-bound";

/// A user whose item is in their keyring, the issuer that it names, and somebody else who would like to be it.
struct Bound {
    user: User,
    sandbox: Sandbox,
    other: Listener,
}

impl Bound {
    fn new() -> Option<Self> {
        let user = User::in_keyring()?;
        let (sandbox, elsewhere) = (Sandbox::http(), Sandbox::http());
        user.log_in(&Account::with_secret(&sandbox, SECRET));
        let other = Listener::leading_to(elsewhere.url().trim_start_matches("http://"));
        Some(Self { user, sandbox, other })
    }

    /// Ends the daemon, has the next one serve after this edit, and looks what the other one has heard of it.
    fn after(&mut self, what: &str, edit: impl FnOnce(&mut User, &str)) {
        self.user.dt_cred(&["stop"]).done();
        edit(&mut self.user, self.other.address());
        let before = self.sandbox.counts().tokens.granted;
        let get = self.user.dt_cred(&["get", "--timeout", "20"]);
        // It goes on with whom the item names, or says why not.
        let served = self.sandbox.counts().tokens.granted > before;
        assert_eq!(get.code == Some(0), served, "{what}: {}", get.stderr);
        assert!(get.code == Some(0) || get.stdout.is_empty(), "{what}");
        for arguments in
            [&["reject"][..], &["get", "--fresh", "--timeout", "20"], &["status"], &["keyring", "list"]]
        {
            self.user.dt_cred(arguments);
        }
        let tokens = self.sandbox.tokens();
        let search = Search::of(tokens.iter().map(String::as_str).chain([SECRET]));
        let heard = self.other.heard();
        assert_eq!(search.find(&heard), None, "{what}: {}", String::from_utf8_lossy(&heard));
        // Loopback is not even asked for through a proxy.
        assert!(heard.is_empty(), "{what}: {}", String::from_utf8_lossy(&heard));
    }
}

#[test]
fn no_edit_of_the_configuration_sends_a_secret_or_a_token_elsewhere() {
    let Some(mut bound) = Bound::new() else { return };
    let name = bound.user.profile().to_owned();
    for line in [
        "url = \"http://{}\"",
        "token_url = \"http://{}/token\"",
        "api = \"http://{}\"",
        "issuer = \"http://{}\"",
        "resource = \"http://{}\"",
        "proxy = \"http://{}\"",
        "keyring = \"memory\"",
        "keyring = \"systemd\"",
        "keyring = \"command\"\nkeyring_command = [\"/bin/echo\", \"url=http://{}\"]",
    ] {
        bound.after(line, |user, other| {
            user.home.configure(&format!("[profile.{name}]\n{}\n", line.replace("{}", other)));
        });
        bound.after(line, |user, other| user.home.configure(&format!("{}\n", line.replace("{}", other))));
    }
    bound.after("no configuration", |user, _| fs::remove_file(user.home.configuration()).expect("a file"));
    assert!(bound.sandbox.counts().tokens.granted > 1, "it serves again");
}

#[test]
fn no_edit_of_the_state_sends_a_secret_or_a_token_elsewhere() {
    let Some(mut bound) = Bound::new() else { return };
    let path = bound.user.home.state().join("state.toml");
    let usual = fs::read_to_string(&path).expect("a state file");
    let own = usual.lines().find(|line| line.starts_with("keyring = ")).expect("its keyring").to_owned();
    for line in [
        "url = \"http://{}\"",
        "token_url = \"http://{}/token\"",
        "keyring = \"http://{}\"",
        "keyring = \"memory\"",
        "keyring = \"systemd\"",
        "keyring = \"command\"",
        "",
    ] {
        bound.after(line, |_, other| {
            let line = line.replace("{}", other);
            // In the keyring's place, and beside it.
            fs::write(&path, usual.replace(&own, &line)).expect("an edit");
        });
        bound.after(line, |_, other| {
            fs::write(&path, usual.replace(&own, &format!("{own}\n{}", line.replace("{}", other))))
                .expect("an edit");
        });
    }
    bound.after("as it was", |_, _| fs::write(&path, &usual).expect("an edit"));
    assert!(bound.sandbox.counts().tokens.granted > 1, "it serves again");
}

#[test]
fn no_variable_of_the_environment_sends_a_secret_or_a_token_elsewhere() {
    let Some(mut bound) = Bound::new() else { return };
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "DATATRAILS_URL",
        "DATATRAILS_TOKEN_URL",
        "DT_CRED_URL",
        "DT_CRED_TOKEN_URL",
        "CREDENTIALS_DIRECTORY",
    ] {
        bound.after(name, |user, other| user.home.set(name, format!("http://{other}")));
        assert!(bound.sandbox.counts().tokens.granted > 1, "{name}: it serves");
        bound.user.home.unset(name);
    }
    // Another configuration and other folders: nothing is in them that leads anywhere.
    let name = bound.user.profile().to_owned();
    bound.after("DT_CRED_CONFIG", |user, other| {
        let folder = user.home.path().join("another");
        private_folder(&folder);
        let text = format!("[profile.{name}]\nurl = \"http://{other}\"\n");
        fs::write(folder.join("config.toml"), text).expect("a configuration");
        user.home.set("DT_CRED_CONFIG", folder.join("config.toml"));
    });
}

#[test]
fn neither_a_proxy_nor_the_environments_roots_make_anybody_the_issuer_whom_the_item_does_not_trust() {
    let (sandbox, mut user) = (Sandbox::https(), User::in_memory());
    // Signed by a CA of its own, for the name that the item has.
    sandbox.set(|settings| settings.certificate = Certificate::WrongName);
    let other = Listener::leading_to(sandbox.url().trim_start_matches("https://"));
    let account =
        Account { url: "https://elsewhere.example".to_owned(), ..Account::with_secret(&sandbox, SECRET) };
    let ca_file = account.ca_file.clone().expect("a CA");
    for name in ["https_proxy", "HTTPS_PROXY"] {
        user.home.set(name, format!("http://{}", other.address()));
    }
    for name in ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"] {
        user.home.set(name, &ca_file);
    }
    user.home.set("SSL_CERT_DIR", sandbox.ca_file().and_then(|file| file.parent()).expect("a folder"));
    let unpinned = Account { ca_file: None, ..account.clone() };
    let store = user.store(&unpinned.lines());
    assert_eq!((store.code, store.stdout.as_str()), (Some(7), ""), "{}", store.stderr);
    assert!(store.stderr.contains("signed by no CA that is trusted"), "{}", store.stderr);
    user.store(&format!("{}no_check=true\n", unpinned.lines())).done();
    assert_eq!(user.dt_cred(&["get", "--timeout", "5"]).code, Some(7));
    assert_eq!(sandbox.counts().tokens.total, 0);
    assert_eq!(Search::of([SECRET]).find(other.heard()), None);
    assert!(other.heard().starts_with(b"CONNECT elsewhere.example:443 "));
    // Given at login the very same CA is trusted: it is the item that says so.
    user.log_in(&account);
    user.token();
}
