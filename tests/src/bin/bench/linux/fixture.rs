//! A user whose daemon holds a token, as users have them: started by the client, logging as much as it does by itself.

use std::{fs, io, os::unix::net::UnixStream, process::Command};

use anyhow::{Context, Result, ensure};
use dt_cred_proto::message::{Get, Operation};
use dt_cred_tests::{
    issuer::{Sandbox, Scheme},
    parts::{Home, Pid, session},
    user::Account,
};

/// How long the line is that `dt-cred get` prints of a usual token, in bytes.
pub(crate) const LINE: usize = 900;

/// What that line begins with.
const BEGINNING: &str = "Authorization: Bearer ";

/// How long a token lives: none is refreshed while anything is measured.
const LIFETIME: f64 = 86_400.0;

/// A daemon in a home of its own, with a token of its default profile in its memory.
pub(crate) struct Fixture {
    // In this order they are dropped: the daemon is gone before its issuer.
    pub(crate) home: Home,
    pub(crate) sandbox: Sandbox,
    line: String,
}

impl Fixture {
    /// One whose `get` prints a line of so many bytes.
    pub(crate) fn start(scheme: Scheme, line: usize) -> Result<Self> {
        let sandbox = issuer(scheme, line)?;
        let home = quiet_home();
        home.dt_cred_with(&["store"], format!("{}keyring=memory\n", Account::at(&sandbox).lines())).done();
        let printed = home.dt_cred(&["get"]).done();
        ensure!(printed.len() == line, "a line of {} bytes and not of {line}", printed.len());
        Ok(Self { home, sandbox, line: printed })
    }

    /// What `dt-cred get` prints.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// The token in it.
    pub(crate) fn token(&self) -> String {
        self.line.trim_start_matches(BEGINNING).trim_end().to_owned()
    }

    /// `dt-cred get`.
    pub(crate) fn get(&self) -> Command {
        self.home.client(&["get"])
    }

    /// What `dt-cred get` replaces: `cat` of a file with this line in it.
    pub(crate) fn cat(&self, line: &str) -> Result<Command> {
        let file = self.home.path().join("bearer-token.txt");
        fs::write(&file, line)?;
        let mut cat = self.home.command("/bin/cat");
        cat.arg(file);
        Ok(cat)
    }

    /// The same where no locale is set, as cron has it: then it does not read a dozen files of the locale first.
    pub(crate) fn cat_without_locale(&self, line: &str) -> Result<Command> {
        let mut cat = self.cat(line)?;
        cat.env_remove("LANG");
        Ok(cat)
    }

    /// The daemon's process.
    pub(crate) fn daemon(&self) -> Result<Pid> {
        self.home.daemon_pid().context("no daemon listens")
    }

    /// A connection to the daemon.
    pub(crate) fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect(self.home.socket())
    }
}

/// An issuer whose tokens make `get` print a line of so many bytes.
pub(crate) fn issuer(scheme: Scheme, line: usize) -> Result<Sandbox> {
    let sandbox = Sandbox::start(scheme, 0)?;
    sandbox.set(|settings| {
        settings.lifetime = LIFETIME;
        // A signature would take the issuer longer than everything else that is measured.
        settings.opaque = true;
        settings.token_length = Some(line - BEGINNING.len() - 1);
    });
    Ok(sandbox)
}

/// A home whose daemon logs what it logs for everybody.
pub(crate) fn quiet_home() -> Home {
    let mut home = Home::new();
    home.unset("DT_CRED_LOG");
    home
}

/// The frame of `dt-cred get`.
pub(crate) fn request() -> Vec<u8> {
    session::request(Operation::Get(Get::default()))
}

/// The frame of `dt-cred get -p` and this profile's name.
pub(crate) fn request_for(profile: &str) -> Result<Vec<u8>> {
    let profile = Some(profile.parse().context("a profile's name")?);
    Ok(session::request(Operation::Get(Get { profile, ..Get::default() })))
}
