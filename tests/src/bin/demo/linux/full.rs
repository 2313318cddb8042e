//! The guide, from an Owner's profile to assets and back, with no secret but the Owner's in anybody's hands.

use anyhow::{Result, ensure};
use dt_cred_tests::{issuer::Sandbox, user::Account};

use super::stage::{Interruption, Stage, tell};

/// Walks it, and ends at the first step that has not done what it is there for.
pub(super) fn demo(interruption: Interruption) -> Result<()> {
    let mut stage = Stage::built(interruption)?;
    let sandbox = Sandbox::http();
    // Access policies decide what is seen, as they do there.
    sandbox.set(|settings| settings.policy = false);
    tell(&format!("An issuer that behaves like DataTrails listens on {}.", sandbox.url()))?;
    let owner = Account::owner_at(&sandbox);
    tell(&format!("Its tenancy has an Owner: CLIENT_ID {}, and its SECRET.", owner.client_id))?;
    let (boss, made) = (stage.profile("OWNER", "owner"), stage.profile("NAME", "line"));
    tell(&format!("{}, and two profiles of its own: OWNER={boss}, NAME={made}.", stage.home()))?;

    let keyring = stage.store("dt-cred store -p \"$OWNER\"", &owner)?;
    ensure!(sandbox.counts().tokens.total > 0, "the Owner is stored, but no token has proven it");

    tell("\nAn integration is made. Its secret goes from the API into the keyring; nobody sees it.")?;
    let guide = Guide { stage: &stage, sandbox: &sandbox };
    guide.step(
        &format!("dt-cred integration create \"$NAME\" --as \"$OWNER\" --keyring {keyring}"),
        "the API knows it",
        |_| guide.id_of(&made).is_some(),
    )?;
    let id = guide.id_of(&made).unwrap_or_default();
    let asked = sandbox.counts().assets.ok;
    guide.step("dt-cred test -p \"$NAME\"", "the API was asked, and lists nothing yet", |said| {
        sandbox.counts().assets.ok > asked && said.contains("lists nothing")
    })?;
    guide.step(
        "dt-cred integration grant \"$NAME\" --as \"$OWNER\" --read",
        "the API has one access policy",
        |_| sandbox.policies().len() == 1,
    )?;
    guide.step("dt-cred test -p \"$NAME\"", "the API lists assets", lists_assets)?;

    tell("\nIts secret is replaced, and the daemon serves on.")?;
    let (daemon, secrets) = (stage.daemon(), sandbox.secrets().len());
    guide.step(
        "dt-cred integration rotate \"$NAME\" --as \"$OWNER\"",
        "the API has made a new secret",
        |_| sandbox.secrets().len() == secrets + 1,
    )?;
    let tokens = sandbox.counts().tokens;
    guide.step(
        "dt-cred get -p \"$NAME\" >/dev/null && dt-cred get -p \"$NAME\" --fresh >/dev/null && dt-cred test -p \"$NAME\"",
        "the same daemon got a token by the new secret, and the API lists assets",
        |said| {
            let now = sandbox.counts().tokens;
            let served = now.total > tokens.total && now.refused == tokens.refused;
            served && stage.daemon() == daemon && lists_assets(said)
        },
    )?;
    guide
        .step("dt-cred inspect -p \"$NAME\"", "the token is the integration's", |said| said.contains(&id))?;

    tell("\nEverything goes again.")?;
    guide.step(
        "dt-cred integration delete \"$NAME\" --as \"$OWNER\" --yes",
        "the API knows it no more",
        |_| guide.id_of(&made).is_none(),
    )?;
    guide.step(
        "dt-cred erase -p \"$NAME\" && dt-cred erase -p \"$OWNER\"",
        "nothing is stored any more",
        |_| [&made, &boss].into_iter().all(|profile| stage.is_erased(profile)),
    )?;
    stage.stop()?;
    stage.end()?;
    tell(
        "The integration, the home, the daemon and the issuer are gone again. No secret was typed but the Owner's, and none shown.",
    )
}

fn lists_assets(said: &str) -> bool {
    said.starts_with("works: ") && !said.contains("lists nothing") && said.contains(" asset")
}

/// Where the guide is walked.
struct Guide<'a> {
    stage: &'a Stage,
    sandbox: &'a Sandbox,
}

impl Guide<'_> {
    /// Takes a step, after which this must hold, whatever it said of itself.
    fn step(&self, command: &str, outcome: &str, holds: impl FnOnce(&str) -> bool) -> Result<()> {
        let said = self.stage.step(command)?;
        ensure!(holds(&said), "`{command}` succeeded, but this does not hold: {outcome}");
        Ok(())
    }

    /// The client id of the integration that has this name.
    fn id_of(&self, name: &str) -> Option<String> {
        let known = self.sandbox.integrations();
        let known = known.iter().find(|known| known["display_name"] == name)?;
        known["client_id"].as_str().map(str::to_owned)
    }
}
