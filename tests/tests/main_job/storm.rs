//! Many shells at once, and no daemon yet: one daemon, one request, one right answer for all.

use std::thread;

use dt_cred_tests::{any_issuer::AnyIssuer, parts::run, user::User};

const SHELLS: usize = 50;
const GETS: usize = 20;

#[test]
fn a_thousand_cold_gets_of_fifty_shells_cost_one_request() {
    AnyIssuer::every().for_each(|issuer| storm(&issuer));
}

fn storm(issuer: &AnyIssuer) {
    let Some(user) = User::in_kernel_keyring() else { return };
    user.log_in(&issuer.account());
    user.dt_cred(&["stop"]).done();
    let before = issuer.token_requests();
    let answers: Vec<String> = thread::scope(|scope| {
        let shells: Vec<_> = (0..SHELLS)
            .map(|_| {
                scope.spawn(|| {
                    let script = format!("for i in $(seq {GETS}); do dt-cred get || exit; done");
                    run(user.shell_command(&script), "").done()
                })
            })
            .collect();
        shells.into_iter().map(|shell| shell.join().expect("a shell")).collect()
    });
    let token = user.token();
    for answer in answers {
        let lines: Vec<_> = answer.lines().collect();
        assert_eq!(lines.len(), GETS);
        assert!(lines.iter().all(|line| *line == format!("Authorization: Bearer {token}")));
    }
    assert_eq!(issuer.token_requests() - before, 1, "requests at the issuer");
    // One daemon answered them all: each counts its own.
    let served = user.status()["served"].as_u64().expect("a number");
    assert_eq!(served, u64::try_from(SHELLS * GETS).expect("it fits") + 1);
}
