//! That a forward runs: it would start a daemon again, where everything of its user's was to be taken away.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use dt_cred_proto::endpoint::state_folder;
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use super::lock;
use crate::settings::Settings;

/// What each of them holds, in the state folder, for as long as it runs. Who looks whether one is there is waited for. None where the daemon that it asks is another
/// user's, or none that a command starts.
pub(super) fn show(settings: &Settings) -> Option<fs::File> {
    (!settings.endpoint.explicit).then(|| held(&path()?, FlockOperation::LockShared).ok()?).flatten()
}

/// Whether one of this user's runs.
pub(crate) fn is_there() -> bool {
    // Where no folder is there was no daemon, which every forward has had.
    let Some(path) = path().filter(|path| path.exists()) else { return false };
    matches!(held(&path, FlockOperation::NonBlockingLockExclusive), Ok(None))
}

fn path() -> Option<PathBuf> {
    state_folder().map(|folder| folder.join("forward.lock"))
}

/// The file, locked; none where another one's lock keeps that from being.
fn held(path: &Path, how: FlockOperation) -> io::Result<Option<fs::File>> {
    let file = lock::open(path)?;
    match flock(&file, how) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
