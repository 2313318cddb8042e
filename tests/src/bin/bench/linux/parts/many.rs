//! Ten thousand gets by fifty processes, and how long one takes the more there are at once.

use std::process::Command;

use anyhow::Result;
use dt_cred_tests::issuer::Scheme;

use super::super::{
    crowd,
    fixture::{Fixture, LINE},
    picture::{Curve, Picture},
    report::{Cell, Goal, Limit, Report, Table},
    scale::Scale,
    statistics::{Spread, quantile, sorted},
};

/// How often the crowd comes: each time all of those that are compared have their turn.
const ROUNDS: usize = 5;

/// Processes at once, for the picture.
const CROWDS: [usize; 8] = [1, 2, 5, 10, 20, 50, 100, 200];

/// One of those that are compared, and what each of its rounds took.
struct Subject {
    name: &'static str,
    command: Command,
    all: Vec<f64>,
    medians: Vec<f64>,
    tails: Vec<f64>,
}

impl Subject {
    fn new(name: &'static str, command: Command) -> Self {
        Self { name, command, all: Vec::new(), medians: Vec::new(), tails: Vec::new() }
    }

    /// What the crowd took for it in the rounds, beside what it took for another one.
    fn row(&self, own: Option<&Self>) -> (String, Vec<Cell>) {
        let seconds = |times: &[f64]| Cell::Seconds(Spread::of(times.iter().copied()));
        let cells = vec![
            seconds(&self.all),
            own.map_or(Cell::Nothing, |own| Cell::Ratio(Spread::of_ratios(&own.all, &self.all))),
            seconds(&self.medians),
            seconds(&self.tails),
            Cell::Ratio(Spread::of_ratios(&self.tails, &self.medians)),
        ];
        (self.name.to_owned(), cells)
    }
}

/// Measures it; the picture is of latency against concurrency.
pub(crate) fn measure(scale: &Scale) -> Result<(Report, Picture)> {
    let fixture = Fixture::start(Scheme::Http, LINE)?;
    let mut own = Subject::new("`dt-cred get`", fixture.get());
    let mut others = [
        Subject::new("`cat`", fixture.cat(fixture.line())?),
        Subject::new("`cat` without a locale", fixture.cat_without_locale(fixture.line())?),
        Subject::new("`/bin/true`", fixture.home.command("/bin/true")),
    ];
    let (gets, processes) = scale.crowd;
    for _ in 0..ROUNDS.min(scale.rounds) {
        for subject in std::iter::once(&mut own).chain(&mut others) {
            let took = crowd::run(&subject.command, processes, gets / processes)?;
            let each = sorted(took.each);
            subject.all.push(took.all.as_secs_f64());
            subject.medians.push(quantile(&each, 0.5));
            subject.tails.push(quantile(&each, 0.99));
        }
    }
    let [cat, plain, _] = &others;
    let picture = picture([&own, cat], scale)?;
    let goal = |what, limit, of: &[f64], beside: &[f64]| {
        Goal::new(what, Limit::AtMost(limit), Some(Spread::of_ratios(of, beside).median))
    };
    let report = Report {
        goals: vec![
            goal("10,000 gets by 50 processes / as many `cat`", 1.0, &own.all, &cat.all),
            goal("the same / `cat` without a locale", 1.0, &own.all, &plain.all),
            goal("99th percentile of these gets / their median", 5.0, &own.tails, &own.medians),
        ],
        tables: vec![Table {
            title: "10,000 gets by 50 processes",
            note: "All of them begin at once, and each runs the program 200 times.",
            columns: vec![
                "all of it",
                "`dt-cred get` / this",
                "median of one",
                "99th percentile",
                "99th / median",
            ],
            rows: std::iter::once(own.row(None))
                .chain(others.iter().map(|other| other.row(Some(&own))))
                .collect(),
        }],
    };
    Ok((report, picture))
}

/// The median and the 99th percentile of both, for more and more processes at once.
fn picture(both: [&Subject; 2], scale: &Scale) -> Result<Picture> {
    let curve = |name, part| (Curve { name, points: Vec::new() }, part);
    let mut curves = [
        [curve("dt-cred get, median", 0.5), curve("dt-cred get, 99th", 0.99)],
        [curve("cat, median", 0.5), curve("cat, 99th", 0.99)],
    ];
    let (gets, most) = scale.crowd;
    for processes in CROWDS.into_iter().filter(|processes| *processes <= 4 * most) {
        for (subject, curves) in both.into_iter().zip(&mut curves) {
            let took = crowd::run(&subject.command, processes, (gets / 5 / processes).max(1))?;
            let each = sorted(took.each);
            for (curve, part) in curves {
                curve.points.push((processes as f64, quantile(&each, *part) * 1e3));
            }
        }
    }
    Ok(Picture {
        title: "How long one takes, the more processes ask at once",
        across: "processes at once",
        up: "milliseconds",
        curves: curves.into_iter().flatten().map(|(curve, _)| curve).collect(),
    })
}
