//! `test`: what the API's answer to the token means, told apart, with exit code and next step.

use dt_cred_tests::{
    issuer::{Door, Fault, Sandbox},
    parts::Running,
    user::{Account, User},
};

#[test]
fn a_token_that_the_api_takes_works_and_its_assets_are_counted() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    user.log_in(&account);
    let works = format!("works: {} takes the token of profile {} and lists", account.url, user.profile());
    assert_eq!(user.dt_cred(&["test"]).done(), format!("{works} 2 assets\n"));
    let page = "{\"assets\":[{}],\"next_page_token\":\"more\"}";
    for (body, end) in [
        (page.to_owned(), "1 asset, and there are more\n"),
        ("{\"assets\":[{\"identity\":1}]}".to_owned(), "1 asset\n"),
        (format!("{{\"assets\":[\"{}\"]}}", "a".repeat(1 << 20)), "more assets than are counted here\n"),
    ] {
        sandbox.set(|settings| settings.assets_fault = Some(Fault::json(&body)));
        assert_eq!(user.dt_cred(&["test"]).done(), format!("{works} {end}"));
    }
    assert_eq!(sandbox.counts().tokens.total, 1, "the token is the one that is held");
}

#[test]
fn an_empty_list_is_a_token_that_works_and_tells_how_a_policy_is_added() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    user.log_in(&account);
    sandbox.set(|settings| settings.policy = false);
    let text = user.dt_cred(&["test"]).done();
    assert!(text.starts_with("works: ") && text.contains("no access policy grants"), "{text}");
    assert!(text.contains(&format!("for the subject {},", account.client_id)), "{text}");
    let grant = format!("\ndt-cred integration grant {} --as OWNER\n", user.profile());
    assert!(text.ends_with(&grant), "{text}");
}

#[test]
fn a_token_that_is_refused_is_replaced_once_and_that_is_told() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    user.log_in(&account);
    let before = user.token();
    sandbox.revoke_tokens(&account.client_id);
    let text = user.dt_cred(&["test"]).done();
    assert!(text.starts_with("the token that was held was refused, and a new one works: "), "{text}");
    assert_ne!(user.token(), before, "everybody has the new one");
    let counts = sandbox.counts();
    assert_eq!((counts.tokens.total, counts.assets.total), (2, 2));
}

#[test]
fn a_token_of_another_login_goes_to_that_ones_address_alone() {
    let (old, new) = (Sandbox::http(), Sandbox::http());
    let user = User::in_memory();
    user.log_in(&Account::at(&old));
    old.set(|settings| (settings.assets_fault, settings.hold) = (Some(Fault::empty(401)), true));
    let mut test = Running::start(user.home.client(&["test"]), "");
    old.wait_until("another token to be asked for", |counts| counts.tokens.total == 2);
    let account = Account::at(&new);
    user.log_in(&account);
    old.set(|settings| settings.hold = false);
    assert!(test.wait().success());
    assert_eq!((old.counts().assets.total, new.counts().assets.total), (1, 1));
}

#[test]
fn every_other_answer_has_its_exit_code_its_reason_and_what_to_do() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    user.log_in(&account);
    let profile = user.profile();
    let policy =
        format!("ask an Owner of the tenancy for an access policy with subject={}", account.client_id);
    let login = format!("dt-cred login -p {profile} --url URL");
    let cases = [
        (Fault::empty(401), 4, "it does not take the issuer's token", "belong together"),
        (
            Fault::quota(),
            1,
            "(a quota of the tenancy is used up): quota exceeded: the quota of this tenant is used up",
            "try again later",
        ),
        (Fault::empty(403), 8, "forbids its client to list assets", &*policy),
        (
            Fault::rate_limited(&[("Archivist-Rate-Limit-Reset", "2.5")]),
            1,
            "(too many requests)",
            "it asks to wait 3 s; try again later",
        ),
        (Fault::html(503), 1, "answered 503", "try again later"),
        (Fault::Reset, 1, "broke before the whole answer came", "try again later"),
        (Fault::html(404), 7, "answered 404 to /archivist/v2/assets: no DataTrails is there", &login),
        (
            Fault::Redirect { status: 302, location: "/login".to_owned() },
            7,
            "answered 302 to /archivist/v2/assets: no DataTrails is there",
            &login,
        ),
        (Fault::html(200), 7, "answered 200 with no list of assets", &login),
        (Fault::json("{\"assets\":3}"), 7, "with no list of assets", &login),
        (Fault::empty(418), 8, "answered 418, which says nothing of the token", "tell whoever runs it"),
    ];
    for (fault, code, reason, mend) in cases {
        let what = format!("{fault:?}");
        sandbox.set(|settings| settings.assets_fault = Some(fault));
        let output = user.dt_cred(&["test"]);
        let start = format!("dt-cred: profile {profile}: ");
        assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{what}: {}", output.stderr);
        assert!(
            output.stderr.starts_with(&start) && output.stderr.lines().count() == 1,
            "{what}: {}",
            output.stderr
        );
        assert!(output.stderr.contains(reason) && output.stderr.contains(mend), "{what}: {}", output.stderr);
    }
}

#[test]
fn an_api_that_cannot_be_reached_is_told_and_the_token_stays() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    sandbox.set(|settings| settings.door = Door::Closed);
    let output = user.dt_cred(&["test"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{}", output.stderr);
    assert!(output.stderr.contains("no connection to"), "{}", output.stderr);
    user.token();
}

#[test]
fn without_a_token_the_api_is_not_asked() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let account = Account::at(&sandbox);
    user.log_in_with(&format!(
        "{}no_check=true\n",
        account.lines().replace(&account.client_secret, "aTTic-9f31-mistyped")
    ));
    let output = user.dt_cred(&["test"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(4), ""), "{}", output.stderr);
    assert_eq!(sandbox.counts().assets.total, 0);
    assert_eq!(user.dt_cred(&["test", "-p", "nobody"]).code, Some(5));
}
