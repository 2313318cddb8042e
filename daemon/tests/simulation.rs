//! A day, a fleet and a forgotten laptop, on a clock of their own. To see the figures:
//! `cargo test -p dt-credd --test simulation -- --nocapture`

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use dt_credd::lifecycle::{
    Ask, Cause, Epoch, Failed, Grant, Lifecycle, Moment, Policy, Refusal, Reread, State, Step, Waiter,
};

type Machine = Lifecycle<u64, &'static str>;

const POLICY: Policy = Policy { min_ttl: secs(60), keep_warm: 24, always: false };
const START: Moment = Moment { boot: secs(5_000), wall: secs(1_700_000_000) };
const LIFETIME: Duration = secs(3660);
const HOUR: u64 = 3600;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The moment at which the boot-time clock says `boot`.
fn at(boot: Duration) -> Moment {
    Moment { boot, wall: START.wall + boot.saturating_sub(START.boot) }
}

/// Chance that is the same in every run (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit
    }

    fn milliseconds(&mut self, limit: u64) -> Duration {
        Duration::from_millis(self.below(limit))
    }
}

/// An issuer's answer that is under way: to which request, and whether it is a grant.
struct Answer {
    due: Duration,
    epoch: Epoch,
    requested: Moment,
    granted: bool,
}

#[test]
fn in_a_day_of_a_thousand_callers_nobody_is_refused_while_a_valid_token_exists() {
    const CALLERS: u64 = 1000;
    let outage = START.boot + secs(12 * HOUR)..START.boot + secs(13 * HOUR);
    let end = START.boot + secs(24 * HOUR);
    let mut chance = Chance(42);
    let mut machine = Machine::new(POLICY, 42, 0);
    // Everybody asks every five minutes or so.
    let mut asks: BinaryHeap<_> =
        (0..CALLERS).map(|_| Reverse(START.boot + chance.milliseconds(300_000))).collect();
    let mut answer: Option<Answer> = None;
    let mut waiting: BTreeMap<Waiter, Duration> = BTreeMap::new();
    // Until when the token in hand is valid, as the issuer gave it.
    let mut valid_until = Duration::ZERO;
    let (mut requests, mut grants, mut served, mut waited, mut refused) = (0_u32, 0_u64, 0_u32, 0_u32, 0_u32);
    let mut longest = Duration::ZERO;
    loop {
        let due = answer.as_ref().map(|answer| answer.due);
        let next = [asks.peek().map(|ask| ask.0), due, machine.timeout()].into_iter().flatten().min();
        let Some(now) = next.filter(|next| *next < end).map(at) else { break };
        if let Some(Answer { epoch, requested, granted, .. }) =
            answer.take_if(|answer| answer.due <= now.boot)
        {
            if granted {
                grants += 1;
                valid_until = requested.boot + LIFETIME;
                machine.granted(now, epoch, Grant { token: grants, lifetime: LIFETIME, requested });
            } else {
                machine.failed(
                    now,
                    epoch,
                    Failed { cause: Cause::Temporary, retry_after: None, error: "gone" },
                );
            }
        }
        if asks.peek().is_some_and(|ask| ask.0 <= now.boot) {
            asks.pop();
            asks.push(Reverse(now.boot + chance.milliseconds(600_000)));
            let ask = Ask { min_ttl: None, fresh: false, deadline: now.boot + secs(10) };
            waiting.insert(machine.ask(now, ask), now.boot);
        }
        while let Some(step) = machine.step(now) {
            match step {
                Step::Fetch(epoch) => {
                    assert!(answer.is_none(), "two fetches at once");
                    requests += 1;
                    let granted = !outage.contains(&now.boot) && chance.below(10) != 0;
                    let latency = Duration::from_millis(50) + chance.milliseconds(1950);
                    answer = Some(Answer { due: now.boot + latency, epoch, requested: now, granted });
                }
                Step::Answer(waiter, answer) => {
                    let asked = waiting.remove(&waiter).expect("one answer for each");
                    let wait = now.boot - asked;
                    assert!(wait <= secs(10), "an answer by the deadline");
                    longest = longest.max(wait);
                    waited += u32::from(!wait.is_zero());
                    match answer {
                        Ok(token) => {
                            assert!(
                                now.boot < valid_until && token.token == grants,
                                "an expired token is served"
                            );
                            served += 1;
                        }
                        Err(_) => {
                            assert!(now.boot >= valid_until, "refused while a valid token exists");
                            refused += 1;
                        }
                    }
                }
                Step::Reread(_) => panic!("nothing was refused for good"),
            }
        }
    }
    println!(
        "a day: {requests} requests, {grants} grants, {served} served, {waited} waited, {longest:?} at most, {refused} refused"
    );
    // A token lives 3660 s and is renewed 300 to 375 s ahead: 24 to 27 a day. Of a hundred requests ten fail, each of
    // which costs one more; the hour without an issuer costs one each half a minute, for as long as it lasts.
    assert!((24..=28).contains(&grants), "{grants} grants");
    assert!(u64::from(requests) <= grants + grants / 2 + 2 * 60 + 40, "{requests} requests");
    assert!(served > 250_000 && refused > 0, "the hour is longer than a token lives from its refresh on");
}

#[test]
fn after_a_common_outage_no_second_sees_more_than_a_twentyfifth_of_a_fleet() {
    const FLEET: usize = 10_000;
    // Everybody has a token when the issuer goes, and somebody waits for one wherever there is none.
    let outage = START.boot + secs(600)..START.boot + secs(600 + 2 * HOUR);
    let end = outage.end + secs(600);
    let second = |boot: Duration| usize::try_from((boot - START.boot).as_secs()).expect("it fits");
    let (mut asked, mut granted) = (vec![0_usize; second(end)], vec![0_usize; second(end)]);
    for seed in 0..FLEET {
        let mut chance = Chance(seed as u64 + 1);
        let mut machine = Machine::new(POLICY, chance.below(u64::MAX), 0);
        // Their tokens are of any age.
        let requested = at(START.boot - chance.milliseconds(3_300_000));
        machine.replace(START, Some(Grant { token: 0, lifetime: LIFETIME, requested }), false);
        let mut now = START;
        let mut waits = false;
        loop {
            while let Some(step) = machine.step(now) {
                let Step::Fetch(epoch) = step else { continue };
                asked[second(now.boot)] += 1;
                if outage.contains(&now.boot) {
                    machine.failed(
                        now,
                        epoch,
                        Failed { cause: Cause::Temporary, retry_after: None, error: "gone" },
                    );
                    // Until the end: one who waits is as good as many.
                    if !std::mem::replace(&mut waits, true) {
                        machine.ask(now, Ask { min_ttl: None, fresh: true, deadline: end });
                    }
                } else {
                    granted[second(now.boot)] += 1;
                    machine.granted(now, epoch, Grant { token: 1, lifetime: LIFETIME, requested: now });
                }
            }
            let Some(next) = machine.timeout().filter(|next| *next < end) else { break };
            now = at(next);
        }
    }
    let back = second(outage.end);
    let worst = |seconds: &[usize]| seconds.iter().max().copied().unwrap_or_default();
    let healed: Vec<usize> = (1..=6).map(|ten| granted[back..back + 10 * ten].iter().sum()).collect();
    println!(
        "a fleet of {FLEET}: {} requests in the worst second of the outage, {} after it; healed each 10 s: {healed:?}",
        worst(&asked[..back]),
        worst(&asked[back..])
    );
    assert!(worst(&asked[back..]) * 25 <= FLEET, "{} requests in one second", worst(&asked[back..]));
    assert_eq!(healed[5], FLEET, "everybody has a token again within a minute");
    // Hours of a common outage are spread as evenly: a thirtieth each second on average.
    assert!(worst(&asked[..back]) * 20 <= FLEET, "{} requests in one second", worst(&asked[..back]));
}

#[test]
fn a_laptop_that_nobody_uses_for_a_week_asks_25_times_and_then_rests() {
    let mut machine = Machine::new(POLICY, 3, 0);
    let mut now = START;
    let mut requests = 0_u32;
    let mut take = |machine: &mut Machine, now: Moment| {
        let mut answers = Vec::new();
        while let Some(step) = machine.step(now) {
            match step {
                Step::Fetch(epoch) => {
                    requests += 1;
                    let token = u64::from(requests);
                    machine.granted(now, epoch, Grant { token, lifetime: LIFETIME, requested: now });
                }
                Step::Answer(_, answer) => answers.push(answer),
                Step::Reread(epoch) => machine.reread(now, epoch, Reread::Same),
            }
        }
        answers
    };
    let ask = |machine: &mut Machine, now: Moment| {
        machine.ask(now, Ask { min_ttl: None, fresh: false, deadline: now.boot + secs(10) });
    };
    ask(&mut machine, now);
    assert!(matches!(take(&mut machine, now)[..], [Ok(_)]));
    let week = START.boot + secs(7 * 24 * HOUR);
    let mut wakes = 0_u32;
    while let Some(next) = machine.timeout().filter(|next| *next < week) {
        // The lid is closed from ten to six: what was due at night is seen in the morning, by both clocks.
        let hour = next.as_secs() / HOUR % 24;
        let morning = if hour < 6 { secs((6 - hour) * HOUR) } else { Duration::ZERO };
        now = at(next + morning);
        wakes += 1;
        assert!(take(&mut machine, now).is_empty(), "nobody asked");
    }
    assert_eq!(machine.timeout(), None, "no timer: it does not wake the machine any more");
    assert_eq!(machine.view(at(week)).state, State::Idle);
    ask(&mut machine, at(week));
    let answers = take(&mut machine, at(week));
    println!("a week: {requests} requests, {wakes} wakes");
    assert!(matches!(&answers[..], [Ok(token)] if token.token == 26), "a new token, and none of a week ago");
    assert_eq!((requests, wakes), (26, 24));
    let refused: Result<(), Refusal<_>> = machine.check(at(week));
    assert!(refused.is_ok());
}
