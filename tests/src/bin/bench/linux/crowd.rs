//! Many processes at once that each run a program again and again, as the shells of many scripts do.

use std::{
    io::{Read, Write, pipe},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::{
    interrupted,
    spawn::{Program, variables},
};

/// This program's first argument where it is to be one of them.
pub(crate) const WORD: &str = "be-one-of-a-crowd";

/// What a crowd took.
pub(crate) struct Took {
    /// From the moment at which all of them began until the last one was done.
    pub(crate) all: Duration,
    /// What each single run took, in seconds.
    pub(crate) each: Vec<f64>,
}

/// Has so many processes run `command` so many times each.
pub(crate) fn run(command: &Command, processes: usize, times: usize) -> Result<Took> {
    interrupted::check()?;
    let (held, gate) = pipe()?;
    let start = |_| -> Result<Child> {
        let mut member = Command::new(std::env::current_exe()?);
        member.arg(WORD).arg(times.to_string()).arg(command.get_program()).args(command.get_args());
        member.env_clear().envs(variables(command)).stdin(held.try_clone()?).stdout(Stdio::piped());
        Ok(member.spawn()?)
    };
    let mut members = (0..processes).map(start).collect::<Result<Vec<_>>>()?;
    for member in &mut members {
        output(member)?.read_exact(&mut [0]).context("a process of the crowd did not come up")?;
    }
    let began = Instant::now();
    drop((held, gate));
    let mut each = Vec::with_capacity(processes * times);
    for mut member in members {
        let mut told = Vec::new();
        output(&mut member)?.read_to_end(&mut told)?;
        ensure!(member.wait()?.success(), "a process of the crowd failed");
        each.extend(
            told.as_chunks().0.iter().map(|nanoseconds| u64::from_le_bytes(*nanoseconds) as f64 / 1e9),
        );
    }
    let all = began.elapsed();
    ensure!(each.len() == processes * times, "{} runs were told of {}", each.len(), processes * times);
    Ok(Took { all, each })
}

fn output(member: &mut Child) -> Result<&mut impl Read> {
    member.stdout.as_mut().context("it is piped")
}

/// One of a crowd, by the words after [`WORD`]: says that it is there, waits for the gate, runs the program, tells what
/// each run took.
pub(crate) fn member(mut words: impl Iterator<Item = String>) -> Result<()> {
    let times: usize = words.next().context("TIMES PROGRAM ARGUMENTS")?.parse()?;
    let mut command = Command::new(words.next().context("PROGRAM ARGUMENTS")?);
    command.args(words).envs(std::env::vars_os());
    let program = Program::of(&command)?;
    let mut output = std::io::stdout();
    output.write_all(b"!")?;
    output.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    let mut told = Vec::with_capacity(8 * times);
    for _ in 0..times {
        let nanoseconds = u64::try_from(program.run()?.wall.as_nanos())?;
        told.extend(nanoseconds.to_le_bytes());
    }
    Ok(output.write_all(&told)?)
}
