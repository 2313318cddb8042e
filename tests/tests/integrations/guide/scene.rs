//! A user whose profile is that of an Owner, and all that is said to them.

use std::fs;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, keyring::Profile, run},
    search::Search,
    user::{Account, User},
};
use serde_json::Value;

/// A sandbox, and a user whose profile is that of an Owner. What is made is kept as a second profile.
pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) user: User,
    pub(crate) made: Profile,
    keyring: &'static str,
    said: Vec<(String, String)>,
}

impl Scene {
    /// One whose credentials are in the daemon's memory.
    pub(crate) fn in_memory() -> Self {
        Self::of(User::in_memory(), "memory")
    }

    /// The user's, who keeps what is made in this store.
    pub(crate) fn of(user: User, keyring: &'static str) -> Self {
        let sandbox = Sandbox::http();
        // What an access policy grants, and nothing else.
        sandbox.set(|settings| settings.policy = false);
        let scene = Self { sandbox, user, made: Profile::unique("made"), keyring, said: Vec::new() };
        scene.user.log_in(&Account::owner_at(&scene.sandbox));
        scene
    }

    /// The words of an `integration` command: `MADE` is the second profile, `OWNER` the first, `STORE` where things are kept.
    pub(crate) fn words<'a>(&'a self, command: &'a str) -> Vec<&'a str> {
        let word = |word| match word {
            "MADE" => self.made.name(),
            "OWNER" => self.user.profile(),
            "STORE" => self.keyring,
            other => other,
        };
        command.split(' ').map(word).collect()
    }

    /// Runs the client with these [words](Self::words), and keeps what it says.
    #[track_caller]
    pub(crate) fn run(&mut self, command: &str) -> Output {
        let output = run(self.user.home.client(&self.words(command)), "");
        self.said.push((command.to_owned(), output.stderr.clone()));
        // What a `get` prints is a token.
        if !command.starts_with("get ") {
            self.said.push((command.to_owned(), output.stdout.clone()));
        }
        output
    }

    /// Runs what prints JSON.
    #[track_caller]
    pub(crate) fn json(&mut self, command: &str) -> Value {
        serde_json::from_str(&self.run(command).done()).expect("JSON")
    }

    /// Has an integration made and kept, and gives its client id.
    #[track_caller]
    pub(crate) fn create(&mut self) -> String {
        self.run("integration create MADE --as OWNER --keyring STORE").done();
        let made = self.sandbox.integrations().pop().expect("it was made");
        made["client_id"].as_str().expect("an id").to_owned()
    }

    /// A search for every secret and token of this sandbox.
    pub(crate) fn search(&self) -> Search {
        Search::of(self.sandbox.secrets().into_iter().chain(self.sandbox.tokens()))
    }

    /// Sees that nothing that was said, no log and no file holds a secret or a token.
    #[track_caller]
    pub(crate) fn holds_nothing(&self) {
        let search = self.search();
        for (command, said) in &self.said {
            assert_eq!(search.find(said), None, "{command}: {said}");
        }
        let log = fs::read_to_string(self.user.home.state().join("dt-credd.log")).expect("a log");
        assert!(log.contains("an integration was made"), "{log}");
        for line in log.lines() {
            assert_eq!(search.find(line), None, "{line}");
        }
        // A find that must be made, so that what is not found is not there.
        let planted = self.user.home.path().join("planted");
        fs::write(&planted, self.sandbox.secrets().join("\n")).expect("a file");
        assert_eq!(search.files(self.user.home.path()), [planted]);
    }
}
