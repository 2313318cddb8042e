//! The last ones who came, no more than a limit.

use std::collections::VecDeque;

use dt_cred_proto::message::{Caller, LogEntry};

/// The last entries, of which the oldest makes way for a new one.
#[derive(Debug)]
pub struct Recent {
    entries: VecDeque<LogEntry>,
    limit: usize,
}

impl Recent {
    /// None yet, and never more than `limit`.
    pub fn new(limit: usize) -> Self {
        Self { entries: VecDeque::new(), limit }
    }

    /// Adds the newest. Most are called as the one before: then by the same text, as a thousand that lie here and there would keep
    /// a thousand pages of memory.
    pub fn push(&mut self, mut entry: LogEntry) {
        if let Some(LogEntry { caller: Caller { program, parent, .. }, .. }) = self.entries.back() {
            let Caller { program: own_program, parent: own_parent, .. } = &mut entry.caller;
            for (own, before) in [(own_program, program), (own_parent, parent)] {
                if own == before {
                    own.clone_from(before);
                }
            }
        }
        if self.entries.len() == self.limit {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// All of them, the oldest first.
    pub fn entries(&self) -> Vec<LogEntry> {
        self.entries.iter().cloned().collect()
    }
}

/// The entries of both, each one's in the order in which they came, also where the clock was set meanwhile.
pub fn merged(one: Vec<LogEntry>, other: Vec<LogEntry>) -> Vec<LogEntry> {
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    let next = move || match (one.peek(), other.peek()) {
        (Some(first), Some(second)) if second.at_ms < first.at_ms => other.next(),
        (Some(_), _) => one.next(),
        (None, _) => other.next(),
    };
    std::iter::from_fn(next).collect()
}
