//! Many shells at once, and no daemon yet: one daemon, one request, one right answer for all.

use std::thread;

use dt_cred_tests::{
    any_issuer::AnyIssuer,
    issuer::Sandbox,
    parts::Running,
    user::{Account, User},
};

const SHELLS: usize = 50;
const GETS: usize = 20;

#[test]
fn a_thousand_cold_gets_of_fifty_shells_cost_one_request() {
    AnyIssuer::every().for_each(|issuer| storm(&issuer));
}

fn storm(issuer: &AnyIssuer) {
    let Some(user) = User::in_keyring() else { return };
    user.log_in(&issuer.account());
    user.dt_cred(&["stop"]).done();
    let before = issuer.token_requests();
    let answers: Vec<String> = thread::scope(|scope| {
        let shells: Vec<_> = (0..SHELLS)
            .map(|_| {
                let gets = || (0..GETS).map(|_| user.dt_cred(&["get"]).done()).collect::<Vec<_>>();
                scope.spawn(gets)
            })
            .collect();
        shells.into_iter().flat_map(|shell| shell.join().expect("a shell")).collect()
    });
    let expected = format!("Authorization: Bearer {}\n", user.token());
    assert_eq!(answers.len(), SHELLS * GETS);
    assert!(answers.iter().all(|answer| *answer == expected));
    assert_eq!(issuer.token_requests() - before, 1, "requests at the issuer");
    // One daemon answered them all: each counts its own.
    let served = user.status()["served"].as_u64().expect("a number");
    assert_eq!(served, u64::try_from(SHELLS * GETS).expect("it fits") + 1);
}

#[test]
fn who_asks_while_a_request_is_under_way_waits_for_that_one_however_long_it_takes() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    user.dt_cred(&["reject"]).done();
    sandbox.set(|settings| settings.hold = true);
    let get = || Running::start(user.home.client(&["get", "--format", "raw"]), "");
    let first = get();
    sandbox.wait_until("the request", |counts| counts.tokens.total == 2);
    // For longer than the second that must lie between two requests.
    assert_eq!(user.dt_cred(&["get", "--timeout", "1.5"]).code, Some(1));
    let second = get();
    sandbox.set(|settings| settings.hold = false);
    assert_eq!(first.first_line(), second.first_line());
    assert_eq!(sandbox.counts().tokens.total, 2);
}
