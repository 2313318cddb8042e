//! A panic, in a process of its own: this test again, in a role.

use std::{
    env,
    io::{self, Write},
    process::{Command, Output},
    thread,
};

use dt_cred_proto::{message::FailureKind, panic};

const SECRET: &str = "a-secret-that-a-panic-is-about";

/// What the role that panics is to do.
const ROLE: &str = "DT_CRED_TEST_ROLE";

#[test]
#[ignore = "a role in other tests"]
fn role_that_panics() {
    let Ok(role) = env::var(ROLE) else { return };
    let tell = |place: &str| writeln!(io::stderr(), "a bug at {place}").expect("told");
    panic::end_process(tell);
    match &*role {
        "text" => panic!("it was {SECRET}"),
        "value" => std::panic::panic_any(SECRET.to_owned()),
        "error" => drop(SECRET.parse::<u32>().map_err(|_| SECRET).expect(SECRET)),
        "thread" => drop(thread::spawn(|| panic!("it was {SECRET}")).join()),
        "caught" => drop(std::panic::catch_unwind(|| panic!("it was {SECRET}"))),
        _ => unreachable!("no such role"),
    }
}

fn played(role: &str) -> Output {
    let mut this = Command::new(env::current_exe().expect("a path"));
    this.args(["--ignored", "--exact", "--nocapture", "role_that_panics"]).env(ROLE, role);
    this.output().expect("this test")
}

#[test]
fn a_panic_tells_its_place_and_nothing_of_what_it_was_about_and_ends_the_process() {
    for role in ["text", "value", "error", "thread", "caught"] {
        let Output { status, stdout, stderr } = played(role);
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert_eq!(status.code(), Some(FailureKind::Other.exit_code().into()), "{role}: {stdout}{stderr}");
        assert!(!stdout.contains(SECRET) && !stderr.contains(SECRET), "{role}: {stdout}{stderr}");
        let place = stderr.strip_prefix("a bug at ").and_then(|rest| rest.split_once(".rs:"));
        let (file, _) = place.unwrap_or_else(|| panic!("{role}: {stderr}"));
        assert!(file.ends_with("panic") && stderr.lines().count() == 1, "{role}: {stderr}");
    }
}
