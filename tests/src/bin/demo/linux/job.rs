//! The job: credentials in the keyring, a token for whoever asks.

use anyhow::{Result, bail};
use dt_cred_tests::{issuer::Sandbox, parts::on_path, user::Account};

use super::stage::{Interruption, Stage, tell};

/// Shows it.
pub(super) fn demo(interruption: Interruption) -> Result<()> {
    if !on_path(&["curl"]) {
        bail!("curl is missing: install it (Debian: sudo apt-get install curl), then run it again");
    }
    let mut stage = Stage::built(interruption)?;
    let sandbox = Sandbox::http();
    tell(&format!("An issuer that behaves like DataTrails listens on {}.", sandbox.url()))?;
    let account = Account::at(&sandbox);
    tell(&format!("It knows a Custom Integration: CLIENT_ID {}, and its SECRET.", account.client_id))?;
    stage.set("URL", sandbox.url());
    let profile = stage.profile("DT_CRED_PROFILE", "demo");
    tell(&format!("{}, and a profile of its own, {profile}.", stage.home()))?;

    let keyring = stage.store("dt-cred store", &account)?;
    stage.step("dt-cred status")?;
    stage.step_as(
        "curl -H \"$(dt-cred get)\" $URL/archivist/v2/assets",
        "h=$(dt-cred get) && curl -sS -f -H \"$h\" \"$URL/archivist/v2/assets\"",
    )?;
    if keyring != "memory" {
        stage.step("dt-cred stop     # the next get starts a daemon, which reads the keyring")?;
    }
    // Shells as scripts are: each of them starts its own client.
    let gets = "for i in $(seq 20); do (for j in $(seq 5); do dt-cred get >/dev/null || echo failed; done) & done; wait";
    let asked = sandbox.counts().tokens.total;
    stage.step_as("100 gets from 20 shells at once", gets)?;
    let requests = sandbox.counts().tokens.total - asked;
    tell(&format!("They cost {requests} token request{}.", if requests == 1 { "" } else { "s" }))?;
    stage.step("dt-cred erase")?;
    stage.end()?;
    let late = sandbox.counts().assets.late;
    tell(&format!(
        "The issuer saw {late} expired tokens. The home, the daemon and the issuer are gone again."
    ))
}
