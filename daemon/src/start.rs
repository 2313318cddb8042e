//! Takes the socket: exactly one daemon listens, whatever races.

use std::{
    io,
    path::{Path, PathBuf},
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

/// Where the socket lies, held against other daemons by a lock, where no service manager sees to that.
pub struct Place {
    path: PathBuf,
    id: Option<FileId>,
    lock: Option<Lock>,
}

/// Why the socket could not be taken.
#[derive(Debug, Error)]
pub enum StartError {
    /// Another daemon serves already.
    #[error("another dt-credd is already listening on {0:?}: use that one, or end it by dt-cred stop")]
    Answered(PathBuf),
    /// Another daemon holds the lock and never listened.
    #[error("another dt-credd holds {0:?} and does not listen: end it, then try again")]
    Stuck(PathBuf),
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

impl StartError {
    /// The failure as the client tells it.
    pub fn failure(&self) -> Failure {
        Failure::new(FailureKind::Daemon, self.to_string())
    }
}

impl Socket {
    /// Listens at `endpoint`, after making sure that nobody else does; or where a service manager listens for us.
    ///
    /// # Errors
    /// [`StartError::Answered`] where another daemon serves there.
    pub async fn take(
        endpoint: &Endpoint,
        activated: io::Result<Option<Activated>>,
    ) -> Result<Self, StartError> {
        let path = endpoint.path.as_path();
        let io = |source| StartError::Io { path: path.to_owned(), source };
        if let Some(activated) = activated.map_err(io)? {
            let (listener, path) = activated.listener().map_err(io)?;
            return Self::given(listener, path);
        }
        let lock = lock(path, &platform::prepare(endpoint)?).await?;
        if platform::is_answered(path) {
            return Err(StartError::Answered(path.to_owned()));
        }
        platform::remove_stale_socket(path).map_err(io)?;
        let watch = Watch::new(path).map_err(io)?;
        let listener = platform::listen(path).map_err(io)?;
        Ok(Self {
            listener,
            watch,
            place: Place { id: FileId::of(path), path: path.to_owned(), lock: Some(lock) },
        })
    }

    /// The socket that a service manager listens on for us, and goes on listening on after us.
    fn given(listener: Listener, path: PathBuf) -> Result<Self, StartError> {
        platform::private_folder(path.parent().unwrap_or(Path::new("/")), false)?;
        let io = |source| StartError::Io { path: path.clone(), source };
        let watch = Watch::new(&path).map_err(io)?;
        Ok(Self { listener, watch, place: Place { id: FileId::of(&path), path, lock: None } })
    }
}

impl Place {
    /// Whether the socket at the path is still the one that we listen on.
    pub fn is_ours(&self) -> bool {
        self.id.is_some() && FileId::of(&self.path) == self.id
    }

    /// Removes the socket, unless another one took its place or it is a service manager's.
    pub fn remove(&self) {
        if self.lock.is_some()
            && self.is_ours()
            && let Err(error) = platform::remove_socket(&self.path)
        {
            tracing::warn!(path = ?self.path, %error, "the socket could not be removed");
        }
    }
}

/// The lock at `path`; a daemon that another one overtook waits until that one listens.
async fn lock(socket: &Path, path: &Path) -> Result<Lock, StartError> {
    let look = async {
        loop {
            let taken =
                Lock::take(path).map_err(|source| StartError::Io { path: path.to_owned(), source })?;
            if let Some(lock) = taken {
                return Ok(lock);
            }
            if platform::is_answered(socket) {
                return Err(StartError::Answered(socket.to_owned()));
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(RACE, look).await.unwrap_or_else(|_| Err(StartError::Stuck(path.to_owned())))
}
