//! What `--help` says beside what clap knows: commands in the order in which people look for them, examples, exit codes.

use clap::{Command, CommandFactory};

use super::{Cli, another::with_globals};

/// Widest line of a help text, in columns, on whatever terminal.
pub(super) const WIDTH: usize = 100;

/// The commands by what they are for. One that stands in no group is listed in the last.
pub(super) const GROUPS: &[(&str, &[&str])] = &[
    ("Use a token", &["get", "curl", "exec", "test", "inspect", "reject", "forward"]),
    ("Keep credentials", &["login", "store", "erase", "unlock", "keyring"]),
    ("Manage integrations", &["integration"]),
    ("Look", &["status", "log", "doctor"]),
    ("Run the daemon", &["start", "stop", "service"]),
    ("Other programs and this one", &["git-credential", "kubectl-credential", "completions", "man", "help"]),
];

/// What stands below the help of a command.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "get",
        "curl -H \"$(dt-cred get)\" https://app.datatrails.ai/archivist/v2/assets
h=$(dt-cred get) && curl -H \"$h\" …     in scripts: nothing is sent where there is no token
dt-cred get --format curl | curl -K - …  the token stands in no argument list
eval \"$(dt-cred get --format env)\"",
    ),
    ("curl", "dt-cred curl -sS /archivist/v2/assets\ndt-cred -p staging curl -sS /archivist/v2/assets"),
    ("exec", "dt-cred exec -- make upload\ndt-cred -p staging exec --file -- python3 upload.py"),
    ("test", "dt-cred test"),
    ("inspect", "dt-cred inspect\npbpaste | dt-cred inspect -"),
    ("reject", "dt-cred reject\ndt-cred reject --generation 1763998200000"),
    (
        "forward",
        "dt-cred forward --socket /run/user/1000/box/agent.sock --ttl 8h
dt-cred -p ci forward --socket /run/user/1000/pod/agent.sock --allow-uid 65532",
    ),
    ("login", "dt-cred login\ndt-cred login -p staging --url https://staging.example.com --auth basic"),
    (
        "store",
        "printf 'client_id=%s\\nclient_secret=%s\\n' \"$id\" \"$secret\" | dt-cred store
vault kv get -field=lines kv/datatrails | dt-cred store -p ci",
    ),
    ("erase", "dt-cred erase -p staging\ndt-cred erase --all"),
    ("unlock", "dt-cred unlock"),
    ("keyring", "dt-cred keyring list\ndt-cred keyring move --to keyutils"),
    (
        "integration",
        "dt-cred integration create uploader --as owner
dt-cred integration grant uploader --as owner --read --write
dt-cred integration rotate uploader --as owner
dt-cred integration rotate --due 30d --all --as owner    for a timer
dt-cred integration list --as owner",
    ),
    ("status", "dt-cred status\ndt-cred status --check && make upload"),
    ("log", "dt-cred log\ndt-cred log --json -p staging"),
    ("doctor", "dt-cred doctor\ndt-cred doctor --json > report.json"),
    ("start", "dt-cred start\nDATATRAILS_CLIENT_ID=… DATATRAILS_CLIENT_SECRET=… dt-cred start --from-env"),
    ("stop", "dt-cred stop"),
    ("service", "dt-cred service install\ndt-cred service uninstall --user"),
    ("git-credential", "git config --global credential.https://app.datatrails.ai.helper dt-cred"),
    (
        "kubectl-credential",
        "in the kubeconfig's user: exec: {command: dt-cred, args: [kubectl-credential], provideClusterInfo: true, …}",
    ),
    (
        "completions",
        "eval \"$(dt-cred completions bash)\"       in ~/.bashrc
source <(dt-cred completions zsh)        in ~/.zshrc, after compinit
dt-cred completions fish | source        in ~/.config/fish/config.fish
dt-cred completions powershell | Out-String | Invoke-Expression    in $PROFILE",
    ),
    ("man", "dt-cred man | man -l -\ndt-cred man dt-cred-config > dt-cred-config.5"),
];

/// How `curl` is called.
pub(super) const CURL_USAGE: &str =
    "dt-cred [-p NAME] [--timeout SECONDS] curl [--allow-host HOST[:PORT]]... CURL'S ARGUMENTS";

/// What the help of `curl` says beside.
pub(super) const CURL_HELP: &str = "-p, --timeout, --no-start and a -v for dt-cred stand before `curl`. A URL is the profile's own service (/archivist/v2/assets is short for one of it) or a host that is allowed. \
Without a token nothing is sent, ~/.curlrc is not read, and what would carry the token elsewhere or drop it is refused: exit 125. \
Else the exit code is curl's.\nAn answer of 401 has the token replaced. The request is sent once more if it is for one URL, writes \
and shows nothing but the answer (no -o, -O, -D, -i, -w and the like), reads files alone, and the answer is shorter than 1 MiB; \
else run it again.";

/// What the help of `store` says beside.
pub(super) const STORE_HELP: &str = "An empty line or the end ends them. The keys: client_id, client_secret, url, token_url, auth, scope, audience, resource, ca_file, \
keyring, no_check (true or false). On an existing profile everything but the secret is kept unless it is given.";

/// What the help of `integration` says beside.
pub(super) const INTEGRATION_HELP: &str = "OWNER is a profile whose integration has the role Owner: its token is used, and no other. Whoever may use it may make others. \
A secret that is made goes from the service into the keyring, and is shown nowhere. A rotation that was cut off is finished by the same command again.";

/// What the help of `forward` says beside.
pub(super) const FORWARD_HELP: &str = "It runs in the foreground and ends by Ctrl-C. Whoever connects gets the profile's token by an ordinary `get`, `curl` or `exec` with \
DT_CRED_SOCKET, and DT_CRED_SERVER_UID where they are another user. A refused token is replaced at most once a minute; \
--fresh, every other profile and every other command are refused. The socket's folder must be yours, and private (0700) \
unless others are allowed.";

/// How `exec` is called.
pub(super) const EXEC_USAGE: &str =
    "dt-cred [-p NAME] [--timeout SECONDS] exec [--min-ttl SECONDS] [--file] [--] CMD...";

/// What the help of `exec` says beside.
pub(super) const EXEC_HELP: &str = "-p, --timeout, --no-start and -v stand before `exec`, its own options before the program. dt-cred becomes the program, which gets DATATRAILS_AUTHTOKEN and DATATRAILS_URL, and no DATATRAILS_CLIENT_*. \
Its exit code is its own; 127: it was not found; 126: it cannot be run; 125: there was no token, and nothing was run.\n\n\
A token in an environment is never renewed. With --file the program gets DATATRAILS_AUTHTOKEN_FILENAME in place of \
DATATRAILS_AUTHTOKEN: the raw token, kept fresh until the program and all that it started have ended, unless it closes what it \
inherited, as sudo does.";

/// What an exit code means.
pub(super) const EXIT_CODES: &[(&str, &str)] = &[
    ("0", "done"),
    ("1", "no token now, try later: the issuer cannot be reached or is busy, or the time is over"),
    ("2", "usage: the arguments cannot be understood, or nothing could meet them"),
    ("3", "no daemon, one of another version, or another user's"),
    ("4", "the issuer refused the credentials: log in again"),
    ("5", "nothing is stored for this profile: log in"),
    ("6", "the keyring is locked or unavailable: dt-cred unlock"),
    ("7", "the configuration or the profile's endpoint is wrong"),
    ("8", "anything else"),
];

/// The command line, with all that its help says.
pub(super) fn command() -> Command {
    let command = with_globals(Cli::command()).max_term_width(WIDTH).mut_subcommands(with_examples);
    let commands = commands(&command);
    command
        .override_usage("dt-cred [OPTIONS] COMMAND")
        .help_template(format!("{{about-with-newline}}\nUsage: {{usage}}\n\n{commands}Options:\n{{options}}{{after-help}}"))
        .after_help("dt-cred COMMAND --help says more of one, dt-cred --help the exit codes, dt-cred man all there is.")
        .after_long_help(format!(
            "Exit codes:\n{}\ndt-cred COMMAND --help says more of one command, dt-cred man all there is.",
            table(EXIT_CODES.iter().copied())
        ))
}

fn with_examples(command: Command) -> Command {
    let found = EXAMPLES.iter().find(|(name, _)| *name == command.get_name());
    let Some((_, examples)) = found else { return command };
    let mut text = command.get_after_help().map_or(String::new(), |text| format!("{text}\n\n"));
    text += "Examples:";
    for line in examples.lines() {
        text += "\n  ";
        text += line;
    }
    command.after_help(text)
}

/// The groups and their commands, a line each.
fn commands(command: &Command) -> String {
    let about = |command: &Command| command.get_about().map_or(String::new(), ToString::to_string);
    let shown: Vec<_> = command.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    let known = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let mut text = String::new();
    for (at, (title, names)) in GROUPS.iter().enumerate() {
        let is_last = at + 1 == GROUPS.len();
        let named = names.iter().filter_map(|name| shown.iter().find(|command| command.get_name() == *name));
        let others = shown.iter().filter(|command| is_last && !known(command.get_name()));
        let lines: Vec<_> = named.chain(others).map(|command| (command.get_name(), about(command))).collect();
        text += &format!("{title}:\n{}\n", table(lines.iter().map(|(name, about)| (*name, about.as_str()))));
    }
    text
}

fn table<'a>(lines: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> String {
    let width = lines.clone().map(|(name, _)| name.len()).max().unwrap_or_default().max(11);
    lines.map(|(name, about)| format!("  {name:width$}  {about}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::{Asked, read};

    fn help(words: &[&str]) -> String {
        let arguments: Vec<_> = words.iter().chain(&["--help"]).map(OsString::from).collect();
        match read(&arguments) {
            Ok(Asked::Print(text)) => text,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    fn names() -> Vec<String> {
        let command = command();
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect()
    }

    #[test]
    fn clap_finds_nothing_wrong_with_the_command_line_itself() {
        command().debug_assert();
    }

    #[test]
    fn every_command_stands_once_in_the_help_and_has_an_example() {
        let text = help(&[]);
        for name in names() {
            assert_eq!(
                text.lines().filter(|line| line.trim_start().starts_with(&format!("{name} "))).count(),
                1,
                "{name}: {text}"
            );
            assert!(GROUPS.iter().any(|(_, names)| names.contains(&name.as_str())), "{name} is in no group");
            assert!(help(&[&name]).contains("\nExamples:\n"), "{name} has no example");
        }
    }

    #[test]
    fn no_help_is_wider_than_100_columns() {
        let texts =
            names().into_iter().map(|name| help(&[&name])).chain([help(&[]), help(&["keyring", "move"])]);
        for text in texts {
            for line in text.lines() {
                assert!(line.chars().count() <= WIDTH, "{line}");
                assert!(!line.ends_with(' '), "{line:?}");
            }
        }
    }

    #[test]
    fn every_example_that_runs_dt_cred_is_understood() {
        let names = names();
        let mut understood = 0;
        for (name, examples) in EXAMPLES.iter().filter(|(name, _)| names.iter().any(|known| known == name)) {
            for line in examples.lines() {
                let Some((_, call)) = line.split_once("dt-cred ") else { continue };
                let end = call.find([')', '|', '&', '>']).unwrap_or(call.len());
                // What stands behind two spaces is a remark.
                let words = call[..end].split("  ").next().unwrap_or_default().split_whitespace();
                let arguments: Vec<_> = words.map(OsString::from).collect();
                assert!(matches!(read(&arguments), Ok(Asked::Run(_))), "{name}: {arguments:?}");
                understood += 1;
            }
        }
        assert!(understood >= 20, "{understood}");
    }

    #[test]
    fn the_exit_codes_are_those_of_the_failures() {
        use dt_cred_proto::message::FailureKind::{
            Configuration, Daemon, Keyring, NothingStored, Other, Refused, TryLater, Usage,
        };
        let kinds = [TryLater, Usage, Daemon, Refused, NothingStored, Keyring, Configuration, Other];
        let told: Vec<_> = EXIT_CODES.iter().map(|(code, _)| code.to_string()).collect();
        let codes = kinds.map(|kind| kind.exit_code().to_string());
        assert_eq!(told, [&["0".to_owned()][..], &codes].concat());
        assert!(help(&[]).contains("Exit codes:\n  0"));
    }
}
