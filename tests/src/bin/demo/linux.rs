//! The demo on Linux, with the kernel keyring.

use std::{
    io::Write,
    process::{Command, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result, bail};
use dt_cred_tests::{
    issuer::{Sandbox, Signals},
    parts::{Home, binaries, keyring, on_path, run},
    user::Account,
};

pub(crate) fn main() -> ExitCode {
    match demo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Everything that it makes ends or is removed when its value is dropped, also on failure and after Ctrl-C.
fn demo() -> Result<()> {
    if !on_path(&["curl"]) {
        bail!("curl is missing: install it (Debian: sudo apt-get install curl), then run it again");
    }
    let interrupted = interrupted()?;
    tell("Building dt-credd and dt-cred (the first time takes a minute or two).")?;
    binaries::client();
    let sandbox = Sandbox::http();
    tell(&format!("An issuer that behaves like DataTrails listens on {}.", sandbox.url()))?;
    let account = Account::at(&sandbox);
    tell(&format!("It knows a Custom Integration: CLIENT_ID {}, and its SECRET.", account.client_id))?;

    // A name of its own: the kernel keyring belongs to the user, not to the temporary home.
    let profile = keyring::Profile::unique("demo");
    let mut home = Home::new();
    home.set("DT_CRED_PROFILE", profile.name());
    tell(&format!(
        "A temporary home, {}, and a profile of its own, {}.",
        home.path().display(),
        profile.name()
    ))?;
    let demo = Demo { home, interrupted, url: account.url.clone() };
    let shown = "printf 'client_id=%s\\nclient_secret=%s\\nkeyring=keyutils\\n' … | dt-cred store";
    let kept = demo.step(shown, "dt-cred store", &format!("{}keyring=keyutils\n", account.lines())).is_ok();
    if !kept {
        tell(
            "The kernel refuses its keyring here (a container, most likely): the daemon's memory has to do.",
        )?;
        let shown = shown.replace("keyutils", "memory");
        demo.step(&shown, "dt-cred store", &format!("{}keyring=memory\n", account.lines()))?;
    }
    demo.step("dt-cred status", "dt-cred status", "")?;
    demo.step(
        "curl -H \"$(dt-cred get)\" $URL/archivist/v2/assets",
        "h=$(dt-cred get) && curl -sS -f -H \"$h\" \"$URL/archivist/v2/assets\"",
        "",
    )?;
    if kept {
        demo.step(
            "dt-cred stop     # the next get starts a daemon, which reads the keyring",
            "dt-cred stop",
            "",
        )?;
    }
    // Shells as scripts are: each of them starts its own client.
    let gets = "for i in $(seq 20); do (for j in $(seq 5); do dt-cred get >/dev/null || echo failed; done) & done; wait";
    let asked = sandbox.counts().tokens.total;
    demo.step("100 gets from 20 shells at once", gets, "")?;
    let requests = sandbox.counts().tokens.total - asked;
    tell(&format!("They cost {requests} token request{}.", if requests == 1 { "" } else { "s" }))?;
    demo.step("dt-cred erase", "dt-cred erase", "")?;
    drop(demo);
    let late = sandbox.counts().assets.late;
    tell(&format!(
        "The issuer saw {late} expired tokens. The home, the daemon and the issuer are gone again."
    ))?;
    Ok(())
}

/// The demo's user. What they stored is erased when it is dropped, for the kernel keyring outlives the home.
struct Demo {
    home: Home,
    interrupted: Arc<AtomicBool>,
    url: String,
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.home.dt_cred(&["erase"]);
    }
}

impl Demo {
    /// Shows a command, runs it by a shell in the home, shows what it said.
    fn step(&self, shown: &str, script: &str, stdin: &str) -> Result<()> {
        if self.interrupted.load(Ordering::Relaxed) {
            bail!("interrupted: everything is removed again");
        }
        tell(&format!("\n$ {shown}"))?;
        let mut shell: Command = self.home.command("sh");
        let client = binaries::client();
        let folder = client.parent().context("the client lies in a folder")?;
        let path = std::env::var("PATH").unwrap_or_default();
        shell.env("PATH", format!("{}:{path}", folder.display())).env("URL", &self.url).args(["-c", script]);
        let output = run(shell, stdin);
        let said = output.stdout.trim_end_matches('\n');
        if !said.is_empty() {
            tell(said)?;
        }
        eprint!("{}", output.stderr);
        if self.interrupted.load(Ordering::Relaxed) {
            bail!("interrupted: everything is removed again");
        }
        if output.code != Some(0) {
            bail!("`{shown}` failed");
        }
        Ok(())
    }
}

/// Becomes true at Ctrl-C or SIGTERM, which then end nothing by themselves.
fn interrupted() -> Result<Arc<AtomicBool>> {
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
    Ok(flag)
}

/// Where nobody reads any more, the demo ends, and cleans up.
fn tell(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("cannot write to standard output")
}
