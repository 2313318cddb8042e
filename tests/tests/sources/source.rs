//! A user whose credentials come from a command.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use dt_cred_tests::{parts::Output, user::User};

/// A user, and the script that is their `keyring_command`.
pub(crate) struct Source {
    pub(crate) user: User,
    pub(crate) script: PathBuf,
}

impl Source {
    /// One whose script is this one, for `sh`, called with these arguments.
    pub(crate) fn of_script(script: &str, arguments: &[&str]) -> Self {
        let user = User::in_memory();
        let path = user.home.path().join("the-command");
        let source = Self { user, script: path };
        source.rewrite(script);
        let script = source.script.display().to_string();
        configure(&source.user, &[&[script.as_str()], arguments].concat());
        source
    }

    /// One whose script prints these lines.
    pub(crate) fn of_lines(lines: &str) -> Self {
        Self::of_script(&printing(lines), &[])
    }

    /// Puts another script in the place of the first.
    pub(crate) fn rewrite(&self, script: &str) {
        // Replaced, not written over: a program that runs is not changed.
        let new = self.script.with_extension("new");
        fs::write(&new, format!("#!/bin/sh\n{script}\n")).expect("a script");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o700)).expect("its mode");
        fs::rename(&new, &self.script).expect("the script");
    }

    /// What the script has left in the home under this name, a line each.
    pub(crate) fn noted(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.user.home.path().join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// A script that prints these lines.
pub(crate) fn printing(lines: &str) -> String {
    format!("cat <<'END'\n{lines}END")
}

/// Lets the user's credentials come from this command.
pub(crate) fn configure(user: &User, command: &[&str]) {
    let profile = user.profile();
    user.home
        .configure(&format!("[profile.{profile}]\nkeyring = \"command\"\nkeyring_command = {command:?}\n"));
}

/// Whether it failed as the contract has it: one line, no answer, and these words.
#[track_caller]
pub(crate) fn failed(output: &Output, code: i32, words: &[&str]) {
    assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{}", output.stderr);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    for word in words {
        assert!(output.stderr.contains(word), "{word:?} is not in {}", output.stderr);
    }
    assert!(code != 6 || output.stderr.contains("`dt-cred unlock"), "{}", output.stderr);
}
