//! Files that are kept fresh: for tools that can only read a token from one.

use std::{fs, io::ErrorKind, path::Path, thread};

use dt_cred_tests::{
    any_issuer::AnyIssuer,
    issuer::{Door, Sandbox},
    parts::{until, wait::until_changed},
    user::{Account, User},
};
use serde_json::Value;

#[cfg(target_os = "linux")]
mod linux;
mod reader;
#[cfg(unix)]
mod unix;

use reader::{Reader, header};

#[test]
fn a_file_is_written_though_nobody_asks_and_is_what_the_guides_curl_reads() {
    for issuer in AnyIssuer::every() {
        let Some(user) = User::in_keyring() else { return };
        let reader = Reader::new(user);
        let account = issuer.account();
        reader.user.log_in(&account);
        reader.until(&header(&reader.user.token()));
        reader.user.dt_cred(&["stop"]).done();
        assert_eq!(reader.names(), [""; 0], "it is gone before the daemon is");
        reader.user.dt_cred(&["start"]).done();
        until_changed(&reader.folder, "a file", || reader.path().exists().then_some(()));
        #[cfg(unix)]
        unix::is_what_curl_reads(&reader, &issuer, account.ca_file);
        assert_eq!(reader.status()["error"], Value::Null);
    }
}

#[test]
fn each_file_has_its_format_and_is_private_in_a_private_folder() {
    let sandbox = Sandbox::http();
    let reader = Reader::new(User::in_memory());
    reader.configure(&[
        "path = \"~/tokens/token\"\nformat = \"raw\"",
        "path = \"~/made/for/it/bearer-token.txt\"",
    ]);
    reader.user.log_in(&Account::at(&sandbox));
    let token = reader.user.token();
    reader.until(&format!("{token}\n"));
    let made = reader.user.home.path().join("made/for/it");
    // Three folders are made one in another: no change of one of them tells of the last.
    until("the folder", || made.exists().then_some(()));
    let other = made.join("bearer-token.txt");
    until_changed(&made, "the other file", || {
        fs::read_to_string(&other).ok().filter(|text| *text == header(&token))
    });
    #[cfg(unix)]
    assert_eq!((unix::mode(&reader.path()), unix::mode(&other), unix::mode(&made)), (0o600, 0o600, 0o700));
    let text = reader.user.dt_cred(&["status"]).done();
    let named = Path::new("tokens").join("token");
    assert!(text.contains(&format!("{} (raw): fresh\n", named.display())), "{text}");
    assert!(text.contains("bearer-token.txt (header): fresh\n"), "{text}");
    assert!(!text.contains(&token), "{text}");
}

#[test]
fn the_file_follows_a_reject_an_erase_and_a_new_login() {
    let sandbox = Sandbox::http();
    let reader = Reader::new(User::in_memory());
    reader.user.log_in(&Account::at(&sandbox));
    let first = reader.user.token();
    reader.until(&header(&first));
    reader.user.dt_cred(&["reject"]).done();
    // Nobody asks for the next one: the file does.
    until_changed(&reader.folder, "another token", || {
        fs::read_to_string(reader.path()).ok().filter(|text| *text != header(&first))
    });
    reader.until(&header(&reader.user.token()));
    reader.user.dt_cred(&["erase"]).done();
    reader.until_only(&[]);
    reader.user.log_in(&Account::at(&sandbox));
    reader.until(&header(&reader.user.token()));
    assert_eq!(sandbox.counts().tokens.total, 3);
}

#[test]
fn whoever_reads_while_it_is_replaced_sees_one_whole_line() {
    let sandbox = Sandbox::http();
    let reader = Reader::new(User::in_memory());
    reader.user.log_in(&Account::at(&sandbox));
    reader.until(&header(&reader.user.token()));
    thread::scope(|scope| {
        let replacing = scope.spawn(|| {
            for _ in 0..5 {
                reader.user.dt_cred(&["get", "--fresh"]).done();
                reader.until(&header(&reader.user.token()));
            }
        });
        let mut reads = 0_u64;
        while !replacing.is_finished() {
            let text = match fs::read_to_string(reader.path()) {
                // On Windows nobody may open what is about to go.
                Err(error) if cfg!(windows) && error.kind() != ErrorKind::NotFound => continue,
                read => read.expect("it is never missing while a token is held"),
            };
            assert!(text.starts_with("Authorization: Bearer ey") && text.ends_with('\n'), "{text:?}");
            reads += 1;
        }
        assert!(reads > 0);
    });
    assert_eq!(reader.names(), ["token"]);
}

#[test]
fn an_expired_token_stands_in_no_file() {
    let sandbox = Sandbox::http();
    let reader = Reader::new(User::in_memory());
    sandbox.set(|settings| settings.lifetime = 4.0);
    reader.user.log_in(&Account::at(&sandbox));
    reader.until(&header(&reader.user.token()));
    sandbox.set(|settings| settings.door = Door::Closed);
    reader.until_only(&[]);
    sandbox.set(|settings| settings.door = Door::Open);
    reader.until(&header(&reader.user.token()));
}

#[test]
fn what_a_killed_daemon_left_is_removed_by_the_next_one() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    let reader = Reader::new(user);
    reader.user.log_in(&Account::at(&sandbox));
    reader.until(&header(&reader.user.token()));
    reader.user.home.kill_daemon();
    assert_eq!(reader.names(), ["token"], "its end leaves it");
    fs::write(reader.folder.join("token.dt-cred-new"), "half a tok").expect("written");
    sandbox.set(|settings| settings.door = Door::Closed);
    reader.user.dt_cred(&["start"]).done();
    reader.until_only(&[]);
}

#[test]
fn what_is_no_file_of_ours_with_a_token_in_it_is_left_alone_told_and_hinders_nobody() {
    is_left_alone("a word that may be anything", |path| fs::write(path, "hunter2\n").expect("written"));
    is_left_alone("a real file", |path| fs::write(path, "precious\ndata\n").expect("written"));
    is_left_alone("an empty file", |path| fs::write(path, "").expect("written"));
    is_left_alone("a folder", |path| fs::create_dir(path).expect("made"));
}

/// Sees that what `make` puts in the file's place stays there, and that the token is served and written once it can be.
fn is_left_alone(what: &str, make: impl FnOnce(&Path)) {
    let sandbox = Sandbox::http();
    let reader = Reader::new(User::in_memory());
    make(&reader.path());
    let seen = || {
        let kind = fs::symlink_metadata(reader.path()).expect("it is there").file_type();
        // Whoever reads a pipe waits for its writer.
        (kind, (kind.is_file() || kind.is_symlink()).then(|| fs::read(reader.path()).ok()))
    };
    let before = seen();
    reader.user.log_in(&Account::at(&sandbox));
    reader.user.token();
    // A machine that does much else looks at the file later than it answers.
    let is_told = |error: &String| !error.contains("its disk has not taken the last change yet");
    let error = until("the file to be looked at", || Some(reader.error()).filter(is_told));
    assert!(error.contains("is left as it is"), "{what}: {error}");
    reader.user.token();
    assert_eq!(seen(), before, "{what}");
    assert_eq!(reader.status()["generation"], Value::Null, "{what}");
    // Once it is out of the way the token is written, without anybody's doing.
    fs::rename(reader.path(), reader.folder.join("moved")).expect("moved away");
    reader.until(&header(&reader.user.token()));
    assert_eq!(reader.status()["error"], Value::Null, "{what}");
    reader.user.dt_cred(&["stop"]).done();
    assert!(!reader.path().exists() && reader.folder.join("moved").exists(), "{what}");
}

#[test]
fn a_file_that_is_removed_comes_back_and_one_that_is_overwritten_is_told() {
    let sandbox = Sandbox::http();
    let reader = Reader::new(User::in_memory());
    reader.user.log_in(&Account::at(&sandbox));
    let line = header(&reader.user.token());
    reader.until(&line);
    fs::remove_file(reader.path()).expect("removed");
    reader.until(&line);
    // On Linux the daemon gave up the right to make it: `linux.rs`.
    if !cfg!(target_os = "linux") {
        fs::remove_dir_all(&reader.folder).expect("removed");
        until("the folder to come back", || reader.path().exists().then_some(()));
        reader.until(&line);
    }
    #[cfg(unix)]
    assert_eq!((unix::mode(&reader.folder), unix::mode(&reader.path())), (0o700, 0o600));
    fs::write(reader.path(), "precious data\n").expect("overwritten");
    assert!(reader.error().contains("is left as it is"));
    assert_eq!(fs::read_to_string(reader.path()).expect("it is there"), "precious data\n");
    fs::remove_file(reader.path()).expect("removed");
    reader.until(&line);
    assert_eq!(sandbox.counts().tokens.total, 1);
}

#[test]
fn nothing_that_this_daemon_did_not_write_is_removed() {
    let sandbox = Sandbox::http();
    for text in ["hunter2\n", "Authorization: Bearer by.hand.made\n", "eyJ.eyJ.c2ln\n"] {
        let reader = Reader::new(User::in_memory());
        fs::write(reader.path(), text).expect("written");
        reader.user.dt_cred(&["start"]).done();
        reader.user.dt_cred(&["stop"]).done();
        assert_eq!(fs::read_to_string(reader.path()).expect("it is there"), text);
        // What is said to be a token is replaced by one, and goes with it.
        reader.user.log_in(&Account::at(&sandbox));
        if text != "hunter2\n" {
            reader.until(&header(&reader.user.token()));
        }
        reader.user.dt_cred(&["stop"]).done();
        assert_eq!(reader.path().exists(), text == "hunter2\n", "{text}");
    }
}

#[test]
fn of_two_daemons_with_one_configuration_one_keeps_the_file() {
    let sandbox = Sandbox::http();
    let mut reader = Reader::new(User::in_memory());
    reader.user.log_in(&Account::at(&sandbox));
    let line = header(&reader.user.token());
    reader.until(&line);
    // Another socket, and the same configuration and state.
    let second = reader.user.home.another_socket("second");
    reader.user.home.set("DT_CRED_SOCKET", second);
    reader.user.dt_cred(&["start"]).done();
    assert!(reader.error().contains("another dt-credd keeps"));
    reader.user.log_in(&Account::at(&sandbox));
    reader.user.token();
    reader.user.dt_cred(&["stop"]).done();
    assert_eq!(fs::read_to_string(reader.path()).expect("it is the first one's"), line);
    reader.user.home.unset("DT_CRED_SOCKET");
    assert_eq!(reader.status()["error"], Value::Null);
}

#[test]
fn a_token_that_expires_after_a_refusal_goes_from_the_file_though_nothing_else_happens() {
    let sandbox = Sandbox::http();
    let reader = Reader::new(User::in_memory());
    sandbox.set(|settings| settings.lifetime = 4.0);
    let account = Account::at(&sandbox);
    reader.user.log_in(&account);
    reader.until(&header(&reader.user.token()));
    sandbox.regenerate_secret(&account.client_id);
    reader.until_only(&[]);
    assert_eq!(reader.user.dt_cred(&["get"]).code, Some(4));
    assert_eq!(sandbox.counts().tokens.refused, 1, "once, and no more");
}
