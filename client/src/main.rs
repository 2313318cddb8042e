//! `dt-cred`: asks dt-credd, prints the answer.

mod ca;
mod canvas;
mod cli;
mod columns;
mod completions;
mod connection;
mod curl;
mod daemon;
mod deadline;
mod doctor;
mod duration;
mod erase;
mod error;
mod exec;
mod fast;
mod format;
mod forward;
mod get;
mod git_credential;
mod input;
mod inspect;
mod integration;
mod kept;
mod keyring;
mod kubectl_credential;
mod log;
mod login;
mod man;
mod masked;
mod output;
mod reject;
mod service;
mod settings;
mod spawn;
mod spinner;
mod start;
mod status;
mod stop;
mod store;
mod terminal;
mod test;
mod unlock;
mod validity;
mod verbose;

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

use std::{ffi::OsString, process::ExitCode};

use dt_cred_proto::{allocator::Wiping, message::Failure, panic};

use crate::{
    cli::{Asked, Cli, Command, Globals},
    settings::Settings,
};

/// No copy of a secret stays in memory that was given back, whichever library made it.
#[global_allocator]
static ALLOCATOR: Wiping = Wiping;

fn main() -> ExitCode {
    dt_cred_proto::platform::hide_memory();
    panic::end_process(bug);
    let arguments = git_credential::by_name(std::env::args_os());
    match run(&arguments) {
        Ok(code) => {
            verbose::tell(|| "done".to_owned());
            code
        }
        Err(failure) => {
            let other = cli::runs_another(&arguments).then_some(cli::NOTHING_RUN);
            let code = other.unwrap_or_else(|| failure.kind.exit_code());
            verbose::tell(|| format!("exit code {code}"));
            error::report(&failure);
            code.into()
        }
    }
}

/// Tells of a panic, on a terminal that is as it was before this process came.
fn bug(place: &str) {
    platform::undo_terminal();
    error::bug(place);
}

fn run(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    if let Some((globals, get)) = fast::read(arguments) {
        get::run(&settings(&globals)?, &get)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some((first, words)) = arguments.split_first()
        && first == completions::ASKED
    {
        completions::answer(words)?;
        return Ok(ExitCode::SUCCESS);
    }
    match cli::read(arguments)? {
        Asked::Print(text) => output::write(text)?,
        Asked::Run(cli) => {
            let Cli { globals, command } = *cli;
            return dispatch(&globals, command);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What every command goes by, once it is known how much it tells.
fn settings(globals: &Globals) -> Result<Settings, Failure> {
    verbose::begin(globals.verbose)?;
    let settings = Settings::of_process(globals)?;
    verbose::introduce(&settings);
    Ok(settings)
}

fn dispatch(globals: &Globals, command: Command) -> Result<ExitCode, Failure> {
    let settings = settings(globals)?;
    let done = match command {
        Command::Get(arguments) => get::run(&settings, &arguments),
        Command::Exec(arguments) => exec::run(&settings, arguments),
        Command::Reject(arguments) => reject::run(&settings, &arguments),
        Command::Login(arguments) => login::run(&settings, arguments),
        Command::Store => store::run(&settings),
        Command::Erase(arguments) => erase::run(&settings, globals, &arguments),
        Command::Status(arguments) => status::run(&settings, globals, &arguments),
        Command::Log(arguments) => log::run(&settings, globals, &arguments),
        Command::Start(arguments) => start::run(&settings, &arguments),
        Command::Stop => stop::run(&settings),
        Command::Service(arguments) => service::run(&settings, globals, &arguments.command),
        Command::Keyring(arguments) => keyring::run(&settings, globals, &arguments.command),
        Command::Integration(arguments) => integration::run(&settings, globals, arguments.command),
        Command::Unlock => unlock::run(&settings),
        Command::Inspect(arguments) => inspect::run(&settings, &arguments),
        Command::Test => test::run(&settings),
        Command::GitCredential(arguments) => git_credential::run(&settings, &arguments),
        Command::KubectlCredential => kubectl_credential::run(&settings),
        Command::Doctor(arguments) => doctor::run(&settings, &arguments),
        Command::Forward(arguments) => forward::run(&settings, arguments),
        Command::Curl(arguments) => return curl::run(&settings, &arguments),
        Command::Completions(arguments) => completions::run(arguments.shell),
        Command::Man(arguments) => man::run(arguments.page),
    };
    done.map(|()| ExitCode::SUCCESS)
}
