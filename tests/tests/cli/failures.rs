//! Each exit code: who gets it, with which words.

use dt_cred_tests::{
    issuer::{Fault, Sandbox},
    user::{Account, User},
};

use crate::snapshot::Transcript;

/// The commands fail in this home with this code, in one line, and as it is kept.
#[track_caller]
fn fail(user: &User, sandbox: Option<&Sandbox>, code: i32, commands: &[(&str, &str)]) {
    let mut transcript = Transcript::of(user);
    if let Some(sandbox) = sandbox {
        transcript.mask(sandbox.url(), "ISSUER");
    }
    for (command, stdin) in commands {
        let words: Vec<_> = command.split(' ').filter(|word| !word.is_empty()).collect();
        let output = user.home.dt_cred_with(&words, stdin);
        assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{command}: {}", output.stderr);
        assert!(
            output.stderr.starts_with("dt-cred: ") && output.stderr.lines().count() == 1,
            "{}",
            output.stderr
        );
        transcript.add(&words, &output, sandbox);
    }
    transcript.same(&format!("failures/{code}.txt"));
}

/// A user whose account is good, and who has no token yet.
fn unproven(sandbox: &Sandbox) -> (User, Account) {
    let (mut user, account) = (User::in_memory(), Account::at(sandbox));
    // Shorter than the pause after an answer that is of no issuer.
    user.home.set("DT_CRED_TIMEOUT", "50");
    user.log_in_with(&format!("{}no_check=true\n", account.lines()));
    (user, account)
}

#[test]
fn an_issuer_that_fails_for_now_is_exit_1() {
    let sandbox = Sandbox::http();
    let (user, _) = unproven(&sandbox);
    // After which nobody waits for the next attempt: it is later than any time-out here.
    sandbox.set(|settings| settings.token_fault = Some(Fault::rate_limited(&[("Retry-After", "600")])));
    fail(
        &user,
        Some(&sandbox),
        1,
        &[("get", ""), ("get --format json", ""), ("inspect", ""), ("test", ""), ("status --check", "")],
    );
}

#[test]
fn what_cannot_be_understood_is_exit_2() {
    let user = User::in_memory();
    fail(
        &user,
        None,
        2,
        &[
            ("", ""),
            ("gte", ""),
            ("get --format xml", ""),
            ("get --shell sh", ""),
            ("get --min-ttl soon", ""),
            ("get -p a/b", ""),
            ("get --timeout 0", ""),
            ("reject --generation x", ""),
            ("store", ""),
            ("store", "client_id=a\n"),
            ("store", "nonsense\n"),
            ("erase --all -p a", ""),
            ("status --json --check", ""),
            ("start --from-env --from-stdin", ""),
            ("start --from-env", ""),
            ("start --from-stdin", "client_secret=Hj3sQ8vYc6XpT1Gd\n"),
            ("keyring", ""),
            ("keyring move", ""),
            ("keyring move --to disk", ""),
            ("inspect -", ""),
            ("inspect -", "a.b\n"),
            ("git-credential", ""),
            ("git-credential get", "nonsense\n"),
            ("kubectl-credential", ""),
            ("doctor all", ""),
            ("unlock now", ""),
            ("stop now", ""),
            ("log now", ""),
            ("login now", ""),
            ("completions", ""),
            ("completions tcsh", ""),
            ("man dt-creed", ""),
            ("status --watch", ""),
            ("forward", ""),
            ("forward --socket box/a --ttl 0", ""),
            ("forward --socket box/a --ttl soon", ""),
            ("forward --socket box/a --allow-uid 4294967295", ""),
            ("forward --socket box/a --allow-uid nobody", ""),
        ][..],
    );
}

#[test]
fn no_daemon_is_exit_3() {
    let user = User::in_memory();
    let commands = ["get", "reject", "erase", "unlock", "inspect", "test", "keyring list", "status --check"];
    let commands = commands.map(|command| (format!("{command} --no-start"), ""));
    let commands: Vec<_> = commands.iter().map(|(command, stdin)| (command.as_str(), *stdin)).collect();
    fail(&user, None, 3, &commands);
}

#[test]
fn credentials_that_the_issuer_refuses_are_exit_4() {
    let sandbox = Sandbox::http();
    let (user, account) = unproven(&sandbox);
    sandbox.regenerate_secret(&account.client_id);
    let store = format!("{}keyring=memory\n", account.lines());
    fail(
        &user,
        Some(&sandbox),
        4,
        &[("get", ""), ("status --check", ""), ("inspect", ""), ("test", ""), ("store", &store)],
    );
}

#[test]
fn nothing_stored_is_exit_5() {
    let user = User::in_memory();
    let commands = ["get", "get -p other", "inspect", "test", "status --check"].map(|command| (command, ""));
    fail(&user, None, 5, &commands);
}

#[test]
fn where_no_program_was_run_the_exit_code_is_125() {
    let user = User::in_memory();
    let commands = [
        "curl",
        "curl /archivist/v2/assets",
        "curl --allow-host a/b /",
        "curl -k /",
        "curl --no-such-option /",
        "curl --no-start /",
        "exec",
        "exec -p other printenv",
        "exec --min-ttl soon printenv",
        "exec printenv",
        "exec --file printenv",
    ];
    fail(&user, None, 125, &commands.map(|command| (command, "")));
}

/// Each system has a keyring of its own; this one can be without.
#[cfg(target_os = "linux")]
#[test]
fn a_keyring_that_is_not_there_is_exit_6() {
    let user = User::in_memory();
    user.home.configure(&format!("[profile.{}]\nkeyring = \"secret-service\"\n", user.profile()));
    let commands = ["get", "inspect", "test", "unlock", "erase"].map(|command| (command, ""));
    fail(&user, None, 6, &commands);
}

#[test]
fn what_nothing_else_says_is_exit_8() {
    let sandbox = Sandbox::http();
    let (user, _) = unproven(&sandbox);
    sandbox.set(|settings| settings.opaque = true);
    user.token();
    sandbox.set(|settings| settings.assets_fault = Some(Fault::empty(418)));
    fail(&user, Some(&sandbox), 8, &[("inspect", ""), ("test", "")]);
}

#[test]
fn an_endpoint_that_is_none_is_exit_7() {
    let sandbox = Sandbox::http();
    let (user, account) = unproven(&sandbox);
    sandbox.set(|settings| settings.token_fault = Some(Fault::html(404)));
    let store = format!("{}keyring=memory\n", account.lines());
    fail(
        &user,
        Some(&sandbox),
        7,
        &[("get", ""), ("status --check", ""), ("inspect", ""), ("store", &store)],
    );
}
