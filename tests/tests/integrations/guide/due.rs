//! All that are due, where some of them are nothing to rotate.

use std::fs;

use dt_cred_tests::user::Account;

use super::scene::Scene;

#[test]
fn of_all_that_are_due_one_that_holds_nothing_and_one_that_can_only_be_read_are_no_failures() {
    let mut scene = Scene::in_memory();
    let lines = scene.user.home.path().join("lines");
    fs::write(&lines, Account::at(&scene.sandbox).lines()).expect("a file");
    scene.user.dt_cred(&["stop"]).done();
    let command = format!("keyring = \"command\"\nkeyring_command = [\"/bin/cat\", {lines:?}]\n");
    scene.user.home.configure(&format!("[profile.empty]\nkeyring = \"memory\"\n[profile.given]\n{command}"));
    let owner = Account::owner_at(&scene.sandbox);
    scene.user.log_in(&owner);
    scene.sandbox.set(|settings| settings.secret_lifetime = 12 * 24 * 3600);
    scene.create();
    let name = scene.made.name().to_owned();
    let told = scene.run("integration rotate --due 30d --all --as OWNER").done();
    for (profile, line) in [
        ("empty", "left as it is: nothing is stored for profile empty"),
        (
            "given",
            "nothing was changed, as it is not known until when its secret is valid: it comes from an external command",
        ),
        (&name, "a new secret, "),
    ] {
        let line = format!("profile {profile}: {line}");
        assert!(told.lines().any(|told| told.starts_with(&line)), "{line}: {told}");
    }
    let alone = scene.run("integration rotate given --due 30d --as OWNER").done();
    assert!(told.contains(&alone), "{alone}");
    // By nobody at all.
    let failed = scene.run("integration rotate --due 30d --all --as empty");
    assert_eq!(failed.code, Some(5), "{failed:?}");
    assert!(failed.stdout.contains(&format!("profile {name}: failed: ")), "{failed:?}");
    scene.run("stop").done();
    fs::remove_file(lines).expect("the lines");
    scene.holds_nothing();
}
