//! The daemon as a command sees it: found or started, asked once, its failures told as ours.

use dt_cred_proto::{
    frame::FrameError,
    message::{Failure, FailureKind, Get, Operation, Request, Response, Token},
};

use crate::{
    connection::{ConnectError, Connection, ExchangeError, age},
    deadline::Deadline,
    service,
    settings::Settings,
    spawn, verbose,
};

/// How often a daemon is started for one command: others may end it meanwhile, but not for ever.
const STARTS: usize = 3;

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let kind = match error {
            ConnectError::Busy { .. } => FailureKind::TryLater,
            ConnectError::Nobody(_) | ConnectError::Stranger { .. } | ConnectError::Io { .. } => {
                FailureKind::Daemon
            }
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ExchangeError> for Failure {
    fn from(error: ExchangeError) -> Self {
        let kind = match error {
            ExchangeError::Silent(_) => FailureKind::TryLater,
            ExchangeError::Unsendable(FrameError::TooLong { .. }) => FailureKind::Usage,
            ExchangeError::Unsendable(_) | ExchangeError::Io(_) => FailureKind::Other,
            ExchangeError::Closed
            | ExchangeError::Version(_)
            | ExchangeError::Newer
            | ExchangeError::Answer(_) => FailureKind::Daemon,
        };
        Self::new(kind, error.to_string())
    }
}

/// Asks the daemon for `operation`, and starts one first where that is allowed and none listens.
///
/// # Errors
/// The daemon's failure, or why there is no answer of its own.
pub(crate) fn ask(
    settings: &Settings,
    operation: Operation,
    deadline: Deadline,
) -> Result<Response, Failure> {
    hold(settings, operation, deadline).map(|(answer, _)| answer)
}

/// [`ask`], and the connection on which it was answered: what is lent there is lent for as long as that lives.
///
/// # Errors
/// As [`ask`].
pub(crate) fn hold(
    settings: &Settings,
    operation: Operation,
    deadline: Deadline,
) -> Result<(Response, Connection), Failure> {
    let again = is_repeatable(&operation);
    let mut request = Request { deadline_ms: 0, operation };
    let mut connection = reach(settings, deadline)?;
    let answer = match exchange(&mut connection, &mut request, deadline) {
        // It ended in that moment, or another one took its place.
        Err(ExchangeError::Closed) if again => {
            verbose::tell(|| "the daemon ended in that moment: asking once more".to_owned());
            connection = reach(settings, deadline)?;
            exchange(&mut connection, &mut request, deadline)
        }
        other => other,
    };
    if matches!(answer, Err(ExchangeError::Closed))
        && let Some(failure) = service::failure(settings, deadline)
    {
        // It had listened for a daemon that does not come up.
        return Err(failure);
    }
    Ok((judge(answer?)?, connection))
}

/// [`ask`], once, for what may be done though no answer comes: `unknown` says then what is not known, and what tells it.
///
/// # Errors
/// As [`ask`].
pub(crate) fn ask_to_change(
    settings: &Settings,
    operation: Operation,
    deadline: Deadline,
    unknown: impl FnOnce() -> String,
) -> Result<Response, Failure> {
    let mut request = Request { deadline_ms: 0, operation };
    let mut connection = reach(settings, deadline)?;
    let error = match exchange(&mut connection, &mut request, deadline) {
        Ok(answer) => return judge(answer),
        // It was not taken.
        Err(error @ (ExchangeError::Unsendable(_) | ExchangeError::Version(_))) => return Err(error.into()),
        Err(error) => error,
    };
    let why = match &error {
        ExchangeError::Closed => "the daemon ended the connection without an answer".to_owned(),
        ExchangeError::Silent(within) => format!("the daemon did not answer within {within}"),
        ExchangeError::Io(source) => format!("cannot talk to the daemon: {source}"),
        _ => "the daemon's answer cannot be understood".to_owned(),
    };
    Err(Failure::new(Failure::from(error).kind, format!("{why}; {}", unknown())))
}

/// A token, by an ordinary `get`.
///
/// # Errors
/// As [`ask`].
pub(crate) fn token(settings: &Settings, get: Get, deadline: Deadline) -> Result<Token, Failure> {
    match ask(settings, Operation::Get(get), deadline)? {
        Response::Token(token) => Ok(token),
        _ => Err(unexpected()),
    }
}

/// Asks a daemon that was connected to.
///
/// # Errors
/// As [`ask`].
pub(crate) fn ask_over(
    connection: &mut Connection,
    operation: Operation,
    deadline: Deadline,
) -> Result<Response, Failure> {
    judge(exchange(connection, &mut Request { deadline_ms: 0, operation }, deadline)?)
}

/// [`ask_over`], for what a daemon of an older release does not know: none then.
///
/// # Errors
/// As [`ask`].
pub(crate) fn ask_newer(
    connection: &mut Connection,
    operation: Operation,
    deadline: Deadline,
) -> Result<Option<Response>, Failure> {
    match exchange(connection, &mut Request { deadline_ms: 0, operation }, deadline)? {
        Response::Unsupported => Ok(None),
        answer => judge(answer).map(Some),
    }
}

/// The daemon that listens now; none where none does.
///
/// # Errors
/// [`ConnectError`], but never that nobody listens.
pub(crate) fn running(settings: &Settings, deadline: Deadline) -> Result<Option<Connection>, ConnectError> {
    let opened = Connection::open(&settings.endpoint.path, settings.server_uid, deadline);
    verbose::tell(|| found(settings, &opened));
    match opened {
        Err(ConnectError::Nobody(_)) => Ok(None),
        other => other.map(Some),
    }
}

/// [`running`], for what changes nothing: whom a service manager would start for whoever connects is left asleep.
///
/// # Errors
/// As [`running`].
pub(crate) fn awake(settings: &Settings, deadline: Deadline) -> Result<Option<Connection>, ConnectError> {
    if service::sleeps(settings, deadline) {
        verbose::tell(|| "the service manager listens, and no daemon runs".to_owned());
        return Ok(None);
    }
    running(settings, deadline)
}

/// Which socket it is, why that one, and who was found there.
fn found(settings: &Settings, opened: &Result<Connection, ConnectError>) -> String {
    let listens = match opened {
        Ok(connection) => match connection.listener() {
            Some(pid) => format!("pid {pid} listens"),
            None => "a daemon listens".to_owned(),
        },
        Err(ConnectError::Nobody(_)) => "nobody listens".to_owned(),
        Err(_) => "not connected".to_owned(),
    };
    let endpoint = &settings.endpoint;
    format!("socket {:?} ({}): {listens}", endpoint.path, verbose::why(endpoint))
}

/// One exchange, told as it goes.
fn exchange(
    connection: &mut Connection,
    request: &mut Request,
    deadline: Deadline,
) -> Result<Response, ExchangeError> {
    let name = request.operation.name();
    let began =
        verbose::begun(|| format!("asking for {name}, within {}", verbose::in_ms(deadline.remaining())));
    let answer = connection.exchange(request, deadline);
    verbose::ended(began, || match &answer {
        Ok(Response::Failed(failure)) => format!("{name} failed (exit code {})", failure.kind.exit_code()),
        Ok(Response::Unsupported | Response::Version { .. }) => format!("{name} was not understood"),
        Ok(_) => format!("{name} was answered"),
        Err(_) => format!("{name} has no answer"),
    });
    answer
}

/// Starts a daemon and connects to it, or to one that was started in the same moment.
///
/// # Errors
/// What the started daemon says, or why it cannot be started or reached.
pub(crate) fn start(settings: &Settings, deadline: Deadline) -> Result<Connection, Failure> {
    let awaited = service::awaited(settings, deadline)?;
    let settings = awaited.as_ref().unwrap_or(settings);
    for _ in 1..STARTS {
        launch(settings, deadline)?;
        // One that was told to end in the same moment has said that it is ready, and is gone.
        if let Some(connection) = running(settings, deadline)? {
            return Ok(connection);
        }
    }
    launch(settings, deadline)?;
    running(settings, deadline)?.ok_or_else(|| nobody(settings, deadline))
}

/// Has somebody listen: the service manager where a service is installed and it can be reached, else a daemon of our own.
fn launch(settings: &Settings, deadline: Deadline) -> Result<(), Failure> {
    if service::start(settings, deadline)? { Ok(()) } else { Ok(spawn::start(deadline)?) }
}

/// An answer that belongs to another question.
pub(crate) fn unexpected() -> Failure {
    Failure::new(
        FailureKind::Daemon,
        "the daemon answered something else than was asked: run dt-cred stop, then again",
    )
}

/// The daemon that listens, or one that is started where that is allowed.
///
/// # Errors
/// As [`start`], or that nobody listens.
pub(crate) fn reach(settings: &Settings, deadline: Deadline) -> Result<Connection, Failure> {
    match running(settings, deadline)? {
        Some(connection) => Ok(connection),
        None if settings.starts_one() => start(settings, deadline),
        None => Err(nobody(settings, deadline)),
    }
}

/// That nobody listens, or that a service manager listens no more, and what would mend it.
pub(crate) fn nobody(settings: &Settings, deadline: Deadline) -> Failure {
    if let Some(failure) = service::failure(settings, deadline) {
        return failure;
    }
    let error = ConnectError::Nobody(settings.endpoint.path.clone());
    let mend = if settings.endpoint.explicit {
        "run dt-cred start, or unset DT_CRED_SOCKET; where it is a forwarded one, begin dt-cred forward and ssh again"
    } else {
        "run dt-cred start"
    };
    Failure::new(FailureKind::Daemon, format!("{error}: {mend}"))
}

/// Whether it does no harm to ask the same twice.
fn is_repeatable(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Get(_)
            | Operation::Lend(_)
            | Operation::Describe(_)
            | Operation::Preview(_)
            | Operation::Keyrings
            | Operation::Status
    )
}

fn judge(response: Response) -> Result<Response, Failure> {
    let own = env!("CARGO_PKG_VERSION");
    match response {
        Response::Failed(failure) => Err(failure),
        Response::Version { version, release } => Err(Failure::new(
            FailureKind::Daemon,
            format!(
                "the daemon, release {release}, is {age} than this dt-cred {own} and speaks another version: run dt-cred stop, then again",
                age = age(version)
            ),
        )),
        Response::Unsupported => Err(Failure::new(
            FailureKind::Daemon,
            format!(
                "the daemon is older than this dt-cred {own} and does not know this: run dt-cred stop, then again"
            ),
        )),
        answer => Ok(answer),
    }
}
