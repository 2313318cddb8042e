//! Somebody who follows the page: dt-cred and the tools on their PATH, logged in.

use std::{env, fs, path::PathBuf, process::Command};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, Running, binaries, on_path, require, run},
    user::{Account, User},
};

use super::{
    super::{is_list_of_assets, search},
    block,
};

/// Lays a program of each name into a folder that notes its arguments, which everybody could read while it ran, and
/// becomes the real one.
const WATCHED: &str = r#"
set -eu
mkdir watched
for tool; do
  printf '#!/bin/sh\nprintf "%%s\\n" "$0 $*" >>"$HOME/arguments"\nexec "$(PATH=${PATH#*:}; command -v %s)" "$@"\n' "$tool" >"watched/$tool"
  chmod +x "watched/$tool"
done
"#;

pub(super) struct Reader {
    pub(super) sandbox: Sandbox,
    pub(super) user: User,
    pub(super) account: Account,
}

impl Reader {
    /// One who has these tools; none where the machine has not.
    pub(super) fn with(tools: &[&str]) -> Option<Self> {
        require(&tools.join(", "), on_path(tools)).then(|| {
            let sandbox = Sandbox::http();
            let (account, mut user) = (Account::at(&sandbox), User::in_memory());
            user.log_in(&account);
            // By another process: a program that is open for writing here cannot be run.
            let mut watch = user.home.command("sh");
            watch.args(["-c", WATCHED, "sh"]).args(tools);
            run(watch, "").done();
            let folders = [user.home.path().join("watched"), folder_of_programs()];
            let path = env::var_os("PATH").unwrap_or_default();
            let path = env::join_paths(folders.into_iter().chain(env::split_paths(&path)));
            user.home.set("PATH", path.expect("a PATH"));
            Self { sandbox, user, account }
        })
    }

    /// Writes the block of this name into a file of that name, where the commands are run.
    pub(super) fn write(&self, name: &str) {
        fs::write(self.user.home.path().join(name), block(name, &self.account.url)).expect("written");
    }

    /// A shell that runs the block of this name.
    pub(super) fn shell(&self, name: &str) -> Command {
        let mut shell = self.user.home.command("sh");
        shell.args(["-c", &block(name, &self.account.url)]);
        shell
    }

    /// Runs the block of this name in a shell.
    #[track_caller]
    pub(super) fn run(&self, name: &str) -> Output {
        run(self.shell(name), "")
    }

    /// Starts the block of this name in a shell.
    pub(super) fn start(&self, name: &str) -> Running {
        Running::start(self.shell(name), "")
    }

    /// Sees that the block is answered by the list of assets.
    #[track_caller]
    pub(super) fn is_answered(&self, name: &str) {
        let output = self.run(name);
        assert!(output.code == Some(0) && is_list_of_assets(&output.stdout), "{output:?}");
        self.asked_once_and_told_nobody(&output);
    }

    /// Sees that the list was asked for once, and that neither arguments nor files nor what was said hold a secret.
    #[track_caller]
    pub(super) fn asked_once_and_told_nobody(&self, output: &Output) {
        super::super::answered_once(&self.sandbox);
        let arguments = fs::read_to_string(self.user.home.path().join("arguments")).expect("a tool ran");
        let search = search(&self.sandbox, &self.account);
        for text in [&arguments, &output.stdout, &output.stderr] {
            assert_eq!(search.find(text), None, "{text}");
        }
        assert_eq!(search.files(self.user.home.path()), [] as [PathBuf; 0]);
    }

    /// Sees that the block, without a token, fails with this code, prints nothing, and that nothing is sent.
    #[track_caller]
    pub(super) fn sends_nothing_without_a_token(&self, name: &str, code: i32) {
        self.user.dt_cred(&["erase"]).done();
        let output = self.run(name);
        assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{output:?}");
        assert!(output.stderr.contains("dt-cred login"), "{output:?}");
        assert_eq!(self.sandbox.counts().assets.total, 0);
    }
}

/// Where dt-cred and its daemon lie.
fn folder_of_programs() -> PathBuf {
    binaries::client().parent().expect("it lies in a folder").to_owned()
}
