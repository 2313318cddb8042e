//! What one `dt-cred get` takes, from before it is started until it is gone, beside what it replaces.

use std::process::Command;

use anyhow::Result;
use dt_cred_tests::{
    issuer::{Sandbox, Scheme},
    user::Account,
};

use super::super::{
    fixture::{self, Fixture, LINE},
    others,
    report::{Cell, Goal, Limit, Report, Table},
    scale::Scale,
    spawn::{Cost, Program},
    statistics::Spread,
};

/// How often what the guides do is run in a round of ten: it takes as long as many others.
const SELDOM: usize = 5;

/// What all others are compared with.
const OWN: &str = "`dt-cred get`";

/// The documented way, as the guides have it.
const BY_HAND: &str = r#"curl "$TOKEN_URL" --data-urlencode "grant_type=client_credentials" --data-urlencode "client_id=${CLIENT_ID}" --data-urlencode "client_secret=${SECRET}" | jq -r .access_token"#;

/// One of those that are compared.
struct Subject {
    name: &'static str,
    program: Program,
    /// It has one turn while others have so many.
    seldom: usize,
    goal: Option<(&'static str, Limit)>,
    /// Of each round.
    costs: Vec<Vec<Cost>>,
}

impl Subject {
    fn new(name: &'static str, program: Program, goal: Option<(&'static str, Limit)>) -> Self {
        Self { name, program, seldom: 1, goal, costs: Vec::new() }
    }

    /// What its middle run took in each round.
    fn rounds(&self, of: impl Fn(&Cost) -> f64) -> Vec<f64> {
        self.costs.iter().map(|costs| Spread::of(costs.iter().map(&of)).median).collect()
    }

    fn spread(&self, of: impl Fn(&Cost) -> f64) -> Spread {
        Spread::of(self.costs.iter().flatten().map(of))
    }
}

/// Measures it.
pub(crate) fn measure(scale: &Scale) -> Result<Report> {
    let fixture = Fixture::start(Scheme::Http, LINE)?;
    let tls = fixture::issuer(Scheme::Https, LINE)?;
    let (git, oidc) = (others::git_cache(&fixture.token())?, others::oidc_agent(&fixture.token())?);
    let goal = |what, limit| Some((what, Limit::AtMost(limit)));
    let mut subjects = vec![
        Subject::new(OWN, Program::of(&fixture.get())?, None),
        Subject::new(
            "`/bin/true`",
            Program::of(&fixture.home.command("/bin/true"))?,
            goal("`dt-cred get` / `/bin/true`", 1.15),
        ),
        Subject::new(
            "`cat` of the token's file",
            Program::of(&fixture.cat(fixture.line())?)?,
            goal("`dt-cred get` / `cat`", 0.85),
        ),
        Subject::new(
            "the same without a locale",
            Program::of(&fixture.cat_without_locale(fixture.line())?)?,
            goal("`dt-cred get` / `cat` without a locale", 0.85),
        ),
    ];
    for (other, name, goal) in [
        (&git, "`git credential-cache get`", goal("`dt-cred get` / `git credential-cache get`", 0.55)),
        (&oidc, "`oidc-token`", goal("`dt-cred get` / `oidc-token`", 0.5)),
    ] {
        if let Some((command, input)) = other.as_ref().and_then(|other| other.get.as_ref()) {
            subjects.push(Subject::new(name, Program::reading(command, input)?, goal));
        }
    }
    let by_hand = [
        ("the documented way, without TLS", &fixture.sandbox, None),
        ("the documented way", &tls, goal("`dt-cred get` / the documented way", 1.0 / 30.0)),
    ];
    for (name, issuer, goal) in by_hand {
        let mut subject = Subject::new(name, Program::of(&documented(&fixture, issuer))?, goal);
        subject.seldom = SELDOM;
        subjects.push(subject);
    }
    for _ in 0..scale.rounds {
        round(&mut subjects, scale.runs)?;
    }
    Ok(report(&subjects))
}

/// Everybody has their turns, one after another, and every second time in the other order: whoever comes after one that
/// takes much finds less of its own in the processor's caches.
fn round(subjects: &mut [Subject], runs: usize) -> Result<()> {
    subjects.iter_mut().for_each(|subject| subject.costs.push(Vec::new()));
    for run in 0..runs {
        if run % 2 == 1 {
            subjects.reverse();
        }
        for subject in subjects.iter_mut().filter(|subject| run % subject.seldom == 0) {
            let cost = subject.program.run()?;
            subject.costs.last_mut().into_iter().for_each(|costs| costs.push(cost));
        }
        if run % 2 == 1 {
            subjects.reverse();
        }
    }
    Ok(())
}

fn documented(fixture: &Fixture, issuer: &Sandbox) -> Command {
    let account = Account::at(issuer);
    let mut shell = fixture.home.command("/bin/sh");
    shell.args(["-c", BY_HAND]);
    shell
        .env("TOKEN_URL", issuer.token_url())
        .env("CLIENT_ID", account.client_id)
        .env("SECRET", account.client_secret);
    if let Some(file) = account.ca_file {
        shell.env("CURL_CA_BUNDLE", file);
    }
    shell
}

fn report(subjects: &[Subject]) -> Report {
    let (wall, cpu) = (|cost: &Cost| cost.wall.as_secs_f64(), |cost: &Cost| cost.cpu.as_secs_f64());
    let own = |of: fn(&Cost) -> f64| subjects.first().map(|own| own.rounds(of)).unwrap_or_default();
    let (own_wall, own_cpu) = (own(wall), own(cpu));
    let mut report = Report::default();
    let mut table = Table {
        title: "One `get`",
        note: "Whole processes. A ratio is of the middle runs of a round, in which everybody has their turns by turns; the processor's is of the process alone, without the daemon.",
        columns: vec!["time", "`dt-cred get` / this", "processor", "`dt-cred get` / this", "page faults"],
        rows: Vec::new(),
    };
    for subject in subjects {
        let ratios = [
            Spread::of_ratios(&own_wall, &subject.rounds(wall)),
            Spread::of_ratios(&own_cpu, &subject.rounds(cpu)),
        ];
        if let Some((what, limit)) = subject.goal {
            report.goals.push(Goal::new(what, limit, Some(ratios[0].median)));
        }
        let [by_wall, by_cpu] =
            ratios.map(|ratio| if subject.name == OWN { Cell::Nothing } else { Cell::Ratio(ratio) });
        let cells = vec![
            Cell::Seconds(subject.spread(wall)),
            by_wall,
            Cell::Seconds(subject.spread(cpu)),
            by_cpu,
            Cell::Count(subject.spread(|cost| cost.faults as f64).median),
        ];
        table.rows.push((subject.name.to_owned(), cells));
    }
    report.tables.push(table);
    report
}
