//! The recipes of `packaging/recipes` and of `docs/recipes.md`, checked by their own schemas and run as those who run them
//! would; and the workflows of this repository.
#![cfg(target_os = "linux")]

mod container;
mod docker;
mod github;
mod gitlab;
mod kubernetes;
mod page;
mod schemas;
mod workflows;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use dt_cred_tests::{
    issuer::{Counts, Sandbox},
    parts::{binaries, run},
    search::Search,
    user::Account,
};

/// The repository.
fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the repository")
}

/// A recipe's file.
fn recipe(name: &str) -> PathBuf {
    repository().join("packaging/recipes").join(name)
}

/// Lays the built programs into `folder`, as whoever installs them would.
fn install(folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    // By another process: a program that is open for writing here cannot be run, and children of tests that run beside
    // this one inherit what is open for a moment.
    let mut copy = Command::new("cp");
    copy.args([binaries::client(), binaries::daemon()]).arg(folder);
    run(copy, "").done();
}

/// A search for the account's secret and all tokens that the sandbox granted so far.
fn search(sandbox: &Sandbox, account: &Account) -> Search {
    Search::of(sandbox.tokens().into_iter().chain([account.client_secret.clone()]))
}

/// The account with the secret of another one.
fn wrong(sandbox: &Sandbox, account: &Account) -> Account {
    Account { client_secret: Account::at(sandbox).client_secret, ..account.clone() }
}

/// Sees that the list of assets was answered once, and that nothing came without a good token.
#[track_caller]
fn answered_once(sandbox: &Sandbox) {
    let Counts { assets, .. } = sandbox.counts();
    assert_eq!((assets.total, assets.ok), (1, 1), "{assets:?}");
}

/// Whether this is the list of assets.
fn is_list_of_assets(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok_and(|answer| answer["assets"].is_array())
}
