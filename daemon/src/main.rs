//! `dt-credd`: sets the process up, takes the socket, serves.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use dt_cred_proto::{
    allocator::Wiping,
    endpoint::{endpoint, state_folder},
    message::{Failure, FailureKind, Starter},
    panic,
};
use dt_credd::{
    config::Config,
    confinement::Confinement,
    keeper::Keeper,
    keyring::{self, Keyrings},
    log,
    manager::Manager,
    platform::{self, Activated, Signals},
    server::{self, Ended},
    service,
    session::RELEASE,
    start::{Socket, StartError},
    state::State,
};

/// No copy of a secret stays in memory that was given back, whichever library made it.
#[global_allocator]
static ALLOCATOR: Wiping = Wiping;

/// What there is to do where the system refuses what it always gives.
const AGAIN: &str = "try again, and report it if it stays so";

const HELP: &str = "\
dt-credd keeps a fresh access token for dt-cred, which starts it when it is needed.

Usage: dt-credd [--background]

  --background   leave the terminal, log to a file of the state folder, and say `ready` on
                 standard output when it listens
  -h, --help     this text
  -V, --version  the release
";

fn main() -> ExitCode {
    panic::end_process(log::bug);
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let background = match arguments.as_slice() {
        [] => false,
        [word] if word == "--background" => true,
        [word] if word == "-V" || word == "--version" => return print(&format!("dt-credd {RELEASE}\n")),
        [word] if word == "-h" || word == "--help" => return print(HELP),
        _ => {
            tell("unknown argument: see dt-credd --help");
            return ExitCode::from(FailureKind::Usage.exit_code());
        }
    };
    // Before anything is opened. Whom a client starts nobody gives a socket, and what was left open is closed below.
    let activated = if background { Ok(None) } else { platform::activated() };
    // Whom nobody reads on standard error has a file of their own.
    let in_file = background || !platform::OUTPUT_IS_KEPT && matches!(activated, Ok(Some(_)));
    let queue = activated.as_ref().ok().and_then(|given| given.as_ref()?.queue().ok());
    let mut manager = Manager::none();
    match run(background, in_file, activated, &mut manager) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            manager.failed(&failure.to_string());
            // What another start mends is for the next daemon to answer.
            if let Some(queue) = queue.filter(|_| failure.kind != FailureKind::TryLater) {
                queue.refuse(&failure);
            }
            if background {
                say(background, &format!("failed {} {}", failure.kind.exit_code(), failure.message));
            } else {
                tell(&failure.to_string());
            }
            if in_file {
                tracing::error!(error = %failure, "cannot serve");
            }
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

fn run(
    background: bool,
    in_file: bool,
    activated: io::Result<Option<Activated>>,
    manager: &mut Manager,
) -> Result<(), Failure> {
    let other = |what: &str, error: &dyn std::fmt::Display, mend: &str| {
        Failure::new(FailureKind::Other, format!("{what}: {error}; {mend}"))
    };
    let starter = match background {
        true => Starter::Client,
        false if matches!(activated, Ok(Some(_))) || platform::is_managed() => Starter::ServiceManager,
        false => Starter::Person,
    };
    if background {
        platform::detach().map_err(|error| other("cannot leave the terminal", &error, AGAIN))?;
    }
    platform::settle();
    let level = log::wanted().map_err(|error| Failure::new(FailureKind::Usage, error.to_string()))?;
    // Before any thread: it sets what libdbus reads from the environment.
    keyring::prepare();
    // In a container there may be no home, or one that nobody can write to.
    let elsewhere = platform::STATE_VARIABLE;
    let wrong = |message: String| Failure::new(FailureKind::Configuration, message);
    let folder = state_folder().ok_or_else(|| {
        wrong(format!("no folder is known for the log and the state: set {elsewhere} to an absolute path"))
    })?;
    let trust = |error: platform::TrustError| wrong(format!("{error}; {elsewhere} may name another place"));
    platform::private_folder(&folder, true).map_err(trust)?;
    if in_file {
        let path = folder.join(log::NAME);
        log::to_file(level, &path)
            .map_err(|error| other(&format!("cannot open the log {path:?}"), &error, "move it away"))?;
    } else {
        log::to_stderr(level);
        match Manager::from_environment() {
            Ok(found) => *manager = found,
            Err(error) => tracing::warn!(%error, "the service manager cannot be told anything"),
        }
    }
    let config = Config::load_default().map_err(|error| wrong(error.to_string()))?;
    let state = State::open(&folder).map_err(|error| wrong(error.to_string()))?;
    let keyrings = Keyrings::new().map_err(|error| Failure::new(FailureKind::Keyring, error.to_string()))?;
    let endpoint = match &activated {
        // Where a service manager listens for us is where our folder is.
        Ok(Some(given)) => given.endpoint(),
        _ => endpoint().map_err(|error| Failure::new(FailureKind::Usage, error.to_string()))?,
    };
    let lent = platform::lent_folder(&endpoint, &folder);
    // Before any other thread: it would keep its rights.
    let confinement = Confinement::enter(&config, &state, &endpoint);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| other("cannot start", &error, AGAIN))?;
    let served = runtime.block_on(async {
        let signals = Signals::new().map_err(|error| other("cannot take signals", &error, AGAIN))?;
        let socket = match Socket::take(&endpoint, activated).await {
            Ok(socket) => socket,
            // Whoever wanted a daemon has one.
            Err(StartError::Answered(_)) if background => {
                say(background, "ready");
                return Ok(());
            }
            Err(error) => return Err(error.failure()),
        };
        tracing::info!(release = RELEASE, socket = ?endpoint.path, "listening");
        say(background, "ready");
        if background {
            platform::close_output().map_err(|error| other("cannot leave standard output", &error, AGAIN))?;
        }
        let keeper = Keeper::new(config, state, keyrings, lent);
        let service = service::Service::new(keeper, confinement, starter);
        match server::run(socket, Arc::clone(&service), signals, manager, background).await {
            Ended::Asked => Ok(()),
            // The client that needs them starts the next one.
            Ended::Outgrown if background => Ok(()),
            // So that a service manager does.
            Ended::Outgrown => Err(Failure::new(
                FailureKind::TryLater,
                "what is needed now takes rights that this daemon gave up when it started: start it again, the next one has them",
            )),
        }
    });
    // A keyring call that never returns must not keep the process from ending.
    runtime.shutdown_background();
    served
}

/// The word that the client which started us waits for.
fn say(background: bool, word: &str) {
    if background {
        // Nobody listens any more: then nobody needs it.
        let _ = writeln!(io::stdout(), "{word}");
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("cannot write to standard output: {error}; see where it goes, then try again"));
            ExitCode::from(FailureKind::Other.exit_code())
        }
    }
}

/// One line on standard error, which the journal is told to be of an error; where that takes none the exit code says it.
fn tell(line: &str) {
    let priority = if platform::Journal::of_stderr().is_some() { "<3>" } else { "" };
    let _ = io::stderr().write_all(format!("{priority}dt-credd: {line}\n").as_bytes());
}
