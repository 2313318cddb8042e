//! This repository's own workflows: what a public CI runs is what `tests/run` and `tests/packages` are, and nothing is released
//! that they have not seen.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use dt_cred_tests::parts::{RecipeCheckers, on_path, require, run};
use serde_json::Value;

use super::repository;

fn workflows() -> Vec<PathBuf> {
    let folder = fs::read_dir(repository().join(".github/workflows")).expect("workflows");
    folder.map(|entry| entry.expect("a workflow").path()).collect()
}

fn workflow(checkers: &RecipeCheckers, name: &str) -> Value {
    checkers.yaml(&repository().join(".github/workflows").join(name))
}

/// All members of this name, however deep they lie.
fn members<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    match value {
        Value::Object(object) => object
            .iter()
            .flat_map(|(key, value)| {
                let here = (key == name).then_some(value);
                here.into_iter().chain(members(value, name)).collect::<Vec<_>>()
            })
            .collect(),
        Value::Array(array) => array.iter().flat_map(|value| members(value, name)).collect(),
        _ => Vec::new(),
    }
}

/// What the steps of a job, or of a workflow, run.
fn scripts(value: &Value) -> Vec<&str> {
    members(value, "run").into_iter().filter_map(Value::as_str).collect()
}

/// The programs of this repository that a script names.
fn programs(script: &str) -> impl Iterator<Item = &str> {
    script
        .split_whitespace()
        .filter(|word| ["tests/", "packaging/"].iter().any(|folder| word.starts_with(folder)))
}

/// The jobs that this one waits for, and those that they wait for.
fn before(jobs: &Value, job: &str) -> BTreeSet<String> {
    let needs = match &jobs[job]["needs"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(some) => some.iter().map(|one| one.as_str().expect("a job").to_owned()).collect(),
        _ => Vec::new(),
    };
    needs.iter().flat_map(|one| before(jobs, one)).chain(needs.clone()).collect()
}

#[test]
fn each_workflow_is_right_by_its_schema_and_nothing_in_it_lets_others_in() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    for file in workflows() {
        checkers.workflow(&file).done();
        checkers.audit(&file).done();
    }
}

#[test]
fn a_workflow_that_runs_what_a_stranger_wrote_or_names_an_action_by_a_tag_is_found_wrong() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string(repository().join(".github/workflows/ci.yml")).expect("a workflow");
    for (right, wrong) in [
        ("run: tests/packages\n", "run: tests/packages '${{ github.event.pull_request.title }}'\n"),
        ("checkout@11bd71901bbe5b1630ceea73d27597364c9af683", "checkout@v4"),
        ("        with:\n          persist-credentials: false\n", ""),
        ("contents: read", "contents: write"),
    ] {
        assert!(text.contains(right), "{right}");
        let file = folder.path().join("ci.yml");
        fs::write(&file, text.replace(right, wrong)).expect("written");
        let found = checkers.audit(&file);
        assert_ne!(found.code, Some(0), "{wrong}: {found:?}");
    }
}

#[test]
fn what_the_steps_run_is_a_good_script_of_programs_that_are_there() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    if !require("shellcheck", on_path(&["shellcheck"])) {
        return;
    }
    for file in workflows() {
        for script in scripts(&checkers.yaml(&file)) {
            let mut shellcheck = Command::new("shellcheck");
            shellcheck.args(["--shell=bash", "-"]);
            run(shellcheck, script).done();
            for program in programs(script) {
                let mode = fs::metadata(repository().join(program)).map(|found| found.permissions().mode());
                assert!(mode.is_ok_and(|mode| mode & 0o111 != 0), "{}: {program}", file.display());
            }
        }
    }
}

#[test]
fn ci_runs_the_tests_on_each_system_boots_one_with_what_is_shipped_and_makes_the_packages() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let jobs = &workflow(&checkers, "ci.yml")["jobs"];
    let systems = &jobs["tests"]["strategy"]["matrix"]["system"];
    assert_eq!(systems, &serde_json::json!(["ubuntu-latest", "macos-latest", "windows-latest"]));
    for (job, program) in [("tests", "tests/run"), ("packages", "tests/packages")] {
        let run = scripts(&jobs[job]);
        assert!(run.iter().any(|script| programs(script).any(|one| one == program)), "{job}: {run:?}");
    }
    assert!(scripts(&jobs["system"]).contains(&"tests/run --system"), "{}", jobs["system"]);
}

#[test]
fn nothing_is_released_that_ci_has_not_seen() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let release = workflow(&checkers, "release.yml");
    let jobs = &release["jobs"];
    assert_eq!(jobs["ci"]["uses"], "./.github/workflows/ci.yml");
    assert_eq!(release["permissions"], serde_json::json!({}), "who may do what is said for each job");
    for (name, job) in jobs.as_object().expect("jobs") {
        let writes = members(&job["permissions"], "contents").contains(&&Value::from("write"));
        assert_eq!(writes, name == "publish", "{name}");
        assert!(
            !job["if"].is_string() && !job["continue-on-error"].is_boolean(),
            "{name} is no matter of luck"
        );
    }
    assert!(before(jobs, "publish").contains("ci"));
    // What is published was made by ci, whose packages were looked at: nothing is built here.
    let made = workflow(&checkers, "ci.yml");
    let upload = members(&made["jobs"]["packages"], "path");
    assert_eq!(upload, ["target/packages/dt-cred*", "target/packages-x86_64-pc-windows-gnu/dt-cred*"]);
    // Each lies by itself where it was made, with its own checksums; the draft has those of all.
    let download = members(&jobs["publish"], "pattern");
    assert_eq!(download, ["packages-*"]);
    let uploads = members(&made["jobs"]["packages"], "with");
    for name in uploads.iter().filter_map(|with| with["name"].as_str()) {
        assert!(name.starts_with("packages-"), "{name}");
    }
    assert!(!scripts(&jobs["publish"]).concat().contains("build"));
}

#[test]
fn a_version_stands_in_one_place_and_whatever_names_it_has_the_same() {
    let version = env!("CARGO_PKG_VERSION");
    let read = |name: &str| fs::read_to_string(repository().join(name)).expect(name);
    for crate_folder in ["client", "daemon", "proto", "tests", "tests/readers"] {
        let manifest = read(&format!("{crate_folder}/Cargo.toml"));
        assert!(manifest.contains("version.workspace = true\n"), "{crate_folder}");
    }
    let said = run(Command::new(repository().join("packaging/version")), "").done();
    assert_eq!(said, format!("{version}\n"));
    // The manual and the images in the manifests, by whoever takes the file as it is.
    assert!(read("packaging/man/dt-cred.1").contains(&format!("\"dt\\-cred {version}\"")));
    let mut images = 0;
    for file in fs::read_dir(repository().join("packaging/recipes")).expect("recipes") {
        let text = fs::read_to_string(file.expect("a recipe").path()).expect("a recipe");
        for image in text.split("example.com/dt-cred:").skip(1) {
            let tag = image.split_whitespace().next();
            assert_eq!(tag, Some(version));
            images += 1;
        }
    }
    assert!(images > 0);
}

#[test]
fn the_notes_of_a_release_are_those_of_its_version_and_no_other_tag_has_any() {
    let folder = tempfile::tempdir().expect("a folder");
    let version = env!("CARGO_PKG_VERSION");
    let changelog = folder.path().join("CHANGELOG.md");
    let text = format!(
        "# Changelog\n\n## Unreleased\n\n- later\n\n## {version} - 2026-12-01\n\n- now\n\n## 0.0.9 - 2026-01-01\n\n- before\n"
    );
    let notes = |tag: &str, file: &Path| {
        let mut notes = Command::new(repository().join("packaging/notes"));
        notes.arg(tag).arg(file);
        run(notes, "")
    };
    fs::write(&changelog, &text).expect("written");
    assert_eq!(notes(&format!("v{version}"), &changelog).done().trim(), "- now");
    let other = notes("v999.0.0", &changelog);
    assert_eq!((other.code, other.stdout.as_str()), (Some(1), ""), "{other:?}");
    assert!(other.stderr.contains(&format!("tag v{version}")), "{other:?}");
    fs::write(&changelog, text.replace(&format!("{version} - 2026-12-01"), version)).expect("written");
    let undated = notes(&format!("v{version}"), &changelog);
    assert_eq!((undated.code, undated.stdout.as_str()), (Some(1), ""), "{undated:?}");
}
