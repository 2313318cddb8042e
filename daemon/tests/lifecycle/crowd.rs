//! Thousands of callers at once.

use dt_credd::lifecycle::{Ask, Grant, Moment, Refusal, Step, Waiter};

use crate::story::{Machine, POLICY, START, later, secs};

const CROWD: u64 = 10_000;

#[test]
fn ten_thousand_who_wait_for_one_fetch_get_its_token_in_the_order_they_asked() {
    let (mut machine, waiters, now) = crowd();
    let Some(Step::Fetch(epoch)) = machine.step(now) else { panic!("no fetch") };
    machine.granted(now, epoch, Grant { token: "one", lifetime: secs(3600), requested: now });
    for waiter in waiters {
        match machine.step(now) {
            Some(Step::Answer(answered, Ok(served))) => assert_eq!((answered, served.token), (waiter, "one")),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(machine.step(now), None);
}

#[test]
fn ten_thousand_with_deadlines_of_their_own_are_answered_each_at_its_own() {
    let (mut machine, waiters, now) = crowd();
    assert!(matches!(machine.step(now), Some(Step::Fetch(_))));
    for waiter in waiters {
        let now = Moment { boot: machine.timeout().expect("a deadline"), ..now };
        assert_eq!(machine.step(now), Some(Step::Answer(waiter, Err(Refusal::Deadline))));
        assert_eq!(machine.step(now), None);
    }
    assert_eq!(machine.timeout(), None);
}

#[test]
fn of_ten_thousand_who_leave_nothing_remains() {
    let (mut machine, waiters, now) = crowd();
    waiters.into_iter().for_each(|waiter| machine.leave(waiter));
    assert_eq!((machine.step(now), machine.timeout()), (None, None));
}

/// They ask a microsecond apart, while the floor holds the fetch back; each is stepped on its own.
fn crowd() -> (Machine, Vec<Waiter>, Moment) {
    let mut machine = Machine::new(POLICY, 1, 0);
    machine.ask(START, Ask { min_ttl: None, fresh: false, deadline: START.boot });
    machine.replace(START, Some(Grant { token: "none", lifetime: secs(3600), requested: START }), false);
    machine.reject(START, None, false);
    while machine.step(START).is_some() {}
    let waiters = (0..CROWD).map(|i| {
        let now = later(START, std::time::Duration::from_micros(i));
        let waiter = machine.ask(now, Ask { min_ttl: None, fresh: false, deadline: now.boot + secs(10) });
        assert_eq!(machine.step(now), None);
        waiter
    });
    let waiters = waiters.collect();
    (machine, waiters, later(START, secs(1)))
}
