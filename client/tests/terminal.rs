//! `login` on a terminal: what is asked, what is shown, and that the terminal is left as it was.

#![cfg(target_os = "linux")]

mod fake;

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    process::{Child, Command, Stdio},
    sync::mpsc,
};

use dt_cred_proto::message::{Described, Keyring, Operation, Response, Store, Stored};
use fake::{CLIENT, Outcome, Play, Sandbox, answer, readable, request};
use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, tcgetattr},
};

/// A terminal with nobody at it but the test.
struct Screen {
    person: File,
    terminal: File,
    shown: String,
}

impl Screen {
    fn new() -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&person).expect("granted");
        unlockpt(&person).expect("unlocked");
        let name = ptsname(&person, Vec::new()).expect("a name").into_string().expect("text");
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, OpenptFlags::NOCTTY.bits() as i32);
        let terminal = options.open(name).expect("its other side");
        Self { person: person.into(), terminal, shown: String::new() }
    }

    /// The client with this terminal as its controlling one; setsid gives it the one on its standard input.
    fn login(&self, sandbox: &Sandbox, arguments: &[&str]) -> Child {
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait", CLIENT, "--timeout", "30", "login"]).args(arguments);
        command.env_clear().env("DT_CRED_SOCKET", sandbox.socket());
        command.stdin(self.terminal.try_clone().expect("a terminal"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the client")
    }

    /// Reads what is shown until it ends so.
    fn until(&mut self, end: &str) {
        while !self.shown.ends_with(end) {
            let mut byte = [0];
            readable(&self.person);
            self.person.read_exact(&mut byte).expect("more to see");
            self.shown.push(char::from(byte[0]));
        }
    }

    fn type_in(&mut self, keys: &str) {
        self.person.write_all(keys.as_bytes()).expect("typed");
    }

    /// Whether what is typed is shown, and Ctrl-C a signal.
    fn is_usual(&self) -> bool {
        let modes = tcgetattr(&self.terminal).expect("its modes").local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }
}

fn described(client_id: Option<&str>, keyring: Option<Keyring>) -> Play {
    answer(Response::Described(Described {
        profile: "default".parse().expect("a name"),
        url: client_id.map(|_| "https://app.datatrails.ai".into()),
        client_id: client_id.map(Into::into),
        keyring,
        note: "no Secret Service is there".into(),
    }))
}

/// Keeps what it is given, and passes it on.
fn stored() -> (Play, mpsc::Receiver<Box<Store>>) {
    let (sender, kept) = mpsc::channel();
    let play: Play = Box::new(move |mut stream| {
        let request = request(&mut stream);
        // The time-out, and a minute more for the keyring's own prompt.
        assert!((40_000..=90_000).contains(&request.deadline_ms), "{}", request.deadline_ms);
        let Operation::Store(store) = request.operation else { panic!("another operation") };
        let keyring = store.keyring.expect("a keyring");
        sender.send(store).expect("told");
        let profile = "default".parse().expect("a name");
        let stored =
            Stored { profile, keyring, lasts: "until the next boot".into(), expires_in_ms: Some(1_800_000) };
        let frame = dt_cred_proto::frame::encode(&Response::Stored(stored)).expect("a frame");
        stream.write_all(&frame).expect("sent");
    });
    (play, kept)
}

const KEPT: &str =
    "kept as profile default in the kernel keyring, until the next boot; the token is valid for 30 min\n";

#[test]
fn id_and_secret_are_asked_for_and_the_secret_is_not_shown() {
    let (sandbox, mut screen) = (Sandbox::new(), Screen::new());
    let (store, kept) = stored();
    sandbox.serve(vec![described(None, None), store]);
    let client = screen.login(&sandbox, &["--scope", "a b"]);
    screen.until("[y/N] ");
    screen.type_in("y\n");
    screen.until("Client id: ");
    screen.type_in("  my-id \n");
    screen.until("Client secret (not shown): ");
    assert!(!screen.is_usual());
    screen.type_in(" my-sexret\x7f\x7f\x7f\x7fcret \r");
    let outcome = Outcome::from(client.wait_with_output().expect("ended"));
    outcome.said(KEPT);
    assert!(screen.is_usual());
    screen.until("(not shown): \r\n");
    assert!(screen.shown.contains("no Secret Service is there"), "{}", screen.shown);
    assert!(!screen.shown.contains("cret \r") && !screen.shown.contains("sexret"), "{}", screen.shown);
    let store = kept.recv().expect("kept");
    assert_eq!(store.attributes.client_id.as_deref(), Some("my-id"));
    assert_eq!(store.attributes.client_secret.as_ref().map(|secret| secret.expose()), Some("my-secret"));
    assert_eq!(store.attributes.scope.as_deref(), Some("a b"));
    assert_eq!((store.keyring, store.check), (Some(Keyring::Keyutils), true));
}

#[test]
fn the_client_id_that_is_kept_needs_not_be_typed_again() {
    let (sandbox, mut screen) = (Sandbox::new(), Screen::new());
    let (store, kept) = stored();
    sandbox.serve(vec![described(Some("old-id"), Some(Keyring::Keyutils)), store]);
    let client = screen.login(&sandbox, &["--no-check"]);
    screen.until("Client id [old-id]: ");
    screen.type_in("\n");
    screen.until("Client secret (not shown): ");
    screen.type_in("new\n");
    Outcome::from(client.wait_with_output().expect("ended")).said(KEPT);
    let store = kept.recv().expect("kept");
    assert_eq!((store.attributes.client_id.as_deref(), store.check), (None, false));
    assert!(screen.shown.contains("https://app.datatrails.ai"), "{}", screen.shown);
}

#[test]
fn ctrl_c_at_the_secret_leaves_the_terminal_as_it_was_and_keeps_nothing() {
    let (sandbox, mut screen) = (Sandbox::new(), Screen::new());
    let served = sandbox.serve(vec![described(None, Some(Keyring::Keyutils))]);
    let client = screen.login(&sandbox, &["--client-id", "x"]);
    screen.until("Client secret (not shown): ");
    screen.type_in("half\x03");
    let output = client.wait_with_output().expect("ended");
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(screen.is_usual());
    served.join().expect("nothing was stored");
}

#[test]
fn an_empty_answer_keeps_nothing() {
    let cases: [(&str, &[&str], i32, &str); 3] = [
        ("Client id: ", &[], 2, "no client id was typed"),
        ("(not shown): ", &["--client-id", "x"], 2, "no client secret was typed"),
        ("[y/N] ", &["--client-id", "x"], 6, "no keyring was chosen"),
    ];
    for (prompt, arguments, code, words) in cases {
        let (sandbox, mut screen) = (Sandbox::new(), Screen::new());
        let keyring = (code == 2).then_some(Keyring::Keyutils);
        sandbox.serve(vec![described(None, keyring)]);
        let client = screen.login(&sandbox, arguments);
        screen.until(prompt);
        screen.type_in("\n");
        Outcome::from(client.wait_with_output().expect("ended")).failed(code, words);
    }
}

#[test]
fn without_a_terminal_login_points_to_store() {
    let sandbox = Sandbox::new();
    let mut command = Command::new("setsid");
    command.args(["--wait", CLIENT, "login"]).env_clear().env("DT_CRED_SOCKET", sandbox.socket());
    let output = command.stdin(Stdio::null()).output().expect("the client");
    Outcome::from(output).failed(2, "dt-cred store");
}
