//! What an idle daemon holds of memory once it has fetched a token over TLS, beside other agents.

use anyhow::Result;
use dt_cred_tests::{issuer::Scheme, parts::binaries};

use super::super::{
    fixture::{Fixture, LINE},
    others,
    process::{Memory, family},
    report::{Cell, Goal, Limit, Report, Table},
    scale::Scale,
};

const MB: f64 = 1e6;

/// Measures it.
pub(crate) fn measure(_: &Scale) -> Result<Report> {
    let fixture = Fixture::start(Scheme::Https, LINE)?;
    let own = Memory::of_daemon(fixture.daemon()?)?;
    let mut rows = Vec::new();
    // Whoever may not look into ours may not look into most of these.
    if let Some(own) = own {
        rows.push(row("dt-credd", own));
        let mut others = others::all(&fixture.token())?;
        others.sort_by_key(|other| other.name);
        for other in &others {
            rows.push(row(other.name, Memory::of(&family(other.pid)?)?));
        }
    }
    let size = binaries::client().metadata()?.len();
    let goal = |what, limit, bytes: Option<u64>| {
        Goal::new(what, Limit::AtMost(limit), bytes.map(|bytes| bytes as f64 / MB))
    };
    Ok(Report {
        goals: vec![
            goal("idle daemon: resident, MB", 5.5, own.map(|own| own.resident)),
            goal("idle daemon: anonymous, MB", 1.0, own.map(|own| own.anonymous)),
            goal("client's program, MB", 1.7, Some(size)),
        ],
        tables: vec![Table {
            title: "Memory of an idle daemon",
            note: "dt-credd after a fetch over TLS; the others warm, with something to keep (gpg-agent: nothing). A daemon of several processes counts as one. Unique is what would be free if it ended.",
            columns: vec!["resident", "anonymous", "unique"],
            rows,
        }],
    })
}

fn row(name: &str, memory: Memory) -> (String, Vec<Cell>) {
    let Memory { resident, anonymous, unique } = memory;
    (name.to_owned(), [resident, anonymous, unique].map(Cell::Bytes).into())
}
