//! man(1) shows each page, and the page of the configuration names each key that the daemon takes.

use std::{collections::BTreeSet, path::Path};

use dt_cred_tests::parts::{Home, on_path, require, run};
use dt_credd::config::Config;

use super::PAGES;

#[test]
fn man_shows_each_page_without_a_warning() {
    if !require("man, of man-db and groff-base", on_path(&["man", "groff"])) {
        return;
    }
    let home = Home::new();
    for (name, _, _) in PAGES {
        let page = home.path().join(name);
        std::fs::write(&page, home.dt_cred(&["man", name]).done()).expect("a page");
        let mut man = home.command("man");
        man.args(["--warnings", "-E", "UTF-8", "-l"])
            .arg(page)
            .env("MANWIDTH", "80")
            .env("LC_ALL", "C.UTF-8");
        let shown = run(man, "");
        assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""), "{name}");
        assert!(
            shown.stdout.contains("SEE ALSO") && !shown.stdout.contains("\\-"),
            "{name}: {}",
            shown.stdout
        );
    }
}

/// The keys that the daemon would take where `lines` has one that it does not know.
fn keys(lines: &str) -> BTreeSet<String> {
    let error = Config::parse(Path::new("config.toml"), lines).expect_err("there is no such key").to_string();
    let (_, known) = error.split_once("expected").expect("it says what it takes");
    // Between backticks.
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_page_of_the_configuration_names_exactly_the_keys_that_there_are() {
    let tables = ["", "[profile.a]\n", "[[profile.a.file]]\npath = \"/a/b\"\n"];
    let known: Vec<_> = tables.iter().map(|table| keys(&format!("{table}nonsense = 1\n"))).collect();
    let page = PAGES[2].2;
    let section = |from: &str| {
        let (_, rest) = page.split_once(&format!("\n.SH {from}\n")).expect("a section");
        let section = rest.split("\n.SH ").next().unwrap_or_default();
        let tags = section.split(".TP\n.B ").skip(1).filter_map(|tag| tag.lines().next());
        tags.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    assert_eq!(["KEYS", "KEYS OF A PROFILE", "KEYS OF A FILE"].map(section).to_vec(), known);
}

#[test]
fn the_example_of_the_configuration_is_one_that_the_daemon_takes() {
    let (_, rest) = PAGES[2].2.split_once("\n.SH EXAMPLES\n.EX\n").expect("an example");
    let example = rest.split("\n.EE\n").next().expect("an example").replace("\\(ti", "~").replace("\\-", "-");
    let config = Config::parse(Path::new("config.toml"), &example).expect("a configuration");
    assert_eq!(config.named().count(), 2);
}
