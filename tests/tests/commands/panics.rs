//! A panic of the built programs: a clock that fails is one that the standard library does not outlive.

use std::{fs, process::Command};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Running, on_path, require, run},
    user::{Account, User},
};

/// Its monotonic clock fails once the home has a file of that name: clock_gettime(2).
const BREAKS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *now)
{
    char flag[4096];
    snprintf(flag, sizeof flag, "%s/breaks", getenv("HOME"));
    if (clock == CLOCK_MONOTONIC && access(flag, F_OK) == 0) {
        errno = EINVAL;
        return -1;
    }
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    return real(clock, now);
}
"#;

/// What the standard library says of it, which is of no use to anybody here and might be a secret elsewhere.
const ABOUT: [&str; 4] = ["called `Result::unwrap()`", "Os {", "InvalidInput", "Invalid argument"];

#[test]
fn a_panic_is_told_by_its_place_alone_and_is_exit_8() {
    if !require("a C compiler", on_path(&["cc"])) {
        return;
    }
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    let library = user.home.path().join("breaks.so");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-x", "c", "-", "-ldl", "-o"]).arg(&library);
    run(cc, BREAKS).done();
    let breakable = |mut command: Command| {
        command.env("LD_PRELOAD", &library);
        command
    };
    let mut daemon = Running::start(breakable(user.home.command(user.home.daemon_program())), "");
    daemon.stderr_line(|line| line.contains("listening"));
    user.log_in(&Account::at(&sandbox));
    run(breakable(user.home.client(&["get"])), "").done();

    fs::write(user.home.path().join("breaks"), "").expect("written");
    let client = run(breakable(user.home.client(&["get"])), "");
    assert_eq!((client.code, &*client.stdout), (Some(8), ""), "{}", client.stderr);
    assert!(client.stderr.starts_with("dt-cred: this is a bug, at "), "{}", client.stderr);
    assert_eq!(client.stderr.lines().count(), 1, "{}", client.stderr);
    // One that asks, so that the daemon looks at its clock.
    user.dt_cred(&["get"]);
    assert_eq!(daemon.wait().code(), Some(8), "{}", daemon.said());
    let told = daemon.said();
    assert!(told.contains("a bug: the daemon ends place="), "{told}");
    let early = run(breakable(user.home.command(user.home.daemon_program())), "");
    assert_eq!(early.code, Some(8), "{}", early.stderr);
    for said in [client.stderr, told, early.stderr] {
        assert!(!ABOUT.iter().any(|word| said.contains(word)), "{said}");
    }
}
