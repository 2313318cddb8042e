//! How a command's failure is told: one line on standard error, and an exit code.

use std::{ffi::OsStr, io::Write, process::ExitCode};

use dt_cred_proto::{
    message::{Failure, FailureKind},
    text::Text,
};
use serde_json::{Value, json};

/// Tells `failure` and gives its exit code.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    let hint = hint(failure.kind, std::env::var_os("SUDO_USER").as_deref());
    say(&format!("{failure}{hint}"));
    ExitCode::from(failure.kind.exit_code())
}

/// Tells the user something that is no failure.
pub(crate) fn warn(text: &Text) {
    say(text.as_str());
}

/// Tells of a panic, by its place.
pub(crate) fn bug(place: &str) {
    say(&format!("this is a bug, at {place}: please report it"));
}

/// One line on standard error, in one piece: many clients may write to the same one at once.
pub(crate) fn say(line: &str) {
    // Nobody can be told that standard error is closed; the exit code says it all the same.
    let _ = std::io::stderr().write_all(format!("dt-cred: {line}\n").as_bytes());
}

/// What the daemon cannot know: under sudo, the profiles of the user who called are not those of root.
fn hint(kind: FailureKind, sudo_user: Option<&OsStr>) -> String {
    match (kind, sudo_user) {
        (FailureKind::NothingStored, Some(user)) if !user.is_empty() => {
            let user = Text::new(&user.to_string_lossy());
            format!(
                " (sudo looks for the profiles of the user it runs as, not for those of {user}: try without sudo)"
            )
        }
        _ => String::new(),
    }
}

/// A failure for programs, as every `--json` has it.
pub(crate) fn json(failure: &Failure) -> Value {
    json!({ "exit_code": failure.kind.exit_code(), "message": failure.message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_profile_under_sudo_names_sudo() {
        let user = Some(OsStr::new("ann\n"));
        assert!(hint(FailureKind::NothingStored, user).contains("those of ann:"));
        assert_eq!(hint(FailureKind::NothingStored, None), "");
        assert_eq!(hint(FailureKind::NothingStored, Some(OsStr::new(""))), "");
        assert_eq!(hint(FailureKind::Keyring, user), "");
    }
}
