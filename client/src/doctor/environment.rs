//! What the by-hand way leaves behind: secrets and tokens in the environment, a token in a file.

use std::{ffi::OsString, fs, path::Path};

use dt_cred_proto::{message::FileStatus, platform, text::Text};

use super::Check;

/// Variables that every program started here can read.
const VARIABLES: [&str; 2] = ["DATATRAILS_CLIENT_SECRET", "DATATRAILS_AUTHTOKEN"];

/// What the guides call a secret and a token. Others may call something else so, unless [`CLIENT_ID`] stands beside it.
const BY_HAND: [&str; 3] = ["CLIENT_SECRET", "SECRET", "TOKEN"];
const CLIENT_ID: &str = "CLIENT_ID";

/// Where the guides have a token written, below the home folder.
const FILE: &str = ".datatrails/bearer-token.txt";

/// The checks; `files` are those that the daemon keeps fresh, where one runs.
pub(super) fn checks(
    variable: impl Fn(&str) -> Option<OsString>,
    files: Option<&[FileStatus]>,
) -> Vec<Check> {
    let home = platform::home(&variable);
    let left = home.and_then(|home| left_over(&home.join(FILE), files));
    environment(variable).into_iter().chain(left).collect()
}

fn environment(variable: impl Fn(&str) -> Option<OsString>) -> Vec<Check> {
    const NAME: &str = "environment";
    let by_hand = BY_HAND.into_iter().filter(|_| variable(CLIENT_ID).is_some());
    let set = VARIABLES.into_iter().chain(by_hand).filter(|name| variable(name).is_some());
    let warnings: Vec<_> = set
        .map(|name| {
            let found = format!("{name} is set: every program that is started here can read it");
            Check::warning(NAME, found, format!("unset {name}, and take it out of what sets it"))
        })
        .collect();
    if warnings.is_empty() {
        return vec![Check::ok(NAME, "neither a secret nor a token is in it")];
    }
    warnings
}

/// A token in a file that nobody keeps fresh, and nobody removes.
fn left_over(path: &Path, files: Option<&[FileStatus]>) -> Option<Check> {
    fs::symlink_metadata(path).ok()?;
    let shown = Text::new(&path.to_string_lossy());
    let kept = files.unwrap_or_default().iter().any(|file| file.path == shown);
    let mend = match files {
        Some(_) => "delete it",
        None => "delete it, unless the configuration has the daemon keep it",
    };
    (!kept).then(|| Check::warning("left-over file", format!("{shown} is there, and nothing keeps it"), mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::files;
    use dt_cred_proto::message::Verdict;

    #[test]
    fn each_variable_that_holds_a_secret_is_warned_about_and_never_shown() {
        let set =
            |names: &'static [&str]| environment(move |name| names.contains(&name).then(|| "hunter2".into()));
        assert_eq!(set(&["DATATRAILS_URL", "HOME"])[0].verdict, Verdict::Ok);
        assert_eq!(set(&["SECRET", "TOKEN"])[0].verdict, Verdict::Ok, "of whatever program");
        assert_eq!(set(&["CLIENT_ID", "SECRET", "TOKEN"]).len(), 2);
        let warned = set(&VARIABLES);
        assert_eq!(warned.len(), 2);
        for (check, name) in warned.iter().zip(VARIABLES) {
            assert_eq!(check.verdict, Verdict::Warning);
            assert!(check.found.as_str().contains(name) && !format!("{check:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_token_file_is_left_over_unless_the_daemon_keeps_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bearer-token.txt");
        assert_eq!(left_over(&path, None), None);
        fs::write(&path, "Authorization: Bearer x\n").expect("written");
        let verdict = |files: Option<&[FileStatus]>| left_over(&path, files).map(|check| check.verdict);
        assert_eq!(verdict(None), Some(Verdict::Warning));
        assert_eq!(verdict(Some(&files())), Some(Verdict::Warning));
        let own = FileStatus { path: path.to_string_lossy().as_ref().into(), ..files().swap_remove(0) };
        assert_eq!(verdict(Some(&[own])), None);
    }
}
