//! What each command prints where all is well.

use dt_cred_tests::{
    issuer::Sandbox,
    user::{Account, User},
};

use crate::snapshot::Transcript;

const SERVICE: &str = "https://app.datatrails.ai";

/// A user with an account, and what commands of theirs come to.
struct Scene {
    sandbox: Sandbox,
    user: User,
    transcript: Transcript,
}

impl Scene {
    fn new() -> Self {
        let sandbox = Sandbox::http();
        let account = Account::at(&sandbox);
        Self::of(sandbox, &account)
    }

    /// One whose token belongs to a service that is reached by https, though it comes from a sandbox.
    fn of_service() -> Self {
        let sandbox = Sandbox::http();
        let account = Account { url: SERVICE.to_owned(), ..Account::at(&sandbox) };
        Self::of(sandbox, &account)
    }

    /// One who is an Owner.
    fn of_owner() -> Self {
        let sandbox = Sandbox::http();
        let account = Account::owner_at(&sandbox);
        Self::of(sandbox, &account)
    }

    fn of(sandbox: Sandbox, account: &Account) -> Self {
        let user = User::in_memory();
        user.log_in_with(&format!("{}token_url={}\n", account.lines(), sandbox.token_url()));
        user.token();
        let mut transcript = Transcript::of(&user);
        transcript.mask_account(account);
        Self { sandbox, user, transcript }
    }

    /// Where what is told changes by the second.
    #[cfg(target_os = "linux")]
    fn inexact(mut self) -> Self {
        self.transcript.inexact();
        self
    }

    /// Runs each of `commands`.
    fn run(mut self, commands: &[&str]) -> Self {
        for command in commands {
            self = self.run_with(command, "");
        }
        self
    }

    fn run_with(mut self, command: &str, stdin: &str) -> Self {
        let words: Vec<_> = command.split(' ').collect();
        let output = self.user.home.dt_cred_with(&words, stdin);
        for (all, member, mask) in [
            (self.sandbox.integrations(), "client_id", "MADE_ID"),
            (self.sandbox.policies(), "identity", "POLICY_ID"),
        ] {
            for id in all.iter().filter_map(|one| one[member].as_str()?.rsplit('/').next()) {
                self.transcript.mask(id, mask);
            }
        }
        self.transcript.add(&words, &output, Some(&self.sandbox));
        self
    }

    fn same(self, name: &str) {
        self.transcript.same(&format!("answers/{name}.txt"));
    }
}

#[test]
fn get_answers_in_every_format() {
    let formats = ["header", "raw", "bearer", "json", "curl"].map(|format| format!("get --format {format}"));
    let shells = ["sh", "fish", "powershell"].map(|shell| format!("get --format env --shell {shell}"));
    let commands: Vec<_> = formats.iter().chain(&shells).map(String::as_str).collect();
    Scene::new()
        .run(&["get"])
        .run(&commands)
        .run(&["get --min-ttl 1", "get --fresh --format raw"])
        .same("get");
}

#[test]
fn what_changes_something_says_what_it_did() {
    let scene = Scene::new();
    let lines = "client_secret=Vq7xK2mZ9tLw4RbN\nno_check=true\nkeyring=memory\n";
    scene
        .run(&["reject", "reject --generation 1", "get --format raw", "reject --force"])
        .run_with("store", lines)
        .run(&["erase", "erase", "erase --all"])
        .same("changes");
}

#[test]
fn the_daemon_is_started_and_stopped_in_so_many_words() {
    Scene::new().run(&["start", "start", "stop", "stop", "status", "log", "start"]).same("daemon");
}

/// What a daemon defends itself with, and does not, is told for each system.
#[cfg(target_os = "linux")]
#[test]
fn what_shows_the_state_shows_it_so() {
    Scene::new().inexact().run(&["status", "status --json", "status --check"]).same("status");
}

#[test]
fn what_is_in_a_token_is_shown_so() {
    // Nobody issued it, and it has no times, which are told in other words each day.
    let token = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJhbm4iLCJzY29wZSI6ImEifQ.AAAA\n";
    Scene::new().run_with("inspect -", token).run_with("inspect - --json", token).same("inspect");
}

#[test]
fn what_is_done_with_integrations_is_told_so() {
    let scene = Scene::of_owner();
    let owner = scene.user.profile().to_owned();
    let as_owner = |commands: &[&str]| -> Vec<String> {
        commands.iter().map(|command| format!("integration {command} --as {owner}")).collect()
    };
    let run = |scene: Scene, commands: &[&str]| {
        scene.run(&as_owner(commands).iter().map(String::as_str).collect::<Vec<_>>())
    };
    let scene = run(
        scene,
        &[
            "create made --keyring memory --claim site=north",
            "create made --keyring memory",
            "create other --keyring memory --claim jit_site=north",
            "list",
            "list --json",
            "show made",
            "show made --json",
            "grants made",
            "grant made --asset-type Pump --dry-run",
            "grant made --asset-type Pump --asset-type Valve --read --write",
            "grants made",
            "grants made --json",
            "rotate made",
            "rotate made --due 30d",
            "rotate --due 30d --all",
        ],
    );
    let policy = scene.sandbox.policies()[0]["identity"].as_str().expect("an id").to_owned();
    let policy = policy.rsplit('/').next().expect("an id");
    run(scene, &[&format!("revoke {policy} --yes"), "delete made --yes", "show made"]).same("integration");
}

#[test]
fn git_and_kubectl_are_answered_so() {
    let mut scene = Scene::of_service();
    let asked = "capability[]=authtype\nprotocol=https\nhost=app.datatrails.ai\n\n";
    let cluster = serde_json::json!({
        "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
        "spec": {"cluster": {"server": SERVICE}, "interactive": false},
    });
    scene.user.home.set("KUBERNETES_EXEC_INFO", cluster.to_string());
    scene
        .run_with("git-credential get", asked)
        .run_with("git-credential get", "capability[]=authtype\nprotocol=https\nhost=example.com\n\n")
        .run_with("git-credential store", asked)
        .run_with("git-credential erase", asked)
        .run(&["kubectl-credential"])
        .same("helpers");
}

/// Who asks is known by name on Linux alone, as are its keyrings.
#[cfg(target_os = "linux")]
#[test]
fn what_looks_at_the_system_tells_it_so() {
    let mut scene = Scene::new().inexact();
    let own = std::env::current_exe().expect("this executable has a path");
    let own = own.file_name().expect("it has a name").to_string_lossy().into_owned();
    // The kernel keeps so much of a program's name (TASK_COMM_LEN).
    scene.transcript.mask(own.chars().take(15).collect::<String>(), "TEST");
    let listed = format!("keyring list -p {}", scene.user.profile());
    scene.run(&["log", "log --json", "unlock", &listed, "keyring move --to secret-service"]).same("linux");
}

/// The programs that are run are there on each of them alone.
#[cfg(target_os = "linux")]
#[test]
fn what_runs_another_program_leaves_the_word_to_it() {
    let commands =
        ["exec printenv DATATRAILS_URL", "exec false", "exec no-such-program-here", "curl -sS /nowhere"];
    Scene::new().run(&["test"]).run(&commands).same("programs");
}

#[test]
fn the_release_is_told_by_its_number() {
    let user = User::in_memory();
    let release = concat!("dt-cred ", env!("CARGO_PKG_VERSION"), "\n");
    for option in ["-V", "--version"] {
        assert_eq!(user.dt_cred(&[option]).done(), release);
    }
}
