//! A whole story, told in a log at trace level: neither it nor anything that is left holds a secret or a token.

use std::{fs, thread};

use base64::{Engine, prelude::BASE64_STANDARD};
use dt_cred_proto::{
    frame,
    message::{Describe, Operation, Response},
};
use dt_cred_tests::{
    issuer::{Fault, Sandbox},
    parts::{
        Output,
        session::{Session, request},
    },
    search::Search,
    user::{Account, User},
};

use super::echo;

/// Nothing that is its own form in any encoding, and nothing that is long: by its length alone no form is withheld.
const SECRET: &str = "a&b+c%20d=\"e\" €🔑";

/// So many stories with echoes are told at once.
const STORIES: usize = 4;

/// A user, and what was said to them that is to hold neither a secret nor a token.
struct Story<'a> {
    user: &'a User,
    sandbox: &'a Sandbox,
    account: Account,
    said: Vec<(String, Vec<u8>)>,
}

impl<'a> Story<'a> {
    fn of(user: &'a User, sandbox: &'a Sandbox) -> Self {
        Self { user, sandbox, account: Account::with_secret(sandbox, SECRET), said: Vec::new() }
    }

    fn heard(&mut self, who: String, output: &Output) {
        self.said.push((format!("{who}: standard error"), output.stderr.clone().into()));
        if !who.starts_with("get") || output.code != Some(0) {
            self.said.push((format!("{who}: standard output"), output.stdout.clone().into()));
        }
    }

    fn store(&mut self) -> Output {
        let output = self.user.store(&self.account.lines());
        self.heard("store".to_owned(), &output);
        output
    }

    fn run(&mut self, arguments: &[&str]) -> Output {
        let output = self.user.dt_cred(arguments);
        self.heard(arguments.join(" "), &output);
        output
    }

    /// Everything that a program can ask about the profile.
    fn look(&mut self) {
        self.run(&["status"]).done();
        self.run(&["status", "--json"]).done();
        self.run(&["status", "--check"]);
        let operation = Operation::Describe(Describe { profile: self.user.profile().parse().ok() });
        let mut session = Session::open(&self.user.home.socket());
        assert!(session.send(request(operation)), "it is taken");
        let body = session.body();
        assert!(matches!(frame::decode::<Response>(&body), Ok(Response::Described(_))));
        self.said.push(("describe".to_owned(), body));
    }

    fn log_in_get_and_reject(&mut self) {
        self.store().done();
        for format in ["header", "raw", "bearer", "json", "env", "curl"] {
            self.run(&["get", "--format", format]).done();
        }
        self.look();
        self.run(&["reject"]).done();
        self.run(&["get"]).done();
        self.run(&["get", "--fresh"]).done();
        self.run(&["get", "--min-ttl", "100000"]);
        self.look();
    }

    /// The issuer answers so for a while.
    fn refused(&mut self, name: &str, fault: Fault) {
        self.sandbox.set(|settings| settings.token_fault = Some(fault));
        let before = self.sandbox.counts().tokens.faulty;
        let store = self.store();
        assert!(store.code.is_some_and(|code| [1, 4, 7].contains(&code)), "{name}: {}", store.stderr);
        let fresh = self.run(&["get", "--fresh", "--timeout", "2"]);
        assert_ne!(fresh.code, Some(0), "{name}");
        assert!(self.sandbox.counts().tokens.faulty > before, "{name}");
        self.look();
        self.sandbox.set(|settings| settings.token_fault = None);
        self.store().done();
    }

    fn erase_and_stop(&mut self) {
        self.run(&["erase"]).done();
        assert_eq!(self.run(&["get"]).code, Some(5));
        self.run(&["stop"]).done();
    }

    /// Everything that must not be found: called when all has been said.
    fn search(&self) -> Search {
        let tokens = self.sandbox.tokens();
        assert!(tokens.len() > 2, "the story is about tokens");
        Search::of(tokens.into_iter().chain([SECRET.to_owned()]))
    }

    fn holds_nothing(&self, log: &str) {
        let search = self.search();
        for (who, said) in &self.said {
            assert_eq!(search.find(said), None, "{who}: {}", String::from_utf8_lossy(said));
        }
        for line in log.lines() {
            assert_eq!(search.find(line), None, "{line}");
        }
        // A find that must be made, so that what is not found is not there.
        let planted = self.user.home.path().join("planted");
        fs::write(&planted, BASE64_STANDARD.encode(format!("id:{SECRET}"))).expect("a file");
        assert_eq!(search.files(self.user.home.path()), [planted]);
    }
}

#[test]
fn a_whole_story_leaves_no_secret_and_no_token_in_a_file_a_log_or_a_message_wherever_they_are_kept() {
    told(&User::in_memory());
    if let Some(user) = User::in_keyring() {
        told(&user);
    }
    #[cfg(target_os = "linux")]
    if let Some((_service, user)) = super::desktop::user() {
        told(&user);
    }
}

/// A whole story of this user.
fn told(user: &User) {
    let sandbox = Sandbox::http();
    let mut story = Story::of(user, &sandbox);
    story.log_in_get_and_reject();
    let echo = format!("the secret {SECRET} is wrong");
    story.refused("an echo", Fault::oauth(401, "invalid_client", &echo));
    story.erase_and_stop();
    let log = fs::read_to_string(user.home.state().join("dt-credd.log")).expect("a log");
    // It tells the story, by this project's own events.
    for word in ["listening", "stored", "granted", "no token", "ending"] {
        assert!(log.contains(word), "{word}: {log}");
    }
    assert!(log.lines().all(|line| line.contains(" dt_credd")), "{log}");
    story.holds_nothing(&log);
}

#[test]
fn whatever_the_issuer_echoes_neither_the_log_nor_a_message_repeats_it() {
    // Side by side, as each mostly waits until it may ask the issuer again.
    thread::scope(|scope| {
        for first in 0..STORIES {
            scope.spawn(move || echoed(first));
        }
    });
}

/// Every echo from the `first` on, by steps of [`STORIES`], to a daemon in the foreground.
fn echoed(first: usize) {
    let sandbox = Sandbox::http();
    let mut user = User::in_memory();
    // Of no meaning to the daemon.
    user.home.set("RUST_LOG", "trace");
    let mut daemon = user.home.start_daemon();
    let mut story = Story::of(&user, &sandbox);
    story.log_in_get_and_reject();
    let token = user.token();
    for (name, fault) in echo::faults(SECRET, &token).into_iter().skip(first).step_by(STORIES) {
        story.refused(&name, fault);
    }
    story.erase_and_stop();
    daemon.wait();
    let log = daemon.said();
    assert!(log.contains("no token") && log.contains("granted"), "{log}");
    story.holds_nothing(&log);
}
