//! The checks for people, and for programs and bug reports.

use std::ffi::OsString;

use dt_cred_proto::{message::Verdict, platform, text::Text};
use serde_json::json;

use super::Check;
use crate::columns;

/// An id of so many characters or more is shortened.
const ID: usize = 20;

/// How much of it stays.
const KEPT: usize = 8;

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Fails => "fails",
    }
}

/// One line for each check.
pub(super) fn text(checks: &[Check]) -> String {
    let row = |check: &Check| {
        let mend = check.mend.as_ref().map_or(String::new(), |mend| format!(": {mend}"));
        [word(check.verdict).to_owned(), check.name.to_string(), format!("{}{mend}", check.found)]
    };
    columns::align(&checks.iter().map(row).collect::<Vec<_>>())
}

/// One line of JSON that may be given to others: the home folder is `~`, and no id is whole.
pub(super) fn json(checks: &[Check], variable: impl Fn(&str) -> Option<OsString>) -> String {
    let home = platform::home(variable).map(|home| home.to_string_lossy().into_owned());
    let public = |text: &Text| shortened(&without(text.as_str(), home.as_deref()));
    let check = |check: &Check| {
        json!({
            "check": public(&check.name),
            "verdict": word(check.verdict),
            "found": public(&check.found),
            "mend": check.mend.as_ref().map(public),
        })
    };
    let checks: Vec<_> = checks.iter().map(check).collect();
    let (release, system) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS);
    format!("{}\n", json!({ "schema": 1, "release": release, "system": system, "checks": checks }))
}

/// `text` with `~` for the home folder, which mostly holds the user's name.
fn without(text: &str, home: Option<&str>) -> String {
    match home.filter(|home| home.len() > 1) {
        Some(home) => text.replace(home, "~"),
        None => text.to_owned(),
    }
}

/// `text` with only the beginning of every word that looks like an id: long, and with a digit in it.
fn shortened(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut short = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let word = &rest[start..];
        let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
        short.push_str(&rest[..start]);
        if end >= ID && word[..end].contains(|c: char| c.is_ascii_digit()) {
            short.push_str(&word[..KEPT]);
            short.push('…');
        } else {
            short.push_str(&word[..end]);
        }
        rest = &word[end..];
    }
    short + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_sees_a_line_for_each_check_with_its_mend() {
        let checks = [
            Check::ok("socket", "/run/a.sock"),
            Check::warning("environment", "X is set", "unset X"),
            Check::told("daemon", Verdict::Fails, "no daemon listens: run dt-cred start"),
        ];
        let expected = "\
ok       socket       /run/a.sock
warning  environment  X is set: unset X
fails    daemon       no daemon listens: run dt-cred start
";
        assert_eq!(text(&checks), expected);
    }

    #[test]
    fn a_bug_report_holds_no_whole_id_and_no_home() {
        let found = "/home/ann/.x and 0d7bca98-1a5a-4f0a-9d3f-0ba2a4a4a1c2, (abcdefghijklmnopqrstuvwxyz0)";
        let line = json(&[Check::ok("a", found)], |name| {
            ["HOME", "USERPROFILE"].contains(&name).then(|| "/home/ann".into())
        });
        let said: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let expected = if cfg!(unix) { "~/.x" } else { "/home/ann/.x" };
        assert_eq!(said["checks"][0]["found"], format!("{expected} and 0d7bca98…, (abcdefgh…)"));
        assert_eq!((&said["schema"], &said["checks"][0]["verdict"]), (&1.into(), &"ok".into()));
    }

    #[test]
    fn words_stay_as_they_are() {
        for text in [
            "",
            "unauthorized_client-without-digits",
            "dt-credd 0.1.0, pid 4242",
            "https://app.datatrails.ai",
            "é…",
        ] {
            assert_eq!(shortened(text), text);
        }
    }
}
