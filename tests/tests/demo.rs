//! `cargo demo` and `cargo demo full`: they do what they show, show no secret, and leave nothing behind.
#![cfg(target_os = "linux")]

use std::{
    collections::BTreeSet, env, ffi::OsString, fs, os::unix::fs::symlink, path::Path, process::Command,
    thread,
};

use dt_cred_tests::{
    parts::{
        Output, binaries,
        keyring::{self, Profile},
        on_path, require, run,
        seccomp::refuse_keyrings,
    },
    search::Search,
    transcript::{self, Least},
};

/// So many demos are shown at once.
const STAGES: usize = 4;

/// The demo with these words, not yet started.
fn demo(words: &[&str]) -> Command {
    let mut demo = Command::new(binaries::demo());
    // Asking for it has built everything.
    demo.args(words).env(binaries::BUILT_VARIABLE, "1");
    demo
}

/// Sees that what the demo has made is gone: its home, its daemon, and what it kept for so many profiles.
#[track_caller]
fn left_nothing(output: &Output, profiles: usize) {
    let told = output.stdout.split_once("A temporary home, ").expect("a home").1;
    let told = told.lines().next().expect("a line").trim_end_matches('.');
    let home = told.split(',').next().expect("a path");
    assert!(home.starts_with('/') && !Path::new(home).exists(), "{home}");
    // Each socket with its path, by whomever it is held (unix(7)).
    assert!(!fs::read_to_string("/proc/net/unix").expect("a list").contains(home), "a daemon is left");
    let names: Vec<_> =
        told.split([' ', ',', '=']).filter(|word| word.split('-').count() == 4).map(Profile::made).collect();
    assert_eq!(names.len(), profiles, "{told}");
    if keyring::works() {
        assert!(!names.iter().any(Profile::is_kept), "{told}");
    }
}

/// What the demo's own transcript has of a kind, as `secrets`.
fn noted(folder: &Path, kind: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    let files = files.filter(|file| file.extension().is_some_and(|ending| ending == kind));
    let text: String = files.map(|file| fs::read_to_string(file).expect("text")).collect();
    text.lines().map(|line| serde_json::from_str(line).expect("text")).collect()
}

/// A demo that shows all of its steps, and every program that was started for it, with its arguments and environment.
struct Shown {
    output: Output,
    started: String,
    secrets: BTreeSet<String>,
    tokens: BTreeSet<String>,
}

/// Lays these programs into a folder, and gives a `PATH` of it alone.
fn only(folder: &Path, programs: &[&str]) -> OsString {
    let folders = env::var_os("PATH").expect("a PATH");
    for program in programs {
        let mut places = env::split_paths(&folders).map(|folder| folder.join(program));
        let place = places.find(|place| place.is_file()).expect("it is installed");
        symlink(place, folder.join(program)).expect("a link");
    }
    folder.as_os_str().to_owned()
}

/// Has the demo shown where of all other programs there are only these; it must succeed. None where it cannot be watched.
fn shown(words: &[&str], profiles: usize, programs: &[&str]) -> Option<Shown> {
    if !require("strace and curl", on_path(&["strace", "curl"])) {
        return None;
    }
    let (transcript, folder) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (demo, started) = (demo(words), folder.path().join("started"));
    let mut path = OsString::from("PATH=");
    path.push(only(folder.path(), programs));
    let mut strace = Command::new("strace");
    strace.args("-f -qq -v -s 100000 -e trace=execve,execveat -e signal=none -o".split(' ')).arg(&started);
    strace.arg("-E").arg(path).arg(demo.get_program()).args(demo.get_args());
    strace.env(binaries::BUILT_VARIABLE, "1").env(transcript::VARIABLE, transcript.path());
    // It ends when everything that was started has ended, the daemon too.
    let output = run(strace, "");
    assert_eq!(output.code, Some(0), "{output:?}");
    let (secrets, tokens) = (noted(transcript.path(), "secrets"), noted(transcript.path(), "tokens"));
    // Of the clients that no shell ran, and of the daemons, who log all that they can.
    let least = Least { records: 1, details: 1, secrets: secrets.len() + tokens.len() };
    let found = transcript::search(transcript.path(), least).expect("a transcript");
    assert!(found.finds.is_empty(), "{:?}", found.finds);
    let started = fs::read_to_string(started).expect("text");
    for program in ["/dt-cred\"", "/dt-credd\"", "\"sh\", \"-c\""] {
        assert!(started.contains(program), "{program}: {started}");
    }
    left_nothing(&output, profiles);
    Some(Shown { output, started, secrets, tokens })
}

/// Sees that no line of it holds any of these, of which there must be some.
#[track_caller]
fn holds_none_of<'a>(text: &str, known: impl Iterator<Item = &'a String> + Clone) {
    let search = Search::of(known.clone());
    assert!(known.clone().count() > 0 && known.clone().all(|known| search.misses(known).is_none()));
    for line in text.lines() {
        assert_eq!(search.find(line), None, "{line}");
    }
}

#[test]
fn the_demo_shows_the_job_and_no_secret_and_leaves_nothing_behind() {
    let Some(shown) = shown(&[], 1, &["sh", "curl", "seq"]) else { return };
    assert!(shown.output.stdout.contains("\"assets\":[{"), "{}", shown.output.stdout);
    assert!(shown.output.stdout.contains("at once\nThey cost 1 token request."), "{}", shown.output.stdout);
    holds_none_of(&shown.output.stdout, shown.secrets.union(&shown.tokens));
    holds_none_of(&shown.output.stderr, shown.secrets.union(&shown.tokens));
    // A token stands in curl's arguments there, as in the guide.
    holds_none_of(&shown.started, shown.secrets.iter());
}

#[test]
fn the_full_demo_walks_from_an_owner_to_assets_and_back_and_no_secret_and_no_token_is_seen_anywhere() {
    let Some(shown) = shown(&["full"], 2, &["sh"]) else { return };
    let mut rest = shown.output.stdout.as_str();
    for step in [
        "| dt-cred store -p \"$OWNER\"",
        "$ dt-cred integration create \"$NAME\" --as \"$OWNER\" --keyring ",
        "$ dt-cred test -p \"$NAME\"",
        "lists nothing",
        "$ dt-cred integration grant \"$NAME\" --as \"$OWNER\" --read",
        "$ dt-cred test -p \"$NAME\"",
        "lists 5 assets",
        "$ dt-cred integration rotate \"$NAME\" --as \"$OWNER\"",
        "$ dt-cred get -p \"$NAME\" >/dev/null",
        "lists 5 assets",
        "$ dt-cred inspect -p \"$NAME\"",
        "$ dt-cred integration delete \"$NAME\" --as \"$OWNER\" --yes",
        "$ dt-cred erase -p \"$NAME\" && dt-cred erase -p \"$OWNER\"",
        "$ dt-cred stop",
        "are gone again",
    ] {
        rest = rest.split_once(step).unwrap_or_else(|| panic!("{step}: {}", shown.output.stdout)).1;
    }
    assert_eq!(shown.output.stderr, "");
    // The Owner's, the integration's two.
    assert_eq!(shown.secrets.len(), 3);
    for text in [&shown.output.stdout, &shown.started] {
        holds_none_of(text, shown.secrets.union(&shown.tokens));
    }
}

/// The full demo with a client that does this for commands that begin so, and else what it does.
fn with_client(command: &str, script: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let client = binaries::client();
    let text = format!(
        "#!/bin/sh\nreal() {{ '{}' \"$@\"; }}\nfolder='{}'\ncase \"$*\" in '{command}'*) {script};; *) real \"$@\";; esac\n",
        client.display(),
        folder.path().display()
    );
    // By another process: what is open for writing here cannot be run.
    let mut write = Command::new("sh");
    write.args(["-c", "cat >dt-cred && chmod +x dt-cred"]).current_dir(folder.path());
    run(write, text).done();
    let demo = demo(&["full"]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "echo $$ >\"$1/pid\" && exec \"$2\" full", "sh"])
        .arg(folder.path())
        .arg(demo.get_program());
    shell.env(binaries::BUILT_VARIABLE, "1").env(binaries::PROGRAMS_VARIABLE, folder.path());
    // Without keyctl(1), so that what is kept is erased by the demo alone.
    shell.env("PATH", only(folder.path(), &["sh", "sed", "cat"]));
    run(shell, "")
}

#[test]
fn a_step_that_fails_or_does_nothing_ends_the_full_demo_which_says_which_and_leaves_nothing_behind() {
    let (nothing, not) = ("exit 0", "succeeded, but this does not hold: ");
    let mut rows = vec![
        ("store", nothing, "no token has proven it".to_owned()),
        ("integration create", nothing, format!("{not}the API knows it")),
        ("test", nothing, format!("{not}the API was asked, and lists nothing yet")),
        (
            "test",
            "real \"$@\" | sed 's/lists nothing/lists 5 assets/'",
            format!("{not}the API was asked, and"),
        ),
        ("integration grant", nothing, format!("{not}the API has one access policy")),
        ("test", "real \"$@\" | sed 's/lists .*/lists nothing/'", format!("{not}the API lists assets")),
        ("integration rotate", "exit 3", "--as \"$OWNER\"` failed with exit code 3".to_owned()),
        ("integration rotate", nothing, format!("{not}the API has made a new secret")),
        ("get", nothing, format!("{not}the same daemon got a token by the new secret")),
        ("inspect", nothing, format!("{not}the token is the integration's")),
        ("integration delete", nothing, format!("{not}the API knows it no more")),
        (
            "erase",
            "[ -e \"$folder/once\" ] && real \"$@\" || : >\"$folder/once\"",
            format!("{not}nothing is stored any more"),
        ),
        ("stop", nothing, "but a daemon runs".to_owned()),
    ];
    if keyring::works() {
        // The next one starts another daemon, which finds everything.
        let row =
            ("integration rotate", "real \"$@\" && real stop >/dev/null", format!("{not}the same daemon"));
        rows.push(row);
    }
    let rows = &rows;
    thread::scope(|scope| {
        for first in 0..STAGES {
            scope.spawn(move || {
                for (command, script, words) in rows.iter().skip(first).step_by(STAGES) {
                    let output = with_client(command, script);
                    assert_eq!(output.code, Some(1), "{command}: {output:?}");
                    let last = output.stderr.lines().last().expect("a reason");
                    assert!(last.starts_with("demo: ") && last.contains(words), "{words}: {last}");
                    left_nothing(&output, 2);
                }
            });
        }
    });
}

#[test]
fn ctrl_c_ends_the_full_demo_which_leaves_nothing_behind_however_often_it_is_pressed() {
    let output = with_client("", "kill -INT \"$(cat \"$folder/pid\")\"; real \"$@\"");
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.ends_with("demo: interrupted: everything is removed again\n"), "{output:?}");
    left_nothing(&output, 2);
}

#[test]
fn where_the_kernel_refuses_its_keyring_each_demo_says_so_and_goes_on_in_memory() {
    for (words, profiles) in [(&[][..], 1), (&["full"], 2)] {
        let mut demo = demo(words);
        refuse_keyrings(&mut demo, libc::EPERM);
        let output = run(demo, "");
        assert_eq!(output.code, Some(0), "{output:?}");
        let refused = output.stdout.split_once("The kernel refuses its keyring here").expect("it says so").1;
        assert!(refused.contains("keyring=memory"), "{refused}");
        left_nothing(&output, profiles);
    }
}

#[test]
fn what_is_no_demo_is_exit_2_and_shows_nothing() {
    for words in [&["half"][..], &["full", "full"], &["--help"]] {
        let output = run(demo(words), "");
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
        assert!(
            output.stderr.lines().count() == 1 && output.stderr.contains("cargo demo full"),
            "{output:?}"
        );
    }
}
