//! `dt-cred start`: starts the daemon, and gives it credentials to hold in memory only.

use dt_cred_proto::{
    attributes::Lines,
    message::{
        Attributes, ClientAuth, DEFAULT_URL, Failure, FailureKind, Keyring, Operation, Response, Store,
    },
    secret::Secret,
};
use thiserror::Error;

use crate::{
    ca, cli::StartArguments, connection::Connection, daemon, deadline::Deadline, kept, output, service,
    settings::Settings, store,
};

const CLIENT_ID: &str = "DATATRAILS_CLIENT_ID";
const CLIENT_SECRET: &str = "DATATRAILS_CLIENT_SECRET";
const URL: &str = "DATATRAILS_URL";

/// Why the daemon got no credentials to hold.
#[derive(Debug, Error)]
pub(crate) enum SourceError {
    /// A variable is missing.
    #[error("{0} is not set: start --from-env takes {CLIENT_ID}, {CLIENT_SECRET} and, if set, {URL}")]
    Missing(&'static str),
    /// A variable is not text.
    #[error("{0} is not UTF-8: set it to text")]
    NotUtf8(&'static str),
    /// The lines name no client.
    #[error("standard input holds no client_id: give the lines client_id=… and client_secret=…")]
    NoClient,
    /// The lines name another store.
    #[error(
        "start keeps credentials in the daemon's memory only: leave keyring={0} out, or use dt-cred store"
    )]
    Keyring(Keyring),
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::new(FailureKind::Usage, error.to_string())
    }
}

/// Starts a daemon where none listens, and tells which one does.
///
/// # Errors
/// Credentials that are wrong, the daemon's failure, or why it cannot be started.
pub(crate) fn run(settings: &Settings, arguments: &StartArguments) -> Result<(), Failure> {
    // Read before anything is started: what is wrong with them is the user's to mend first.
    let lines = if arguments.from_env {
        Some(of_environment(|name| std::env::var_os(name))?)
    } else if arguments.from_stdin {
        Some(store::read()?)
    } else {
        None
    };
    let held = lines.map(|lines| in_memory(settings, lines)).transpose()?;
    let deadline = Deadline::after(settings.timeout);
    // Whoever connects where the service manager listens starts it.
    let sleeps = service::sleeps(settings, deadline);
    let (mut connection, found) = match daemon::running(settings, deadline)? {
        Some(connection) => (connection, if sleeps { "started" } else { "already runs" }),
        None => (daemon::start(settings, deadline)?, "started"),
    };
    let answered = match held {
        None => introduction(&mut connection, found, deadline).and_then(|told| Ok(output::write(told)?)),
        Some(store) => {
            let operation = Operation::Store(Box::new(store));
            daemon::ask_over(&mut connection, operation, deadline).and_then(kept::tell)
        }
    };
    answered.map_err(|failure| match failure.kind {
        // The service manager had listened for a daemon that does not come up.
        FailureKind::Daemon => service::failure(settings, deadline).unwrap_or(failure),
        _ => failure,
    })
}

fn introduction(connection: &mut Connection, found: &str, deadline: Deadline) -> Result<String, Failure> {
    match daemon::ask_over(connection, Operation::Status, deadline)? {
        Response::Status(status) => Ok(format!("dt-credd {} {found}, pid {}\n", status.release, status.pid)),
        _ => Err(daemon::unexpected()),
    }
}

fn in_memory(settings: &Settings, lines: Lines) -> Result<Store, Failure> {
    let Lines { mut attributes, keyring, no_check } = lines;
    if let Some(other) = keyring.filter(|keyring| *keyring != Keyring::Memory) {
        return Err(SourceError::Keyring(other).into());
    }
    if attributes.client_id.is_none() {
        return Err(SourceError::NoClient.into());
    }
    ca::settle(&mut attributes)?;
    let profile = settings.profile.clone();
    let attributes = whole(attributes);
    Ok(Store { profile, keyring: Some(Keyring::Memory), check: !no_check, attributes })
}

/// What was not given is the default or nothing, said so: else it would be what a keyring of the machine holds for the
/// profile, and a job's secret would go where that says.
fn whole(given: Attributes) -> Attributes {
    let Attributes { url, token_url, client_id, client_secret, auth, scope, audience, resource, ca_file } =
        given;
    Attributes {
        url: url.or_else(|| Some(DEFAULT_URL.to_owned())),
        token_url: token_url.or_else(|| Some(String::new())),
        client_id,
        client_secret,
        auth: auth.or_else(|| Some(ClientAuth::default())),
        scope: scope.or_else(|| Some(String::new())),
        audience: audience.or_else(|| Some(String::new())),
        resource: resource.or_else(|| Some(String::new())),
        ca_file: ca_file.or_else(|| Some(String::new())),
    }
}

fn of_environment(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Result<Lines, SourceError> {
    let optional = |name| {
        let value = variable(name).filter(|value| !value.is_empty()).map(|value| value.into_string());
        value.transpose().map_err(|_| SourceError::NotUtf8(name))
    };
    let required = |name| optional(name)?.ok_or(SourceError::Missing(name));
    let attributes = Attributes {
        client_id: Some(required(CLIENT_ID)?),
        client_secret: Some(Secret::new(required(CLIENT_SECRET)?)),
        url: optional(URL)?,
        ..Attributes::default()
    };
    Ok(Lines { attributes, ..Lines::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_must_hold_id_and_secret() {
        let given = |names: &'static [&str]| {
            of_environment(move |name| names.contains(&name).then(|| "x".into()))
                .map_err(|error| error.to_string())
        };
        let lines = given(&[CLIENT_ID, CLIENT_SECRET, URL]).expect("complete");
        assert_eq!(lines.attributes.url.as_deref(), Some("x"));
        assert!(given(&[CLIENT_ID, CLIENT_SECRET]).is_ok());
        for (names, missing) in [(&[CLIENT_ID][..], CLIENT_SECRET), (&[CLIENT_SECRET, URL], CLIENT_ID)] {
            let error = given(names).err().expect("incomplete");
            assert!(error.starts_with(missing), "{error}");
        }
    }
}
