//! The workflow, step by step as the runner of GitHub Actions takes them.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Home, Output, RecipeCheckers, run, until},
    user::Account,
};
use rustix::process::Pid;
use serde_json::Value;

use super::{answered_once, install, is_list_of_assets, recipe, repository, search, wrong};

/// Stands for `cargo install`, which builds for minutes: lays the program, built already, where that would.
const CARGO: &str = r#"#!/bin/sh
set -eu
[ "$1 $2 $3 $5 $#" = 'install --locked --root --path 6' ]
mkdir -p "$4/bin"
cp "$BUILT/$(sed -n 's/^name = "\(dt-credd\{0,1\}\)"$/\1/p' "$6/Cargo.toml")" "$4/bin/"
"#;

/// What the runner sets for the processes of a job, by which it ends those that are left.
const TRACKING: &str = "RUNNER_TRACKING_ID";

/// A runner with one job.
struct Runner {
    home: Home,
    job: Value,
    secrets: BTreeMap<&'static str, String>,
    /// What steps said, by their names.
    said: Vec<(String, Output)>,
}

impl Runner {
    /// One with the recipe's job for this account.
    fn of(checkers: &RecipeCheckers, account: &Account) -> Self {
        let mut home = Home::new();
        let at = |name: &str| home.path().join(name);
        let (temporary, workspace, built, cargo) = (at("_temp"), at("work"), at("built"), at("cargo"));
        for folder in [&temporary, &workspace, &cargo] {
            fs::create_dir(folder).expect("a folder");
        }
        install(&built);
        fs::write(cargo.join("cargo"), CARGO).expect("a script");
        fs::set_permissions(cargo.join("cargo"), fs::Permissions::from_mode(0o755)).expect("a program");
        home.set("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", cargo.display()));
        home.set("BUILT", built);
        home.set("RUNNER_TEMP", temporary);
        home.set("GITHUB_WORKSPACE", workspace);
        home.set(TRACKING, "github_1");
        home.set("CI", "true");
        // Many daemons and issuers share the machine with this one.
        home.set("DT_CRED_TIMEOUT", "60");
        let workflow = checkers.yaml(&recipe("github-actions.yml"));
        let mut job = workflow["jobs"]["assets"].clone();
        assert_eq!(job["env"]["DATATRAILS_URL"], "https://app.datatrails.ai");
        job["env"]["DATATRAILS_URL"] = account.url.clone().into();
        let secrets = [
            ("DATATRAILS_CLIENT_ID", account.client_id.clone()),
            ("DATATRAILS_CLIENT_SECRET", account.client_secret.clone()),
        ];
        Self { home, job, secrets: secrets.into(), said: Vec::new() }
    }

    fn temporary(&self) -> PathBuf {
        self.home.path().join("_temp")
    }

    /// The daemon that the job started.
    fn daemon(&self) -> Option<Pid> {
        let listens = |pid: &Pid| {
            let program = fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero()));
            program.is_ok_and(|program| program.starts_with(self.home.path()))
        };
        let processes = fs::read_dir("/proc").expect("processes").flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(Pid::from_raw).find(listens)
    }

    /// Runs the whole job; whether it succeeds.
    fn run(&mut self) -> bool {
        let names = self.names();
        self.run_steps(&names)
    }

    /// The steps in their order.
    fn names(&self) -> Vec<String> {
        let steps = self.job["steps"].as_array().expect("steps");
        steps.iter().map(|step| step["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// Runs these steps of the job; whether they succeed.
    fn run_steps<T: AsRef<str>>(&mut self, names: &[T]) -> bool {
        let mut good = true;
        for name in names {
            let steps = self.job["steps"].as_array().expect("steps");
            let step = steps.iter().find(|step| step["name"] == name.as_ref()).expect("a step").clone();
            let runs = match step["if"].as_str() {
                None => good,
                Some("always()") => true,
                Some(other) => panic!("{other} is more than this runner understands"),
            };
            if runs {
                good &= self.step(name.as_ref(), &step);
            }
        }
        good
    }

    fn step(&mut self, name: &str, step: &Value) -> bool {
        if let Some(action) = step["uses"].as_str() {
            assert!(action.starts_with("actions/checkout@"), "{action} is more than this runner understands");
            let path = step["with"]["path"].as_str().expect("a folder in the workspace");
            symlink(repository(), self.home.path().join("work").join(path)).expect("the sources");
            return true;
        }
        let at = |file: &str| self.home.path().join(file);
        let script = self.temporary().join("step.sh");
        fs::write(&script, step["run"].as_str().expect("a script")).expect("written");
        // "Workflow syntax", jobs.<job_id>.steps[*].shell: without one it is bash without pipefail.
        let mut bash = self.home.command("bash");
        match step["shell"].as_str() {
            None => bash.arg("-e"),
            Some("bash") => bash.args(["--noprofile", "--norc", "-eo", "pipefail"]),
            Some(other) => panic!("{other} is more than this runner understands"),
        };
        bash.arg(&script).current_dir(at("work"));
        bash.envs(lines(&at("env")).iter().filter_map(|line| line.split_once('=')));
        let paths = lines(&at("path")).into_iter().rev();
        let paths: Vec<_> =
            paths.chain([format!("{}:/usr/local/bin:/usr/bin:/bin", at("cargo").display())]).collect();
        bash.env("PATH", paths.join(":")).env("GITHUB_ENV", at("env")).env("GITHUB_PATH", at("path"));
        for variables in [&self.job["env"], &step["env"]] {
            for (variable, value) in variables.as_object().into_iter().flatten() {
                bash.env(variable, self.evaluated(value.as_str().expect("text")));
            }
        }
        let output = run(bash, "");
        let good = output.code == Some(0);
        self.said.push((name.to_owned(), output));
        good
    }

    /// A value with its expressions evaluated.
    fn evaluated(&self, value: &str) -> String {
        let Some(expression) = value.strip_prefix("${{ secrets.").and_then(|rest| rest.strip_suffix(" }}"))
        else {
            assert!(!value.contains("${{"), "{value} is more than this runner understands");
            return value.to_owned();
        };
        self.secrets.get(expression).unwrap_or_else(|| panic!("no secret {expression}")).clone()
    }

    /// What a step said.
    #[track_caller]
    fn of_step(&self, name: &str) -> &Output {
        let said = self.said.iter().rev().find(|(step, _)| step == name);
        said.map(|(_, output)| output).unwrap_or_else(|| panic!("{name} did not run: {:?}", self.said))
    }

    /// The tokens that steps masked.
    fn masked(&self) -> Vec<String> {
        let lines = self.said.iter().flat_map(|(_, output)| output.stdout.lines());
        lines.filter_map(|line| line.strip_prefix("::add-mask::")).map(str::to_owned).collect()
    }

    /// Sees that nothing but the masks said or kept a secret or a token.
    fn is_clean(&self, sandbox: &Sandbox, account: &Account) {
        let search = search(sandbox, account);
        for (name, Output { stdout, stderr, .. }) in &self.said {
            let lines = stdout.lines().chain(stderr.lines());
            for line in lines.filter(|line| !line.starts_with("::add-mask::")) {
                assert_eq!(search.find(line), None, "{name}: {line}");
            }
        }
        // Nobody writes into these, and they are long.
        for programs in [self.home.path().join("built"), self.temporary().join("dt-cred-programs")] {
            let _ = fs::remove_dir_all(programs);
        }
        assert_eq!(search.files(self.home.path()), [] as [PathBuf; 0]);
    }
}

fn lines(file: &PathBuf) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[test]
fn the_workflow_is_answered_and_leaves_neither_a_secret_nor_a_token_nor_a_daemon() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    let mut runner = Runner::of(&checkers, &account);
    assert!(runner.run(), "{:?}", runner.said);
    let listed = &runner.of_step("List the assets").stdout;
    let (mask, answer) = listed.split_once('\n').expect("a mask and an answer");
    assert!(is_list_of_assets(answer), "{listed}");
    assert_eq!(mask, format!("::add-mask::{}", sandbox.tokens()[0]));
    assert!(
        runner.of_step("Log out").stdout.starts_with("stopped dt-credd"),
        "{:?}",
        runner.of_step("Log out")
    );
    answered_once(&sandbox);
    assert_eq!(runner.daemon(), None);
    runner.is_clean(&sandbox, &account);
}

#[test]
fn one_step_of_the_workflow_is_given_the_secrets_and_no_other() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let workflow = checkers.yaml(&recipe("github-actions.yml"));
    let steps = workflow["jobs"]["assets"]["steps"].as_array().expect("steps");
    let given = |value: &Value| value.to_string().matches("secrets.").count();
    let by_step: Vec<_> = steps.iter().map(|step| (step["name"].as_str(), given(step))).collect();
    assert!(by_step.contains(&(Some("Log in"), 2)), "{by_step:?}");
    assert_eq!(given(&workflow), 2, "{by_step:?}");
}

#[test]
fn a_login_that_is_refused_fails_the_job_and_asks_nothing_of_the_api() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let sandbox = Sandbox::http();
    let account = wrong(&sandbox, &Account::at(&sandbox));
    let mut runner = Runner::of(&checkers, &account);
    assert!(!runner.run());
    assert_eq!(runner.of_step("Log in").code, Some(4), "{:?}", runner.said);
    assert!(runner.said.iter().all(|(name, _)| name != "List the assets"));
    assert_eq!(runner.of_step("Log out").code, Some(0), "{:?}", runner.said);
    assert_eq!(sandbox.counts().assets.total, 0);
    assert_eq!(runner.daemon(), None);
    runner.is_clean(&sandbox, &account);
}

#[test]
fn a_step_that_gets_no_token_fails_and_sends_nothing() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    let mut runner = Runner::of(&checkers, &account);
    let names = runner.names();
    assert!(runner.run_steps(&names[..3]) && runner.run_steps(&["Log out"]), "{:?}", runner.said);
    assert!(!runner.run_steps(&["List the assets"]));
    let listed = runner.of_step("List the assets");
    assert_eq!((listed.code, listed.stdout.as_str()), (Some(3), ""), "{listed:?}");
    assert_eq!(sandbox.counts().assets.total, 0);
    assert_eq!(runner.daemon(), None, "no other daemon is started");
}

#[test]
fn each_step_masks_the_token_that_it_got() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    let mut runner = Runner::of(&checkers, &account);
    let names = runner.names();
    assert!(runner.run_steps(&names[..4]), "{:?}", runner.said);
    runner.job["steps"].as_array_mut().expect("steps").push(serde_json::json!({
        "name": "Reject",
        "run": "dt-cred reject",
    }));
    assert!(runner.run_steps(&["Reject", "List the assets", "Log out"]), "{:?}", runner.said);
    let (mut masked, mut granted) = (runner.masked(), sandbox.tokens());
    masked.sort();
    granted.sort();
    assert_eq!((granted.len(), masked), (2, granted));
    runner.is_clean(&sandbox, &account);
}

#[test]
fn a_daemon_that_a_job_left_behind_ends_when_the_runner_empties_its_folder() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    let mut runner = Runner::of(&checkers, &account);
    let names = runner.names();
    assert!(runner.run_steps(&names[..4]), "{:?}", runner.said);
    let daemon = runner.daemon().expect("a daemon");
    // Where the kernel lets nobody read it, the runner cannot go by it either.
    let environment = fs::read(format!("/proc/{}/environ", daemon.as_raw_nonzero())).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&environment).contains(TRACKING), "the runner would end it by itself");
    fs::remove_dir_all(runner.temporary()).expect("emptied");
    until("the daemon to end", || runner.daemon().is_none().then_some(()));
    runner.is_clean(&sandbox, &account);
}
