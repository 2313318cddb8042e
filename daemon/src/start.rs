//! Takes the socket: exactly one daemon listens, whatever races.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Once,
    time::Duration,
};

use dt_cred_proto::{
    endpoint::Endpoint,
    message::{Failure, FailureKind},
};
use interprocess::local_socket::tokio::Listener;
use thiserror::Error;

use crate::platform::{self, Activated, FileId, Lock, TrustError, Watch};

/// How long a daemon that lost the race waits until the winner listens.
const RACE: Duration = Duration::from_secs(10);

/// How long a daemon that a service manager started waits for one that is ending: longer than that one may take.
const ENDING: Duration = Duration::from_secs(5);

/// How often it looks meanwhile. There is no event for a lock that another process lets go.
const LOOK: Duration = Duration::from_millis(10);

/// The socket, and what proves that it is ours.
pub struct Socket {
    /// Where clients connect.
    pub listener: Listener,
    /// Tells when its folder changes.
    pub watch: Watch,
    /// Where it lies.
    pub place: Place,
}

/// Where the socket lies, held against other daemons by a lock.
pub struct Place {
    path: PathBuf,
    id: Option<FileId>,
    /// Whether a service manager made the socket, and removes it.
    given: bool,
    _lock: Lock,
}

/// Why the socket could not be taken.
#[derive(Debug, Error)]
pub enum StartError {
    /// Another daemon serves already.
    #[error("another dt-credd is already listening on {0:?}: use that one, or end it by dt-cred stop")]
    Answered(PathBuf),
    /// Another daemon holds the lock and never listened.
    #[error("another dt-credd{} holds {path:?} and does not listen: end it, then try again", process(*.holder))]
    Stuck {
        /// The lock.
        path: PathBuf,
        /// Whose it is, by process id, as far as that is known.
        holder: Option<u32>,
    },
    /// Another daemon goes on where a service manager listens now.
    #[error("another dt-credd{} holds {path:?} and does not end: end it, then try again", process(*.holder))]
    Staying {
        /// The lock.
        path: PathBuf,
        /// Whose it is, by process id, as far as that is known.
        holder: Option<u32>,
    },
    /// The folder cannot be trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The system refused.
    #[error(
        "cannot listen on {path:?}: {source}; see what lies there and whose folder it is, or set DT_CRED_SOCKET to another place"
    )]
    Io {
        /// The socket's path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn process(id: Option<u32>) -> String {
    id.map_or_else(String::new, |id| format!(" (process {id})"))
}

impl StartError {
    /// The failure as the client tells it.
    pub fn failure(&self) -> Failure {
        Failure::new(FailureKind::Daemon, self.to_string())
    }
}

impl Socket {
    /// Listens at `endpoint`, after making sure that nobody else does; or where a service manager listens for us, once a
    /// daemon that was there before has ended.
    ///
    /// # Errors
    /// [`StartError::Answered`] where another daemon serves there, [`StartError::Staying`] where one does not end.
    pub async fn take(
        endpoint: &Endpoint,
        activated: io::Result<Option<Activated>>,
    ) -> Result<Self, StartError> {
        let path = endpoint.path.as_path();
        let io = |source| StartError::Io { path: path.to_owned(), source };
        if let Some(activated) = activated.map_err(io)? {
            let lock = ended(&platform::prepare(endpoint)?).await?;
            let (listener, _) = activated.listener().map_err(io)?;
            let watch = Watch::new(path).map_err(io)?;
            return Ok(Self { listener, watch, place: Place::new(path, true, lock) });
        }
        let lock = lock(path, &platform::prepare(endpoint)?).await?;
        if platform::is_answered(path) {
            return Err(StartError::Answered(path.to_owned()));
        }
        platform::remove_stale_socket(path).map_err(io)?;
        let watch = Watch::new(path).map_err(io)?;
        let listener = platform::listen(path).map_err(io)?;
        Ok(Self { listener, watch, place: Place::new(path, false, lock) })
    }
}

impl Place {
    fn new(path: &Path, given: bool, lock: Lock) -> Self {
        // Who it is that another one waits for.
        lock.sign();
        Self { path: path.to_owned(), id: FileId::of(path), given, _lock: lock }
    }

    /// Whether the socket at the path is still the one that we listen on.
    pub fn is_ours(&self) -> bool {
        self.id.is_some() && FileId::of(&self.path) == self.id
    }

    /// Removes the socket, unless another one took its place or it is a service manager's.
    pub fn remove(&self) {
        if !self.given
            && self.is_ours()
            && let Err(error) = platform::remove_socket(&self.path)
        {
            tracing::warn!(path = ?self.path, %error, "the socket could not be removed");
        }
    }
}

/// The lock at `path`; a daemon that another one overtook waits until that one listens.
async fn lock(socket: &Path, path: &Path) -> Result<Lock, StartError> {
    let answered = || platform::is_answered(socket).then(|| StartError::Answered(socket.to_owned()));
    let stuck = |holder| StartError::Stuck { path: path.to_owned(), holder };
    taken(path, RACE, answered, stuck).await
}

/// The lock at `path`, once whoever holds it has ended. That nobody else serves where a service manager listens, and whether
/// it is a client that connects, is not to be seen by connecting.
async fn ended(path: &Path) -> Result<Lock, StartError> {
    let told = Once::new();
    let waits = || {
        told.call_once(|| tracing::info!(pid = Lock::holder(path), "waiting for another daemon to end"));
        None
    };
    taken(path, ENDING, waits, |holder| StartError::Staying { path: path.to_owned(), holder }).await
}

/// The lock at `path`, waited for as long as nothing is `wrong`, and `limit` at most.
async fn taken(
    path: &Path,
    limit: Duration,
    wrong: impl Fn() -> Option<StartError>,
    late: impl FnOnce(Option<u32>) -> StartError,
) -> Result<Lock, StartError> {
    let look = async {
        loop {
            match Lock::take(path).map_err(|source| StartError::Io { path: path.to_owned(), source })? {
                Some(lock) => return Ok(lock),
                None => wrong().map_or(Ok(()), Err)?,
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(limit, look).await.unwrap_or_else(|_| Err(late(Lock::holder(path))))
}
