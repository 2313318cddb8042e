//! When a token expires, and which generation it is.

use std::time::Duration;

use dt_credd::lifecycle::{Ask, Grant, Moment, Served, Step};

use crate::story::{Machine, POLICY, START, later, secs, tell};

#[test]
fn a_lifetime_counts_from_before_the_request_was_sent() {
    tell(&[
        (
            "not from the answer",
            "0 ask a => fetch
             3 grant one 100 => a one
             3 left a 97
             68.75..75 timer => fetch
             99.999 ask b min 0 => b one
             99.999 left b 0.001",
        ),
        (
            "of a proof as well",
            "5 replace one 100 sent 2
             5 ask a => a one
             5 left a 97",
        ),
    ]);
}

#[test]
fn generations_are_the_milliseconds_of_the_grant_and_always_grow() {
    let wall = u64::try_from(START.wall.as_millis()).unwrap();
    for (name, last, now, expected) in [
        ("the wall clock's", 0, START, wall),
        ("more than the last, where the clock was set back", wall + 9, START, wall + 10),
        ("more than the last, where both are of one millisecond", wall, START, wall + 1),
        ("more than the last, where the clock says 1970", 7, Moment { wall: Duration::ZERO, ..START }, 8),
    ] {
        let mut machine = Machine::new(POLICY, 1, last);
        assert_eq!(machine.generation(), last, "{name}");
        assert_eq!(served(&mut machine, now, "one").generation, expected, "{name}");
        assert_eq!(machine.generation(), expected, "{name}");
        let back = Moment { boot: now.boot + secs(1), wall: Duration::ZERO };
        assert_eq!(served(&mut machine, back, "two").generation, expected + 1, "{name}");
    }
}

#[test]
fn the_moment_of_expiry_is_the_same_at_each_request_and_right_after_a_clock_was_set_back() {
    let mut machine = Machine::new(POLICY, 1, 0);
    assert_eq!(served(&mut machine, START, "one").expires_at, START.wall + secs(3600));
    let now = later(START, secs(100));
    assert_eq!(again(&mut machine, now).expires_at, START.wall + secs(3600));
    let back = Moment { wall: now.wall - secs(50), ..now };
    assert_eq!(again(&mut machine, back).expires_at, START.wall + secs(3550));
    let forward = Moment { wall: now.wall + secs(50), ..now };
    assert_eq!(again(&mut machine, forward).expires_at, START.wall + secs(3600));
}

fn served(machine: &mut Machine, now: Moment, token: &'static str) -> Served<&'static str> {
    machine.ask(now, Ask { min_ttl: None, fresh: true, deadline: now.boot + secs(10) });
    let Some(Step::Fetch(epoch)) = machine.step(now) else { panic!("no fetch") };
    machine.granted(now, epoch, Grant { token, lifetime: secs(3600), requested: now });
    answer(machine, now)
}

fn again(machine: &mut Machine, now: Moment) -> Served<&'static str> {
    machine.ask(now, Ask { min_ttl: None, fresh: false, deadline: now.boot + secs(10) });
    answer(machine, now)
}

fn answer(machine: &mut Machine, now: Moment) -> Served<&'static str> {
    match machine.step(now) {
        Some(Step::Answer(_, Ok(served))) => served,
        other => panic!("{other:?}"),
    }
}
