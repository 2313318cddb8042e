//! Many shells at once, and no daemon yet: one daemon, one request, one right answer for all.

use std::thread;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{oidc_provider::OidcProvider, run},
    user::{Account, User},
};

const SHELLS: usize = 50;
const GETS: usize = 20;

#[test]
fn a_thousand_cold_gets_of_fifty_shells_cost_one_request_over_http() {
    let sandbox = Sandbox::http();
    storm(&Account::at(&sandbox), || sandbox.counts().tokens.total);
}

#[test]
fn a_thousand_cold_gets_of_fifty_shells_cost_one_request_over_https() {
    let sandbox = Sandbox::https();
    storm(&Account::at(&sandbox), || sandbox.counts().tokens.total);
}

#[test]
fn a_thousand_cold_gets_of_fifty_shells_cost_a_real_provider_one_request_over_http() {
    if let Some(provider) = OidcProvider::http() {
        storm(&Account::at_provider(&provider), || provider.counts().token_requests.into());
    }
}

#[test]
fn a_thousand_cold_gets_of_fifty_shells_cost_a_real_provider_one_request_over_https() {
    if let Some(provider) = OidcProvider::https() {
        storm(&Account::at_provider(&provider), || provider.counts().token_requests.into());
    }
}

fn storm(account: &Account, requests: impl Fn() -> u64) {
    let Some(user) = User::in_kernel_keyring() else { return };
    user.log_in(account);
    user.dt_cred(&["stop"]).done();
    let before = requests();
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
    assert_eq!(requests() - before, 1, "requests at the issuer");
    // One daemon answered them all: each counts its own.
    let served = user.status()["served"].as_u64().expect("a number");
    assert_eq!(served, u64::try_from(SHELLS * GETS).expect("it fits") + 1);
}
