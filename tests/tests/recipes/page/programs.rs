//! Programs: the Python SDK of DataTrails, and whatever reads the environment or a file.

use std::fs;

use dt_cred_tests::parts::{Output, RecipeCheckers, run, until};

use super::reader::Reader;

/// A reader with the SDK.
fn with_sdk() -> Option<Reader> {
    let checkers = RecipeCheckers::find()?;
    let mut reader = Reader::with(&["python3"])?;
    reader.user.home.set("PYTHONPATH", checkers.packages());
    reader.user.home.set("PYTHONDONTWRITEBYTECODE", "1");
    Some(reader)
}

/// Runs the program of this name.
#[track_caller]
fn python(reader: &Reader, name: &str) -> Output {
    reader.write(name);
    let mut python = reader.user.home.command("python3");
    python.arg(name);
    run(python, "")
}

/// Sees that the identities of both assets were printed.
#[track_caller]
fn lists(output: &Output) {
    let identities = output.stdout.lines().filter(|line| line.starts_with("assets/"));
    assert!(output.code == Some(0) && identities.count() == 2, "{output:?}");
}

#[test]
fn the_sdk_lists_the_assets_with_the_token_of_that_moment() {
    let Some(reader) = with_sdk() else { return };
    let output = python(&reader, "assets.py");
    lists(&output);
    reader.asked_once_and_told_nobody(&output);
}

#[test]
fn an_object_of_the_sdk_outlives_its_token() {
    let Some(reader) = with_sdk() else { return };
    reader.write("assets.py");
    // The page's class, asked once before a token is replaced and once after.
    let twice = "import assets, subprocess\n\
        subprocess.run(['dt-cred', 'reject'], check=True)\n\
        print(len(list(assets.arch.assets.list())))";
    let mut python = reader.user.home.command("python3");
    python.args(["-c", twice]);
    run(python, "").done();
    assert_eq!(reader.sandbox.counts().assets.ok, 2);
    assert_eq!(reader.sandbox.tokens().len(), 2, "the second request had a token of its own");
}

#[test]
fn the_sdk_without_a_token_ends_and_sends_nothing() {
    let Some(reader) = with_sdk() else { return };
    reader.user.dt_cred(&["erase"]).done();
    let output = python(&reader, "assets.py");
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
    assert!(output.stderr.contains("dt-cred login"), "{output:?}");
    assert_eq!(reader.sandbox.counts().assets.total, 0);
}

#[test]
fn a_program_that_reads_the_environment_or_a_file_is_answered_and_does_not_run_without_a_token() {
    for (run, program) in [("environment", "short.py"), ("file", "long.py")] {
        let Some(reader) = with_sdk() else { return };
        reader.write(program);
        let output = reader.run(run);
        lists(&output);
        // The daemon hears of the program's end when we do: it may still be removing the file.
        let lent = reader.user.home.path().join("run/dt-cred/agent.lent");
        let is_empty = || fs::read_dir(&lent).map_or(true, |mut entries| entries.next().is_none());
        until("the file to be gone", || is_empty().then_some(()));
        reader.asked_once_and_told_nobody(&output);
        let Some(reader) = with_sdk() else { return };
        reader.write(program);
        reader.sends_nothing_without_a_token(run, 125);
    }
}
