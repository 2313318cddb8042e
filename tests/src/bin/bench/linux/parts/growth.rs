//! How what it costs grows: with connections that are open, with profiles, with the length of a token.

use std::{io, os::unix::net::UnixStream};

use anyhow::Result;
use dt_cred_tests::{issuer::Scheme, parts::run, user::Account};
use rustix::process::{Resource, getrlimit};

use super::{
    super::{
        fixture::{Fixture, LINE, request, request_for},
        floor::{Caller, Floor},
        interrupted,
        process::Memory,
        processor::OneProcessor,
        report::{Cell, Goal, Limit, Report, Table},
        scale::Scale,
        spawn::Program,
        statistics::Spread,
    },
    exchanges::a_second,
};

/// How often each size has its turn.
const ROUNDS: usize = 7;

/// Descriptors that are needed besides those of connections.
const BESIDES: u64 = 200;

/// Bytes of a token.
const LENGTHS: [usize; 4] = [1 << 10, 4 << 10, 16 << 10, 60 << 10];

/// Measures it.
pub(crate) fn measure(scale: &Scale) -> Result<Report> {
    let (goal, connections) = connections(scale)?;
    Ok(Report {
        goals: goal.into_iter().collect(),
        tables: vec![connections, profiles(scale)?, lengths(scale)?],
    })
}

/// So many open connections, and what was measured with them in each round.
struct Open {
    connections: usize,
    one: Vec<f64>,
    turns: Vec<f64>,
    bare_turns: Vec<f64>,
    /// Bytes that the daemon held more for each, when it had so many for the first time.
    grown: Option<u64>,
}

impl Open {
    fn new(connections: usize) -> Self {
        Self { connections, one: Vec::new(), turns: Vec::new(), bare_turns: Vec::new(), grown: None }
    }

    fn row(&self) -> (String, Vec<Cell>) {
        let rate = |rates: &[f64]| Cell::PerSecond(Spread::of(rates.iter().copied()));
        let cells = vec![
            rate(&self.one),
            rate(&self.turns),
            rate(&self.bare_turns),
            Cell::Ratio(Spread::of_ratios(&self.turns, &self.bare_turns)),
            self.grown.map_or(Cell::Nothing, Cell::Bytes),
        ];
        (self.connections.to_string(), cells)
    }
}

/// Connections on each of which there was an exchange: the daemon has looked for who it is.
fn callers(connections: usize, connect: impl Fn() -> io::Result<UnixStream>) -> io::Result<Vec<Caller>> {
    let request = request();
    let caller = |_| {
        let mut caller = Caller::over(connect()?);
        caller.exchange(&request)?;
        Ok(caller)
    };
    (0..connections).map(caller).collect()
}

/// Has all of them leave.
fn leave(callers: Vec<Caller>) -> io::Result<()> {
    callers.into_iter().try_for_each(Caller::leave)
}

/// How many exchanges a second there are over all of these in turn, at least so many.
fn in_turn(callers: &mut [Caller], exchanges: usize) -> io::Result<f64> {
    let request = request();
    let laps = exchanges.div_ceil(callers.len());
    a_second(laps * callers.len(), || {
        (0..laps)
            .try_for_each(|_| callers.iter_mut().try_for_each(|caller| caller.exchange(&request).map(drop)))
    })
}

fn connections(scale: &Scale) -> Result<(Option<Goal>, Table)> {
    let _alone = OneProcessor::take()?;
    let fixture = Fixture::start(Scheme::Http, LINE)?;
    let daemon = fixture.daemon()?;
    let answer = Caller::over(fixture.connect()?).exchange(&request())?;
    let floor = Floor::start(request().len(), answer)?;
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX).saturating_sub(BESIDES);
    let decades = Scale::decades(scale.connections.min(usize::try_from(most)?));
    let mut sizes: Vec<Open> = decades.into_iter().map(Open::new).collect();
    let before = Memory::of_daemon(daemon)?;
    for _ in 0..ROUNDS.min(scale.rounds) {
        for size in &mut sizes {
            let mut held = callers(size.connections, || fixture.connect())?;
            if let (None, Some(before)) = (size.grown, before) {
                let more = Memory::of_daemon(daemon)?.map(|now| now.resident.saturating_sub(before.resident));
                size.grown = more.map(|more| more / size.connections as u64);
            }
            size.one.push(in_turn(&mut held[..1], scale.exchanges)?);
            size.turns.push(in_turn(&mut held, scale.exchanges)?);
            leave(held)?;
            let mut held = callers(size.connections, || floor.connect())?;
            size.bare_turns.push(in_turn(&mut held, scale.exchanges)?);
            leave(held)?;
        }
    }
    let goal = match sizes.as_slice() {
        [.., less, most] => {
            let kept = Spread::of_ratios(&most.turns, &less.turns).median;
            let what = "exchanges a second with all connections open / with a tenth of them";
            Some(Goal::new(what, Limit::AtLeast(0.8), Some(kept)))
        }
        _ => None,
    };
    let table = Table {
        title: "Open connections",
        note: "Exchanges a second over one of them, and over all of them in turn, everybody on one processor; what the daemon holds more for each.",
        columns: vec![
            "over one",
            "in turn",
            "bare server in turn",
            "dt-credd / bare in turn",
            "memory for each",
        ],
        rows: sizes.iter().map(Open::row).collect(),
    };
    Ok((goal, table))
}

fn profiles(scale: &Scale) -> Result<Table> {
    let _alone = OneProcessor::take()?;
    let fixture = Fixture::start(Scheme::Http, LINE)?;
    let daemon = fixture.daemon()?;
    let lines = format!("{}keyring=memory\n", Account::at(&fixture.sandbox).lines());
    let mut requests: Vec<Vec<u8>> = Vec::new();
    let mut rows = Vec::new();
    for known in Scale::decades(scale.profiles) {
        while requests.len() < known {
            interrupted::check()?;
            let name = format!("profile-{}", requests.len());
            run(fixture.home.client(&["-p", &name, "store"]), &lines).done();
            requests.push(request_for(&name)?);
        }
        let mut caller = Caller::over(fixture.connect()?);
        let laps = scale.exchanges.div_ceil(known);
        let mut rate = || {
            a_second(laps * known, || {
                let mut turns = (0..laps).flat_map(|_| &requests);
                turns.try_for_each(|request| caller.exchange(request).map(drop))
            })
        };
        let rates = (0..ROUNDS.min(scale.rounds)).map(|_| rate()).collect::<io::Result<Vec<_>>>()?;
        let memory = Memory::of_daemon(daemon)?.map(|memory| [memory.resident, memory.anonymous]);
        let [resident, anonymous] =
            memory.map_or([Cell::Nothing, Cell::Nothing], |memory| memory.map(Cell::Bytes));
        let cells = vec![Cell::PerSecond(Spread::of(rates)), resident, anonymous];
        rows.push((known.to_string(), cells));
    }
    Ok(Table {
        title: "Profiles",
        note: "Each with credentials and a token of its own in the daemon's memory; exchanges for one after another.",
        columns: vec!["exchanges a second", "resident", "anonymous"],
        rows,
    })
}

fn lengths(scale: &Scale) -> Result<Table> {
    let _alone = OneProcessor::take()?;
    let fixture = Fixture::start(Scheme::Http, LINE)?;
    let mut rows = Vec::new();
    for length in LENGTHS {
        fixture.sandbox.set(|settings| settings.token_length = Some(length));
        let line = fixture.home.dt_cred(&["get", "--fresh"]).done();
        let (get, cat) = (Program::of(&fixture.get())?, Program::of(&fixture.cat(&line)?)?);
        let mut caller = Caller::over(fixture.connect()?);
        let floor = Floor::start(request().len(), caller.exchange(&request())?)?;
        let mut bare = Caller::over(floor.connect()?);
        let mut measured: [Vec<f64>; 4] = Default::default();
        for _ in 0..ROUNDS.min(scale.rounds) {
            let [gets, cats, own, floors] = &mut measured;
            for (program, times) in [(&get, gets), (&cat, cats)] {
                let runs = (0..scale.runs).map(|_| Ok(program.run()?.wall.as_secs_f64()));
                times.push(Spread::of(runs.collect::<Result<Vec<_>>>()?).median);
            }
            for (caller, rates) in [(&mut caller, own), (&mut bare, floors)] {
                let exchanges =
                    || (0..scale.exchanges).try_for_each(|_| caller.exchange(&request()).map(drop));
                rates.push(a_second(scale.exchanges, exchanges)?);
            }
        }
        let [gets, cats, own, floors] = &measured;
        let cells = vec![
            Cell::Seconds(Spread::of(gets.iter().copied())),
            Cell::Ratio(Spread::of_ratios(gets, cats)),
            Cell::PerSecond(Spread::of(own.iter().copied())),
            Cell::Ratio(Spread::of_ratios(own, floors)),
        ];
        rows.push((format!("{} KiB", length >> 10), cells));
    }
    Ok(Table {
        title: "The token's length",
        note: "Whole processes beside `cat` of a file as long, and exchanges beside those of a bare server with answers as long.",
        columns: vec!["`dt-cred get`", "/ `cat`", "exchanges a second", "/ bare server"],
        rows,
    })
}
