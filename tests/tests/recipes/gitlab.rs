//! The pipeline's job, as the runner of GitLab CI/CD takes it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Home, Output, RecipeCheckers, on_path, require, run},
    user::Account,
};
use serde_json::Value;
use tempfile::TempDir;

use super::{answered_once, install, is_list_of_assets, recipe, search, wrong};

/// The shells that a runner may find.
const SHELLS: [&[&str]; 3] = [&["sh"], &["bash"], &["busybox", "sh"]];

/// A runner with one job.
struct Runner {
    home: Home,
    job: Value,
    shell: &'static [&'static str],
    /// Where the job's number leads; gone with this whatever the job did.
    folder: TempDir,
}

impl Runner {
    /// One with the recipe's job for this account, that runs it by this shell.
    fn of(checkers: &RecipeCheckers, shell: &'static [&'static str], account: &Account) -> Self {
        let mut home = Home::new();
        let programs = home.path().join("programs");
        install(&programs);
        home.set("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display()));
        let folder = tempfile::Builder::new().prefix("dt-cred-").tempdir_in("/tmp").expect("a folder");
        // It is the job that makes it.
        fs::remove_dir(folder.path()).expect("it is empty");
        let name = folder.path().file_name().and_then(|name| name.to_str()).expect("a name");
        let id = name.trim_start_matches("dt-cred-").to_owned();
        let pipeline = checkers.yaml(&recipe("gitlab-ci.yml"));
        let job = pipeline["assets"].clone();
        for (variable, value) in job["variables"].as_object().expect("variables") {
            home.set(variable, value.as_str().expect("text").replace("$CI_JOB_ID", &id));
        }
        // The project's own: they win over the job's, and are there in all of its shells.
        home.set("CI_JOB_ID", id);
        home.set("DATATRAILS_URL", &account.url);
        home.set("DATATRAILS_CLIENT_ID", &account.client_id);
        home.set("DATATRAILS_CLIENT_SECRET", &account.client_secret);
        // Many daemons and issuers share the machine with this one.
        home.set("DT_CRED_TIMEOUT", "60");
        Self { home, job, shell, folder }
    }

    /// Runs `before_script`, `between` and `script` in one shell, which a failure ends; then `after_script` in another.
    fn run(&self, between: &[&str]) -> [Output; 2] {
        let commands = |part: &str| -> Vec<String> {
            let lines = self.job[part].as_array().expect("commands").iter();
            lines.map(|line| line.as_str().expect("a command").to_owned()).collect()
        };
        let between = between.iter().map(|line| (*line).to_owned()).collect();
        let main = [commands("before_script"), between, commands("script")].concat();
        [self.shell(&main), self.shell(&commands("after_script"))]
    }

    fn shell(&self, commands: &[String]) -> Output {
        // As the runner's shell writer begins each script.
        let pipefail = "if set -o | grep pipefail >/dev/null; then set -o pipefail; fi; set -o errexit; set +o noclobber";
        let script = self.home.path().join("script");
        fs::write(&script, format!("{pipefail}\n{}\n", commands.join("\n"))).expect("written");
        let mut shell = self.home.command(self.shell[0]);
        shell.args(&self.shell[1..]).arg(script);
        run(shell, "")
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn shells() -> bool {
    require("bash and busybox", on_path(&["bash", "busybox"]))
}

#[test]
fn the_pipeline_is_answered_and_leaves_neither_a_secret_nor_a_token_nor_a_daemon() {
    let Some(checkers) = RecipeCheckers::find().filter(|_| shells()) else { return };
    for shell in SHELLS {
        let sandbox = Sandbox::http();
        let account = Account::at(&sandbox);
        let runner = Runner::of(&checkers, shell, &account);
        // What the job's own commands are given, and what is kept while they run.
        let [main, after] = runner.run(&["env", "cat /tmp/dt-cred-\"$CI_JOB_ID\"/* 2>/dev/null || :"]);
        let search = search(&sandbox, &account);
        assert_eq!(main.code, Some(0), "{shell:?}: {main:?}");
        assert!(is_list_of_assets(main.stdout.lines().last().expect("an answer")), "{shell:?}: {main:?}");
        assert!(main.stdout.contains("\nDATATRAILS_URL="), "{main:?}");
        for said in [&main.stdout, &main.stderr, &after.stdout, &after.stderr] {
            assert_eq!(search.find(said), None, "{shell:?}: {said}");
        }
        assert_eq!(after.code, Some(0), "{shell:?}: {after:?}");
        assert!(after.stdout.starts_with("stopped dt-credd"), "{shell:?}: {after:?}");
        assert!(!runner.folder().exists());
        // Nobody writes into it, and it is long.
        fs::remove_dir_all(runner.home.path().join("programs")).expect("programs");
        assert_eq!(search.files(runner.home.path()), [] as [PathBuf; 0]);
        answered_once(&sandbox);
    }
}

#[test]
fn a_login_that_is_refused_ends_the_job_before_its_script() {
    let Some(checkers) = RecipeCheckers::find().filter(|_| shells()) else { return };
    for shell in SHELLS {
        let sandbox = Sandbox::http();
        let account = wrong(&sandbox, &Account::at(&sandbox));
        let runner = Runner::of(&checkers, shell, &account);
        let [main, after] = runner.run(&["echo went on"]);
        assert_eq!((main.code, main.stdout.as_str()), (Some(4), ""), "{shell:?}: {main:?}");
        assert_eq!(after.code, Some(0), "{shell:?}: {after:?}");
        assert!(!runner.folder().exists());
        assert_eq!(sandbox.counts().assets.total, 0);
    }
}

#[test]
fn a_script_that_gets_no_token_ends_the_job_and_sends_nothing() {
    let Some(checkers) = RecipeCheckers::find().filter(|_| shells()) else { return };
    for shell in SHELLS {
        let sandbox = Sandbox::http();
        let account = Account::at(&sandbox);
        let runner = Runner::of(&checkers, shell, &account);
        let [main, after] = runner.run(&["dt-cred stop"]);
        assert_eq!(main.code, Some(3), "{shell:?}: {main:?}");
        assert!(main.stderr.contains("run dt-cred start"), "{shell:?}: {main:?}");
        assert_eq!(after.code, Some(0), "{shell:?}: {after:?}");
        assert_eq!(sandbox.counts().assets.total, 0);
    }
}
