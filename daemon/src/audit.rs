//! Who was served, and who was refused: the last ones in memory, and in the log as many lines as it can bear.

mod limiter;
mod recent;

use std::{
    convert::Infallible,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use dt_cred_proto::{
    message::{Caller, LogEntry, Outcome, Token},
    text::Text,
};
use tokio::{sync::Notify, time::Instant};

pub use self::{
    limiter::{KINDS, LeftOut, Limiter, WINDOW},
    recent::{Recent, merged},
};
use crate::{clock, platform};

/// How many tokens that were served are remembered.
pub const SERVED: usize = 1000;

/// How many refusals are remembered; apart from those who were served, whom no stranger can make forgotten.
pub const REFUSED: usize = 100;

/// What is kept of a program's name, in characters: Linux knows 15 bytes, others more.
pub const NAME_LIMIT: usize = 64;

/// The client of one connection.
#[derive(Debug, Default)]
pub struct Peer {
    /// Its user and number.
    caller: Caller,
    /// The names of its program and of the one that started it, once they were looked for.
    names: OnceLock<(Option<Text>, Option<Text>)>,
}

impl Peer {
    /// The client of this user and number, as far as the system tells them.
    pub fn new(caller: Caller) -> Self {
        Self { caller, names: OnceLock::new() }
    }

    /// All that is known of it. What it is called is looked for once, when this is first asked: while the client waits for
    /// its answer, so that the number is its own.
    fn caller(&self) -> Caller {
        let Caller { uid, pid, .. } = self.caller;
        let (program, parent) = self.names.get_or_init(|| pid.map_or((None, None), programs)).clone();
        Caller { uid, pid, program, parent }
    }
}

/// What the process `pid` is called, and what the one that started it.
fn programs(pid: u32) -> (Option<Text>, Option<Text>) {
    let Some((name, parent)) = platform::process(pid) else { return (None, None) };
    let parent = parent.and_then(platform::starter).map(|name| safe(&name));
    (Some(safe(&name)), parent)
}

/// A name, short and safe to print: a process calls itself what it likes.
fn safe(name: &str) -> Text {
    Text::from(name.chars().take(NAME_LIMIT).collect::<String>())
}

/// What is remembered and logged of the clients.
pub struct Audit {
    began: Instant,
    records: Mutex<Records>,
    left_out: Notify,
}

struct Records {
    served: Record,
    refused: Record,
}

struct Record {
    recent: Recent,
    limiter: Limiter,
}

impl Record {
    fn new(limit: usize) -> Self {
        Self { recent: Recent::new(limit), limiter: Limiter::default() }
    }
}

impl Audit {
    /// Nobody has come yet.
    #[expect(clippy::new_without_default, reason = "it begins at a time")]
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            records: Mutex::new(Records { served: Record::new(SERVED), refused: Record::new(REFUSED) }),
            left_out: Notify::new(),
        }
    }

    /// Notes that this token is about to be sent to `peer`: whether or not it arrives, it has left our hands.
    pub fn served(&self, peer: &Peer, token: &Token) {
        let Token { profile, generation, .. } = token;
        let outcome = Outcome::Served { profile: profile.clone(), generation: *generation };
        self.note(peer, outcome, |records| &mut records.served);
    }

    /// Notes that `peer`, of another user, was refused.
    pub fn refused(&self, peer: &Peer) {
        self.note(peer, Outcome::Refused, |records| &mut records.refused);
    }

    /// Everybody who is remembered, the oldest first.
    pub fn entries(&self) -> Vec<LogEntry> {
        let records = self.records();
        merged(records.served.recent.entries(), records.refused.recent.entries())
    }

    /// Tells how many were left out of the log, each time that a window has ended.
    pub async fn keep_telling(&self) -> Infallible {
        loop {
            self.left_out.notified().await;
            tokio::time::sleep(WINDOW).await;
            let now = self.now();
            let mut records = self.records();
            let Records { served, refused } = &mut *records;
            [served, refused].into_iter().filter_map(|record| record.limiter.ended(now)).for_each(tell);
        }
    }

    /// Tells how many were left out of the log since the last window: the daemon ends.
    pub fn close(&self) {
        let mut records = self.records();
        let Records { served, refused } = &mut *records;
        [served, refused].into_iter().filter_map(|record| record.limiter.end()).for_each(tell);
    }

    fn note(&self, peer: &Peer, outcome: Outcome, record: impl FnOnce(&mut Records) -> &mut Record) {
        let at_ms = u64::try_from(clock::now().wall.as_millis()).unwrap_or(u64::MAX);
        let entry = LogEntry { at_ms, caller: peer.caller(), outcome };
        let mut records = self.records();
        let Record { recent, limiter } = record(&mut records);
        let now = self.now();
        if let Some(left_out) = limiter.ended(now) {
            tell(left_out);
        }
        if limiter.takes(now, &entry) {
            write(&entry, None);
        } else {
            self.left_out.notify_one();
        }
        recent.push(entry);
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what was left out of the log.
fn tell(LeftOut { again, others }: LeftOut) {
    for (entry, times) in again {
        write(&entry, Some(times));
    }
    match others {
        Some((entry, times)) if entry.outcome == Outcome::Refused => {
            tracing::warn!(times, "refused more clients of other users");
        }
        Some((_, times)) => tracing::info!(times, "served others"),
        None => {}
    }
}

/// Writes one line: of one who came, or of so many more like that one.
fn write(entry: &LogEntry, again: Option<u64>) {
    let Caller { uid, pid, program, parent } = &entry.caller;
    // The many have other numbers.
    let pid = pid.filter(|_| again.is_none());
    let (comm, parent) = (program.as_ref().map(Text::as_str), parent.as_ref().map(Text::as_str));
    match (&entry.outcome, again) {
        (Outcome::Served { profile, generation }, None) => {
            tracing::info!(uid, pid, comm, parent, %profile, generation, "served");
        }
        (Outcome::Served { profile, generation }, Some(times)) => {
            tracing::info!(uid, comm, parent, %profile, generation, times, "served again");
        }
        (Outcome::Refused, None) => {
            tracing::warn!(uid, pid, comm, parent, "refused a client of another user");
        }
        (Outcome::Refused, Some(times)) => {
            tracing::warn!(uid, comm, parent, times, "refused again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NAME_LIMIT, safe};

    #[test]
    fn a_name_is_cut_and_safe_to_print_whatever_a_process_calls_itself() {
        for (name, kept) in [
            ("dt-cred", "dt-cred".to_owned()),
            ("a\x1b[2J\r\nb\u{202e}", "a\u{fffd}[2J\u{fffd}\u{fffd}b\u{fffd}".to_owned()),
            (&"\u{1f511}".repeat(300), "\u{1f511}".repeat(NAME_LIMIT)),
        ] {
            assert_eq!(safe(name).as_str(), kept);
        }
    }
}
