//! The recipes of `docs/recipes.md`: each block of the page, by its name, is run as it stands there.

mod container;
mod editor;
mod forward;
mod machine;
mod programs;
mod reader;
mod tools;

use std::{collections::BTreeSet, fs, path::Path};

use dt_cred_tests::parts::{Home, run};

use super::{recipe, repository};

/// Where the page has the address of the API.
const ADDRESS: &str = "https://app.datatrails.ai";

/// The blocks of the page, each of which some test beside this one runs.
const RUN: [&str; 28] = [
    "curl",
    "plain curl",
    "job",
    "HTTPie",
    "assets.py",
    "environment",
    "short.py",
    "file",
    "long.py",
    "Makefile",
    "crontab",
    "assets.service",
    "assets.timer",
    "enable",
    "rotate.service",
    "rotate.timer",
    "enable rotation",
    "ssh login",
    "ssh curl",
    "ssh get",
    "ssh forward",
    "ssh -R",
    "ssh there",
    "container forward",
    "docker",
    "assets.http",
    "editor",
    "github-actions.yml",
];

fn page(name: &str) -> String {
    fs::read_to_string(repository().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The fenced blocks of a page: the words behind the fence, and what stands between.
fn fenced(page: &str) -> Vec<(&str, String)> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    let mut open = false;
    for line in page.lines() {
        match (open, line.strip_prefix("```")) {
            (false, Some(words)) => blocks.push((words, String::new())),
            (true, None) => blocks.last_mut().expect("one is open").1 += &format!("{line}\n"),
            _ => {}
        }
        open ^= line.starts_with("```");
    }
    assert!(!open, "a block has no end");
    blocks
}

/// The block of this name, with `url` as the address of the API.
#[track_caller]
fn block(name: &str, url: &str) -> String {
    assert!(RUN.contains(&name), "{name} is not among the blocks that are run");
    let page = page("docs/recipes.md");
    let mut found = fenced(&page).into_iter().filter(|(words, _)| named(words) == Some(name));
    let (_, text) = found.next().unwrap_or_else(|| panic!("the page has no block {name}"));
    assert!(found.next().is_none(), "{name} stands there twice");
    text.replace(ADDRESS, url)
}

/// A block's name: all that follows the word for its language.
fn named<'a>(words: &&'a str) -> Option<&'a str> {
    words.split_once(' ').map(|(_, name)| name)
}

#[test]
fn every_block_of_the_page_is_run_by_a_test() {
    let page = page("docs/recipes.md");
    let there: BTreeSet<_> = fenced(&page)
        .into_iter()
        .map(|(words, text)| named(&words).unwrap_or_else(|| panic!("a block without a name: {text}")))
        .collect();
    assert_eq!(there, BTreeSet::from(RUN));
}

#[test]
fn what_the_page_shows_of_the_workflow_stands_in_the_workflow() {
    let (page, workflow) = (page("docs/recipes.md"), fs::read_to_string(recipe("github-actions.yml")));
    let workflow = workflow.expect("a workflow");
    let shown: Vec<_> =
        fenced(&page).into_iter().filter(|(words, _)| named(words) == Some("github-actions.yml")).collect();
    assert_eq!(shown.len(), 2);
    for (_, text) in shown {
        assert!(workflow.contains(&text), "{text}");
    }
}

#[test]
fn the_readmes_search_for_what_was_left_names_the_files_and_shows_no_secret() {
    let readme = page("README.md");
    let search = readme.split('`').find(|text| text.starts_with("grep -ls")).expect("a command").to_owned();
    let home = Home::new();
    let put = |name: &str, text: &str| fs::write(home.path().join(name), text).expect("written");
    put(".bashrc", "alias ll='ls -l'\n");
    put(".profile", "export SECRET=q7Zt-exported-4LwX\n");
    put(
        ".zsh_history",
        ": 1700000000:0;curl -d client_secret=q7Zt-typed-in-4LwX https://app.datatrails.ai\n",
    );
    let mut shell = home.command("sh");
    shell.args(["-c", &search]);
    // grep fails where a file is missing.
    let found = run(shell, "").stdout;
    let names: Vec<_> = found.lines().filter_map(|path| path.rsplit('/').next()).collect();
    assert_eq!(names, [".profile", ".zsh_history"]);
}

/// The places of a page that links lead to, as GitHub names them.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings =
        page.lines().filter_map(|line| Some(line.trim_start_matches('#')).filter(|rest| *rest != line));
    let kept = |character: &char| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_');
    let anchor = |heading: &str| {
        let text: String = heading.trim().to_lowercase().chars().filter(kept).collect();
        text.replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_of_the_documentation_leads_to_a_file_and_a_heading() {
    let docs = fs::read_dir(repository().join("docs")).expect("a folder of pages").flatten();
    let pages = docs.map(|entry| format!("docs/{}", entry.file_name().display()));
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned);
    for name in pages.chain(top).filter(|name| name.ends_with(".md")) {
        let text = page(&name);
        let folder = repository().join(Path::new(&name).parent().expect("it lies in a folder"));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, place) =
                link.split_once('#').map_or((link, None), |(file, place)| (file, Some(place)));
            let target = if file.is_empty() { repository().join(&name) } else { folder.join(file) };
            assert!(target.exists(), "{name}: {link} leads nowhere");
            if let Some(place) = place {
                let text = fs::read_to_string(&target).expect("a page");
                assert!(anchors(&text).contains(place), "{name}: {link}: there is no such heading");
            }
        }
    }
}
