//! A person at a terminal: asked before something goes, and shown a secret where they ask for it, and nowhere else.

use dt_cred_tests::{
    parts::{Output, SecretService, terminal::Terminal},
    user::{Account, User},
};

use super::scene::Scene;

/// Runs a command at a terminal where its question is answered so.
fn answered(scene: &Scene, command: &str, answer: &str) -> (Output, String) {
    let mut terminal = Terminal::new();
    let client = terminal.start(&scene.user.home.client(&scene.words(command)));
    terminal.until("[y/N] ");
    terminal.press(answer);
    let output = client.ended();
    (output, terminal.shown().to_owned())
}

#[test]
fn what_goes_for_good_is_shown_first_and_goes_only_where_a_person_says_yes() {
    let mut scene = Scene::in_memory();
    let id = scene.create();
    scene.run("integration grant MADE --as OWNER").done();
    let policies = scene.json("integration grants MADE --as OWNER --json");
    let policy = policies["policies"][0]["id"].as_str().expect("an id").to_owned();
    for (command, shown) in [
        ("integration delete MADE --as OWNER".to_owned(), &id),
        (format!("integration revoke {policy} --as OWNER"), &policy),
    ] {
        for answer in ["n\n", "\n", "yesterday\n"] {
            let (output, screen) = answered(&scene, &command, answer);
            assert_eq!((output.code, output.stdout.as_str()), (Some(8), ""), "{output:?}");
            assert!(output.stderr.contains("nothing was changed"), "{output:?}");
            assert!(screen.contains(shown.as_str()) && screen.contains(scene.made.name()), "{screen}");
        }
    }
    assert_eq!((scene.sandbox.integrations().len(), scene.sandbox.policies().len()), (2, 1));
    let (output, _) = answered(&scene, &format!("integration revoke {policy} --as OWNER"), "y\n");
    output.done();
    let (output, _) = answered(&scene, "integration delete MADE --as OWNER", "yes\n");
    output.done();
    assert_eq!((scene.sandbox.integrations().len(), scene.sandbox.policies().len()), (1, 0));
}

#[test]
fn the_one_that_was_shown_goes_whatever_the_profile_holds_once_a_person_has_said_yes() {
    let mut scene = Scene::in_memory();
    let shown = scene.create();
    let mut terminal = Terminal::new();
    let client = terminal.start(&scene.user.home.client(&scene.words("integration delete MADE --as OWNER")));
    terminal.until("[y/N] ");
    let other = Account::of(&scene.sandbox, scene.sandbox.new_client());
    let lines = format!("{}keyring=memory\n", other.lines());
    scene.user.home.dt_cred_with(&["store", "-p", scene.made.name()], lines).done();
    terminal.press("y\n");
    let said = client.ended().done();
    // The profile holds another one's, and is not told to be erased.
    assert_eq!(said, format!("deleted integration {shown}\n"));
    let left = scene.sandbox.integrations();
    assert!(left.iter().any(|one| one["client_id"] == *other.client_id) && left.len() == 2, "{left:?}");
    scene.run("get -p MADE --fresh").done();
}

#[test]
fn where_nobody_can_be_asked_nothing_is_asked_of_the_service_and_nothing_goes() {
    let mut scene = Scene::in_memory();
    scene.create();
    let asked = scene.sandbox.counts().api;
    for command in [
        "integration delete MADE --as OWNER",
        "integration revoke 0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9 --as OWNER",
    ] {
        let output = scene.run(command);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
        assert!(output.stderr.contains("give --yes"), "{output:?}");
    }
    assert_eq!(scene.sandbox.counts().api, asked);
}

#[test]
fn a_secret_is_shown_once_on_a_terminal_where_it_is_asked_for_and_is_kept_all_the_same() {
    let mut scene = Scene::in_memory();
    let command = "integration create MADE --as OWNER --keyring STORE --print-secret";
    let refused = scene.run(command);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:?}");
    assert_eq!(scene.sandbox.integrations().len(), 1, "nothing was asked for");
    let mut terminal = Terminal::new();
    terminal.expect_secret();
    let client = terminal.start_here(&scene.user.home.client(&scene.words(command)));
    terminal.until("client secret: ");
    let output = client.ended();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    let secret = scene.sandbox.secrets().pop().expect("a secret");
    terminal.until(&format!("{secret}\r\n"));
    assert_eq!(terminal.shown().matches(&secret).count(), 1);
    scene.run("get -p MADE").done();
    scene.run("stop").done();
    scene.holds_nothing();
}

#[test]
fn a_secret_that_is_to_be_shown_is_shown_too_where_its_keyring_was_locked_meanwhile() {
    let Some(service) = SecretService::start() else { return };
    let mut user = User::new("secret-service");
    user.home.set("DBUS_SESSION_BUS_ADDRESS", service.address());
    let scene = Scene::of(user, "secret-service");
    scene.sandbox.set(|settings| settings.api_hold_answers = true);
    let command = "integration create MADE --as OWNER --keyring STORE --print-secret";
    let mut terminal = Terminal::new();
    terminal.expect_secret();
    let client = terminal.start_here(&scene.user.home.client(&scene.words(command)));
    scene.sandbox.wait_until("it to be made", |counts| counts.api.applications.created == 1);
    service.lock();
    scene.sandbox.set(|settings| settings.api_hold_answers = false);
    terminal.until("client secret: ");
    let output = client.ended();
    let secret = scene.sandbox.secrets().pop().expect("a secret");
    terminal.until(&format!("{secret}\r\n"));
    assert_eq!(terminal.shown().trim_end(), format!("client secret: {secret}"), "and nothing else");
    assert_eq!(output.code, Some(6), "{}", output.stderr);
    let made = scene.made.name();
    let id = scene.sandbox.integrations().pop().expect("it was made")["client_id"].clone();
    let (id, owner) = (id.as_str().expect("an id"), scene.user.profile());
    for words in [
        &format!("was created with client id {id}, and its secret is not kept: ") as &str,
        "`dt-cred unlock",
        &format!("dt-cred login -p {made} keeps it"),
        &format!("dt-cred integration rotate {made} --as {owner} --client-id {id}"),
        &format!("dt-cred integration delete {id} --as {owner}"),
    ] {
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
    }
    assert!(!output.stderr.contains(&secret), "it is on the screen alone");
}
