//! `list`, `show`, `delete`, `grant`, `grants`, `revoke`.

use dt_cred_proto::{
    message::{Action, FailureKind, Grant, Granted, Integration, IntegrationSubject, Managed, Policy},
    uuid::Uuid,
};
use dt_cred_tests::{issuer::Fault, user::Account};

use super::tenancy::{Tenancy, name};

fn list(tenancy: &Tenancy) -> Vec<Integration> {
    let (mut all, mut page) = (Vec::new(), None);
    loop {
        let Ok(Managed::Integrations(found)) = tenancy.manage(Action::List { page }) else {
            panic!("no list")
        };
        assert_eq!(found.unread, []);
        all.extend(found.integrations);
        page = found.next;
        if page.is_none() {
            return all;
        }
    }
}

fn grants(tenancy: &Tenancy, subject: &IntegrationSubject) -> Vec<Policy> {
    let (mut all, mut page) = (Vec::new(), None);
    loop {
        let action = Action::Policies { subject: subject.clone(), page };
        let Ok(Managed::Policies(found)) = tenancy.manage(action) else { panic!("no list") };
        all.extend(found.policies);
        page = found.next;
        if page.is_none() {
            return all;
        }
    }
}

fn granted(tenancy: &Tenancy, grant: Grant) -> Granted {
    let Ok(Managed::Granted(granted)) = tenancy.manage(Action::Grant(grant)) else { panic!("no grant") };
    *granted
}

fn grant(tenancy: &Tenancy) -> Grant {
    Grant {
        subject: tenancy.subject(),
        asset_types: vec![],
        read: false,
        write: false,
        display_name: None,
        dry_run: false,
    }
}

#[test]
fn a_list_has_every_page_without_a_secret_and_says_which_profiles_hold_which_integration() {
    let tenancy = Tenancy::in_memory();
    for _ in 0..3 {
        Account::at(&tenancy.sandbox);
    }
    tenancy.store("twin", &tenancy.account).done();
    tenancy.sandbox.set(|settings| settings.page_size = 2);
    let all = list(&tenancy);
    assert_eq!(all.len(), 5);
    let own = all.iter().find(|one| one.client_id == tenancy.id()).expect("it is there");
    assert_eq!(own.profiles, [tenancy.profile(), name("twin")]);
    assert_eq!(all.iter().filter(|one| one.profiles.is_empty()).count(), 3);
    assert!(all.iter().all(|one| one.valid_until.is_some()));
    assert!(tenancy.sandbox.counts().api.applications.listed >= 3);
}

#[test]
fn an_integration_is_shown_and_deleted_by_id_and_by_profile_and_who_holds_its_credentials_is_told() {
    let tenancy = Tenancy::in_memory();
    for subject in [tenancy.subject(), IntegrationSubject::Id(tenancy.id())] {
        let Ok(Managed::Integration(shown)) = tenancy.manage(Action::Show(subject)) else { panic!("none") };
        assert_eq!((shown.client_id, shown.profiles), (tenancy.id(), vec![tenancy.profile()]));
    }
    let Ok(Managed::Deleted { id, profiles }) = tenancy.manage(Action::Delete(tenancy.subject())) else {
        panic!("it is there still")
    };
    assert_eq!((id, profiles), (tenancy.id(), vec![tenancy.profile()]));
    assert!(list(&tenancy).iter().all(|one| one.client_id != tenancy.id()));
    let again = tenancy.manage(Action::Delete(IntegrationSubject::Id(id))).err().expect("it is gone");
    assert!(again.message.as_str().contains(&format!("there is no integration {id}")), "{}", again.message);
}

#[test]
fn what_is_granted_can_be_seen_until_it_is_revoked_and_nothing_before_and_after() {
    let tenancy = Tenancy::in_memory();
    tenancy.sandbox.set(|settings| settings.policy = false);
    let empty = || tenancy.user.dt_cred(&["test"]).done().contains("no access policy grants");
    assert!(empty());
    let told = granted(&tenancy, Grant { dry_run: true, ..grant(&tenancy) });
    assert!(told.policy.is_none() && tenancy.sandbox.policies().is_empty(), "nothing is sent");
    let made = granted(&tenancy, grant(&tenancy));
    assert_eq!((made.client_id, &made.body), (tenancy.id(), &told.body));
    let policy = made.policy.expect("it is made");
    assert_eq!(policy.display_name.as_str(), format!("{}: read", tenancy.profile()));
    assert!(policy.read && !policy.write);
    assert!(!empty());
    assert_eq!(grants(&tenancy, &tenancy.subject()), std::slice::from_ref(&policy));
    let Ok(Managed::Policy(shown)) = tenancy.manage(Action::Policy(policy.id)) else { panic!("none") };
    assert_eq!(*shown, policy);
    let Ok(Managed::Revoked(id)) = tenancy.manage(Action::Revoke(policy.id)) else {
        panic!("it is there still")
    };
    assert_eq!(id, policy.id);
    assert!(empty() && grants(&tenancy, &tenancy.subject()).is_empty());
}

#[test]
fn grants_are_those_of_one_integration_from_every_page() {
    let tenancy = Tenancy::in_memory();
    let other: Uuid = Account::at(&tenancy.sandbox).client_id.parse().unwrap();
    let doors = Grant {
        asset_types: vec!["Door".into(), "Gate & more".into()],
        write: true,
        display_name: Some("doors".into()),
        ..grant(&tenancy)
    };
    let made = granted(&tenancy, doors).policy.expect("it is made");
    assert!(made.write && !made.read, "it is not granted what was not said");
    for _ in 0..3 {
        granted(&tenancy, Grant { subject: IntegrationSubject::Id(other), ..grant(&tenancy) });
    }
    tenancy.sandbox.set(|settings| settings.page_size = 1);
    assert_eq!(grants(&tenancy, &tenancy.subject()), [made]);
    assert_eq!(grants(&tenancy, &IntegrationSubject::Id(other)).len(), 3);
}

#[test]
fn a_token_of_the_owner_that_is_not_taken_is_replaced_once() {
    let tenancy = Tenancy::in_memory();
    list(&tenancy);
    let before = tenancy.sandbox.counts().tokens.total;
    let owner = tenancy.sandbox.integrations();
    let owner = owner.iter().find(|one| one["roles"] == serde_json::json!(["OWNER"])).expect("an Owner");
    tenancy.sandbox.revoke_tokens(owner["client_id"].as_str().expect("a client id"));
    assert_eq!(list(&tenancy).len(), 2);
    assert_eq!(tenancy.sandbox.counts().tokens.total, before + 1);
}

#[test]
fn an_answer_about_another_integration_or_policy_than_was_asked_for_is_none() {
    let tenancy = Tenancy::in_memory();
    for display_name in ["first", "second"] {
        granted(&tenancy, Grant { display_name: Some(display_name.into()), ..grant(&tenancy) });
    }
    let (integrations, policies) = (tenancy.sandbox.integrations(), tenancy.sandbox.policies());
    let id = |one: &serde_json::Value, name| -> Uuid {
        let id = one[name].as_str().expect("an id");
        id.rsplit('/').next().expect("a word").parse().expect("a UUID")
    };
    let shown = |one| Action::Show(IntegrationSubject::Id(id(one, "client_id")));
    let policy = |one| Action::Policy(id(one, "identity"));
    for (asked, other, action) in [
        (&integrations[0], &integrations[1], shown(&integrations[0])),
        (&policies[0], &policies[1], policy(&policies[0])),
    ] {
        tenancy.sandbox.set(|settings| {
            let answers = [asked, other].map(|answer| Fault::json(&answer.to_string()));
            settings.api_answer_script.extend(answers);
        });
        let again = match &action {
            Action::Show(subject) => Action::Show(subject.clone()),
            _ => policy(asked),
        };
        assert!(tenancy.manage(action).is_ok(), "{asked}");
        let failure = tenancy.manage(again).err().expect("it is another one's");
        assert!(
            matches!(failure.kind, FailureKind::Configuration | FailureKind::Other),
            "{}",
            failure.message
        );
    }
}

#[test]
fn the_name_of_a_page_is_sent_only_where_it_is_short() {
    let tenancy = Tenancy::in_memory();
    for (length, sent) in [(2049, 0), (2048, 1)] {
        let page = || Some("x".repeat(length));
        for action in
            [Action::List { page: page() }, Action::Policies { subject: tenancy.subject(), page: page() }]
        {
            let before = tenancy.sandbox.counts().api.total;
            let failure = tenancy.manage(action).err().expect("there is no such page");
            assert_eq!(tenancy.sandbox.counts().api.total - before, sent, "{}", failure.message);
            let said =
                failure.message.as_str().contains("has a name of 2049 bytes, and at most 2048 are sent");
            assert_eq!(said, sent == 0, "{}", failure.message);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn who_holds_which_integration_is_told_without_running_any_keyring_command() {
    let tenancy = Tenancy::in_memory();
    let ran = tenancy.user.home.path().join("ran");
    tenancy.user.dt_cred(&["stop"]).done();
    tenancy.user.home.configure(&format!(
        "[profile.given]\nkeyring = \"command\"\nkeyring_command = [\"/usr/bin/touch\", {ran:?}]\n"
    ));
    tenancy.log_in_owner();
    let Ok(Managed::Integrations(found)) = tenancy.manage(Action::List { page: None }) else {
        panic!("no list")
    };
    assert!(found.unread == [name("given")] && !found.integrations.is_empty());
    assert!(!ran.exists(), "it may ask a person");
    // The same command runs for whoever wants the token.
    tenancy.user.dt_cred(&["get", "-p", "given"]);
    assert!(ran.exists());
}
