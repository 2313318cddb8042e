//! After an attempt that failed.

use std::time::Duration;

use dt_credd::lifecycle::{Ask, Cause, Failed, Step};

use crate::story::{Machine, POLICY, START, later, secs, tell};

#[test]
fn attempts_are_made_with_backoff() {
    tell(&[
        (
            "it doubles from a second to a minute, with jitter, and never below the floor",
            "0 ask a within 900 => fetch
             0 fail temporary down
             1..1 timer => fetch
             1 fail temporary down
             2..3 timer => fetch
             3 fail temporary down
             3..7 timer => fetch
             7 fail temporary down
             7..15 timer => fetch
             15 fail temporary down
             15..31 timer => fetch
             31 fail temporary down
             31..63 timer => fetch
             63 fail temporary down
             63..123 timer => fetch
             123 fail temporary down
             123..183 timer => fetch
             200 grant one 3600 => a one",
        ),
        (
            "a success ends it",
            "0 ask a within 900 => fetch
             0 fail temporary down after 50
             50..50 timer => fetch
             50 fail temporary down after 50
             100..100 timer => fetch
             100 grant one 3600 => a one
             101 reject one => dropped
             102 ask b => fetch
             110 fail temporary down
             110..111 timer => fetch",
        ),
        (
            "Retry-After is honoured",
            "0 ask a within 300 => fetch
             1 fail temporary busy after 120
             121..121 timer => fetch
             122 grant one 3600 => a one",
        ),
        (
            "up to a quarter of an hour",
            "0 ask a within 3600 => fetch
             1 fail temporary busy after 86400
             901..901 timer => fetch",
        ),
        (
            "a wrong endpoint is tried once a minute",
            "0 ask a within 300 => fetch
             1 fail slow not-found
             61..61 timer => fetch
             62 fail slow not-found
             122..122 timer => fetch
             123 fail slow not-found after 100
             223..223 timer => fetch",
        ),
        (
            "but at once, the floor aside, when the way to it may be another one, and then once a minute again",
            "0 ask a within 300 => fetch
             0.1 fail slow untrusted
             0.2 reconsider
             1..1 timer => fetch
             1.1 fail slow untrusted
             61.1..61.1 timer => fetch
             62 fail slow untrusted
             70 reconsider => fetch
             71 grant one 3600 => a one",
        ),
        (
            "a busy issuer is left alone all the same, and one that refused the credentials",
            "0 ask a within 300 => fetch
             1 fail temporary busy after 120
             2 reconsider
             121..121 timer => fetch
             122 fail terminal refused => reread
             122 reread same => a: terminal refused
             123 reconsider
             123 ask b => b: terminal refused",
        ),
        (
            "what holds for one who waits holds for one who demands",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3300 fail slow down
             3301 ask b fresh => b: slow down
             3301 ask c min 1000 => c: slow down
             3301 ask d min 10 => d one",
        ),
    ]);
}

#[test]
fn a_failed_refresh_never_drops_a_valid_token() {
    for cause in ["temporary", "slow", "local"] {
        let lines = "0 ask a => fetch
                     0 grant one 3600 => a one
                     3225..3300 timer => fetch
                     3310 fail CAUSE down after 900
                     3310 check => ok
                     3311 ask b => b one";
        tell(&[(cause, Box::leak(lines.replace("CAUSE", cause).into_boxed_str()))]);
    }
    tell(&[
        (
            "terminal",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3310 fail terminal refused => reread
             3310 ask b => b one
             3311 reread same
             3312 check => ok
             3313 ask c => c one",
        ),
        (
            "the one that brought a token that was dead",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3301 grant two 0
             3301 ask b => b one",
        ),
    ]);
}

#[test]
fn a_caller_without_a_token_waits_for_each_attempt_that_starts_in_time() {
    tell(&[
        (
            "for the second",
            "0 ask a => fetch
             0.1 fail temporary down
             1..1.1 timer => fetch
             1.5 grant one 3600 => a one",
        ),
        (
            "one that starts later is not worth waiting for",
            "0 ask a within 30 => fetch
             0.1 ask b within 300
             1 fail temporary busy after 60 => a: temporary busy
             61..61 timer => fetch",
        ),
        (
            "nor when the caller comes later",
            "0 ask a => fetch
             1 fail temporary busy after 60 => a: temporary busy
             2 ask b => b: temporary busy
             55 ask c
             61..61 timer => fetch
             62 grant one 3600 => c one",
        ),
        (
            "one that would start at the deadline is not in time",
            "0 ask a within 61 => fetch
             1 fail temporary busy after 60 => a: temporary busy",
        ),
        (
            "at the deadline there is the last error",
            "0 ask a within 5 => fetch
             0.1 fail temporary down
             1..1.1 timer => fetch
             5..5 timer => a: temporary down
             6 fail temporary worse",
        ),
        (
            "or none is known",
            "0 ask a within 5 => fetch
             5..5 timer => a: deadline
             6 ask b within 0 => b: deadline",
        ),
        (
            "an attempt that nobody waits for any more is not made",
            "0 ask a => fetch
             1 fail temporary busy after 5
             2 leave a
             - quiet
             20 wait",
        ),
        (
            "an error is forgotten with the next success",
            "0 ask a => fetch
             0.1 fail temporary down
             1..1.1 timer => fetch
             2 check => temporary down
             2 grant one 60 => a one
             3 check => ok",
        ),
    ]);
}

#[test]
fn the_jitter_is_full() {
    let waits: Vec<Duration> = (0..500).map(seventh_wait).collect();
    let mean = waits.iter().sum::<Duration>() / 500;
    assert!(waits.iter().all(|wait| *wait <= secs(60)));
    assert!(waits.iter().any(|wait| *wait < secs(3)) && waits.iter().any(|wait| *wait > secs(57)));
    assert!((secs(27)..secs(33)).contains(&mean), "{mean:?}");
}

/// How long the machine waits after the seventh failure in a row, each of which took 5 s.
fn seventh_wait(seed: u64) -> Duration {
    let mut machine = Machine::new(POLICY, seed, 0);
    let mut now = START;
    machine.ask(now, Ask { min_ttl: None, fresh: false, deadline: START.boot + secs(3600) });
    let mut wait = Duration::ZERO;
    for _ in 0..7 {
        let Some(Step::Fetch(epoch)) = machine.step(now) else { panic!("no fetch") };
        now = later(now, secs(5));
        machine.failed(now, epoch, Failed { cause: Cause::Temporary, retry_after: None, error: "down" });
        wait = machine.view(now).next_fetch_in.expect("a next attempt");
        now = later(now, wait);
    }
    wait
}
