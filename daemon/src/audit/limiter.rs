//! Which of the clients have a line of their own in the log. Pure: time is an argument.
//!
//! The log holds some 10,000 lines (two files of a megabyte). A script that asks each second would write as many in three
//! hours, and push out what anybody looks into a log for. So whoever is like one who has a line already is counted, and the
//! count told once for a window. That is two lines in ten minutes for such a script: the log holds weeks of it. Whoever is
//! like nobody is bounded too: at the worst `2 * KINDS + 1` lines in a window, some 2,500 a day, which the log holds for days.

use std::time::Duration;

use dt_cred_proto::message::{Caller, LogEntry};

/// After how long the same is told again.
pub const WINDOW: Duration = Duration::from_secs(600);

/// How many that differ have a line of their own in a window.
pub const KINDS: usize = 8;

/// Counts those who have no line of their own.
#[derive(Debug, Default)]
pub struct Limiter {
    /// When the window began: with the first one who came in it.
    began: Option<Duration>,
    /// Those who have a line, and how many more were like each.
    seen: Vec<(LogEntry, u64)>,
    /// The first of all others, and how many they are.
    others: Option<(LogEntry, u64)>,
}

/// Who was left out of the log in a window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftOut {
    /// One who has a line, and how many more were like that one.
    pub again: Vec<(LogEntry, u64)>,
    /// The first of all others, and how many they are.
    pub others: Option<(LogEntry, u64)>,
}

impl Limiter {
    /// Whether `entry`, which came `now`, has a line of its own; it is counted where not.
    pub fn takes(&mut self, now: Duration, entry: &LogEntry) -> bool {
        self.began.get_or_insert(now);
        if let Some((_, times)) = self.seen.iter_mut().find(|(seen, _)| are_alike(seen, entry)) {
            *times += 1;
            return false;
        }
        if self.seen.len() == KINDS {
            self.others.get_or_insert_with(|| (entry.clone(), 0)).1 += 1;
            return false;
        }
        self.seen.push((entry.clone(), 0));
        true
    }

    /// Ends a window that is over `now`; who was left out of it, if anybody was.
    pub fn ended(&mut self, now: Duration) -> Option<LeftOut> {
        let over = self.began.is_some_and(|began| now.saturating_sub(began) >= WINDOW);
        over.then(|| self.end()).flatten()
    }

    /// Ends the window; who was left out of it, if anybody was.
    pub fn end(&mut self) -> Option<LeftOut> {
        let Self { seen, others, .. } = std::mem::take(self);
        let again: Vec<_> = seen.into_iter().filter(|(_, times)| *times > 0).collect();
        (!again.is_empty() || others.is_some()).then_some(LeftOut { again, others })
    }
}

/// Whether two differ in nothing but their time and the process's number.
fn are_alike(one: &LogEntry, other: &LogEntry) -> bool {
    let Caller { uid, pid: _, program, parent } = &one.caller;
    let caller = &other.caller;
    one.outcome == other.outcome
        && *uid == caller.uid
        && *program == caller.program
        && *parent == caller.parent
}
