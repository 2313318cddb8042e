//! A panic of the built programs: they do not outlive a clock that fails, or a terminal that gives more than was asked for.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Running, on_path, require, run, terminal::Terminal},
    user::{Account, User},
};

/// Once the home has a file of that name its monotonic clock fails (clock_gettime(2)), and its terminal says that it gave
/// more than there was room for (read(2)).
const BREAKS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
static int breaks(void)
{
    char flag[4096];
    snprintf(flag, sizeof flag, "%s/breaks", getenv("HOME"));
    return access(flag, F_OK) == 0;
}
int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (clock == CLOCK_MONOTONIC && breaks()) {
        errno = EINVAL;
        return -1;
    }
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    return real(clock, now);
}
ssize_t read(int from, void *to, size_t room)
{
    ssize_t (*real)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    ssize_t got = real(from, to, room);
    return got > 0 && isatty(from) && breaks() ? room + 1 : got;
}
"#;

/// What the standard library says of it, which is of no use to anybody here and might be a secret elsewhere.
const ABOUT: [&str; 4] = ["called `Result::unwrap()`", "Os {", "InvalidInput", "Invalid argument"];

/// The library, in this home; none where there is no compiler.
fn breaks(home: &Path) -> Option<PathBuf> {
    let library = home.join("breaks.so");
    require("a C compiler", on_path(&["cc"])).then(|| {
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-x", "c", "-", "-ldl", "-o"]).arg(&library);
        run(cc, BREAKS).done();
        library
    })
}

#[test]
fn a_panic_while_a_secret_is_typed_leaves_the_terminal_as_it_was() {
    let user = User::in_memory();
    let Some(library) = breaks(user.home.path()) else { return };
    let mut terminal = Terminal::new();
    let mut login = user.home.client(&["login", "--client-id", "x", "--keyring", "memory"]);
    login.env("LD_PRELOAD", library);
    let client = terminal.start(&login);
    terminal.until("Client secret (not shown): ");
    assert!(!terminal.is_usual());
    fs::write(user.home.path().join("breaks"), "").expect("written");
    terminal.press("what is typed\n");
    let output = client.ended();
    assert_eq!((output.code, &*output.stdout), (Some(8), ""), "{}", output.stderr);
    assert!(
        output.stderr.starts_with("dt-cred: this is a bug, at client/src/terminal.rs:"),
        "{}",
        output.stderr
    );
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(terminal.is_usual());
}

#[test]
fn a_panic_is_told_by_its_place_alone_and_is_exit_8() {
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    let Some(library) = breaks(user.home.path()) else { return };
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
