//! The command line, as clap reads it.

mod another;
mod help;
mod integration;
#[cfg(test)]
mod man;
mod meant;
mod read;
mod values;
mod walk;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand, ValueHint};
use dt_cred_proto::{
    message::{ClientAuth, Keyring},
    profile::Profile,
};

pub(crate) use self::{
    another::{CURL, MisplacedError, NOTHING_RUN, runs_another},
    integration::{
        By, CreateArguments, GrantArguments, IntegrationArguments, IntegrationCommand, RotateArguments,
    },
    read::{Asked, read},
    walk::waiting,
};
use self::{
    help::{CURL_HELP, CURL_USAGE, EXEC_HELP, EXEC_USAGE, FORWARD_HELP, INTEGRATION_HELP, STORE_HELP},
    values::one_of,
};
use crate::{
    completions::CompletionShell,
    duration,
    format::{Format, Shell},
    man::Page,
    settings::{seconds, uid, whole},
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

/// What may stand before every command, and behind all but those that run another program.
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
    #[command(after_help = EXEC_HELP, override_usage = EXEC_USAGE)]
    Exec(ExecArguments),
    /// Serve one profile's token and nothing else on a second socket, for SSH and containers
    #[command(after_help = FORWARD_HELP)]
    Forward(ForwardArguments),
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
    /// Make, rotate and grant integrations, by an Owner's token: no secret is ever seen
    #[command(after_help = INTEGRATION_HELP)]
    Integration(IntegrationArguments),
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
    #[command(after_help = CURL_HELP, override_usage = CURL_USAGE)]
    Curl(CurlArguments),
    /// Print the script that has a shell complete what you type
    Completions(CompletionsArguments),
    /// Print a page of the manual: dt-cred man | man -l -
    Man(ManArguments),
}

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

/// The options of `forward`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct ForwardArguments {
    /// The socket to make
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) socket: PathBuf,
    /// End after so long: 8h, 30m, 90s
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) ttl: Option<Duration>,
    /// Serve this user as well, as one in a container; as often as you like
    #[arg(long, value_name = "UID", value_parser = uid)]
    pub(crate) allow_uid: Vec<u32>,
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

/// The whole command line, as the manual and a shell's completion see it.
pub(crate) fn command() -> clap::Command {
    let mut command = help::command();
    command.build();
    command
}
