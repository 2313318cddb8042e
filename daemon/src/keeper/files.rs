//! The files of one profile: what should stand in them, and a task that sees to it without holding up anybody.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dt_cred_proto::{
    message::{Failure, FailureKind, FileStatus},
    profile::Profile,
    secret::Secret,
};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    config::TokenFile,
    lifecycle::{Moment, Served},
    sink::Sink,
};

/// How long after a file could not be written it is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// A token by its generation.
type Content = Option<(u64, Arc<Secret>)>;

/// The files of one profile; with none configured it does nothing.
pub(super) struct Files {
    wanted: Option<watch::Sender<Content>>,
    statuses: Arc<Mutex<Vec<FileStatus>>>,
    /// When the token in them expires, by the boot-time clock.
    expiry: Option<Duration>,
    writer: Option<JoinHandle<()>>,
}

impl Files {
    /// Starts to keep the files that are configured; what an earlier daemon left in them goes at once.
    pub(super) fn open(profile: &Profile, files: &[TokenFile]) -> Self {
        let status = |file: &TokenFile| FileStatus {
            profile: profile.clone(),
            path: file.path.to_string_lossy().as_ref().into(),
            format: file.format,
            generation: None,
            error: None,
        };
        let statuses = Arc::new(Mutex::new(files.iter().map(status).collect()));
        let mut opened = Self { wanted: None, statuses, expiry: None, writer: None };
        if !files.is_empty() {
            let (wanted, content) = watch::channel(None);
            let sinks = files.iter().map(Sink::new).collect();
            opened.writer = Some(tokio::spawn(write(sinks, content, Arc::clone(&opened.statuses))));
            opened.wanted = Some(wanted);
        }
        opened
    }

    /// Whether no file is configured.
    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_none()
    }

    /// What should stand in them from `now` on.
    pub(super) fn keep(&mut self, now: Moment, held: Option<Served<Arc<Secret>>>) {
        let Some(wanted) = &self.wanted else { return };
        self.expiry = held.as_ref().map(|held| now.boot.saturating_add(held.expires_in));
        let content = held.map(|held| (held.generation, held.token));
        wanted.send_if_modified(|kept| {
            let generation = |content: &Content| content.as_ref().map(|(generation, _)| *generation);
            let other = generation(kept) != generation(&content);
            if other {
                *kept = content;
            }
            other
        });
    }

    /// When they must be looked after although nothing happened: an expired token stands in no file.
    pub(super) fn expiry(&self) -> Option<Duration> {
        self.expiry
    }

    /// Their state, as it was last seen.
    pub(super) fn statuses(&self) -> Vec<FileStatus> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Removes them for good; the handle ends when they are gone.
    pub(super) fn close(&mut self) -> Option<JoinHandle<()>> {
        self.expiry = None;
        let wanted = self.wanted.take()?;
        wanted.send_replace(None);
        self.writer.take()
    }
}

/// Writes what is wanted, each time that this changes, and again after a while where it could not be written. On a
/// thread of its own: a home folder may lie on a network.
async fn write(
    sinks: Vec<Sink>,
    mut content: watch::Receiver<Content>,
    statuses: Arc<Mutex<Vec<FileStatus>>>,
) {
    let sinks = Arc::new(sinks);
    loop {
        let (wanted, all) = (content.borrow_and_update().clone(), Arc::clone(&sinks));
        let statuses = Arc::clone(&statuses);
        let settle = tokio::task::spawn_blocking(move || settle(&all, wanted.as_ref(), &statuses));
        let failed = settle.await.unwrap_or(true);
        let changed = tokio::select! {
            changed = content.changed() => changed,
            () = tokio::time::sleep(AGAIN), if failed => Ok(()),
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Makes the files what they should be, and tells how that went; whether any of it failed.
fn settle(sinks: &[Sink], wanted: Option<&(u64, Arc<Secret>)>, statuses: &Mutex<Vec<FileStatus>>) -> bool {
    let mut any = false;
    for (at, sink) in sinks.iter().enumerate() {
        let settled = match wanted {
            Some((_, token)) => sink.write(token),
            None => sink.remove(),
        };
        let mut statuses = statuses.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(status) = statuses.get_mut(at) else { continue };
        let error = settled.err().map(|error| {
            let message = format!("profile {}: a file is not kept fresh: {error}", status.profile);
            Failure::new(FailureKind::Configuration, message)
        });
        if error != status.error
            && let Some(error) = &error
        {
            tracing::warn!(profile = %status.profile, %error, "a file is not kept fresh");
        }
        any |= error.is_some();
        status.generation = wanted.filter(|_| error.is_none()).map(|(generation, _)| *generation);
        status.error = error;
    }
    any
}
