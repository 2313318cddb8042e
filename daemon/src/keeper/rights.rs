//! What a profile needs that the daemon gave up when it started: noted for the next one, for which this one makes room.

use std::{path::Path, sync::Arc, time::Duration};

use super::Shared;
use crate::credentials::{Ca, CaError};

/// How long it may take until the daemon has ended, which whoever asks is told by the closed connection: longer than the server
/// gives it. It does not end where credentials would be lost with it.
const END: Duration = Duration::from_secs(6);

impl Shared {
    /// Sees that the CA file can be read, as [`Shared::give_way`] does.
    pub(super) async fn see_to(&self, ca: &Ca) {
        let pinned = ca.clone();
        // Files may lie on a network.
        let read = tokio::task::spawn_blocking(move || pinned.read().map(drop)).await;
        if let Ok(Err(CaError::GivenUp { file })) = read {
            self.give_way(&file).await;
        }
    }

    /// Ends the daemon for the sake of this CA file, so that the next one, which whoever asked starts, has the right to read
    /// it. Returns where it does not end: then what was to be done fails.
    pub(super) async fn give_way(&self, file: &str) {
        // With the right, something else forbids it.
        if self.noted.contains(Path::new(file)) {
            return;
        }
        let (state, noted) = (Arc::clone(&self.state), file.to_owned());
        let result = tokio::task::spawn_blocking(move || state.note_ca(&noted)).await;
        match result {
            Ok(Ok(())) => {
                self.outgrown.notify_one();
                tokio::time::sleep(END).await;
            }
            Ok(Err(error)) => tracing::warn!(%error, "the state file could not be changed"),
            Err(error) => tracing::warn!(%error, "the state file was not changed"),
        }
    }
}
