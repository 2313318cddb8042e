//! Each recipe is what those who run it take, by their own schemas and linters.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use dt_cred_tests::parts::{Output, RecipeCheckers, run};

use super::{recipe, repository};

/// A recipe's name, what checks it, and a misspelling that nobody would see.
type Case = (&'static str, fn(&RecipeCheckers, &Path) -> Output, [&'static str; 2]);

const CASES: [Case; 4] = [
    ("github-actions.yml", RecipeCheckers::workflow, ["timeout-minutes:", "timeout-minute:"]),
    ("gitlab-ci.yml", RecipeCheckers::pipeline, ["after_script:\n    -", "after_script:\n    after:"]),
    ("kubernetes.yaml", RecipeCheckers::kubernetes, ["readOnlyRootFilesystem:", "readOnlyRootFileSystem:"]),
    ("Dockerfile", RecipeCheckers::dockerfile, ["ENTRYPOINT [", "ENTRYPOINT "]),
];

#[test]
fn each_recipe_is_right_by_the_schema_or_the_linter_of_its_kind() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    for (name, check, _) in CASES {
        check(&checkers, &recipe(name)).done();
    }
}

#[test]
fn a_misspelled_recipe_is_found_wrong() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for (name, check, [right, wrong]) in CASES {
        let text = fs::read_to_string(recipe(name)).expect("a recipe");
        assert!(text.contains(right), "{name}");
        let misspelled = folder.path().join(name);
        fs::write(&misspelled, text.replace(right, wrong)).expect("written");
        let checked = check(&checkers, &misspelled);
        assert_eq!(checked.code, Some(1), "{name}: {checked:?}");
    }
}

/// The sources of the two programs and of what they share, in this copy of the repository.
fn sources(copy: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<_> = ["client", "daemon", "proto"].map(|name| copy.join(name).join("src")).into();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn what_the_dockerfile_copies_is_all_that_its_build_needs() {
    let folder = tempfile::tempdir().expect("a folder");
    let dockerfile = fs::read_to_string(recipe("Dockerfile")).expect("a Dockerfile");
    let (build, _) = dockerfile.split_once("\nFROM debian").expect("two stages");
    for copied in build.lines().filter_map(|line| line.strip_prefix("COPY ")) {
        let words: Vec<_> = copied.split(' ').collect();
        let (to, from) = words.split_last().expect("a destination");
        let to = folder.path().join(to);
        fs::create_dir_all(to.parent().expect("in the folder")).expect("a folder");
        let mut copy = Command::new("cp");
        copy.arg("--recursive").args(from.iter().map(|path| repository().join(path))).arg(to);
        run(copy, "").done();
    }
    // What the sources take in from outside of their crates; a test's own is no part of the build.
    for file in sources(folder.path()) {
        let text = fs::read_to_string(&file).expect("a source");
        for taken in text.split("include_str!(\"").skip(1) {
            let (path, _) = taken.split_once('"').expect("a path");
            let there = file.with_file_name(path);
            assert!(there.is_file(), "{} takes in {path}, which is not copied", file.display());
        }
    }
    // cargo reads what packaging/programs would build, and the lock file must already fit.
    assert!(
        build.ends_with("RUN packaging/programs\n") && folder.path().join("packaging/programs").is_file()
    );
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--locked", "--offline", "--no-deps", "--format-version", "1"]);
    let metadata = run(
        {
            cargo.current_dir(folder.path());
            cargo
        },
        "",
    )
    .done();
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    for name in ["dt-cred", "dt-credd"] {
        let package =
            packages.iter().find(|package| package["name"] == name).expect("it is of the workspace");
        let targets = package["targets"].as_array().expect("targets");
        let program = targets.iter().find(|target| target["kind"][0] == "bin").expect("a program");
        assert!(Path::new(program["src_path"].as_str().expect("a path")).is_file(), "{name}");
    }
}
