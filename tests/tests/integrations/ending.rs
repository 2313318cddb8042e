//! A daemon that is to end while a secret is on its way: the secret is not lost.

use std::{future::pending, os::unix::fs::PermissionsExt};

use dt_cred_proto::message::{
    Action, Attributes, Create, Manage, Operation, Request, Response, Save, Starter, Store,
};
use dt_cred_tests::issuer::Sandbox;
use dt_credd::{
    audit::Peer, config::Config, confinement::Confinement, keeper::Keeper, keyring::Keyrings,
    service::Service, state::State,
};

use super::tenancy::name;

fn request(operation: Operation) -> Request {
    Request { deadline_ms: 60_000, operation }
}

#[tokio::test]
async fn an_integration_that_is_made_for_nobody_any_more_is_kept_before_the_daemon_ends() {
    let (sandbox, folder) = (Sandbox::http(), tempfile::tempdir().unwrap());
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let state = State::open(folder.path()).unwrap();
    let keyrings = Keyrings::new().unwrap();
    let keeper = Keeper::new(Config::default(), state, keyrings, folder.path().join("lent"));
    let service = Service::new(keeper.clone(), Confinement::none(), Starter::Person);
    let ask = async |operation| service.answer(request(operation), &Peer::default(), &mut Vec::new()).await;
    let owner = sandbox.new_owner();
    let attributes = Attributes {
        url: Some(sandbox.url().to_owned()),
        client_id: Some(owner.client_id),
        client_secret: Some(dt_cred_proto::secret::Secret::new(owner.client_secret)),
        ..Attributes::default()
    };
    let memory = Some(dt_cred_proto::message::Keyring::Memory);
    let store = Store { profile: Some(name("boss")), keyring: memory, check: true, attributes };
    assert!(matches!(ask(Operation::Store(Box::new(store))).await, Response::Stored(_)));

    sandbox.set(|settings| settings.api_hold_answers = true);
    let create = Create {
        display_name: "line 3".into(),
        claims: vec![],
        owner: false,
        save: Some(Save { profile: name("line-3"), keyring: memory }),
        reveal: false,
    };
    let manage = Manage { owner: name("boss"), action: Action::Create(create) };
    let made = async {
        while sandbox.counts().api.applications.created == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = ask(Operation::Manage(Box::new(manage))) => panic!("it has an answer"),
        // Who wanted it leaves.
        () = made => {}
    }
    tokio::select! {
        biased;
        () = service.drained() => panic!("the secret is lost"),
        () = tokio::task::yield_now() => {}
    }
    sandbox.set(|settings| settings.api_hold_answers = false);
    tokio::select! {
        () = service.drained() => {}
        () = pending() => {}
    }
    let profiles = keeper.status().await;
    assert!(profiles.iter().any(|status| status.profile == name("line-3") && status.url.is_some()));
}
