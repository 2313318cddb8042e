//! `git-credential`: git gets the token for the profile's own origin and nothing for any other; `erase` is a reject.

#[cfg(unix)]
mod real;

use dt_cred_tests::{
    issuer::{Door, Sandbox},
    parts::Output,
    user::{Account, User},
};
use serde_json::Value;

/// What git 2.46 and newer say first.
const CAPABILITIES: &str = "capability[]=authtype\ncapability[]=state\n";

/// Where a profile's token belongs, though it comes from a sandbox.
const URL: &str = "https://app.datatrails.ai";

/// A user whose token belongs to `url`.
fn user_of(sandbox: &Sandbox, url: &str) -> User {
    let user = User::in_memory();
    let account = Account { url: url.to_owned(), ..Account::at(sandbox) };
    user.log_in_with(&format!("{}token_url={}\n", account.lines(), sandbox.token_url()));
    user
}

fn git(user: &User, operation: &str, description: &str) -> Output {
    user.home.dt_cred_with(&["git-credential", operation], description)
}

#[track_caller]
fn silent(output: &Output, what: &str) {
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (Some(0), "", ""), "{what}");
}

#[test]
fn git_gets_the_token_for_the_profiles_own_origin_to_the_letter() {
    let sandbox = Sandbox::http();
    let user = user_of(&sandbox, URL);
    let granted = user.status()["generation"].as_u64().expect("a generation") / 1000;
    let token = user.token();
    for host in ["app.datatrails.ai", "App.DataTrails.AI", "app.datatrails.ai:443"] {
        let description = format!(
            "{CAPABILITIES}protocol=https\nhost={host}\npath=a.git\nnonsense=1\nwwwauth[]=Bearer realm=\"a\"\n\nwhatever\r"
        );
        let answer = git(&user, "get", &description);
        assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{host}");
        let (before, after) = answer.stdout.split_once("password_expiry_utc=").expect("an expiry");
        assert_eq!(before, format!("capability[]=authtype\nauthtype=Bearer\ncredential={token}\n"), "{host}");
        let (expiry, after) = after.split_once('\n').expect("a line");
        assert_eq!(after, "ephemeral=true\n");
        let expiry: u64 = expiry.parse().expect("seconds");
        assert!((granted..=granted + 3660).contains(&expiry), "{expiry}");
    }
    assert_eq!(sandbox.counts().tokens.total, 1, "each was an ordinary get");
}

/// A protocol and a host, as git writes them.
type Asked = (&'static str, &'static str);

#[test]
fn no_other_origin_gets_anything() {
    let sandbox = Sandbox::http();
    // One user after the other: elsewhere than on Linux there is one at a time.
    let users: [(&str, Asked, &[Asked]); 3] = [
        (
            URL,
            ("https", "app.datatrails.ai"),
            &[
                ("https", "app.datatrails.ai.evil.example"),
                ("https", "app.datatrails.aievil"),
                ("https", "evil-app.datatrails.ai"),
                ("https", "evil.app.datatrails.ai"),
                ("https", "datatrails.ai"),
                ("https", "app.datatrails.ai@evil.example"),
                ("https", "user@app.datatrails.ai"),
                ("https", "app.datatrails.ai."),
                ("https", "app.datatrails.ai:8443"),
                ("https", "app.datatrails.ai:80"),
                ("https", "app.datatrails.ai:0443"),
                ("https", "app.datatrails.ai:"),
                ("https", "app.datatrails.ai/x"),
                ("https", "app%2edatatrails.ai"),
                ("https", "app.datatrails.ai\\evil"),
                ("https", "app.datatrails.ai evil"),
                ("https", "app\u{3002}datatrails.ai"),
                ("https", "*"),
                ("https", ""),
                ("", "app.datatrails.ai"),
                ("http", "app.datatrails.ai"),
                ("http", "app.datatrails.ai:443"),
                ("ftp", "app.datatrails.ai"),
                ("cert", "app.datatrails.ai"),
            ],
        ),
        (
            "https://app.datatrails.ai:8443",
            ("https", "app.datatrails.ai:8443"),
            &[
                ("https", "app.datatrails.ai"),
                ("https", "app.datatrails.ai:443"),
                ("https", "app.datatrails.ai:84430"),
            ],
        ),
        (
            "http://127.0.0.1:8080",
            ("http", "127.0.0.1:8080"),
            &[
                ("http", "127.0.0.1"),
                ("http", "127.0.0.1:8081"),
                ("https", "127.0.0.1:8080"),
                ("http", "localhost:8080"),
                ("http", "127.1:8080"),
                ("http", "[::ffff:127.0.0.1]:8080"),
            ],
        ),
    ];
    for (url, own, others) in users {
        let user = user_of(&sandbox, url);
        let described =
            |(protocol, host): Asked| format!("{CAPABILITIES}protocol={protocol}\nhost={host}\n\n");
        for other in others {
            let description = described(*other);
            silent(&git(&user, "get", &description), &description);
        }
        let description = described(own);
        assert!(git(&user, "get", &description).done().contains(&user.token()), "{description}");
    }
}

#[test]
fn an_empty_or_partial_description_matches_nothing() {
    let sandbox = Sandbox::http();
    let user = user_of(&sandbox, URL);
    for description in [
        "",
        "\n",
        CAPABILITIES,
        "capability[]=authtype\nprotocol=https\n\n",
        "capability[]=authtype\nhost=app.datatrails.ai\n\n",
        "capability[]=authtype\npath=x\n\nprotocol=https\nhost=app.datatrails.ai\n",
        // Somebody's password, or another scheme: none of these is ours.
        "capability[]=authtype\nprotocol=https\nhost=app.datatrails.ai\nusername=ann\n\n",
        "capability[]=authtype\nprotocol=https\nhost=app.datatrails.ai\nauthtype=Basic\n\n",
    ] {
        silent(&git(&user, "get", description), description);
    }
}

#[test]
fn a_git_that_takes_no_bearer_token_gets_nothing() {
    let sandbox = Sandbox::http();
    let user = user_of(&sandbox, URL);
    for capabilities in
        ["", "capability[]=state\n", "capability=authtype\n", "capability[]=authtype\ncapability[]=\n"]
    {
        let description = format!("{capabilities}protocol=https\nhost=app.datatrails.ai\n\n");
        silent(&git(&user, "get", &description), capabilities);
    }
}

#[test]
fn a_control_character_in_any_line_is_refused() {
    let sandbox = Sandbox::http();
    let user = user_of(&sandbox, URL);
    for (description, line) in [
        ("protocol=https\r\nhost=app.datatrails.ai\r\n\r\n", 3),
        ("protocol=https\nhost=app.datatrails.ai\rx\n\n", 4),
        ("protocol=https\nhost=app.datatrails.ai\0\n\n", 4),
        ("protocol=https\nhost=app.datatrails.ai\npath=\u{1b}[2J\n\n", 5),
        ("protocol=https\nhost=app.datatrails.ai\nnonsense[]=\u{9b}\n\n", 5),
    ] {
        // On Windows a CR LF is how a line ends.
        if cfg!(windows) && description.contains("\r\n") {
            continue;
        }
        for operation in ["get", "erase"] {
            let refused = git(&user, operation, &format!("{CAPABILITIES}{description}"));
            assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{description:?}");
            assert_eq!(
                refused.stderr,
                format!(
                    "dt-cred: line {line} of git's description holds a control character; git writes it, see git help git-credential\n"
                )
            );
        }
    }
}

#[test]
fn erase_of_the_held_token_rejects_it_and_anything_else_does_nothing() {
    let sandbox = Sandbox::http();
    let user = user_of(&sandbox, URL);
    let held = user.token();
    let origin = "protocol=https\nhost=app.datatrails.ai\n";
    let others = [
        format!("{origin}\n"),
        String::new(),
        format!("{origin}username=ann\npassword={held}\n\n"),
        format!("{origin}authtype=Bearer\ncredential={held}x\n\n"),
        format!("{origin}authtype=Basic\ncredential={held}\n\n"),
        format!("protocol=https\nhost=evil.example\nauthtype=Bearer\ncredential={held}\n\n"),
        format!("protocol=https\nhost=app.datatrails.ai:8443\nauthtype=Bearer\ncredential={held}\n\n"),
        format!("credential={held}\n\n"),
    ];
    for description in &others {
        silent(&git(&user, "erase", &format!("{CAPABILITIES}{description}")), description);
    }
    let whole = format!(
        "{CAPABILITIES}{origin}authtype=Bearer\ncredential={held}\nephemeral=1\npassword_expiry_utc=1\n\n"
    );
    for operation in ["store", "capability", "whatever"] {
        silent(&git(&user, operation, &whole), operation);
    }
    assert_eq!(user.token(), held);
    silent(&git(&user, "erase", &whole), "erase");
    assert_ne!(user.token(), held);
    assert_eq!(sandbox.counts().tokens.total, 2);
    // The one that was refused is no longer held.
    silent(&git(&user, "erase", &whole), "erase again");
    user.token();
    assert_eq!(sandbox.counts().tokens.total, 2);
}

#[test]
fn erase_starts_no_daemon_and_asks_for_no_token() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let description = "protocol=https\nhost=app.datatrails.ai\nauthtype=Bearer\ncredential=a\n\n";
    silent(&git(&user, "erase", description), "no daemon");
    assert_eq!(user.home.daemon_pid(), None);
    user.log_in(&Account::at(&sandbox));
    user.dt_cred(&["reject"]).done();
    silent(&git(&user, "erase", description), "no token");
    assert_eq!(sandbox.counts().tokens.total, 1);
}

#[test]
fn erase_and_store_never_touch_the_keyring() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    user.log_in(&Account::at(&sandbox));
    let (held, host) = (user.token(), sandbox.url().trim_start_matches("http://"));
    let description =
        format!("protocol=http\nhost={host}\nauthtype=Bearer\ncredential={held}\npassword=p\nusername=u\n\n");
    let bare = format!("protocol=http\nhost={host}\nauthtype=Bearer\ncredential={held}\n\n");
    for (operation, description) in
        [("store", &description), ("store", &bare), ("erase", &description), ("erase", &bare)]
    {
        silent(&git(&user, operation, description), operation);
        assert!(user.is_in_keyring(), "{operation}");
    }
    assert_ne!(user.token(), held);
}

#[test]
fn a_daemon_that_does_not_know_yet_whose_the_token_is_gives_it_to_nobody_else() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    user.log_in(&Account::at(&sandbox));
    let own = sandbox.url().trim_start_matches("http://");
    for host in
        ["127.0.0.1:1", "127.0.0.1", &format!("localhost:{}", own.rsplit(':').next().expect("a port"))]
    {
        // The next one has read no keyring.
        user.dt_cred(&["stop"]).done();
        silent(&git(&user, "get", &format!("{CAPABILITIES}protocol=http\nhost={host}\n\n")), host);
        assert!(user.home.daemon_pid().is_some(), "it was started to know");
    }
    let own = git(&user, "get", &format!("{CAPABILITIES}protocol=http\nhost={own}\n\n")).done();
    assert!(own.contains(&user.token()));
}

#[test]
fn whoever_asks_for_another_origin_waits_for_no_issuer() {
    let sandbox = Sandbox::http();
    let user = user_of(&sandbox, URL);
    user.dt_cred(&["reject"]).done();
    sandbox.set(|settings| settings.door = Door::Closed);
    let description = |host: &str| format!("{CAPABILITIES}protocol=https\nhost={host}\n\n");
    silent(&git(&user, "get", &description("evil.example")), "another origin");
    assert_eq!(user.status()["last_error"], Value::Null, "nobody was asked");
    let own = ["git-credential", "get", "--timeout", "1"];
    let own = user.home.dt_cred_with(&own, description("app.datatrails.ai"));
    assert_eq!((own.code, own.stdout.as_str()), (Some(1), ""), "{}", own.stderr);
}

#[test]
fn where_there_is_no_token_git_gets_nothing_and_is_told_why() {
    let user = User::in_memory();
    let get = git(&user, "get", &format!("{CAPABILITIES}protocol=https\nhost=app.datatrails.ai\n\n"));
    assert_eq!((get.code, get.stdout.as_str()), (Some(5), ""), "{}", get.stderr);
    assert_eq!(get.stderr.lines().count(), 1, "{}", get.stderr);
}
