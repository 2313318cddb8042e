//! Exchanges with the daemon beside those with a server that does nothing (the floor), over one connection and over new ones.

use std::{io, os::unix::net::UnixStream, time::Instant};

use anyhow::{Result, ensure};
use dt_cred_tests::issuer::Scheme;

use super::super::{
    fixture::{Fixture, LINE, request},
    floor::{Caller, Floor},
    interrupted,
    processor::OneProcessor,
    report::{Cell, Goal, Limit, Report, Table},
    scale::Scale,
    statistics::Spread,
};

/// Connections on which requests are under way at the same time.
const AT_ONCE: usize = 16;

/// Connects to one of the two.
type Connect<'a> = dyn Fn() -> io::Result<UnixStream> + 'a;

/// A way to ask, and how often a second it was done in each round.
struct Way {
    name: &'static str,
    ask: fn(&Connect, &[u8], usize) -> io::Result<f64>,
    own: Vec<f64>,
    bare: Vec<f64>,
}

impl Way {
    fn new(name: &'static str, ask: fn(&Connect, &[u8], usize) -> io::Result<f64>) -> Self {
        Self { name, ask, own: Vec::new(), bare: Vec::new() }
    }

    fn ratio(&self) -> Spread {
        Spread::of_ratios(&self.own, &self.bare)
    }

    fn row(&self) -> (String, Vec<Cell>) {
        let rate = |rates: &[f64]| Cell::PerSecond(Spread::of(rates.iter().copied()));
        (self.name.to_owned(), vec![rate(&self.own), rate(&self.bare), Cell::Ratio(self.ratio())])
    }
}

/// Measures it.
pub(crate) fn measure(scale: &Scale) -> Result<Report> {
    let _alone = OneProcessor::take()?;
    let fixture = Fixture::start(Scheme::Http, LINE)?;
    let request = request();
    let answer = Caller::over(fixture.connect()?).exchange(&request)?;
    let floor = Floor::start(request.len(), answer)?;
    ensure!(Caller::over(floor.connect()?).exchange(&request)? == answer, "the floor answers something else");
    let mut ways = [
        Way::new("exchanges over one connection", one_connection),
        Way::new("exchanges over 16 at once", at_once),
        Way::new("connections, with an exchange each", new_connections),
    ];
    for _ in 0..scale.rounds {
        for way in &mut ways {
            way.own.push((way.ask)(&|| fixture.connect(), &request, scale.exchanges)?);
            way.bare.push((way.ask)(&|| floor.connect(), &request, scale.exchanges)?);
        }
    }
    let [one, ..] = &ways;
    let what = "exchanges over one connection / the bare server's";
    let table = Table {
        title: "Exchanges a second",
        note: "The bare server reads a request and writes an answer, both as long as those of a `get`, on the same runtime and sockets. The client's loop is the same. Everybody runs on one processor.",
        columns: vec!["dt-credd", "bare server", "dt-credd / bare"],
        rows: ways.iter().map(Way::row).collect(),
    };
    Ok(Report {
        goals: vec![Goal::new(what, Limit::AtLeast(0.7), Some(one.ratio().median))],
        tables: vec![table],
    })
}

fn one_connection(connect: &Connect, request: &[u8], times: usize) -> io::Result<f64> {
    let mut caller = Caller::over(connect()?);
    // The daemon looks once for who it is.
    caller.exchange(request)?;
    a_second(times, || {
        for _ in 0..times {
            caller.exchange(request)?;
        }
        Ok(())
    })
}

fn at_once(connect: &Connect, request: &[u8], times: usize) -> io::Result<f64> {
    let mut callers = (0..AT_ONCE).map(|_| Ok(Caller::over(connect()?))).collect::<io::Result<Vec<_>>>()?;
    callers.iter_mut().try_for_each(|caller| caller.exchange(request).map(drop))?;
    let laps = times.div_ceil(AT_ONCE);
    a_second(laps * AT_ONCE, || {
        for _ in 0..laps {
            callers.iter_mut().try_for_each(|caller| caller.ask(request))?;
            callers.iter_mut().try_for_each(|caller| caller.answer().map(drop))?;
        }
        Ok(())
    })
}

fn new_connections(connect: &Connect, request: &[u8], times: usize) -> io::Result<f64> {
    a_second(times, || {
        for _ in 0..times {
            Caller::over(connect()?).exchange(request)?;
        }
        Ok(())
    })
}

/// How many a second so many are.
pub(crate) fn a_second(times: usize, work: impl FnOnce() -> io::Result<()>) -> io::Result<f64> {
    interrupted::check().map_err(io::Error::other)?;
    let began = Instant::now();
    work()?;
    Ok(times as f64 / began.elapsed().as_secs_f64())
}
