//! What is asked of issuer and API only to see whether they answer: `test` and `doctor`.

use std::time::{Duration, SystemTime};

use dt_cred_proto::{
    message::{Failure, FailureKind, Finding, Get, Reject, SecretStatus, Subject, Tested, Token, Verdict},
    profile::Profile,
    text::Text,
};
use tokio::time::timeout;

use super::{
    Keeper,
    command::{Answer, Command},
    item::Item,
    proxy,
    refusal::hung,
    rotate,
};
use crate::{
    api::{Assets, Holder, Refused, Why},
    clock,
    credentials::{Credentials, host},
    http::{Fault, Stage},
};

/// How long before the deadline a step gives up: what was found until then is told in that time.
const ANSWER: Duration = Duration::from_millis(200);

/// How far the clocks of this machine and of an issuer may be apart: who validates a token allows as much.
const APART: Duration = Duration::from_secs(60);

impl Keeper {
    /// Uses the token for the API's list of assets. Where it is refused, another one is got and tried once.
    ///
    /// # Errors
    /// Why there is no token, or what the API says to it.
    pub async fn test(&self, profile: Option<Profile>, deadline: Duration) -> Result<Tested, Failure> {
        let profile = profile.unwrap_or_else(|| self.default_profile());
        self.try_token(&profile, deadline).await.map_err(|refused| refused.failure)
    }

    async fn try_token(&self, profile: &Profile, deadline: Duration) -> Result<Tested, Refused> {
        let (held, credentials) = self.any_token(profile, deadline).await?;
        let (credentials, listed, renewed) = match self.assets(profile, &credentials, &held, deadline).await {
            Err(refused) if refused.why == Why::Unauthorized => {
                let generation = Some(held.generation);
                self.reject(Reject { profile: Some(profile.clone()), generation, force: false }).await?;
                let (other, credentials) = self.any_token(profile, deadline).await?;
                let listed = self.assets(profile, &credentials, &other, deadline).await;
                (credentials, listed, true)
            }
            listed => (credentials, listed, false),
        };
        let Assets { count: assets, more } = listed?;
        let (url, client_id) = (credentials.url.as_str().into(), credentials.client_id.as_str().into());
        Ok(Tested { profile: profile.clone(), url, client_id, assets, more, renewed })
    }

    async fn assets(
        &self,
        profile: &Profile,
        credentials: &Credentials,
        token: &Token,
        deadline: Duration,
    ) -> Result<Assets, Refused> {
        let proxy = self.0.config().profile(profile).proxy;
        let holder = Holder { profile, credentials, proxy: &proxy, token: &token.access_token };
        let listed = self.0.api.assets(&holder);
        timeout(left(deadline), listed).await.unwrap_or_else(|_| {
            let host = host(&credentials.url);
            let what = format!(
                "profile {profile}: {host} gave no answer in time: try again, or with a longer --timeout"
            );
            Err(Failure::new(FailureKind::TryLater, what).into())
        })
    }

    /// A token, and the credentials that it was got by: it goes to no other address than theirs.
    async fn any_token(&self, profile: &Profile, deadline: Duration) -> Answer {
        self.granted(Get { profile: Some(profile.clone()), ..Get::default() }, deadline).await
    }

    /// What is held of a profile's credentials, else what its keyring gives.
    pub(super) async fn item(&self, profile: &Profile, deadline: Duration) -> Result<Item, Failure> {
        match self.ask(Some(profile.clone()), |reply| Command::Item { reply }).await? {
            Some(item) => Ok(item),
            None => timeout(left(deadline), self.0.load(profile))
                .await
                .unwrap_or_else(|_| Err(hung(profile, self.0.source(profile)))),
        }
    }

    /// Looks at everything between a profile and a token, up to the first that keeps the next from it.
    pub async fn examine(&self, profile: &Profile, deadline: Duration) -> Vec<Finding> {
        let deadline = deadline.saturating_sub(ANSWER);
        let item = match self.item(profile, deadline).await {
            Ok(item) => item,
            Err(failure) => return vec![fails(Subject::Credentials, failure.message)],
        };
        let mut findings = vec![ok(Subject::Credentials, format!("they are there, in {}", item.keyring))];
        let rotation = self.0.state.remembered(profile).and_then(|kept| kept.rotation);
        findings.extend(of_secret(profile, item.credentials.ends(), rotation.as_ref(), SystemTime::now()));
        let preferred = self.0.config().profile(profile).proxy;
        let by = proxy::in_use(&preferred, &item.credentials.token_url);
        let before = clock::now();
        let reached =
            timeout(left(deadline), self.0.issuer.reach(profile, &item.credentials, &preferred)).await;
        let reached = reached.unwrap_or_else(|_| {
            let what = "the issuer gave no answer in time; give it longer with --timeout".to_owned();
            Err(Fault { stage: Stage::Answer, passes: true, what })
        });
        findings.extend(on_the_way(reached.as_ref().err(), &item.credentials.token_url, by.as_ref()));
        let Ok(date) = reached else { return findings };
        findings.push(against(date, before.wall, clock::now().wall));
        match self.any_token(profile, deadline).await {
            Ok((token, _)) => {
                let seconds = token.expires_in_ms / 1000;
                findings.push(ok(Subject::Token, format!("there is one, valid for {seconds} s")));
                findings.push(of_api(self.try_token(profile, deadline).await));
            }
            Err(failure) => findings.push(fails(Subject::Token, failure.message)),
        }
        findings
    }
}

/// What is left until then.
fn left(deadline: Duration) -> Duration {
    deadline.saturating_sub(clock::now().boot)
}

fn ok(subject: Subject, message: impl Into<Text>) -> Finding {
    Finding { subject, verdict: Verdict::Ok, message: message.into() }
}

fn warning(subject: Subject, message: impl Into<Text>) -> Finding {
    Finding { subject, verdict: Verdict::Warning, message: message.into() }
}

fn fails(subject: Subject, message: impl Into<Text>) -> Finding {
    Finding { subject, verdict: Verdict::Fails, message: message.into() }
}

/// How far a request to the issuer came, step by step.
fn on_the_way(fault: Option<&Fault>, token_url: &str, proxy: Option<&Text>) -> Vec<Finding> {
    let host = host(token_url);
    let plain = token_url.starts_with("http://");
    let mut steps = vec![match proxy {
        Some(proxy) => (Stage::Name, ok(Subject::Name, format!("{host} is looked for by the proxy {proxy}"))),
        None => (Stage::Name, ok(Subject::Name, format!("{host} has an address"))),
    }];
    let way = proxy.map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"));
    steps.push((Stage::Connection, ok(Subject::Connection, format!("{host} takes connections{way}"))));
    steps.push(match plain {
        true => (Stage::Tls, ok(Subject::Tls, format!("none: {host} is this machine"))),
        false => (Stage::Tls, ok(Subject::Tls, format!("the certificate of {host} is trusted"))),
    });
    let Some(fault) = fault else { return steps.into_iter().map(|(_, finding)| finding).collect() };
    let subject = match fault.stage {
        Stage::Name => Subject::Name,
        Stage::Connection | Stage::Answer => Subject::Connection,
        Stage::Before | Stage::Tls => Subject::Tls,
    };
    let passed =
        steps.into_iter().filter(|(stage, finding)| *stage < fault.stage && finding.subject != subject);
    passed.map(|(_, finding)| finding).chain([fails(subject, fault.what.as_str())]).collect()
}

/// This machine's wall clock, which showed these two moments before and after the issuer told its own.
fn against(date: Option<SystemTime>, before: Duration, after: Duration) -> Finding {
    let Some(date) = date.and_then(|date| date.duration_since(SystemTime::UNIX_EPOCH).ok()) else {
        return ok(Subject::Clock, "the issuer tells none to compare with");
    };
    let (early, late) = (date.saturating_sub(after), before.saturating_sub(date));
    let mend = "set the clock (as by timedatectl set-ntp true): tokens seem to expire too early or too late";
    if early > APART {
        let seconds = early.as_secs();
        return warning(Subject::Clock, format!("it is {seconds} s behind the issuer's; {mend}"));
    }
    if late > APART {
        let seconds = late.as_secs();
        return warning(Subject::Clock, format!("it is {seconds} s ahead of the issuer's; {mend}"));
    }
    ok(Subject::Clock, format!("it is within {} s of the issuer's", early.max(late).as_secs() + 1))
}

/// What is to be done about a secret: it ends soon or has ended, or a rotation of it has not.
fn of_secret(
    profile: &Profile,
    valid_until: Option<i64>,
    rotation: Option<&Profile>,
    now: SystemTime,
) -> Vec<Finding> {
    let left =
        valid_until.map(|end| rotate::seconds_left(end, now)).filter(|left| *left <= SecretStatus::SOON);
    let end = left.map(|left| match left {
        ..=0 => "the secret has ended by its date".to_owned(),
        left => format!("the secret ends in {}", days(left)),
    });
    let end = end.map(|end| {
        format!(
            "{end}: dt-cred integration rotate {profile} --as OWNER gives another one, where the profile OWNER is an Owner's; \
             else enter another one by dt-cred login -p {profile}"
        )
    });
    let begun = rotation.map(|owner| {
        let finish = rotate::command(profile, owner);
        format!("a rotation of its secret as profile {owner} began and has not ended: {finish} finishes it")
    });
    end.into_iter().chain(begun).map(|message| warning(Subject::Credentials, message)).collect()
}

/// So many seconds, in words.
fn days(seconds: i64) -> String {
    match seconds / (24 * 60 * 60) {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

fn of_api(tried: Result<Tested, Refused>) -> Finding {
    match tried {
        Ok(Tested { assets: Some(0), more: false, profile, .. }) => warning(
            Subject::Api,
            format!(
                "it takes the token, and no access policy grants anything yet: dt-cred -p {profile} test tells how"
            ),
        ),
        Ok(Tested { url, renewed: true, .. }) => warning(
            Subject::Api,
            format!("{url} refused the token that was held, and takes the one that was got in its place"),
        ),
        Ok(Tested { url, .. }) => ok(Subject::Api, format!("{url} takes the token")),
        Err(Refused { why: Why::Forbidden | Why::NotThere, failure }) => {
            warning(Subject::Api, failure.message)
        }
        Err(Refused { failure, .. }) => fails(Subject::Api, failure.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(findings: &[Finding]) -> Vec<(Subject, Verdict)> {
        findings.iter().map(|finding| (finding.subject, finding.verdict)).collect()
    }

    #[test]
    fn a_request_that_did_not_arrive_is_told_by_the_step_that_it_came_to() {
        use Subject::{Connection, Name, Tls};
        use Verdict::{Fails, Ok};
        let cases = [
            (None, vec![(Name, Ok), (Connection, Ok), (Tls, Ok)]),
            (Some(Stage::Name), vec![(Name, Fails)]),
            (Some(Stage::Connection), vec![(Name, Ok), (Connection, Fails)]),
            (Some(Stage::Tls), vec![(Name, Ok), (Connection, Ok), (Tls, Fails)]),
            (Some(Stage::Answer), vec![(Name, Ok), (Tls, Ok), (Connection, Fails)]),
            (Some(Stage::Before), vec![(Tls, Fails)]),
        ];
        for (stage, expected) in cases {
            let fault =
                stage.map(|stage| Fault { stage, passes: true, what: "why, and the mend".to_owned() });
            let findings = on_the_way(fault.as_ref(), "https://issuer.example/token", None);
            assert_eq!(verdicts(&findings), expected, "{stage:?}");
            assert_eq!(
                findings.iter().any(|finding| finding.message.as_str() == "why, and the mend"),
                stage.is_some()
            );
        }
    }

    #[test]
    fn a_proxy_and_a_loopback_issuer_are_told() {
        let said = |url, proxy: Option<&str>| {
            let findings = on_the_way(None, url, proxy.map(Text::new).as_ref());
            findings.iter().map(|finding| finding.message.to_string()).collect::<Vec<_>>().join("|")
        };
        assert_eq!(
            said("https://issuer.example/token", Some("http://proxy:3128")),
            "issuer.example is looked for by the proxy http://proxy:3128|issuer.example takes connections through \
             the proxy http://proxy:3128|the certificate of issuer.example is trusted"
        );
        assert!(said("http://127.0.0.1:8080/token", None).ends_with("none: 127.0.0.1:8080 is this machine"));
    }

    #[test]
    fn a_secret_that_ends_within_30_days_and_a_rotation_that_has_not_ended_are_warned_of() {
        let profile: Profile = "work".parse().unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let at = |seconds: i64| Some(1_000_000_000 + seconds);
        for (end, words) in [
            (None, None),
            (at(SecretStatus::SOON + 1), None),
            (at(SecretStatus::SOON), Some("ends in 30 days")),
            (at(2 * 86_400 - 1), Some("ends in 1 day:")),
            (at(1), Some("ends in less than a day")),
            (at(0), Some("has ended by its date")),
            (Some(i64::MIN), Some("has ended by its date")),
        ] {
            let findings = of_secret(&profile, end, None, now);
            assert_eq!(findings.len(), usize::from(words.is_some()), "{end:?}");
            for finding in findings {
                assert_eq!((finding.subject, finding.verdict), (Subject::Credentials, Verdict::Warning));
                let said = finding.message.as_str();
                assert!(words.is_some_and(|words| said.contains(words)), "{end:?}: {said}");
                assert!(said.contains("dt-cred integration rotate work --as OWNER"), "{said}");
            }
        }
        let owner: Profile = "boss".parse().unwrap();
        let findings = of_secret(&profile, at(0), Some(&owner), now);
        assert!(
            findings[1].message.as_str().contains("`dt-cred integration rotate work --as boss` finishes it")
        );
    }

    #[test]
    fn a_clock_is_judged_by_what_lies_outside_the_request() {
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let (before, after) = (Duration::from_secs(1000), Duration::from_secs(1010));
        let cases = [
            (at(1005), Verdict::Ok, "within 1 s"),
            (at(1070), Verdict::Ok, "within 61 s"),
            (at(1071), Verdict::Warning, "61 s behind"),
            (at(940), Verdict::Ok, "within 61 s"),
            (at(939), Verdict::Warning, "61 s ahead"),
            (None, Verdict::Ok, "tells none"),
        ];
        for (date, verdict, said) in cases {
            let finding = against(date, before, after);
            assert_eq!(
                (finding.verdict, finding.message.as_str().contains(said)),
                (verdict, true),
                "{}",
                finding.message
            );
        }
    }
}
