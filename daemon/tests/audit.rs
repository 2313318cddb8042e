//! Who is remembered, and who has a line in the log, on a clock of the test's own.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its scene fails")]

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use dt_cred_proto::{
    frame,
    message::{Caller, LogEntry, Outcome, Response, Token},
    secret::Secret,
    text::Text,
};
use dt_credd::audit::{
    Audit, KINDS, LeftOut, Limiter, NAME_LIMIT, Peer, REFUSED, Recent, SERVED, WINDOW, merged,
};
use tracing_subscriber::fmt::MakeWriter;

/// Somebody who was served, told apart by their program; the number differs with the time.
fn served(at_ms: u64, program: &str) -> LogEntry {
    LogEntry {
        at_ms,
        caller: Caller {
            uid: Some(1000),
            pid: u32::try_from(at_ms).ok(),
            program: Some(program.into()),
            parent: None,
        },
        outcome: Outcome::Served { profile: "default".parse().unwrap(), generation: 7 },
    }
}

#[test]
fn the_last_ones_are_remembered_in_order_and_no_more_than_the_limit() {
    for (limit, come, kept) in [(3, 0, 0..0), (3, 2, 0..2), (3, 3, 0..3), (3, 4, 1..4), (3, 10, 7..10)] {
        let mut recent = Recent::new(limit);
        (0..come).for_each(|at| recent.push(served(at, "a")));
        let kept: Vec<_> = kept.map(|at| served(at, "a")).collect();
        assert_eq!(recent.entries(), kept, "{come} of {limit}");
    }
}

#[test]
fn those_who_are_called_as_the_one_before_are_called_by_the_same_text() {
    let mut recent = Recent::new(10);
    for program in ["a", "a", "b", "a"] {
        recent.push(served(1, program));
    }
    let entries = recent.entries();
    let place = |entry: &LogEntry| entry.caller.program.as_ref().map(|name| name.as_str().as_ptr());
    let same: Vec<_> = entries.windows(2).map(|two| place(&two[0]) == place(&two[1])).collect();
    assert_eq!(same, [true, false, false]);
    let names: Vec<_> = entries.iter().filter_map(|entry| entry.caller.program.as_ref()).collect();
    assert_eq!(names, [&"a".into(), &"a".into(), &"b".into(), &"a".into()]);
}

#[test]
fn those_served_and_those_refused_are_told_together_each_in_the_order_in_which_they_came() {
    // 2 came after 4: the clock was set back.
    for (one, other, together) in [
        (&[1, 4, 2, 9][..], &[3, 5][..], &[1, 3, 4, 2, 5, 9][..]),
        (&[1, 1], &[1], &[1, 1, 1]),
        (&[], &[2, 1], &[2, 1]),
        (&[7], &[], &[7]),
        (&[], &[], &[]),
    ] {
        let entries = |times: &[u64]| times.iter().map(|at| served(*at, "a")).collect();
        let times: Vec<_> =
            merged(entries(one), entries(other)).into_iter().map(|entry| entry.at_ms).collect();
        assert_eq!(times, together, "{one:?} {other:?}");
    }
}

#[test]
fn whoever_is_like_another_has_no_line_of_their_own_until_the_window_has_ended() {
    let mut limiter = Limiter::default();
    let second = Duration::from_secs(1);
    let begin = 5 * second;
    let again = |entry, times| Some(LeftOut { again: vec![(entry, times)], others: None });
    // When, who, whether they have a line; and who had been left out of the window that ended then.
    let table = [
        (begin, served(1, "a"), true, None),
        (begin, served(2, "a"), false, None),
        (begin + second, served(3, "b"), true, None),
        (begin + WINDOW - second, served(4, "a"), false, None),
        // The clock set back, as no clock here is: no window ends.
        (Duration::ZERO, served(5, "a"), false, None),
        (begin + WINDOW, served(6, "a"), true, again(served(1, "a"), 3)),
        (begin + 2 * WINDOW - second, served(7, "a"), false, None),
        (begin + 3 * WINDOW, served(8, "a"), true, again(served(6, "a"), 1)),
        (begin + 9 * WINDOW, served(9, "a"), true, None),
    ];
    for (now, entry, line, left_out) in table {
        assert_eq!(limiter.ended(now), left_out, "{entry:?}");
        assert_eq!(limiter.takes(now, &entry), line, "{entry:?}");
    }
    assert_eq!(limiter.end(), None);
}

#[test]
fn only_the_time_and_the_number_of_a_process_make_no_difference() {
    let one = served(1, "a");
    let with = |change: &dyn Fn(&mut LogEntry)| {
        let mut other = one.clone();
        change(&mut other);
        other
    };
    let of = |profile: &str, generation| Outcome::Served { profile: profile.parse().unwrap(), generation };
    let table = [
        ("time", with(&|other| other.at_ms = 9), false),
        ("pid", with(&|other| other.caller.pid = Some(9)), false),
        ("no pid", with(&|other| other.caller.pid = None), false),
        ("uid", with(&|other| other.caller.uid = None), true),
        ("program", with(&|other| other.caller.program = None), true),
        ("parent", with(&|other| other.caller.parent = Some("b".into())), true),
        ("profile", with(&|other| other.outcome = of("work", 7)), true),
        ("generation", with(&|other| other.outcome = of("default", 8)), true),
        ("outcome", with(&|other| other.outcome = Outcome::Refused), true),
    ];
    for (what, other, differs) in table {
        let mut limiter = Limiter::default();
        assert!(limiter.takes(Duration::ZERO, &one));
        assert_eq!(limiter.takes(Duration::ZERO, &other), differs, "{what}");
    }
}

#[test]
fn in_a_window_there_are_lines_for_a_few_kinds_and_one_count_for_all_others() {
    let mut limiter = Limiter::default();
    let mut lines = 0;
    for at in 0..1000 {
        lines += usize::from(limiter.takes(Duration::ZERO, &served(at, &at.to_string())));
    }
    assert_eq!(lines, KINDS);
    let first = served(KINDS as u64, &KINDS.to_string());
    assert_eq!(limiter.end(), Some(LeftOut { again: vec![], others: Some((first, 1000 - KINDS as u64)) }));
}

#[test]
fn the_longest_log_fits_an_answer() {
    let name = || Some(Text::new(&"\u{1f511}".repeat(NAME_LIMIT)));
    let longest = LogEntry {
        at_ms: u64::MAX,
        caller: Caller { uid: Some(u32::MAX), pid: Some(u32::MAX), program: name(), parent: name() },
        outcome: Outcome::Served { profile: "x".repeat(64).parse().unwrap(), generation: u64::MAX },
    };
    assert!(frame::encode(&Response::Log(vec![longest; SERVED + REFUSED])).is_ok());
}

fn token() -> Token {
    Token {
        access_token: Secret::new("aaa.bbb.ccc".to_owned()),
        token_type: "Bearer".into(),
        expires_at_ms: 0,
        expires_in_ms: 0,
        generation: 7,
        profile: "default".parse().unwrap(),
        url: Text::default(),
        warning: None,
    }
}

fn peer(uid: u32) -> Peer {
    Peer::new(Caller { uid: Some(uid), ..Caller::default() })
}

#[test]
fn no_crowd_of_strangers_makes_forgotten_who_was_served() {
    let audit = Audit::new();
    (0..SERVED + 7).for_each(|_| audit.served(&peer(1000), &token()));
    (0..10 * SERVED).for_each(|_| audit.refused(&peer(1001)));
    let entries = audit.entries();
    let refused = entries.iter().filter(|entry| entry.outcome == Outcome::Refused).count();
    assert_eq!((refused, entries.len() - refused), (REFUSED, SERVED));
    assert!(entries.is_sorted_by_key(|entry| entry.at_ms));
}

/// What was logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap();
        String::from_utf8(bytes.clone()).unwrap().lines().map(|line| line.trim().to_owned()).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_left_out_is_told_when_the_window_has_ended_and_when_the_daemon_ends() {
    let log = Log::default();
    let lines = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).without_time();
    let _log = tracing::subscriber::set_default(lines.finish());
    let audit = Arc::new(Audit::new());
    let telling = tokio::spawn({
        let audit = Arc::clone(&audit);
        async move { audit.keep_telling().await }
    });
    for uid in [1, 1, 1] {
        audit.served(&peer(uid), &token());
    }
    for uid in 1..=10 {
        audit.refused(&peer(uid));
    }
    tokio::time::sleep(WINDOW + Duration::from_secs(1)).await;
    let refused = |uid| format!("WARN dt_credd::audit: refused a client of another user uid={uid}");
    let mut expected = vec!["INFO dt_credd::audit: served uid=1 profile=default generation=7".to_owned()];
    expected.extend((1..=KINDS).map(refused));
    expected.push("INFO dt_credd::audit: served again uid=1 profile=default generation=7 times=2".into());
    expected.push("WARN dt_credd::audit: refused more clients of other users times=2".into());
    assert_eq!(log.lines(), expected);
    // A second window: told at the end.
    for uid in [1, 1] {
        audit.served(&peer(uid), &token());
    }
    telling.abort();
    audit.close();
    expected.push("INFO dt_credd::audit: served uid=1 profile=default generation=7".into());
    expected.push("INFO dt_credd::audit: served again uid=1 profile=default generation=7 times=1".into());
    assert_eq!(log.lines(), expected);
    assert!(!log.lines().join("\n").contains("aaa.bbb.ccc"));
}
