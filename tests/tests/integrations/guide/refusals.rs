//! What each command says where the service refuses it.

use dt_cred_tests::issuer::Fault;
use serde_json::json;

use super::scene::Scene;

/// An id that nothing has.
const NOBODY: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

/// Each command that asks the service, and whether it changes something there.
const COMMANDS: [(&str, bool); 8] = [
    ("integration create another --as OWNER --keyring STORE", true),
    ("integration list --as OWNER", false),
    ("integration show MADE --as OWNER", false),
    ("integration rotate MADE --as OWNER", true),
    ("integration grant MADE --as OWNER", true),
    ("integration grants MADE --as OWNER", false),
    ("integration revoke 0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9 --as OWNER --yes", true),
    ("integration delete MADE --as OWNER --yes", true),
];

/// What is said where something may be half-made.
const UNKNOWN: &str = "it is not known whether ";

#[test]
fn each_refusal_of_the_service_is_told_by_each_command_with_its_meaning_and_the_exit_code_of_the_contract() {
    let mut scene = Scene::in_memory();
    scene.create();
    let (owner, wait) =
        (scene.user.profile().to_owned(), ("Archivist-Rate-Limit-Reset".to_owned(), "7.5".to_owned()));
    let answer = |status, headers| Fault::Answer {
        status,
        headers,
        body: "{\"error\":\"no\",\"description\":\"no\"}".to_owned(),
    };
    let mut wrongs = Vec::new();
    for (what, fault, codes, words) in [
        ("401", answer(401, vec![]), &[4][..], owner.as_str()),
        ("402", answer(402, vec![]), &[1], ""),
        ("403", answer(403, vec![]), &[8], owner.as_str()),
        ("404", answer(404, vec![]), &[7, 8], ""),
        ("429", answer(429, vec![wait]), &[1], "8 s"),
        ("503", answer(503, vec![]), &[1], ""),
        ("no JSON", Fault::json("<html>"), &[7, 8], ""),
        ("JSON of another kind", Fault::json("[]"), &[7, 8], ""),
    ] {
        // It may have been done before that was said.
        let unknown = matches!(what, "503" | "no JSON" | "JSON of another kind");
        for (command, changes) in COMMANDS {
            scene.sandbox.set(|settings| settings.api_fault = Some(fault.clone()));
            let output = scene.run(command);
            scene.sandbox.set(|settings| settings.api_fault = None);
            let fits = output.code.is_some_and(|code| codes.contains(&code)) && output.stderr.contains(words);
            let one = output.stdout.is_empty() && output.stderr.lines().count() == 1;
            let said = output.stderr.contains(UNKNOWN) == (unknown && changes);
            if !fits || !one || !said {
                wrongs.push(format!("{what}: {command}: {codes:?} and {words:?}: {output:?}"));
            }
        }
    }
    assert!(wrongs.is_empty(), "{}", wrongs.join("\n"));
    scene.run("get -p MADE --fresh");
    scene.run("stop").done();
    scene.holds_nothing();
}

#[test]
fn what_is_not_there_is_told_as_that() {
    let mut scene = Scene::in_memory();
    for command in ["show ID", "delete ID --yes", "revoke ID --yes"] {
        let output = scene.run(&format!("integration {} --as OWNER", command.replace("ID", NOBODY)));
        assert_eq!((output.code, output.stdout.as_str()), (Some(8), ""), "{output:?}");
        assert!(output.stderr.contains(NOBODY), "{output:?}");
    }
}

#[test]
fn a_profile_that_is_no_owner_is_named_and_changes_nothing() {
    let mut scene = Scene::in_memory();
    let id = scene.create();
    let before = scene.sandbox.integrations();
    for (command, _) in COMMANDS {
        let output = scene.run(&command.replace("OWNER", "MADE"));
        assert_eq!((output.code, output.stdout.as_str()), (Some(8), ""), "{command}: {output:?}");
        assert!(output.stderr.contains(scene.made.name()) && output.stderr.contains(&id), "{output:?}");
    }
    assert_eq!(scene.sandbox.integrations(), before);
}

#[test]
fn a_claim_that_is_not_an_integrations_own_to_choose_is_refused_before_anything_is_sent() {
    let mut scene = Scene::in_memory();
    for claim in ["jit_tier=x", "arc_a=x", "sub=x", "exp=1", "a=1 --claim a=2"] {
        let output =
            scene.run(&format!("integration create MADE --as OWNER --keyring STORE --claim {claim}"));
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
        let name = claim.split('=').next().expect("a name");
        assert!(output.stderr.contains(name), "{output:?}");
    }
    assert!(scene.sandbox.api_requests().is_empty());
}

#[test]
fn a_list_without_an_end_is_not_read_for_ever() {
    let mut scene = Scene::in_memory();
    let id = |number: usize| format!("0a1b2c3d-4e5f-6071-8293-{number:012x}");
    let page = |of: std::ops::Range<usize>, next: usize| {
        let page: Vec<_> =
            of.map(|number| json!({ "client_id": id(number), "display_name": "machine" })).collect();
        Fault::json(&json!({ "applications": page, "next_page_token": next.to_string() }).to_string())
    };
    let around = [page(0..1, 2), page(1..2, 3), page(2..3, 2)];
    let too_long = (0..5).map(|number| page(number * 2001..(number + 1) * 2001, number));
    for (pages, words) in
        [(around.to_vec(), "the same page of its list"), (too_long.collect(), "more than 10,000 entries")]
    {
        scene.sandbox.set(|settings| settings.api_script = pages.into());
        let output = scene.run("integration list --as OWNER");
        assert_eq!((output.code, output.stdout.as_str()), (Some(8), ""), "{output:?}");
        assert!(output.stderr.contains(words), "{output:?}");
        scene.sandbox.set(|settings| assert!(settings.api_script.is_empty()));
    }
}
