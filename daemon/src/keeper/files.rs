//! The files of one profile: what should stand in them, and a task for each that sees to it without holding up anybody.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dt_cred_proto::{
    message::{Failure, FailureKind, FileStatus},
    profile::Profile,
    secret::Secret,
};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    config::TokenFile,
    lifecycle::{Moment, Served},
    platform::Watch,
    sink::Sink,
    state::State,
};

/// How long after a file could not be written it is tried again, if nothing changes in its folder before.
const AGAIN: Duration = Duration::from_secs(60);

/// How long a folder in which something changed is left alone before it is looked at.
const SETTLING: Duration = Duration::from_millis(50);

/// How often a token that stands in a file is judged anew: a wall clock that is set tells nobody.
const JUDGED: Duration = Duration::from_secs(30);

/// A token by its generation.
type Content = Option<(u64, Arc<Secret>)>;

/// The files of one profile; with none configured it does nothing.
pub(super) struct Files {
    profile: Profile,
    files: Vec<File>,
    content: Content,
    /// When the token in them is judged again, by the boot-time clock.
    due: Option<Duration>,
}

struct File {
    file: TokenFile,
    /// The file is removed, and its writer ends, when this is none and dropped.
    wanted: watch::Sender<Content>,
    status: Arc<Mutex<FileStatus>>,
    writer: JoinHandle<()>,
}

impl Files {
    /// Starts to keep the files that are configured; what an earlier daemon left in them goes at once.
    pub(super) fn open(profile: &Profile, files: &[TokenFile], state: &Arc<State>) -> Self {
        let mut opened = Self { profile: profile.clone(), files: Vec::new(), content: None, due: None };
        opened.add(files, state);
        opened
    }

    /// Starts to keep those that are not kept yet.
    pub(super) fn add(&mut self, files: &[TokenFile], state: &Arc<State>) {
        for file in files {
            if self.files.iter().any(|kept| kept.file == *file) {
                continue;
            }
            let status = Arc::new(Mutex::new(FileStatus {
                profile: self.profile.clone(),
                path: file.path.to_string_lossy().as_ref().into(),
                format: file.format,
                generation: None,
                error: None,
            }));
            let (wanted, content) = watch::channel(self.content.clone());
            let keep = keep(Sink::new(file), Arc::clone(state), content, Arc::clone(&status));
            self.files.push(File { file: file.clone(), wanted, status, writer: tokio::spawn(keep) });
        }
    }

    /// Removes those that are none of these for good; the handle ends when they are gone.
    pub(super) fn retain(&mut self, files: &[TokenFile]) -> JoinHandle<()> {
        let gone = self.files.extract_if(.., |kept| !files.contains(&kept.file));
        let writers: JoinSet<_> = gone
            .map(|File { wanted, writer, .. }| {
                wanted.send_replace(None);
                writer
            })
            .collect();
        tokio::spawn(async move {
            writers.join_all().await;
        })
    }

    /// Whether no file is configured.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What should stand in them from `now` on.
    pub(super) fn keep(&mut self, now: Moment, held: Option<Served<Arc<Secret>>>) {
        if self.is_empty() {
            return;
        }
        self.due = held.as_ref().map(|held| now.boot.saturating_add(held.expires_in.min(JUDGED)));
        let content = held.map(|held| (held.generation, held.token));
        if generation(&self.content) != generation(&content) {
            for file in &self.files {
                file.wanted.send_replace(content.clone());
            }
            self.content = content;
        }
    }

    /// When they must be looked after although nothing happened: an expired token stands in no file.
    pub(super) fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Their state. One that is not what it should be yet, because its disk is slow, is not fresh.
    pub(super) fn statuses(&self) -> Vec<FileStatus> {
        let wanted = generation(&self.content);
        let mut statuses: Vec<_> = self
            .files
            .iter()
            .map(|file| file.status.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .collect();
        for status in
            statuses.iter_mut().filter(|status| status.error.is_none() && status.generation != wanted)
        {
            status.error = Some(failure(&self.profile, &"its disk has not taken the last change yet"));
        }
        statuses
    }

    /// Removes them all for good; the handle ends when they are gone.
    pub(super) fn close(&mut self) -> JoinHandle<()> {
        self.due = None;
        self.retain(&[])
    }
}

fn generation(content: &Content) -> Option<u64> {
    content.as_ref().map(|(generation, _)| *generation)
}

fn failure(profile: &Profile, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(FailureKind::Configuration, format!("profile {profile}: a file is not kept fresh: {error}"))
}

/// Writes what is wanted, each time that this changes or something changes in the file's folder, and again after a while
/// where it could not be written. On a thread of its own: a home folder may lie on a network.
async fn keep(
    mut sink: Sink,
    state: Arc<State>,
    mut content: watch::Receiver<Content>,
    status: Arc<Mutex<FileStatus>>,
) {
    loop {
        let wanted = content.borrow_and_update().clone();
        let (state, status) = (Arc::clone(&state), Arc::clone(&status));
        let settled = tokio::task::spawn_blocking(move || {
            // Watched before it is looked at, so that no change falls between the two.
            let watch = wanted.is_some().then(|| Watch::new(sink.path()).ok()).flatten();
            let failed = settle(&mut sink, &state, wanted.as_ref(), &status);
            // A folder that was only just made has no watch yet.
            let watch = watch.or_else(|| wanted.is_some().then(|| Watch::new(sink.path()).ok()).flatten());
            (sink, watch, failed)
        });
        let Ok((kept, watch, failed)) = settled.await else { return };
        sink = kept;
        let changed = tokio::select! {
            changed = content.changed() => changed,
            () = touched(watch) => Ok(()),
            () = tokio::time::sleep(AGAIN), if failed => Ok(()),
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Waits until something has changed in the folder, and a moment longer.
async fn touched(watch: Option<Watch>) {
    match watch {
        Some(mut watch) => {
            watch.changed().await;
            tokio::time::sleep(SETTLING).await;
        }
        None => std::future::pending().await,
    }
}

/// Makes the file what it should be, and tells how that went; whether it failed.
fn settle(
    sink: &mut Sink,
    state: &State,
    wanted: Option<&(u64, Arc<Secret>)>,
    status: &Mutex<FileStatus>,
) -> bool {
    let settled = match wanted {
        Some((_, token)) => sink.write(state, token),
        None => sink.remove(state),
    };
    let mut status = status.lock().unwrap_or_else(PoisonError::into_inner);
    let error = settled.err().map(|error| failure(&status.profile, &error));
    if error != status.error
        && let Some(error) = &error
    {
        tracing::warn!(profile = %status.profile, %error, "a file is not kept fresh");
    }
    status.generation = wanted.filter(|_| error.is_none()).map(|(generation, _)| *generation);
    status.error = error;
    status.error.is_some()
}
