//! What those see who only look.

use dt_credd::lifecycle::{Ask, Cause, Failed, Grant, Moment, Refusal, Reread, State, Step, View};

use crate::story::{Machine, POLICY, START, later, secs};

#[test]
fn each_state_is_seen_as_what_it_is_and_looking_changes_nothing() {
    let mut machine = Machine::new(POLICY, 1, 0);
    let mut now = START;
    assert_eq!(look(&machine, now), View { state: State::Idle, ..nothing() });

    let epoch = ask(&mut machine, now);
    assert_eq!(look(&machine, now), View { state: State::Fetching, ..nothing() });

    machine.failed(now, epoch, Failed { cause: Cause::Temporary, retry_after: Some(secs(5)), error: "busy" });
    let busy = Some(Refusal::Failed { cause: Cause::Temporary, error: "busy" });
    let failing = View { state: State::Failing, next_fetch_in: Some(secs(5)), last_error: busy, ..nothing() };
    assert_eq!(look(&machine, now), failing);

    now = later(now, secs(5));
    let Some(Step::Fetch(epoch)) = machine.step(now) else { panic!("no fetch") };
    machine.granted(now, epoch, Grant { token: "one", lifetime: secs(3600), requested: now });
    assert!(matches!(machine.step(now), Some(Step::Answer(_, Ok(_)))));
    let view = look(&machine, later(now, secs(10)));
    let generation = Some(machine.generation());
    let next = view.next_fetch_in.expect("a refresh");
    assert!((secs(3215)..=secs(3290)).contains(&next), "{next:?}");
    let (expires_in, lifetime) = (Some(secs(3590)), Some(secs(3600)));
    let valid = View { state: State::Valid, expires_in, lifetime, generation, ..nothing() };
    assert_eq!(View { next_fetch_in: None, ..view }, valid);

    assert!(machine.reject(now, None, false));
    now = later(now, secs(1));
    let epoch = ask(&mut machine, now);
    machine.failed(now, epoch, Failed { cause: Cause::Terminal, retry_after: None, error: "refused" });
    assert_eq!(machine.step(now), Some(Step::Reread(epoch)));
    let refused = Some(Refusal::Failed { cause: Cause::Terminal, error: "refused" });
    let reading = View { state: State::Fetching, last_error: refused.clone(), ..nothing() };
    assert_eq!(look(&machine, now), reading);
    machine.reread(now, epoch, Reread::Same);
    assert_eq!(look(&machine, now), View { state: State::Refused, last_error: refused, ..nothing() });
}

fn nothing() -> View<&'static str> {
    View {
        state: State::Idle,
        expires_in: None,
        lifetime: None,
        generation: None,
        next_fetch_in: None,
        last_error: None,
    }
}

fn look(machine: &Machine, now: Moment) -> View<&'static str> {
    let timeout = machine.timeout();
    let view = machine.view(now);
    let _ = machine.check(now);
    assert_eq!((machine.view(now), machine.timeout()), (view.clone(), timeout));
    view
}

fn ask(machine: &mut Machine, now: Moment) -> dt_credd::lifecycle::Epoch {
    machine.ask(now, Ask { min_ttl: None, fresh: false, deadline: now.boot + secs(100) });
    match machine.step(now) {
        Some(Step::Fetch(epoch)) => epoch,
        other => panic!("{other:?}"),
    }
}
