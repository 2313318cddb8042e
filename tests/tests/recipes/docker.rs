//! The image and its entry point, run as Docker and its like would.

use std::fs;

use dt_cred_tests::{issuer::Sandbox, parts::RecipeCheckers, user::Account};

use super::{answered_once, container::Container, is_list_of_assets, recipe, repository, search, wrong};

/// Where the file with the credentials is mounted.
const CREDENTIALS: &str = "/run/secrets/dt-cred";

/// What the Dockerfile shows, and what there is to see of the process beside it.
const PROGRAM: &str = r#"
header=$(dt-cred get)
curl --fail-with-body --silent --show-error -H "$header" "$API/archivist/v2/assets"
echo
echo "pid $$"
env
cat /proc/[0-9]*/cmdline | tr '\0' ' '
cat /proc/1/environ | tr '\0' '\n'
find / -xdev '(' -path /proc -o -path /run/secrets ')' -prune -o -type f -user "$(id -u)" -exec cat {} +
find /run/dt-cred -type f -exec cat {} +
"#;

/// Sees that the program was answered and that nothing of it, of the environment or of a file holds a secret.
#[track_caller]
fn is_answered(container: &mut Container, sandbox: &Sandbox, account: &Account) {
    container.set("API", &account.url);
    let output = container.run(&["sh", "-ec", PROGRAM]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let (answer, rest) = output.stdout.split_once('\n').expect("an answer");
    assert!(is_list_of_assets(answer), "{output:?}");
    assert!(rest.starts_with("pid 1\n") && rest.contains("\nDT_CRED_NO_START=1\n"), "{rest}");
    assert!(rest.contains(" dt_credd: listening"), "the log is among what was looked at: {rest}");
    let search = search(sandbox, account);
    assert_eq!(search.find(rest), None, "{rest}");
    assert_eq!(search.find(&output.stderr), None, "{}", output.stderr);
    assert!(output.stderr.starts_with("kept as profile default in the daemon's memory"), "{}", output.stderr);
    answered_once(sandbox);
}

#[test]
fn the_image_of_a_package_is_that_of_the_sources_but_for_where_the_programs_come_from() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let packaged = repository().join("packaging/Containerfile");
    checkers.dockerfile(&packaged).done();
    // Of the last stage, what says how it runs: all from the entry point on.
    let runs = |file| {
        let text = fs::read_to_string(file).expect("a file");
        let at = text.rfind("COPY packaging/recipes/entrypoint.sh").expect("it has the entry point");
        text[at..].to_owned()
    };
    assert_eq!(runs(packaged), runs(recipe("Dockerfile")));
}

#[test]
fn a_container_with_the_credentials_in_a_file_is_answered_whoever_its_user_is() {
    // The image's own; one of OpenShift's, of the group root; one whom nobody gave a home.
    for (user, home) in [(None, true), (Some("1000660000:0"), true), (Some("4242:4242"), false)] {
        let sandbox = Sandbox::http();
        let account = Account::at(&sandbox);
        let Some(mut container) = Container::new() else { return };
        if let Some(user) = user {
            container.set_user(user);
        }
        if !home {
            container.unset("HOME");
        }
        container.mount_memory("/run/dt-cred", "mode=1777");
        container.mount_file(CREDENTIALS, &account.lines(), "0400");
        // Variables beside the file are nobody's to see either.
        container.set("DATATRAILS_CLIENT_SECRET", &account.client_secret);
        is_answered(&mut container, &sandbox, &account);
    }
}

#[test]
fn a_container_with_the_credentials_in_its_environment_is_answered_and_hands_them_to_no_program() {
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    let Some(mut container) = Container::new() else { return };
    container.set_writable();
    container.set("DATATRAILS_URL", &account.url);
    container.set("DATATRAILS_CLIENT_ID", &account.client_id);
    container.set("DATATRAILS_CLIENT_SECRET", &account.client_secret);
    is_answered(&mut container, &sandbox, &account);
}

#[test]
fn a_container_without_good_credentials_runs_no_program() {
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    let wrong = wrong(&sandbox, &account);
    for (file, mode, code, words) in [
        (
            None,
            "",
            2,
            "no credentials: mount a file with client_id=… and client_secret=… at /run/secrets/dt-cred",
        ),
        (Some(wrong.lines()), "0400", 4, "invalid_client"),
        (Some(String::new()), "0400", 2, "standard input holds no client_secret"),
        // A file that cannot be read is a mistake, also beside variables that would do.
        (Some(account.lines()), "0000", 2, "Permission denied"),
    ] {
        let Some(mut container) = Container::new() else { return };
        container.mount_memory("/run/dt-cred", "mode=1777");
        if let Some(lines) = &file {
            container.mount_file(CREDENTIALS, lines, mode);
            container.set("DATATRAILS_CLIENT_ID", &account.client_id);
            container.set("DATATRAILS_CLIENT_SECRET", &account.client_secret);
        }
        let output = container.run(&["echo", "the program ran"]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{output:?}");
        assert!(output.stderr.contains(words) && output.stderr.lines().count() == 1, "{output:?}");
    }
    assert_eq!(sandbox.counts().assets.total, 0);
}

#[test]
fn a_program_whose_daemon_is_gone_gets_no_token_and_no_other_daemon() {
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    let Some(mut container) = Container::new() else { return };
    container.mount_memory("/run/dt-cred", "mode=1777");
    container.mount_file(CREDENTIALS, &account.lines(), "0400");
    let output = container.run(&["sh", "-c", "dt-cred stop >/dev/null; exec dt-cred get"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(3), ""), "{output:?}");
    assert!(output.stderr.contains("run dt-cred start"), "{output:?}");
}

#[test]
fn a_container_without_a_place_for_the_daemons_state_is_told_in_one_line_what_names_one() {
    let account = Account::at(&Sandbox::http());
    let home = |home| [("HOME", Some(home)), ("XDG_STATE_HOME", None)];
    let state = |state| [("HOME", None), ("XDG_STATE_HOME", state)];
    for (variables, socket, code, words) in [
        // As engines set it for a user without a name, and as some images do.
        (home("/"), None, 7, "cannot use \"/.local/state/dt-cred\": Read-only file system"),
        (
            home("/nonexistent"),
            None,
            7,
            "cannot use \"/nonexistent/.local/state/dt-cred\": Read-only file system",
        ),
        (state(Some("/open")), None, 7, "\"/open\" can be written by others (mode 0777)"),
        (state(None), None, 2, "there is no folder for the socket"),
        (state(None), Some("/tmp/dt-cred/agent.sock"), 7, "no folder is known for the log and the state"),
    ] {
        let Some(mut container) = Container::new() else { return };
        container.mount_memory("/open", "mode=0777");
        container.mount_file(CREDENTIALS, &account.lines(), "0400");
        for (name, value) in variables.into_iter().chain([("DT_CRED_SOCKET", socket)]) {
            match value {
                Some(value) => container.set(name, value),
                None => container.unset(name),
            }
        }
        let output = container.run(&["echo", "the program ran"]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{words}: {output:?}");
        let said = &output.stderr;
        assert!(
            said.contains(words) && said.contains("XDG_STATE_HOME") && said.lines().count() == 1,
            "{said}"
        );
    }
}
