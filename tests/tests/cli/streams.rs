//! Linux: every command whose standard streams are full, closed or left: no panic, a code that says it, and the token nowhere else.

use std::{fs, path::Path};

use dt_cred_tests::{
    commands::leaves,
    issuer::Sandbox,
    parts::{Output, binaries, on_path, require},
    user::{Account, User},
};

/// Each command that prints where all is well, with what it reads. `OWN` is the profile, that of an Owner; `FRESH` a name that
/// nothing has, `CLIENT` an integration and `POLICY` an access policy that may go.
const PRINT: &[(&str, &str)] = &[
    ("get", ""),
    ("get --format raw", ""),
    ("get --format bearer", ""),
    ("get --format json", ""),
    ("get --format env --shell sh", ""),
    ("get --format curl", ""),
    ("reject", ""),
    ("status", ""),
    ("status --json", ""),
    ("log", ""),
    ("log --json", ""),
    ("start", ""),
    ("service status", ""),
    ("service status --json", ""),
    ("service uninstall", ""),
    ("unlock", ""),
    ("keyring list", ""),
    ("keyring list --json", ""),
    ("integration create FRESH --as OWN --keyring memory", ""),
    ("integration list --as OWN", ""),
    ("integration list --as OWN --json", ""),
    ("integration show OWN --as OWN", ""),
    ("integration show OWN --as OWN --json", ""),
    // The secret that is stored here again and again is to stay the one that counts.
    ("integration rotate OWN --as OWN --due 1s", ""),
    ("integration rotate --all --as OWN --due 1s", ""),
    ("integration grant OWN --as OWN", ""),
    ("integration grant OWN --as OWN --dry-run", ""),
    ("integration grants OWN --as OWN", ""),
    ("integration grants OWN --as OWN --json", ""),
    ("integration revoke POLICY --as OWN --yes", ""),
    ("integration delete CLIENT --as OWN --yes", ""),
    ("inspect", ""),
    ("inspect --json", ""),
    ("git-credential get", GIT),
    ("kubectl-credential", ""),
    ("test", ""),
    ("completions bash", ""),
    ("man", ""),
    ("doctor", ""),
    ("doctor --json", ""),
    ("store", STORED),
    ("erase", ""),
    ("stop", ""),
    ("--help", ""),
    ("get --help", ""),
    ("--version", ""),
];

/// Those that print nothing here: why stands beside it.
const SILENT: &[&str] = &[
    // It asks on the terminal, and there is none.
    "login",
    // There is no service manager in a home.
    "service install",
    // There is no other keyring to move to.
    "keyring move",
    // Another program prints.
    "curl",
    "exec",
    // It says what it does on standard error.
    "forward",
];

const GIT: &str = "capability[]=authtype\nprotocol=https\nhost=app.datatrails.ai\n\n";
const STORED: &str = "client_secret=Py9dL4hSj1QoC8Ki\nno_check=true\nkeyring=memory\n";
const CLUSTER: &str = r#"{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "spec": {"cluster":
    {"server": "https://app.datatrails.ai"}, "interactive": false}}"#;

/// A user whose token belongs to the service, though it comes from a sandbox.
struct Scene {
    sandbox: Sandbox,
    user: User,
    /// What is stored, by which the service is only named.
    lines: String,
    /// What is stored where the service is asked.
    reached: String,
}

impl Scene {
    fn new() -> Self {
        let sandbox = Sandbox::http();
        let mut user = User::in_memory();
        user.home.set("KUBERNETES_EXEC_INFO", CLUSTER);
        let owner = Account::owner_at(&sandbox);
        let account = Account { url: "https://app.datatrails.ai".to_owned(), ..owner };
        let lines = format!("{}token_url={}\n", account.lines(), sandbox.token_url());
        let reached = Account { url: sandbox.url().to_owned(), ..account }.lines();
        Self { sandbox, user, lines, reached }
    }

    /// Runs a command as `shell` says, where `$1` is what it reads, once there is a token.
    fn run(&self, command: &str, stdin: &str, shell: &str) -> Output {
        let asks = ["test", "doctor", "integration"].iter().any(|name| command.starts_with(name));
        self.user.log_in_with(if asks { &self.reached } else { &self.lines });
        self.user.token();
        let input = self.user.home.path().join("input");
        fs::write(&input, stdin).expect("written");
        let command = self.named(command);
        self.user.shell(
            &shell
                .replace("COMMAND", &format!("dt-cred {command}"))
                .replace("INPUT", &input.display().to_string()),
        )
    }

    /// The command with the names of what there is here.
    fn named(&self, command: &str) -> String {
        let policies = self.sandbox.policies();
        let policy = policies.last().and_then(|policy| policy["identity"].as_str()).unwrap_or_default();
        let policy = policy.rsplit('/').next().unwrap_or_default();
        let client =
            if command.contains("CLIENT") { self.sandbox.new_client().client_id } else { String::new() };
        let fresh = format!("fresh-{}", self.sandbox.integrations().len());
        command
            .replace("OWN", self.user.profile())
            .replace("FRESH", &fresh)
            .replace("CLIENT", &client)
            .replace("POLICY", policy)
    }

    #[track_caller]
    fn tells_no_token(&self, what: &str, text: &str) {
        for token in self.sandbox.tokens() {
            assert!(!text.contains(&token), "{what}: the token is there");
        }
    }
}

/// No file below the folder holds a token.
fn is_in_no_file(scene: &Scene, folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            is_in_no_file(scene, &path);
        } else if path.is_file() {
            let bytes = fs::read(&path).expect("a file");
            scene.tells_no_token(&path.display().to_string(), &String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn a_full_or_closed_standard_output_is_exit_8_of_every_command_and_the_token_goes_nowhere_else() {
    let scene = Scene::new();
    for (shell, why) in [
        ("COMMAND <INPUT >/dev/full", "No space left on device"),
        ("COMMAND <INPUT >&-", "Bad file descriptor"),
        ("exec COMMAND <INPUT >&- 3>&- 4>&-", "Bad file descriptor"),
    ] {
        for (command, stdin) in PRINT {
            let what = format!("{command}: {shell}");
            let output = scene.run(command, stdin, shell);
            assert_eq!((output.code, output.stdout.as_str()), (Some(8), ""), "{what}: {}", output.stderr);
            let line = format!("dt-cred: cannot write to standard output: {why} ");
            assert!(
                output.stderr.starts_with(&line) && output.stderr.lines().count() == 1,
                "{what}: {}",
                output.stderr
            );
            scene.tells_no_token(&what, &output.stderr);
        }
    }
    is_in_no_file(&scene, scene.user.home.path());
}

#[test]
fn a_reader_that_has_enough_is_no_failure_of_any_command() {
    let scene = Scene::new();
    for (command, stdin) in PRINT {
        let output = scene.run(command, stdin, "{ COMMAND <INPUT; echo \"exit $?\" >&2; } | head -c0");
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), "exit 0\n"), "{command}");
        assert!(
            !output.stderr.contains("panic") && !output.stderr.contains("bug"),
            "{command}: {}",
            output.stderr
        );
    }
}

#[test]
fn a_full_or_closed_standard_error_changes_no_exit_code_and_no_answer() {
    let scene = Scene::new();
    let other = format!("{}-other", scene.user.profile());
    for error in ["2>&-", "2>/dev/full", "2>&- <&-"] {
        assert_eq!(scene.run("get --format raw", "", &format!("COMMAND {error}")).done().lines().count(), 1);
        for (command, code) in
            [("get -p OTHER", 5), ("get --nonsense", 2), ("inspect -", 2), ("git-credential get -v", 0)]
        {
            let output = scene.run(&command.replace("OTHER", &other), "", &format!("COMMAND <INPUT {error}"));
            assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{command} {error}");
        }
    }
}

#[test]
fn a_closed_standard_input_is_one_without_a_word() {
    let scene = Scene::new();
    for (command, stdin) in PRINT.iter().filter(|(command, _)| !command.starts_with("doctor")) {
        let output = scene.run(command, "", "COMMAND <&-");
        if *command == "store" {
            assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{command}");
            assert!(output.stderr.contains("holds no client_secret"), "{}", output.stderr);
        } else {
            assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{command}");
            assert_eq!(output.stdout.is_empty(), !stdin.is_empty(), "{command}");
        }
    }
}

#[test]
fn where_every_stream_is_closed_a_daemon_is_started_and_no_descriptor_takes_the_token() {
    if !require("strace", on_path(&["strace"])) {
        return;
    }
    let scene = Scene::new();
    let seen = scene.user.home.path().join("seen");
    let trace = format!(
        "exec strace -qq -e trace=write,writev,pwrite64,sendto,sendmsg,splice -s 100000 -o {} COMMAND <&- >&- 2>&-",
        seen.display()
    );
    for (command, _) in PRINT.iter().filter(|(command, _)| command.starts_with("get")) {
        let output = scene.run(command, "", &trace);
        let calls = fs::read_to_string(&seen).expect("what it called");
        assert!(
            calls.contains("sendto(") || calls.contains("write("),
            "{command}: it asked the daemon: {calls}"
        );
        scene.tells_no_token(command, &calls);
        let code = if command.ends_with("--help") { 8 } else { output.code.unwrap_or_default() };
        assert_eq!(code, 8, "{command}: {calls}");
    }
    // With none to be found it starts one, whose descriptors are its own.
    scene.user.dt_cred(&["stop"]).done();
    let output = scene.user.shell("exec dt-cred get <&- >&- 2>&-");
    assert_eq!(output.code, Some(5), "it lived in memory");
    assert!(scene.user.home.daemon_pid().is_some());
}

#[test]
fn the_daemons_own_words_are_for_streams_that_may_be_full() {
    let user = User::in_memory();
    let daemon = binaries::daemon();
    let daemon = daemon.display();
    let help = user.shell(&format!("{daemon} --help >/dev/full"));
    assert_eq!((help.code, help.stderr.lines().count()), (Some(8), 1), "{}", help.stderr);
    assert_eq!(user.shell(&format!("{daemon} --nonsense 2>/dev/full")).code, Some(2));
    assert_eq!(user.shell(&format!("{{ {daemon} --help; echo $? >&2; }} | head -c0")).stderr, "0\n");
}

#[test]
fn no_command_that_prints_is_left_out() {
    let user = User::in_memory();
    let known = |command: &str| {
        SILENT.contains(&command)
            || PRINT
                .iter()
                .any(|(row, _)| row.split(' ').take(command.split(' ').count()).eq(command.split(' ')))
    };
    let left: Vec<_> = leaves(&user).into_iter().filter(|command| !known(command)).collect();
    assert_eq!(left, Vec::<String>::new(), "write a row for each into PRINT");
}
