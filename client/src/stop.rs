//! `dt-cred stop`: ends the daemon and waits until it has ended.

use std::io;

use dt_cred_proto::message::{Failure, FailureKind, Operation, Response};
use thiserror::Error;

use crate::{
    connection::{Connection, ExchangeError},
    daemon,
    deadline::Deadline,
    output,
    platform::{DAEMON, Process},
    service,
    settings::Settings,
};

/// Why it is not known that the daemon ended.
#[derive(Debug, Error)]
pub(crate) enum StopError {
    /// The deadline passed.
    #[error("{DAEMON} (pid {pid}) did not end within {within}: end it by its pid")]
    Slow { pid: u32, within: String },
    /// The system refuses.
    #[error("cannot wait for {DAEMON} (pid {pid}): {source}; see by its pid whether it still runs")]
    Io { pid: u32, source: io::Error },
}

impl From<StopError> for Failure {
    fn from(error: StopError) -> Self {
        let kind = match error {
            StopError::Slow { .. } => FailureKind::TryLater,
            StopError::Io { .. } => FailureKind::Other,
        };
        Self::new(kind, error.to_string())
    }
}

/// Ends the daemon; where none runs there is nothing to do. One of a service manager's is ended by that.
///
/// # Errors
/// Why it may still run.
pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let deadline = Deadline::after(settings.timeout);
    if let Some(told) = service::stop(settings, deadline)? {
        return Ok(output::write(told)?);
    }
    let Some(connection) = daemon::running(settings, deadline)? else {
        return Ok(output::write("no daemon was running\n")?);
    };
    let pid = end(connection, deadline)?;
    Ok(output::write(format!("stopped {DAEMON}, pid {pid}\n"))?)
}

/// Ends the daemon at the other end of the connection, and waits until it has ended; its number.
///
/// # Errors
/// Why it may still run.
pub(crate) fn end(mut connection: Connection, deadline: Deadline) -> Result<u32, Failure> {
    // Held before it is asked to end: afterwards its number may already mean another process.
    let listener = connection.listener();
    let process = listener.and_then(Process::hold);
    let pid = ask(&mut connection, listener, process.as_ref(), deadline)?;
    let slow = || StopError::Slow { pid, within: deadline.in_words() };
    match connection.closed(deadline) {
        Ok(()) => {}
        Err(ExchangeError::Silent(_)) => return Err(slow().into()),
        Err(error) => return Err(error.into()),
    }
    // Where a service manager listens for the daemon, the listener is not the process that ends.
    if let Some(process) = process.filter(|_| listener == Some(pid)) {
        process.ended(deadline).map_err(|source| match source.kind() {
            io::ErrorKind::TimedOut => slow(),
            _ => StopError::Io { pid, source },
        })?;
    }
    Ok(pid)
}

/// Asks the daemon to end: in words, and where it does not understand them by a signal. The process that ends.
fn ask(
    connection: &mut Connection,
    listener: Option<u32>,
    process: Option<&Process>,
    deadline: Deadline,
) -> Result<u32, Failure> {
    match daemon::ask_over(connection, Operation::Stop, deadline) {
        Ok(Response::Stopping { pid }) => Ok(pid),
        Ok(_) => Err(daemon::unexpected()),
        // A daemon that hangs has a number, which is what its user needs.
        Err(failure) if failure.kind == FailureKind::TryLater => {
            Err(listener.map_or(failure, |pid| StopError::Slow { pid, within: deadline.in_words() }.into()))
        }
        Err(failure) if failure.kind != FailureKind::Daemon => Err(failure),
        Err(failure) => match (listener, process) {
            // Every mismatch of versions says "run dt-cred stop": it must work then.
            (Some(pid), Some(process)) if process.terminate(DAEMON) => Ok(pid),
            (Some(pid), _) => Err(Failure::new(
                FailureKind::Daemon,
                format!(
                    "what listens does not understand this dt-cred and was not stopped: end it by its pid, {pid}"
                ),
            )),
            (None, _) => Err(failure),
        },
    }
}
