//! The command line, as clap reads it.

mod help;
#[cfg(test)]
mod man;
mod meant;
mod values;

use std::{ffi::OsString, time::Duration};

use clap::{ArgAction, Args, FromArgMatches, Parser, Subcommand, ValueHint, error::ErrorKind};
use dt_cred_proto::{
    message::{ClientAuth, Failure, FailureKind, Keyring},
    profile::Profile,
};

use self::values::one_of;
use crate::{
    completions::CompletionShell,
    format::{Format, Shell},
    man::Page,
    settings::{seconds, whole},
};

/// Prints a fresh access token that dt-credd keeps: curl -H "$(dt-cred get)" …
#[derive(Parser, Debug, PartialEq)]
#[command(name = "dt-cred", version, subcommand_required = true)]
pub(crate) struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What may stand before or after every command.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub(crate) struct Globals {
    /// Profile to use [env: DT_CRED_PROFILE; default: the configured one]
    #[arg(short, long, global = true, display_order = 900, value_name = "NAME")]
    pub(crate) profile: Option<Profile>,
    /// Give up after so many seconds [env: DT_CRED_TIMEOUT; default: 10]
    #[arg(long, global = true, display_order = 900, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Start no daemon where none listens [env: DT_CRED_NO_START=1]
    #[arg(long, global = true, display_order = 900)]
    pub(crate) no_start: bool,
    /// Tell on standard error what is done; twice for more [env: DT_CRED_LOG=debug or trace]
    #[arg(short, long, global = true, display_order = 900, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What there is to do.
#[derive(Subcommand, Debug, PartialEq)]
pub(crate) enum Command {
    /// Print the token
    Get(GetArguments),
    /// Say that the API refused the token, so that the next `get` fetches another one
    Reject(RejectArguments),
    /// Ask for client id and secret on the terminal, prove them, and keep them
    Login(LoginArguments),
    /// Keep credentials given as `key=value` lines on standard input
    #[command(after_help = STORE_HELP)]
    Store,
    /// Run a program with the token in its environment
    #[command(after_help = EXEC_HELP)]
    Exec(ExecArguments),
    /// Forget a profile: its keyring item and every token in memory
    #[command(alias = "logout")]
    Erase(EraseArguments),
    /// Show the daemon and its profiles; changes nothing
    Status(StatusArguments),
    /// Show who was served lately; changes nothing
    Log(LogArguments),
    /// Start the daemon
    Start(StartArguments),
    /// End the daemon
    Stop,
    /// Have the system start the daemon: install, uninstall or show the user service
    Service(ServiceArguments),
    /// Open the keyring by its own prompt, which waits up to 60 s
    Unlock,
    /// Show what is kept where, or keep a profile elsewhere
    Keyring(KeyringArguments),
    /// Show what stands in the token, decoded on this machine; its signature is not verified
    Inspect(InspectArguments),
    /// Use the token for the API's list of assets, and say what the answer means
    Test,
    /// Answer git (2.46 or newer) as a credential helper; git calls it
    GitCredential(GitCredentialArguments),
    /// Answer kubectl as a credential plugin; kubectl calls it
    KubectlCredential,
    /// Check everything between you and a token, one line each with its mend
    Doctor(DoctorArguments),
    /// Run curl with the token, which stands in no argument list
    #[command(after_help = CURL_HELP, override_usage = "dt-cred [-p NAME] [--timeout SECONDS] curl [--allow-host HOST[:PORT]]... CURL'S ARGUMENTS")]
    Curl(CurlArguments),
    /// Print the script that has a shell complete what you type
    Completions(CompletionsArguments),
    /// Print a page of the manual: dt-cred man | man -l -
    Man(ManArguments),
}

/// How the commands that run another program are called: behind their name the words are that program's.
const CURL: &str = "curl";
const EXEC: &str = "exec";

/// Exit code of these where the other program was not run, whatever kept it from that: any other may be its own (env(1)).
pub(crate) const NOTHING_RUN: u8 = 125;

const CURL_HELP: &str = "-p, --timeout and --no-start stand before `curl`. A URL is the profile's own service (/archivist/v2/assets is short for one of it) or a host that is allowed. \
Without a token nothing is sent, ~/.curlrc is not read, and what would carry the token elsewhere or drop it is refused: exit 125. \
Else the exit code is curl's.\nAn answer of 401 has the token replaced. The request is sent once more if it is for one URL, writes \
and shows nothing but the answer (no -o, -O, -D, -i, -w and the like), reads files alone, and the answer is shorter than 1 MiB; \
else run it again.";

const STORE_HELP: &str = "An empty line or the end ends them. The keys: client_id, client_secret, url, token_url, auth, scope, audience, resource, ca_file, \
keyring, no_check (true or false). On an existing profile everything but the secret is kept unless it is given.";

const EXEC_HELP: &str = "Options of dt-cred's own stand before the program. dt-cred becomes the program, which gets DATATRAILS_AUTHTOKEN and DATATRAILS_URL, and no DATATRAILS_CLIENT_*. \
Its exit code is its own; 127: it was not found; 126: it cannot be run; 125: there was no token, and nothing was run.\n\n\
A token in an environment is never renewed. With --file the program gets DATATRAILS_AUTHTOKEN_FILENAME in place of \
DATATRAILS_AUTHTOKEN: the raw token, kept fresh until the program and all that it started have ended, unless it closes what it \
inherited, as sudo does.";

/// The options of `exec`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct ExecArguments {
    /// Only with a token that is valid for at least so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = whole::<u32>)]
    pub(crate) min_ttl: Option<u32>,
    /// Give the token in a file that is kept fresh, and none in the environment
    #[arg(long)]
    pub(crate) file: bool,
    /// The program and its arguments, as they are
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true)]
    pub(crate) command: Vec<OsString>,
}

/// The options of `get`.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub(crate) struct GetArguments {
    /// header (Authorization: Bearer T), raw (T), bearer (Bearer T), json, env (lines for a shell) or curl (for curl -K -)
    #[arg(long, default_value = "header", value_name = "FORMAT", value_parser = one_of::<Format>(), hide_possible_values = true)]
    pub(crate) format: Format,
    /// With --format env: sh, fish, powershell or cmd [default: sh; on Windows: powershell]
    #[arg(long, value_name = "SHELL", value_parser = one_of::<Shell>(), hide_possible_values = true)]
    pub(crate) shell: Option<Shell>,
    /// Only a token that is valid for at least so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = whole::<u32>)]
    pub(crate) min_ttl: Option<u32>,
    /// Only a token that is asked for from now on
    #[arg(long)]
    pub(crate) fresh: bool,
}

/// The options of `reject`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct RejectArguments {
    /// The refused token's generation (get --format json): nothing is done unless it is the one held
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    pub(crate) generation: Option<u64>,
    /// Also ask again where the issuer refused the credentials for good; at most once a minute
    #[arg(long)]
    pub(crate) force: bool,
}

/// The options of `login`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct LoginArguments {
    /// Base URL of the service
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Token endpoint
    #[arg(long, value_name = "URL")]
    pub(crate) token_url: Option<String>,
    /// Client id; asked for where it is not given
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// How the client authenticates: post (in the form) or basic (HTTP Basic)
    #[arg(long, value_name = "WAY", value_parser = one_of::<ClientAuth>(), hide_possible_values = true)]
    pub(crate) auth: Option<ClientAuth>,
    /// Scope to ask for
    #[arg(long)]
    pub(crate) scope: Option<String>,
    /// Audience to ask for
    #[arg(long)]
    pub(crate) audience: Option<String>,
    /// Resource to ask for (RFC 8707)
    #[arg(long)]
    pub(crate) resource: Option<String>,
    /// PEM file with the only CAs to trust
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) ca_file: Option<String>,
    /// Where to keep them: secret-service, keyutils, keychain, credential-manager or memory
    #[arg(long, value_name = "STORE", value_parser = one_of::<Keyring>(), hide_possible_values = true)]
    pub(crate) keyring: Option<Keyring>,
    /// Keep them without proving them
    #[arg(long)]
    pub(crate) no_check: bool,
}

/// The options of `erase`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct EraseArguments {
    /// Every profile
    #[arg(long)]
    pub(crate) all: bool,
}

/// The options of `status`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct StatusArguments {
    /// For programs
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing, exit as `get` would, judged from memory
    #[arg(long, conflicts_with = "json")]
    pub(crate) check: bool,
    /// Draw it anew each second, until Ctrl-C
    #[arg(long, conflicts_with_all = ["json", "check"])]
    pub(crate) watch: bool,
}

/// The options of `log`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct LogArguments {
    /// For programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// The options of `start`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct StartArguments {
    /// Hold DATATRAILS_CLIENT_ID, DATATRAILS_CLIENT_SECRET and DATATRAILS_URL in the daemon's memory only
    #[arg(long)]
    pub(crate) from_env: bool,
    /// Hold credentials given as to `store` in the daemon's memory only
    #[arg(long, conflicts_with = "from_env")]
    pub(crate) from_stdin: bool,
}

/// The arguments of `service`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct ServiceArguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: ServiceCommand,
}

/// What there is to do with the user service.
#[derive(Subcommand, Debug, PartialEq)]
pub(crate) enum ServiceCommand {
    /// Have the daemon there after each login, without root; says what it changed
    Install,
    /// Take the service away, and nothing else; says what it changed
    Uninstall {
        /// Everything of yours as well: the daemon, every profile's item, state and logs
        #[arg(long)]
        user: bool,
    },
    /// Show whether it is installed, and what becomes of the daemon; changes nothing
    Status {
        /// For programs
        #[arg(long)]
        json: bool,
    },
}

/// The arguments of `keyring`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct KeyringArguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: KeyringCommand,
}

/// What there is to do with keyrings.
#[derive(Subcommand, Debug, PartialEq)]
pub(crate) enum KeyringCommand {
    /// Show what every keyring holds; changes nothing
    List {
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Keep a profile in another keyring: the new item is read back before the old one goes
    Move {
        /// Where to keep it: secret-service or keyutils (Linux); elsewhere a system has one keyring only
        #[arg(long, value_name = "STORE", value_parser = one_of::<Keyring>(), hide_possible_values = true)]
        to: Keyring,
    },
}

/// The arguments of `inspect`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct InspectArguments {
    /// One from standard input instead: a bare token or a header line
    #[arg(value_name = "-", value_parser = ["-"])]
    pub(crate) from: Option<String>,
    /// For programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `git-credential`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct GitCredentialArguments {
    /// get, store or erase; another one does nothing (gitcredentials(7))
    #[arg(value_name = "OPERATION")]
    pub(crate) operation: String,
}

/// The options of `doctor`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct DoctorArguments {
    /// For programs and bug reports: no secret, ids shortened
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `curl`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct CurlArguments {
    /// Send the token to this host as well, by https, or by http on this machine; directly behind `curl`, as often as you like
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) allow_host: Vec<String>,
    /// curl's own
    #[arg(value_name = "CURL'S ARGUMENTS")]
    pub(crate) arguments: Vec<String>,
}

/// The arguments of `completions`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct CompletionsArguments {
    /// bash, zsh, fish or powershell
    #[arg(value_name = "SHELL", value_parser = one_of::<CompletionShell>(), hide_possible_values = true)]
    pub(crate) shell: Option<CompletionShell>,
}

/// The arguments of `man`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct ManArguments {
    /// dt-cred, dt-credd or dt-cred-config
    #[arg(value_name = "PAGE", default_value = "dt-cred", value_parser = one_of::<Page>(), hide_possible_values = true)]
    pub(crate) page: Page,
}

/// What the arguments ask for.
#[derive(Debug, PartialEq)]
pub(crate) enum Asked {
    /// A command.
    Run(Box<Cli>),
    /// A text on standard output: the help or the release.
    Print(String),
}

/// Reads the arguments, the program's name not among them.
///
/// # Errors
/// One line for what cannot be understood.
pub(crate) fn read(arguments: &[OsString]) -> Result<Asked, Failure> {
    let program = OsString::from("dt-cred");
    let (ours, theirs) = arguments.split_at(ours(arguments));
    // Behind it nothing is taken for an option of ours.
    let end = (!theirs.is_empty()).then(|| OsString::from("--"));
    let mut command = help::command();
    let words = std::iter::once(&program).chain(ours).chain(&end).chain(theirs);
    let matches = command.try_get_matches_from_mut(words);
    match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => Ok(Asked::Run(Box::new(cli))),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Ok(Asked::Print(error.to_string()))
        }
        Err(error) => {
            let meant = meant::meant(&error, &command, arguments);
            let message = one_line(&error, meant.as_deref(), &meant::path(&command, arguments));
            Err(Failure::new(FailureKind::Usage, message))
        }
    }
}

/// Whether the command is one that runs another program, whatever else is wrong.
pub(crate) fn runs_another(arguments: &[OsString]) -> bool {
    arguments.get(command_at(arguments)).is_some_and(|word| [CURL, EXEC].iter().any(|name| word == name))
}

fn is_curl(arguments: &[OsString]) -> bool {
    arguments.get(command_at(arguments)).is_some_and(|word| word == CURL)
}

/// How many of the arguments are ours: all of them but what stands behind `curl` and its own options.
fn ours(arguments: &[OsString]) -> usize {
    if !is_curl(arguments) {
        return arguments.len();
    }
    let mut at = command_at(arguments) + 1;
    while let Some(word) = arguments.get(at) {
        match word.to_str() {
            Some("--allow-host") => at += 2,
            Some("--help" | "-h") => at += 1,
            Some(word) if word.starts_with("--allow-host=") => at += 1,
            _ => return at,
        }
    }
    arguments.len()
}

/// Where the command stands: behind the options that hold for every command.
fn command_at(arguments: &[OsString]) -> usize {
    let mut at = 0;
    while let Some(word) = arguments.get(at).map(|word| word.to_string_lossy()) {
        match &*word {
            "-p" | "--profile" | "--timeout" => at += 2,
            option if option.starts_with('-') => at += 1,
            _ => break,
        }
    }
    at
}

/// clap's message in one line: what is wrong, what may be meant, and whose help says more.
fn one_line(error: &clap::Error, meant: Option<&str>, command: &str) -> String {
    let text = error.to_string();
    let what = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "no command was given".to_owned()
        }
        _ => {
            let words: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
            let words = words.join(" ");
            words.strip_prefix("error: ").unwrap_or(&words).to_owned()
        }
    };
    let meant = meant.map_or(String::new(), |meant| match meant.ends_with('?') {
        true => format!(" {meant}"),
        false => format!(" {meant},"),
    });
    format!("{what}:{meant} see {command} --help")
}

/// The whole command line, as the manual and a shell's completion see it.
pub(crate) fn command() -> clap::Command {
    let mut command = help::command();
    command.build();
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Asked, Failure> {
        super::read(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn clap_finds_nothing_wrong_with_the_command_line_itself() {
        help::command().debug_assert();
    }

    const COMMANDS: &[&str] = &[
        "get",
        "reject",
        "status",
        "start",
        "login",
        "keyring",
        "move",
        "inspect",
        "git-credential",
        "doctor",
        "exec",
    ];

    #[test]
    fn what_cannot_be_understood_is_told_in_one_line_with_exit_code_2() {
        let cases: &[&[&str]] = &[
            &[],
            &["gte"],
            &["get", "--formt", "raw"],
            &["get", "--format", "xml"],
            &["get", "--min-ttl", "-1"],
            &["get", "--min-ttl", "4294967296"],
            &["get", "extra"],
            &["--profile", "a b", "get"],
            &["get", "--profile"],
            &["get", "--timeout", "0"],
            &["status", "--json", "--check"],
            &["status", "--watch", "--json"],
            &["status", "--watch", "--check"],
            &["start", "--from-env", "--from-stdin"],
            &["login", "--keyring", "disk"],
            &["login", "--auth", "digest"],
            &["keyring"],
            &["keyring", "move"],
            &["keyring", "move", "--to", "disk"],
            &["inspect", "eyJ.eyJ.sig"],
            &["git-credential"],
            &["doctor", "all"],
            &["exec"],
            &["exec", "--"],
            &["exec", "--bogus", "ls"],
            &["exec", "--min-ttl", "soon", "ls"],
        ];
        for words in cases {
            let failure = read(words).expect_err(&words.join(" "));
            assert_eq!(failure.kind, FailureKind::Usage);
            let message = failure.message.as_str();
            // Of the command that was meant, if one was.
            let command: Vec<_> = words.iter().filter(|word| COMMANDS.contains(word)).copied().collect();
            let help = [&["dt-cred"][..], &command, &["--help"]].concat().join(" ");
            let ends = [format!(": see {help}"), format!("? see {help}")];
            assert!(ends.iter().any(|end| message.ends_with(end)), "{message}");
            assert!(!message.contains(['\u{fffd}', '\n']) && !message.starts_with("error"), "{message}");
        }
    }

    #[test]
    fn what_was_perhaps_meant_is_told_in_the_same_line() {
        for (words, told) in [
            (&["gte"][..], "unrecognized subcommand 'gte': did you mean get? see dt-cred --help"),
            (&["stat"], "unrecognized subcommand 'stat': did you mean status? see dt-cred --help"),
            (
                &["get", "--fromat", "raw"],
                "unexpected argument '--fromat' found: did you mean --format? see dt-cred get --help",
            ),
            (
                &["get", "--format", "jsn"],
                "[possible values: header, raw, bearer, json, env, curl]: did you mean json? see dt-cred get --help",
            ),
            (&["get", "--zzz"], "unexpected argument '--zzz' found: see dt-cred get --help"),
            (&["-p", "exec", "get", "--bad"], "unexpected argument '--bad' found: see dt-cred get --help"),
            (&["-p", "status"], "no command was given: see dt-cred --help"),
            (
                &["--json", "status"],
                "unexpected argument '--json' found: write it behind status, see dt-cred status --help",
            ),
            (&["proxy", "status"], "unrecognized subcommand 'proxy': see dt-cred --help"),
            (
                &["status", "--json", "--check"],
                "the argument '--json' cannot be used with '--check': see dt-cred status --help",
            ),
        ] {
            let message = read(words).expect_err(&words.join(" ")).message.to_string();
            assert!(message.ends_with(told), "{message}");
        }
    }

    #[test]
    fn help_and_release_are_answers() {
        for words in [&["--help"][..], &["-h"], &["get", "--help"], &["help"], &["-V"], &["--version"]] {
            assert!(matches!(read(words), Ok(Asked::Print(_))), "{words:?}");
        }
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        let before = read(&["-p", "a", "--timeout", "3", "--no-start", "stop"]).expect("understood");
        let after = read(&["stop", "--profile", "a", "--timeout=3", "--no-start"]).expect("understood");
        assert_eq!(before, after);
        assert_eq!(read(&["logout", "--all"]), read(&["erase", "--all"]));
    }

    #[test]
    fn a_command_runs_another_program_where_it_is_the_command_and_nowhere_else() {
        let asked = |words: &[&str]| runs_another(&words.iter().map(OsString::from).collect::<Vec<_>>());
        for words in [
            &["exec"][..],
            &["exec", "--bogus"],
            &["curl", "-k"],
            &["-p", "get", "exec", "ls"],
            &["--profile=a", "--no-start", "--timeout", "3", "curl"],
        ] {
            assert!(asked(words), "{words:?}");
        }
        for words in [&[][..], &["get"], &["-p", "exec", "get"], &["--timeout", "curl"], &["inspect", "exec"]]
        {
            assert!(!asked(words), "{words:?}");
        }
    }

    #[test]
    fn what_stands_behind_the_program_is_its_own() {
        let command = |words: &[&str]| match read(words) {
            Ok(Asked::Run(cli)) => match *cli {
                Cli { command: Command::Exec(exec), globals } => Some((globals.profile.is_some(), exec)),
                _ => None,
            },
            _ => None,
        };
        let exec = |min_ttl, file, words: &[&str]| ExecArguments {
            min_ttl,
            file,
            command: words.iter().map(OsString::from).collect(),
        };
        let cases: [(&[&str], _); 6] = [
            (&["-p", "a", "exec", "ls"], (true, exec(None, false, &["ls"]))),
            (&["exec", "ls", "-p", "a", "--file"], (false, exec(None, false, &["ls", "-p", "a", "--file"]))),
            (
                &["exec", "--file", "--min-ttl=9", "--", "ls", "--"],
                (false, exec(Some(9), true, &["ls", "--"])),
            ),
            (&["exec", "--", "--odd", "--help"], (false, exec(None, false, &["--odd", "--help"]))),
            (&["exec", "ls", "--help", "-V"], (false, exec(None, false, &["ls", "--help", "-V"]))),
            (&["exec", "--", "ls", "", " a b ", "*"], (false, exec(None, false, &["ls", "", " a b ", "*"]))),
        ];
        for (words, expected) in cases {
            assert_eq!(command(words), Some(expected), "{words:?}");
        }
    }
}
