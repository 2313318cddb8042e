//! A daemon that is to end while a secret is on its way: the secret is not lost.

use std::{os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use dt_cred_proto::{
    message::{
        Action, Attributes, Create, Get, Keyring, Manage, Operation, Request, Response, Rotate, Save,
        Starter, Store,
    },
    secret::Secret,
};
use dt_cred_tests::issuer::{Counts, Sandbox};
use dt_credd::{
    audit::Peer, config::Config, confinement::Confinement, keeper::Keeper, keyring::Keyrings,
    service::Service, state::State,
};

use super::tenancy::name;

fn request(operation: Operation) -> Request {
    Request { deadline_ms: 60_000, operation }
}

/// A daemon whose profile `boss` is an Owner's, and `ci` another's.
async fn daemon(sandbox: &Sandbox, folder: &Path) -> (Keeper, Arc<Service>) {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).expect("a private folder");
    let (state, keyrings) = (State::open(folder).expect("a state"), Keyrings::new().expect("keyrings"));
    let keeper = Keeper::new(Config::default(), state, keyrings, folder.join("lent"));
    let service = Service::new(keeper.clone(), Confinement::none(), Starter::Person);
    for (profile, client) in [("boss", sandbox.new_owner()), ("ci", sandbox.new_client())] {
        let attributes = Attributes {
            url: Some(sandbox.url().to_owned()),
            client_id: Some(client.client_id),
            client_secret: Some(Secret::new(client.client_secret)),
            ..Attributes::default()
        };
        let keyring = Some(Keyring::Memory);
        let store = Store { profile: Some(name(profile)), keyring, check: true, attributes };
        assert!(matches!(ask(&service, Operation::Store(Box::new(store))).await, Response::Stored(_)));
    }
    (keeper, service)
}

async fn ask(service: &Service, operation: Operation) -> Response {
    service.answer(request(operation), &Peer::default(), &mut Vec::new()).await
}

/// Asks for it as `boss`, leaves once it was `made`, and sees that the daemon does not end before its answer has come.
async fn is_done_before_the_end(
    sandbox: &Sandbox,
    service: &Service,
    action: Action,
    made: impl Fn(&Counts) -> bool,
) {
    sandbox.set(|settings| settings.api_hold_answers = true);
    let manage = Manage { owner: name("boss"), action };
    let made = async {
        while !made(&sandbox.counts()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = ask(service, Operation::Manage(Box::new(manage))) => panic!("it has an answer"),
        // Who wanted it leaves.
        () = made => {}
    }
    tokio::select! {
        biased;
        () = service.drained() => panic!("the secret is lost"),
        () = tokio::task::yield_now() => {}
    }
    sandbox.set(|settings| settings.api_hold_answers = false);
    service.drained().await;
}

#[tokio::test]
async fn an_integration_that_is_made_for_nobody_any_more_is_kept_before_the_daemon_ends() {
    let (sandbox, folder) = (Sandbox::http(), tempfile::tempdir().unwrap());
    let (keeper, service) = daemon(&sandbox, folder.path()).await;
    let create = Create {
        display_name: "line 3".into(),
        claims: vec![],
        owner: false,
        save: Some(Save { profile: name("line-3"), keyring: Some(Keyring::Memory) }),
        reveal: false,
    };
    let made = |counts: &Counts| counts.api.applications.created == 1;
    is_done_before_the_end(&sandbox, &service, Action::Create(create), made).await;
    let profiles = keeper.status().await;
    assert!(profiles.iter().any(|status| status.profile == name("line-3") && status.url.is_some()));
}

#[tokio::test]
async fn a_secret_that_is_rotated_for_nobody_any_more_is_kept_before_the_daemon_ends() {
    let (sandbox, folder) = (Sandbox::http(), tempfile::tempdir().unwrap());
    let (_keeper, service) = daemon(&sandbox, folder.path()).await;
    let rotate = Rotate { profile: name("ci"), client_id: None, keyring: None, due: None };
    let made = |counts: &Counts| counts.api.applications.regenerated == 1;
    is_done_before_the_end(&sandbox, &service, Action::Rotate(rotate), made).await;
    // The old one gives no token any more.
    let get = Get { profile: Some(name("ci")), fresh: true, ..Get::default() };
    assert!(matches!(ask(&service, Operation::Get(get)).await, Response::Token(_)));
}
