//! Unix: what a user does in a shell.

use std::process::Command;

use super::User;
use crate::parts::{Output, run};

impl User {
    /// Runs a shell script in their home, with the client first on PATH.
    #[track_caller]
    pub fn shell(&self, script: &str) -> Output {
        run(self.shell_command(script), "")
    }

    /// [`Self::shell`], not yet started.
    pub fn shell_command(&self, script: &str) -> Command {
        let mut shell = self.home.command("sh");
        let folder = self.home.client_program();
        let folder = folder.parent().expect("it lies in a folder").display().to_string();
        shell.env("PATH", format!("{folder}:/usr/local/bin:/usr/bin:/bin")).args(["-c", script]);
        shell
    }
}
