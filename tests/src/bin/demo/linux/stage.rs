//! Where a demo takes place: a temporary home, profiles of its own, and a shell whose commands are shown.

use std::{
    env,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result, bail, ensure};
use dt_cred_tests::{
    issuer::Signals,
    parts::{Home, Output, Pid, binaries, keyring::Profile, run},
    user::Account,
};

/// The exit code of a keyring that cannot be used.
const NO_KEYRING: i32 = 6;

/// Where the demo cannot use the kernel's keyring.
const MEMORY: &str =
    "The kernel refuses its keyring here (a container, most likely): the daemon's memory has to do.";

/// The home of a demo's user. Everything that they make ends or is removed when it is dropped, also on failure and after Ctrl-C:
/// what they stored is erased, for the kernel keyring outlives the home.
pub(super) struct Stage {
    home: Home,
    interruption: Interruption,
    profiles: Vec<Profile>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        for profile in &self.profiles {
            self.home.dt_cred(&["erase", "-p", profile.name()]);
        }
    }
}

impl Stage {
    /// Builds the programs, and gives them a home.
    pub(super) fn built(interruption: Interruption) -> Result<Self> {
        tell("Building dt-credd and dt-cred (the first time takes a minute or two).")?;
        let client = binaries::client();
        let folder = client.parent().context("the client lies in a folder")?;
        let mut home = Home::new();
        home.set("PATH", format!("{}:{}", folder.display(), env::var("PATH").unwrap_or_default()));
        Ok(Self { home, interruption, profiles: Vec::new() })
    }

    /// Sets a variable for every step from now on.
    pub(super) fn set(&mut self, variable: &str, value: &str) {
        self.home.set(variable, value);
    }

    /// A profile whose name stands in a variable: one of its own, as the kernel keyring is the user's.
    pub(super) fn profile(&mut self, variable: &str, start: &str) -> String {
        let profile = Profile::unique(start);
        let name = profile.name().to_owned();
        self.set(variable, &name);
        self.profiles.push(profile);
        name
    }

    /// The home, in words.
    pub(super) fn home(&self) -> String {
        format!("A temporary home, {}", self.home.path().display())
    }

    /// The daemon that runs.
    pub(super) fn daemon(&self) -> Option<Pid> {
        self.home.daemon_pid()
    }

    /// Whether the profile has nothing stored.
    pub(super) fn is_erased(&self, profile: &str) -> bool {
        self.home.dt_cred(&["get", "-p", profile]).code == Some(5)
    }

    /// Stores an account by this command, in the kernel's keyring where that may be; says in which one.
    pub(super) fn store(&self, command: &str, account: &Account) -> Result<&'static str> {
        let store = |keyring: &'static str| {
            let shown =
                format!("printf 'client_id=%s\\nclient_secret=%s\\nkeyring={keyring}\\n' … | {command}");
            let output = self.show(&shown, command, &format!("{}keyring={keyring}\n", account.lines()))?;
            anyhow::Ok((shown, keyring, output))
        };
        let mut stored = store("keyutils")?;
        if stored.2.code == Some(NO_KEYRING) {
            tell(MEMORY)?;
            stored = store("memory")?;
        }
        let (shown, keyring, output) = stored;
        succeeded(&shown, &output)?;
        Ok(keyring)
    }

    /// Shows a command, has a shell run it in the home, shows what it says and gives its standard output.
    pub(super) fn step(&self, command: &str) -> Result<String> {
        self.step_as(command, command)
    }

    /// The same for a command that is shown in other words.
    pub(super) fn step_as(&self, shown: &str, command: &str) -> Result<String> {
        let output = self.show(shown, command, "")?;
        succeeded(shown, &output)?;
        Ok(output.stdout)
    }

    /// Ends the daemon, when everything that was stored is erased.
    pub(super) fn stop(&mut self) -> Result<()> {
        self.step("dt-cred stop")?;
        ensure!(self.daemon().is_none(), "`dt-cred stop` succeeded, but a daemon runs");
        // To erase them once more would start another one.
        self.profiles.clear();
        Ok(())
    }

    /// Removes everything.
    pub(super) fn end(self) -> Result<()> {
        let folder = self.home.path().to_owned();
        drop(self);
        ensure!(!folder.exists(), "the home {} could not be removed", folder.display());
        Ok(())
    }

    fn show(&self, shown: &str, command: &str, stdin: &str) -> Result<Output> {
        self.interruption.check()?;
        tell(&format!("\n$ {shown}"))?;
        let mut shell = self.home.command("sh");
        shell.args(["-c", command]);
        let output = run(shell, stdin);
        let said = output.stdout.trim_end_matches('\n');
        if !said.is_empty() {
            tell(said)?;
        }
        eprint!("{}", output.stderr);
        self.interruption.check()?;
        Ok(output)
    }
}

fn succeeded(shown: &str, output: &Output) -> Result<()> {
    match output.code {
        Some(0) => Ok(()),
        Some(code) => bail!("`{shown}` failed with exit code {code}"),
        None => bail!("`{shown}` was killed"),
    }
}

/// Where nobody reads any more, the demo ends, and cleans up.
pub(super) fn tell(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("cannot write to standard output")
}

/// Whether there was a Ctrl-C or SIGTERM, which end nothing by themselves.
pub(super) struct Interruption(Arc<AtomicBool>);

impl Interruption {
    /// Takes them over.
    pub(super) fn caught() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&flag);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut signals = {
            let _entered = runtime.enter();
            Signals::caught().context("cannot take over Ctrl-C")?
        };
        std::thread::spawn(move || {
            runtime.block_on(async {
                loop {
                    signals.received().await;
                    seen.store(true, Ordering::Relaxed);
                }
            });
        });
        Ok(Self(flag))
    }

    fn check(&self) -> Result<()> {
        ensure!(!self.0.load(Ordering::Relaxed), "interrupted: everything is removed again");
        Ok(())
    }
}
