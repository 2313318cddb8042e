//! `login` on a terminal: what is asked, what is shown, what is kept, and that the terminal is left as it was.

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{
        Output,
        terminal::{Started, Terminal},
    },
    user::{Account, User},
};

/// Starts `login` with these arguments.
fn login(user: &User, terminal: &Terminal, arguments: &[&str]) -> Started {
    terminal.start(&user.home.client(&[&["login"], arguments].concat()))
}

#[track_caller]
fn failed(output: &Output, code: i32, words: &str) {
    assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{}", output.stderr);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains(words), "{}", output.stderr);
}

#[test]
fn id_and_secret_are_asked_for_proven_and_kept_and_the_secret_is_not_shown() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_kernel_keyring() else { return };
    let (account, mut terminal) =
        (Account::with_secret(&sandbox, "a-sekret-that-is-my-sekret"), Terminal::new());
    let client = login(&user, &terminal, &["--url", &account.url, "--scope", "a b"]);
    // No desktop keyring is there, so another one must be wanted.
    terminal.until("[y/N] ");
    for words in ["there is no desktop keyring here", "which keeps them until a reboot"] {
        assert!(terminal.shown().contains(words), "{}", terminal.shown());
    }
    assert!(terminal.shown().contains(&account.url), "{}", terminal.shown());
    terminal.press("y\n");
    terminal.until("Client id: ");
    terminal.press(&format!("  {} \n", account.client_id));
    terminal.until("Client secret (not shown): ");
    assert!(!terminal.is_usual());
    // Mistyped and mended, with the white space of a paste around it.
    terminal.press(" a-sekret-that-is-my-sexret\x7f\x7f\x7f\x7fkret \r");
    let said = client.ended().done();
    let [proven, kept, next] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
    assert!(proven.starts_with("proven: the token is valid for 1 h"), "{said}");
    assert!(proven.contains(", tenant ") && proven.contains(", tier FREE, name "), "{said}");
    let place = format!("kept as profile {} in the kernel keyring, until a reboot", user.profile());
    assert!(kept.starts_with(&place), "{said}");
    let (name, url) = (user.profile(), &account.url);
    let get = format!("curl -H \"$(dt-cred get -p {name})\" {url}/archivist/v2/assets");
    assert_eq!(next, format!("next: dt-cred test -p {name}; {get}"));
    assert!(terminal.is_usual());
    // An asterisk for each character, those that were taken back too.
    let stars = "*".repeat(" a-sekret-that-is-my-sexret".len());
    let mended = format!("{stars}{}*****\r\n", "\x08 \x08".repeat(4));
    terminal.until(&format!("(not shown): {mended}"));
    assert!(
        !terminal.shown().contains("kret") && !terminal.shown().contains("sexret"),
        "{}",
        terminal.shown()
    );
    assert!(user.is_in_kernel_keyring());
    // The token that proved them is the one that is served.
    user.token();
    assert_eq!(sandbox.counts().tokens.total, 1);
    let requests = sandbox.requests();
    let body = std::str::from_utf8(&requests[0].body).expect("a form");
    assert!(
        body.contains("client_secret=a-sekret-that-is-my-sekret") && body.contains("scope=a+b"),
        "{body}"
    );
}

#[test]
fn where_the_secret_of_an_existing_profile_goes_is_kept_and_shown_before_it_is_typed() {
    let sandbox = Sandbox::https();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    let rest = "scope=assets:read\nauth=basic\naudience=an-audience\nresource=urn:a-resource\n";
    user.log_in_with(&format!("{}token_url={}\n{rest}", account.lines(), sandbox.token_url()));
    let mut terminal = Terminal::new();
    let client = login(&user, &terminal, &["--scope", "another"]);
    terminal.until("Client id ");
    let shown = terminal.shown();
    for line in [
        format!("Credentials of profile {}", user.profile()),
        format!("url: {}", account.url),
        format!("token_url: {}", sandbox.token_url()),
        "auth: basic".to_owned(),
        // What is given counts instead of what is kept.
        "scope: another".to_owned(),
        "audience: an-audience".to_owned(),
        "resource: urn:a-resource".to_owned(),
        // A copy, where the daemon may read it.
        format!("ca_file: {}", user.home.state().join("ca").display()),
    ] {
        assert!(shown.contains(&line), "{line:?} is not in {shown}");
    }
    terminal.press("\n");
    terminal.until("Client secret (not shown): ");
    terminal.press(&format!("{}\n", account.client_secret));
    client.ended().done();
    let requests = sandbox.requests();
    let body = std::str::from_utf8(&requests.last().expect("a request").body).expect("a form");
    for kept in ["scope=another", "audience=an-audience", "resource=urn%3Aa-resource"] {
        assert!(body.contains(kept), "{kept} is not in {body}");
    }
}

#[test]
fn the_secret_goes_where_was_shown_whatever_others_change_while_it_is_typed() {
    let (sandbox, elsewhere) = (Sandbox::http(), Sandbox::http());
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    user.log_in(&account);
    let mut terminal = Terminal::new();
    let client = login(&user, &terminal, &[]);
    terminal.until("Client id ");
    terminal.press(&format!("{}\n", account.client_id));
    terminal.until("Client secret (not shown): ");
    user.log_in(&Account::at(&elsewhere));
    terminal.press(&format!("{}\n", account.client_secret));
    client.ended().done();
    assert_eq!((sandbox.counts().tokens.total, elsewhere.counts().tokens.total), (2, 1));
}

#[test]
fn what_cannot_be_changed_and_an_address_that_is_none_are_told_before_anything_is_typed() {
    let user = User::in_memory();
    let terminal = Terminal::new();
    let wrong = login(&user, &terminal, &["--url", "http://app.example"]).ended();
    failed(&wrong, 2, "url");
    let name = user.profile();
    let command = if cfg!(windows) { "C:/no/such/program" } else { "/no/such/program" };
    let table = format!("[profile.{name}]\nkeyring = \"command\"\nkeyring_command = [{command:?}]\n");
    user.home.configure(&table);
    user.dt_cred(&["stop"]).done();
    failed(&login(&user, &terminal, &[]).ended(), 6, "can only be read");
    assert!(!terminal.shown().contains("Client"), "{}", terminal.shown());
}

#[test]
fn a_rotated_secret_is_entered_alone_and_all_else_is_kept() {
    let sandbox = Sandbox::https();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    user.log_in_with(&format!("{}scope=a\n", account.lines()));
    let rotated = sandbox.regenerate_secret(&account.client_id);
    let mut terminal = Terminal::new();
    let client = login(&user, &terminal, &[]);
    terminal.until(&format!("Client id [{}]: ", account.client_id));
    terminal.press("\n");
    terminal.until("Client secret (not shown): ");
    terminal.press(&format!("{rotated}\n"));
    client.ended().done();
    assert!(terminal.shown().contains(&account.url), "{}", terminal.shown());
    user.dt_cred(&["get", "--fresh"]).done();
    let requests = sandbox.requests();
    let body = std::str::from_utf8(&requests.last().expect("a request").body).expect("a form");
    assert!(body.contains("scope=a") && body.contains(&account.client_id), "{body}");
}

#[test]
fn a_wrong_secret_is_refused_and_nothing_is_kept() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_kernel_keyring() else { return };
    let (account, mut terminal) = (Account::at(&sandbox), Terminal::new());
    let given = ["--url", &account.url, "--client-id", &account.client_id, "--keyring", "keyutils"];
    let client = login(&user, &terminal, &given);
    terminal.until("Client secret (not shown): ");
    terminal.press("wrong\n");
    failed(&client.ended(), 4, "invalid_client");
    assert!(!user.is_in_kernel_keyring());
    assert_eq!(user.dt_cred(&["get"]).code, Some(5));
    // Without the proof it is kept as it is.
    let client = login(&user, &terminal, &[&given[..], &["--no-check"]].concat());
    terminal.until("\nClient secret (not shown): ");
    terminal.press(&format!("{}\n", account.client_secret));
    client.ended().done();
    user.token();
}

#[test]
fn an_empty_answer_keeps_nothing() {
    let user = User::in_memory();
    let cases: [(&str, &[&str], i32, &str); 3] = [
        ("Client id: ", &["--keyring", "memory"], 2, "no client id was typed"),
        ("(not shown): ", &["--client-id", "x", "--keyring", "memory"], 2, "no client secret was typed"),
        ("[y/N] ", &["--client-id", "x"], 6, "no keyring was chosen"),
    ];
    for (prompt, arguments, code, words) in cases {
        let mut terminal = Terminal::new();
        let client = login(&user, &terminal, arguments);
        terminal.until(prompt);
        terminal.press("\n");
        failed(&client.ended(), code, words);
    }
}

#[test]
fn without_a_terminal_login_points_to_store() {
    let user = User::in_memory();
    failed(&user.shell("setsid -w dt-cred login --keyring memory </dev/null"), 2, "dt-cred store");
}
