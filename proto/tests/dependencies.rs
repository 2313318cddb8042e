//! The wire builds without a runtime: the client links it, and starts in a millisecond.

#![allow(clippy::unwrap_used, reason = "tests, and what they call")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// What each package of Cargo.lock depends on, tests' own dependencies included, on every platform.
fn packages() -> BTreeMap<String, Vec<String>> {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    let lock = fs::read_to_string(lock).unwrap();
    let mut packages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let quoted = |line: &str| line.split('"').nth(1).map(str::to_owned);
        let name = package.lines().find(|line| line.starts_with("name = ")).and_then(quoted).unwrap();
        // `"name"`, or `"name version"` where there are several.
        let needs = package.lines().filter(|line| line.starts_with(" \"")).filter_map(quoted);
        let needs = needs.filter_map(|need| need.split(' ').next().map(str::to_owned));
        packages.entry(name).or_default().extend(needs);
    }
    packages
}

#[test]
fn neither_a_runtime_nor_a_network_stack_stands_below_the_wire() {
    let packages = packages();
    let mut below = BTreeSet::new();
    let mut ahead = vec!["dt-cred-proto"];
    while let Some(name) = ahead.pop() {
        if below.insert(name) {
            ahead.extend(packages[name].iter().map(String::as_str));
        }
    }
    for needed in ["bincode", "serde", "zeroize"] {
        assert!(below.contains(needed), "{needed} is not found: Cargo.lock is read wrongly");
    }
    for unwanted in
        ["tokio", "mio", "async-io", "smol", "interprocess", "reqwest", "hyper", "rustls", "tracing"]
    {
        assert!(!below.contains(unwanted), "dt-cred-proto depends on {unwanted}");
    }
}
