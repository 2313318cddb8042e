//! What the kernel tells of a process that runs (proc(5)).

use std::{collections::HashMap, ffi::OsString, fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use dt_cred_tests::parts::{Pid, root};

/// What a process holds of memory, in bytes.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Memory {
    /// All that is there, shared or not.
    pub(crate) resident: u64,
    /// What is of no file: heap, stacks, data that was written to.
    pub(crate) anonymous: u64,
    /// What nobody else has: it would be free if the process ended (USS).
    pub(crate) unique: u64,
}

impl Memory {
    /// Of a daemon of ours; none where this is not root: the kernel lets nobody else look into what keeps secrets.
    pub(crate) fn of_daemon(pid: Pid) -> Result<Option<Self>> {
        root("what dt-credd holds of memory").then(|| Self::of(&[pid])).transpose()
    }

    /// Of these processes together. What they share among themselves counts for each.
    pub(crate) fn of(pids: &[Pid]) -> Result<Self> {
        pids.iter().try_fold(Self::default(), |sum, pid| {
            let text = read(*pid, "smaps_rollup")?;
            let kilobytes = fields(&text);
            let bytes = |name: &str| {
                kilobytes
                    .get(name)
                    .copied()
                    .with_context(|| format!("no {name} in smaps_rollup"))
                    .map(|kb| kb * 1024)
            };
            Ok(Self {
                resident: sum.resident + bytes("Rss")?,
                anonymous: sum.anonymous + bytes("Anonymous")?,
                unique: sum.unique + bytes("Private_Clean")? + bytes("Private_Dirty")?,
            })
        })
    }
}

/// What the threads of some processes have done so far, by their numbers.
#[derive(Debug)]
pub(crate) struct Activity(HashMap<OsString, Work>);

/// What was done.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Work {
    /// How often a thread was given a processor.
    pub(crate) wakes: u64,
    /// Time of processors.
    pub(crate) cpu: Duration,
}

impl Activity {
    /// Of all threads of these processes.
    pub(crate) fn of(pids: &[Pid]) -> Result<Self> {
        let mut threads = HashMap::new();
        for pid in pids {
            let tasks = place(*pid, "task");
            for task in fs::read_dir(&tasks).with_context(|| format!("{tasks:?}"))? {
                let task = task?;
                let status = fs::read_to_string(task.path().join("status"))?;
                let status = fields(&status);
                let number = |name: &str| status.get(name).copied().with_context(|| format!("no {name}"));
                let wakes = number("voluntary_ctxt_switches")? + number("nonvoluntary_ctxt_switches")?;
                // Nanoseconds first, then two other numbers.
                let times = fs::read_to_string(task.path().join("schedstat"))?;
                let nanoseconds = times.split(' ').next().and_then(|word| word.parse().ok());
                let cpu = Duration::from_nanos(nanoseconds.context("no number in schedstat")?);
                threads.insert(task.file_name(), Work { wakes, cpu });
            }
        }
        Ok(Self(threads))
    }

    /// What was done since then. A thread that has ended meanwhile was woken for that at least.
    pub(crate) fn since(&self, Self(before): &Self) -> Work {
        let Self(now) = self;
        let ended = before.keys().filter(|thread| !now.contains_key(*thread)).count() as u64;
        now.iter().fold(Work { wakes: ended, ..Work::default() }, |sum, (thread, did)| {
            let had = before.get(thread).copied().unwrap_or_default();
            Work { wakes: sum.wakes + did.wakes - had.wakes, cpu: sum.cpu + did.cpu.saturating_sub(had.cpu) }
        })
    }
}

/// A process and all that descend from it.
pub(crate) fn family(pid: Pid) -> Result<Vec<Pid>> {
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(member) = family.get(next).copied() {
        let number = member.as_raw_pid();
        let children = read(member, &format!("task/{number}/children"))?;
        family.extend(children.split_whitespace().filter_map(|word| Pid::from_raw(word.parse().ok()?)));
        next += 1;
    }
    Ok(family)
}

fn place(pid: Pid, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/{name}", pid.as_raw_pid()))
}

fn read(pid: Pid, name: &str) -> Result<String> {
    let place = place(pid, name);
    fs::read_to_string(&place).with_context(|| format!("cannot read {place:?}"))
}

/// The lines of a form `Name: NUMBER …`.
fn fields(text: &str) -> HashMap<&str, u64> {
    let field = |line| {
        let (name, rest) = str::split_once(line, ':')?;
        Some((name, rest.split_whitespace().next()?.parse().ok()?))
    };
    text.lines().filter_map(field).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use dt_cred_tests::parts::Running;

    use super::*;

    #[test]
    fn lines_with_a_number_are_read_and_all_others_passed_over() {
        let text = "7f00-7fff ---p 00000000 00:00 0 [rollup]\nRss:                 904 kB\nName:\tcat\nThreads:\t1\n";
        let fields = fields(text);
        assert_eq!(
            (fields.get("Rss"), fields.get("Threads"), fields.get("Name")),
            (Some(&904), Some(&1), None)
        );
    }

    #[test]
    fn what_a_process_holds_and_that_it_did_something_is_seen_from_outside() {
        let mut cat = Running::start(Command::new("cat"), "one\n");
        assert_eq!(cat.first_line(), "one");
        let family = family(cat.pid()).unwrap();
        assert_eq!(family, [cat.pid()]);
        let Memory { resident, anonymous, unique } = Memory::of(&family).unwrap();
        assert!(resident > anonymous && resident >= unique && anonymous > 0 && unique > 0);
        let before = Activity::of(&family).unwrap();
        cat.write("two\n");
        cat.stdout_line(|line| line == "two");
        let did = Activity::of(&family).unwrap().since(&before);
        assert!(did.wakes > 0 && !did.cpu.is_zero(), "{did:?}");
    }

    #[test]
    fn a_thread_that_has_ended_takes_nothing_away_from_what_the_others_did() {
        let work = |wakes, cpu| Work { wakes, cpu: Duration::from_nanos(cpu) };
        let of =
            |threads: &[(&str, Work)]| Activity(threads.iter().map(|(id, did)| (id.into(), *did)).collect());
        let before = of(&[("1", work(5, 50)), ("2", work(100, 1000))]);
        let Work { wakes, cpu } = of(&[("1", work(7, 60)), ("3", work(3, 30))]).since(&before);
        assert_eq!((wakes, cpu.as_nanos()), (2 + 3 + 1, 10 + 30));
    }
}
