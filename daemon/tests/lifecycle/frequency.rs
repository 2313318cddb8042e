//! How often tokens are fetched. `cargo test -p dt-credd --test lifecycle how_often -- --nocapture` prints it.

use std::time::Duration;

use dt_credd::lifecycle::{Ask, Grant, Moment, Step};

use crate::story::{Machine, POLICY, START, later, secs};

const HOURS: Duration = secs(2 * 3600);
const DAYS: Duration = secs(2 * 86_400);
/// From a request to its answer.
const LATENCY: Duration = Duration::from_millis(200);

#[test]
fn how_often_tokens_are_fetched_is_as_the_table_says() {
    println!("lifetime  asked each second, 2 h  (waited)  idle, 2 days");
    // The bounds are 2 h divided by the latest and the earliest moment of refresh, and one each for the ends.
    for (lifetime, least, most) in
        [(4, 3_272, 4_801), (10, 1_384, 1_921), (60, 157, 176), (660, 12, 14), (3660, 3, 4)]
    {
        let (asked, waited) = fetches(secs(lifetime), HOURS, Some(secs(1)));
        let (idle, _) = fetches(secs(lifetime), DAYS, None);
        println!("{lifetime:>6} s  {asked:>22}  {waited:>8}  {idle:>12}");
        assert!((least..=most).contains(&asked), "{asked} fetches for {lifetime} s");
        assert_eq!(waited, 1, "only the first who asks waits for a fetch");
        assert_eq!(idle, 25, "one that was asked for, and as many as the preferences allow");
    }
}

/// How many fetches begin within `span` if somebody asks each `every`, or only at first, and how many callers
/// were not answered at once.
fn fetches(lifetime: Duration, span: Duration, every: Option<Duration>) -> (usize, usize) {
    let mut machine = Machine::new(POLICY, 1, 0);
    let mut now = START;
    let mut next_ask = Some(START.boot);
    let mut running = None;
    let (mut fetches, mut waited) = (0, 0);
    loop {
        let answer = running.map(|(_, sent): (_, Moment)| sent.boot + LATENCY);
        let Some(next) = [next_ask, answer, machine.timeout()].into_iter().flatten().min() else { break };
        if next > START.boot + span {
            break;
        }
        now = later(now, next.saturating_sub(now.boot));
        let mut unanswered = 0;
        if let Some((epoch, requested)) = running.take_if(|_| answer == Some(next)) {
            machine.granted(now, epoch, Grant { token: "one", lifetime, requested });
        }
        if next_ask == Some(next) {
            machine.ask(now, Ask { min_ttl: None, fresh: false, deadline: next + secs(10) });
            next_ask = every.map(|every| next + every);
            unanswered = 1;
        }
        while let Some(step) = machine.step(now) {
            match step {
                Step::Fetch(epoch) => {
                    fetches += 1;
                    running = Some((epoch, now));
                }
                Step::Answer(_, Ok(_)) => unanswered = 0,
                other => panic!("{other:?}"),
            }
        }
        waited += unanswered;
    }
    (fetches, waited)
}
