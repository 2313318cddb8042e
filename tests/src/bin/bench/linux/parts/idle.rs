//! What idle daemons do: how often they are woken, and how much of a processor they take.

use std::time::Duration;

use anyhow::Result;
use dt_cred_tests::{issuer::Scheme, parts::Pid};

use super::super::{
    fixture::{Fixture, LINE},
    interrupted, others,
    process::{Activity, Work, family},
    report::{Cell, Goal, Limit, Report, Table},
    scale::Scale,
    statistics::Spread,
};

/// Measures it. All of them are looked at in the same time, and nobody asks them anything.
pub(crate) fn measure(scale: &Scale) -> Result<Report> {
    let fixture = Fixture::start(Scheme::Https, LINE)?;
    let mut others = others::all(&fixture.token())?;
    others.sort_by_key(|other| other.name);
    let own = ("dt-credd", vec![fixture.daemon()?]);
    let families = others.iter().map(|other| Ok((other.name, family(other.pid)?)));
    let watched = std::iter::once(Ok(own)).chain(families).collect::<Result<Vec<(&str, Vec<Pid>)>>>()?;
    let look = || watched.iter().map(|(_, pids)| Activity::of(pids)).collect::<Result<Vec<_>>>();
    // They may end what they had begun for the last request.
    interrupted::wait(scale.settling)?;
    let before = look()?;
    interrupted::wait(scale.idle)?;
    let did: Vec<Work> = look()?.iter().zip(&before).map(|(after, before)| after.since(before)).collect();
    let exactly = |time: Duration| {
        let seconds = time.as_secs_f64();
        Cell::Seconds(Spread { low: seconds, median: seconds, high: seconds })
    };
    let row = |((name, _), did): (&(&str, Vec<Pid>), &Work)| {
        ((*name).to_owned(), vec![Cell::Count(did.wakes as f64), exactly(did.cpu)])
    };
    let wakes = did.first().map(|own| own.wakes as f64);
    Ok(Report {
        goals: vec![Goal::new("idle daemon: wake-ups in a minute", Limit::AtMost(0.0), wakes)],
        tables: vec![Table {
            title: "An idle minute",
            note: "How often their threads were given a processor, and its time that they took; from 15 s after the last request on.",
            columns: vec!["wake-ups", "processor"],
            rows: watched.iter().zip(&did).map(row).collect(),
        }],
    })
}
