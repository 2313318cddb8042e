//! That a forward runs: it would start a daemon again, where everything of its user's was to be taken away.

use std::{fs, path::PathBuf};

use dt_cred_proto::endpoint::state_folder;
use rustix::fs::FlockOperation;

use super::lock::{lock, open};
use crate::settings::Settings;

/// What each of them holds, in the state folder, for as long as it runs; who looks whether one is there is waited for. None
/// where the daemon that it asks is another user's, or none that a command starts.
pub(super) fn show(settings: &Settings) -> Option<fs::File> {
    let path = path().filter(|_| !settings.endpoint.explicit)?;
    let file = open(&path).ok()?;
    lock(&file, FlockOperation::LockShared).is_ok_and(|held| held).then_some(file)
}

/// Whether one of this user's runs.
pub(crate) fn is_there() -> bool {
    // Where no folder is there was no daemon, which every forward has had.
    let Some(path) = path().filter(|path| path.exists()) else { return false };
    open(&path).is_ok_and(|file| matches!(lock(&file, FlockOperation::NonBlockingLockExclusive), Ok(false)))
}

fn path() -> Option<PathBuf> {
    state_folder().map(|folder| folder.join("forward.lock"))
}
