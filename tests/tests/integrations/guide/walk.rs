//! The whole guide, from an Owner's profile to assets and back, with no secret in any output, log or file.

use dt_cred_tests::{
    issuer::Fault,
    parts::{http, keyring},
    user::User,
};

use super::scene::Scene;

#[test]
fn the_guide_is_walked_from_an_owner_to_assets_and_back_and_nobody_sees_a_secret() {
    walked(Scene::in_memory());
    if let Some(user) = User::in_keyring() {
        walked(Scene::of(user, keyring::STORE));
    }
}

fn walked(mut scene: Scene) {
    let created = scene.run("integration create MADE --as OWNER --keyring STORE --claim site=north").done();
    let made = scene.sandbox.integrations().pop().expect("it was made");
    let (name, owner) = (scene.made.name().to_owned(), scene.user.profile().to_owned());
    let id = made["client_id"].as_str().expect("an id").to_owned();
    let until = made["credentials"][0]["valid_until"].as_str().expect("a time").to_owned();
    let first =
        format!("created integration \"{name}\", client id {id}; its secret is valid until {until}\n");
    assert!(created.starts_with(&first) && created.contains("the token is valid for"), "{created}");
    assert!(
        created.ends_with(&format!("next: dt-cred integration grant {name} --as {owner}\n")),
        "{created}"
    );

    // It works, and nothing is granted yet: as the next steps say.
    let empty = scene.run("test -p MADE").done();
    assert!(empty.contains("lists nothing"), "{empty}");
    assert!(empty.ends_with(&format!("dt-cred integration grant {name} --as OWNER\n")), "{empty}");
    let none = scene.run("integration grants MADE --as OWNER").done();
    assert!(none.starts_with(&format!("no access policy applies to client {id}")), "{none}");
    let body = scene.json("integration grant MADE --as OWNER --dry-run");
    assert_eq!(body["access_permissions"][0]["user_attributes"][0]["or"][0], format!("subject={id}"));
    assert!(scene.sandbox.policies().is_empty(), "nothing was sent");
    let granted = scene.run("integration grant MADE --as OWNER").done();
    assert!(granted.ends_with(&format!("next: dt-cred test -p {name}\n")), "{granted}");
    let listed = scene.run("test -p MADE").done();
    assert!(listed.contains("assets"), "{listed}");
    let header = scene.run("get -p MADE").done();
    assert_eq!(http::get(&scene.sandbox.assets_url(), header.trim_end()), 200);

    // The old secret ends, and nobody who asks notices.
    let (pid, secrets) = (scene.user.home.daemon_pid(), scene.sandbox.secrets().len());
    let rotated = scene.run("integration rotate MADE --as OWNER").done();
    assert!(
        rotated.starts_with(&format!("profile {name}: a new secret, which is valid until ")),
        "{rotated}"
    );
    assert_eq!(scene.sandbox.secrets().len(), secrets + 1);
    let refused = scene.sandbox.counts().tokens.refused;
    scene.run("get -p MADE").done();
    scene.run("get -p MADE --fresh").done();
    assert_eq!(scene.sandbox.counts().tokens.refused, refused);
    assert_eq!(scene.user.home.daemon_pid(), pid, "no restart");
    let undone = scene.run("integration rotate MADE --as OWNER --due 30d").done();
    assert!(undone.starts_with(&format!("profile {name}: nothing was changed")), "{undone}");

    let inspected = scene.json("inspect -p MADE --json");
    assert_eq!(
        (&inspected["payload"]["site"], &inspected["payload"]["client_id"]),
        (&"north".into(), &id.clone().into())
    );
    let all = scene.json("integration list --as OWNER --json");
    let held: Vec<_> =
        all["integrations"].as_array().expect("a list").iter().map(|one| &one["profiles"][0]).collect();
    assert_eq!(held, [&owner, &name]);
    let table = scene.run("integration list --as OWNER").done();
    assert!(table.contains(&id) && table.contains("OWNER"), "{table}");
    let shown = scene.run("integration show MADE --as OWNER").done();
    assert!(shown.contains("site=north") && shown.contains(&id), "{shown}");

    let policies = scene.json("integration grants MADE --as OWNER --json");
    let policy = policies["policies"][0]["id"].as_str().expect("an id").to_owned();
    scene.run("integration grants MADE --as OWNER").done();
    let revoked = scene.run(&format!("integration revoke {policy} --as OWNER --yes")).done();
    assert_eq!(revoked, format!("deleted access policy {policy}\n"));
    assert!(scene.run("test -p MADE").done().contains("lists nothing"));

    let deleted = scene.run("integration delete MADE --as OWNER --yes").done();
    assert!(deleted.starts_with(&format!("deleted integration {id}\n")), "{deleted}");
    assert!(deleted.ends_with(&format!("dt-cred erase -p {name}\n")), "{deleted}");
    scene.run("reject -p MADE").done();
    assert_eq!(scene.run("get -p MADE").code, Some(4));
    scene.run("erase -p MADE").done();
    assert_eq!(scene.run("get -p MADE").code, Some(5));
    scene.run("status").done();
    scene.run("stop").done();
    scene.holds_nothing();
}

#[test]
fn a_secret_that_ends_soon_is_told_by_status_doctor_and_list_and_renewed_with_all_that_are_due() {
    let mut scene = Scene::in_memory();
    scene.sandbox.set(|settings| settings.secret_lifetime = 12 * 24 * 3600 + 1800);
    scene.create();
    let name = scene.made.name().to_owned();
    let ends = format!("\n{name}: its secret ends in 12 d, at ");
    assert!(scene.run("status").done().contains(&ends));
    assert_eq!(scene.json("status --json -p MADE")["profiles"][0]["secret_validity"], "ending");
    let table = scene.run("integration list --as OWNER").done();
    assert!(table.lines().any(|line| line.contains(&name) && line.contains("Z (12 d left)")), "{table}");
    // Of the profile that is wanted here, and of another one.
    for command in ["doctor -p MADE", "doctor"] {
        let told = scene.run(command).stdout;
        let mend = format!("dt-cred integration rotate {name} --as OWNER");
        assert_eq!(
            told.lines().filter(|line| line.starts_with("warning") && line.contains(&mend)).count(),
            1,
            "{told}"
        );
    }
    // One of another issuer, which is no integration at all.
    let other = "url=https://elsewhere.example\nclient_id=machine\nclient_secret=Jt4Qm9ZxLw7RcVy2\nno_check=true\nkeyring=memory\n";
    scene.user.home.dt_cred_with(&["store", "-p", "elsewhere"], other).done();
    scene.sandbox.set(|settings| settings.secret_lifetime = 365 * 24 * 3600);
    let made = scene.sandbox.secrets().len();
    // What the service does not take is no secret that may be left as it is.
    let fault = Fault::Answer { status: 409, headers: vec![], body: String::new() };
    scene.sandbox.set(|settings| settings.api_fault = Some(fault));
    let refused = scene.run("integration rotate --due 30d --all --as OWNER");
    assert_eq!(refused.code, Some(8), "{refused:?}");
    assert!(refused.stdout.contains(&format!("profile {name}: failed: ")), "{refused:?}");
    scene.sandbox.set(|settings| settings.api_fault = None);
    let told = scene.run("integration rotate --due 30d --all --as OWNER").done();
    assert_eq!((told.lines().count(), scene.sandbox.secrets().len()), (3, made + 1), "{told}");
    for line in [
        format!("profile {name}: a new secret, which is valid until "),
        "profile elsewhere: left as it is: ".to_owned(),
        format!("profile {}: nothing was changed, as it is not known until when", scene.user.profile()),
    ] {
        assert!(told.lines().any(|told| told.starts_with(&line)), "{line}: {told}");
    }
    assert!(!scene.run("status").done().contains("its secret ends"));
    scene.run("stop").done();
    scene.holds_nothing();
}
