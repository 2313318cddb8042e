//! Linux: signals, modes, other users, and disks that are full or hang.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, chown, symlink},
        net::UnixListener,
    },
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Running, binaries, on_path, require, root, run},
    user::{Account, User},
};
use rustix::process::Signal;

use super::{
    is_left_alone,
    reader::{Reader, header},
    unix::mode,
};

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
fn what_only_this_system_has_in_a_files_place_is_left_alone_too() {
    is_left_alone("a pipe", |path| {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.expect("mkfifo").success());
    });
    is_left_alone("a token of another user", |path| {
        fs::write(path, "Authorization: Bearer aa.bb.cc\n").expect("written");
        // Without root it stays ours, and a second word makes it foreign.
        if chown(path, Some(54_321), None).is_err() {
            fs::write(path, "Authorization: Bearer aa bb\n").expect("written");
        }
    });
    is_left_alone("a symlink", |path| {
        fs::write(path.with_file_name("target"), "aa.bb.cc\n").expect("written");
        symlink(path.with_file_name("target"), path).expect("linked");
    });
    is_left_alone("a socket", |path| drop(UnixListener::bind(path).expect("bound")));
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
fn a_folder_that_is_made_anew_needs_a_daemon_that_is_started_anew_and_is_told_so() {
    let sandbox = Sandbox::http();
    let reader = Reader::new(User::in_memory());
    let account = Account::at(&sandbox);
    reader.user.log_in(&account);
    reader.until(&header(&reader.user.token()));
    fs::remove_dir_all(&reader.folder).expect("removed");
    let error = reader.error();
    assert!(error.contains("dt-cred stop, then again"), "{error}");
    reader.user.dt_cred(&["stop"]).done();
    // One that is missing is made before that right is given up.
    reader.user.log_in(&account);
    reader.until(&header(&reader.user.token()));
    assert_eq!(mode(&reader.folder), 0o700);
}

#[test]
fn a_file_goes_at_erase_also_where_the_state_folder_is_gone() {
    let sandbox = Sandbox::http();
    let reader = Reader::new(User::in_memory());
    reader.user.log_in(&Account::at(&sandbox));
    reader.until(&header(&reader.user.token()));
    let state = reader.user.home.state();
    fs::rename(&state, state.with_extension("away")).expect("moved");
    reader.user.dt_cred(&["erase"]);
    reader.until_only(&[]);
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
            # The file is tried at once; until its error is there, a slow disk may be.
            until dt-cred status | grep -q '{words}'; do :; done
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
