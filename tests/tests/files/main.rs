//! Files that are kept fresh: for tools that can only read a token from one.
#![cfg(target_os = "linux")]

use std::{
    fs,
    os::unix::fs::{FileTypeExt, PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    thread,
};

use dt_cred_tests::{
    any_issuer::AnyIssuer,
    issuer::{Door, Sandbox},
    parts::{Running, binaries, on_path, require, root, run, until, wait::until_changed},
    user::{Account, User},
};
use rustix::process::Signal;
use serde_json::Value;

/// Puts something at a path.
type Maker = fn(&Path);

/// A user whose configuration names a file, which lies in a folder that is there already and private.
struct Reader {
    user: User,
    folder: PathBuf,
}

impl Reader {
    fn new(user: User) -> Self {
        let folder = user.home.path().join("tokens");
        fs::create_dir(&folder).expect("a folder");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("private");
        let reader = Self { user, folder };
        reader.configure(&["path = \"~/tokens/token\""]);
        reader
    }

    fn configure(&self, files: &[&str]) {
        let profile = self.user.profile();
        let files = files.iter().map(|file| format!("[[profile.{profile}.file]]\n{file}\n"));
        self.user.home.configure(&files.collect::<String>());
    }

    fn path(&self) -> PathBuf {
        self.folder.join("token")
    }

    /// Waits until the file holds this line.
    fn until(&self, line: &str) {
        until_changed(&self.folder, "the file to hold the token", || {
            fs::read_to_string(self.path()).ok().filter(|text| text == line)
        });
    }

    /// Waits until there is nothing in the folder but these names.
    fn until_only(&self, names: &[&str]) {
        until_changed(&self.folder, "the file to go", || (self.names() == names).then_some(()));
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }

    /// What `status` says of the first file.
    fn status(&self) -> Value {
        let text = self.user.dt_cred(&["status", "--json"]).done();
        let status: Value = serde_json::from_str(&text).expect("JSON");
        status["files"][0].clone()
    }

    /// Waits until `status` tells an error, and then none any more.
    fn error(&self) -> String {
        let error =
            until("an error in status", || self.status()["error"]["message"].as_str().map(str::to_owned));
        assert!(error.contains(self.user.profile()), "{error}");
        error
    }
}

fn header(token: &str) -> String {
    format!("Authorization: Bearer {token}\n")
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").permissions().mode() & 0o7777
}

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
        let ca = account.ca_file.map_or(String::new(), |path| format!("--cacert {path}"));
        let curl = format!("curl -sS {ca} -H @tokens/token {}", issuer.assets_url());
        let answer: Value = serde_json::from_str(&reader.user.shell(&curl).done()).expect("JSON");
        assert!(answer["assets"].is_array(), "{answer}");
        assert_eq!(issuer.assets_given_and_refused(), (1, 0));
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
    until_changed(reader.user.home.path(), "the folder", || made.exists().then_some(()));
    let other = made.join("bearer-token.txt");
    until_changed(&made, "the other file", || {
        fs::read_to_string(&other).ok().filter(|text| *text == header(&token))
    });
    assert_eq!((mode(&reader.path()), mode(&other), mode(&made)), (0o600, 0o600, 0o700));
    let text = reader.user.dt_cred(&["status"]).done();
    assert!(text.contains("tokens/token (raw): fresh\n"), "{text}");
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
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..5 {
                reader.user.dt_cred(&["get", "--fresh"]).done();
                reader.until(&header(&reader.user.token()));
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        let mut reads = 0_u64;
        while !done.load(std::sync::atomic::Ordering::Relaxed) {
            let text = fs::read_to_string(reader.path()).expect("it is never missing while a token is held");
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
    assert_eq!(reader.names(), ["token"], "SIGKILL leaves it");
    fs::write(reader.folder.join("token.dt-cred-new"), "half a tok").expect("written");
    sandbox.set(|settings| settings.door = Door::Closed);
    reader.user.dt_cred(&["start"]).done();
    reader.until_only(&[]);
}

#[test]
fn a_daemon_that_is_told_to_end_by_a_signal_removes_it() {
    let sandbox = Sandbox::http();
    let reader = Reader::new(User::in_memory());
    let mut daemon = reader.user.home.start_daemon();
    reader.user.log_in(&Account::at(&sandbox));
    reader.until(&header(&reader.user.token()));
    daemon.signal(Signal::TERM);
    assert!(daemon.wait().success());
    assert_eq!(reader.names(), [""; 0]);
}

#[test]
fn what_is_no_file_of_ours_with_a_token_in_it_is_left_alone_told_and_hinders_nobody() {
    let sandbox = Sandbox::http();
    let makers: [(&str, Maker); 8] = [
        ("a word that may be anything", |path| fs::write(path, "hunter2\n").expect("written")),
        ("a pipe", |path| {
            let made = std::process::Command::new("mkfifo").arg(path).status();
            assert!(made.expect("mkfifo").success());
        }),
        ("a token of another user", |path| {
            fs::write(path, "Authorization: Bearer aa.bb.cc\n").expect("written");
            // Without root it stays ours, and a second word makes it foreign.
            if chown(path, Some(54_321), None).is_err() {
                fs::write(path, "Authorization: Bearer aa bb\n").expect("written");
            }
        }),
        ("a real file", |path| fs::write(path, "precious\ndata\n").expect("written")),
        ("an empty file", |path| fs::write(path, "").expect("written")),
        ("a symlink", |path| {
            fs::write(path.with_file_name("target"), "aa.bb.cc\n").expect("written");
            symlink(path.with_file_name("target"), path).expect("linked");
        }),
        ("a folder", |path| fs::create_dir(path).expect("made")),
        ("a socket", |path| drop(std::os::unix::net::UnixListener::bind(path).expect("bound"))),
    ];
    for (what, make) in makers {
        let reader = Reader::new(User::in_memory());
        make(&reader.path());
        let seen = || {
            let kind = fs::symlink_metadata(reader.path()).expect("it is there").file_type();
            (kind, (!kind.is_fifo()).then(|| fs::read(reader.path()).ok()))
        };
        let before = seen();
        reader.user.log_in(&Account::at(&sandbox));
        reader.user.token();
        let error = reader.error();
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
}

#[test]
fn a_folder_that_is_open_to_others_gets_no_token() {
    let sandbox = Sandbox::http();
    let reader = Reader::new(User::in_memory());
    fs::set_permissions(&reader.folder, fs::Permissions::from_mode(0o755)).expect("opened");
    reader.user.log_in(&Account::at(&sandbox));
    reader.user.token();
    let error = reader.error();
    assert!(error.contains("chmod 700"), "{error}");
    assert_eq!(reader.names(), [""; 0]);
    assert_eq!(mode(&reader.folder), 0o755, "it is the user's to mend");
}

#[test]
fn a_full_disk_and_a_read_only_one_are_told_and_the_socket_goes_on_serving() {
    const APART: [&str; 3] = ["--user", "--map-root-user", "--mount"];
    let mut probe = std::process::Command::new("unshare");
    probe.args(APART).args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
    if !require("unshare with user and mount namespaces", run(probe, "").code == Some(0)) {
        return;
    }
    let sandbox = Sandbox::http();
    for (break_it, mend_it, words) in [
        (
            "dd if=/dev/zero of=tokens/filler bs=4096 2>/dev/null",
            "rm tokens/filler",
            "No space left on device",
        ),
        ("mount -o remount,ro tokens", "mount -o remount,rw tokens", "Read-only file system"),
    ] {
        let reader = Reader::new(User::in_memory());
        let script = format!(
            r#"
            lines=$(cat)
            mount -t tmpfs -o size=64k,mode=0700 tmpfs tokens || exit
            {break_it}
            printf '%s\nkeyring=memory\n' "$lines" | dt-cred store >/dev/null || exit
            # The file is tried at once; its error is there when it has been.
            until dt-cred status | grep -q 'not kept fresh'; do :; done
            dt-cred status | sed -n 's/.*not kept fresh: //p'
            dt-cred get >/dev/null && echo served
            ls -A tokens | grep -v filler
            {mend_it}
            # Nothing in the folder tells that its disk is another one now.
            dt-cred reject >/dev/null
            token=$(dt-cred get)
            until [ "$(cat tokens/token 2>/dev/null)" = "$token" ]; do :; done
            dt-cred status | grep -c 'not kept fresh'
            dt-cred stop >/dev/null
            ls -A tokens"#
        );
        let shell = reader.user.shell_command(&script);
        let mut unshare = reader.user.home.command("unshare");
        unshare.args(APART).arg(shell.get_program()).args(shell.get_args());
        unshare.envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = run(unshare, Account::at(&sandbox).lines());
        let lines: Vec<_> = output.stdout.lines().collect();
        assert!(lines.len() == 3 && lines[0].contains(words), "{break_it}: {output:?}");
        assert_eq!(lines[1..], ["served", "0"], "{break_it}: {output:?}");
    }
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
    fs::remove_dir_all(&reader.folder).expect("removed");
    until("the folder to come back", || reader.path().exists().then_some(()));
    reader.until(&line);
    assert_eq!((mode(&reader.folder), mode(&reader.path())), (0o700, 0o600));
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
fn a_folder_of_somebody_else_is_not_followed_to_remove_anything() {
    if !root("a folder that is given away") {
        return;
    }
    let reader = Reader::new(User::in_memory());
    let theirs = reader.user.home.path().join("theirs");
    fs::create_dir(&theirs).expect("a folder");
    symlink(&reader.folder, theirs.join("x")).expect("a link");
    chown(&theirs, Some(54_321), None).expect("given away");
    fs::write(reader.folder.join("token.dt-cred-new"), "two\nlines\n").expect("written");
    reader.configure(&["path = \"~/theirs/x/token\""]);
    reader.user.dt_cred(&["start"]).done();
    assert!(reader.error().contains("belongs to uid 54321"));
    reader.user.dt_cred(&["stop"]).done();
    assert_eq!(reader.names(), ["token.dt-cred-new"]);
}

#[test]
fn of_two_daemons_with_one_configuration_one_keeps_the_file() {
    let sandbox = Sandbox::http();
    let mut reader = Reader::new(User::in_memory());
    reader.user.log_in(&Account::at(&sandbox));
    let line = header(&reader.user.token());
    reader.until(&line);
    // Another socket, and the same configuration and state.
    let second = reader.user.home.path().join("second");
    fs::create_dir(&second).expect("a folder");
    fs::set_permissions(&second, fs::Permissions::from_mode(0o700)).expect("private");
    reader.user.home.set("DT_CRED_SOCKET", second.join("agent.sock"));
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

/// What makes fsync hang for files in a folder `slow`, as long as a file `hangs` lies in the home.
const HANGS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int fsync(int fd)
{
    char link[64], path[4096] = "", flag[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/slow/")) {
        snprintf(flag, sizeof flag, "%s/hangs", getenv("HOME"));
        while (access(flag, F_OK) == 0) usleep(10000);
    }
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return real(fd);
}
"#;

#[test]
fn a_disk_that_hangs_under_one_file_holds_up_no_other_one_and_is_told() {
    if !require("a C compiler", on_path(&["cc"])) {
        return;
    }
    let sandbox = Sandbox::http();
    let mut reader = Reader::new(User::in_memory());
    let slow = reader.user.home.path().join("slow");
    fs::create_dir(&slow).expect("a folder");
    fs::set_permissions(&slow, fs::Permissions::from_mode(0o700)).expect("private");
    reader.configure(&["path = \"~/slow/token\"", "path = \"~/tokens/token\""]);
    let library = reader.user.home.path().join("hangs.so");
    let mut cc = std::process::Command::new("cc");
    cc.args(["-shared", "-fPIC", "-x", "c", "-", "-ldl", "-o"]).arg(&library);
    run(cc, HANGS).done();
    fs::write(reader.user.home.path().join("hangs"), "").expect("written");
    let mut daemon = reader.user.home.command(binaries::daemon());
    daemon.env("LD_PRELOAD", &library);
    let mut daemon = Running::start(daemon, "");
    daemon.stderr_line(|line| line.contains("listening"));
    reader.user.log_in(&Account::at(&sandbox));
    reader.until(&header(&reader.user.token()));
    assert!(
        reader.error().contains("its disk has not taken the last change"),
        "the first file is the slow one"
    );
    reader.user.dt_cred(&["reject"]).done();
    reader.until(&header(&reader.user.token()));
    // It ends in time all the same, and leaves nothing where it could remove it.
    reader.user.dt_cred(&["stop"]).done();
    assert!(daemon.wait().success());
    assert_eq!(reader.names(), [""; 0]);
    reader.user.home.unset("LD_PRELOAD");
}
