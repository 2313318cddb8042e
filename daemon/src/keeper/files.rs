//! The files of one profile: what should stand in them, and a task for each that sees to it without holding up anybody.

use std::{path::Path, sync::Arc, time::Duration};

use dt_cred_proto::{
    message::{Failure, FailureKind, FileFormat, FileStatus},
    profile::Profile,
    secret::Secret,
};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use super::attempt::Granted;
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

/// The files of one profile, configured and lent; with none it does nothing.
pub(super) struct Files {
    profile: Profile,
    files: Vec<File>,
    content: Content,
    /// When the token in them is judged again, by the boot-time clock.
    due: Option<Duration>,
}

struct File {
    file: TokenFile,
    /// Whether it is lent, and no configuration names it.
    lent: bool,
    /// The file is removed, and its writer ends, when this is none and dropped.
    wanted: watch::Sender<Content>,
    status: watch::Receiver<FileStatus>,
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
            if !self.files.iter().any(|kept| kept.file == *file) {
                self.begin(file.clone(), false, state);
            }
        }
    }

    /// Starts to keep one that is lent at this path; how it is. What it holds is seen to by [`Files::keep`].
    pub(super) fn lend(&mut self, path: &Path, state: &Arc<State>) -> watch::Receiver<FileStatus> {
        self.begin(TokenFile { path: path.to_owned(), format: FileFormat::Raw }, true, state)
    }

    fn begin(&mut self, file: TokenFile, lent: bool, state: &Arc<State>) -> watch::Receiver<FileStatus> {
        let (told, status) = watch::channel(FileStatus {
            profile: self.profile.clone(),
            path: file.path.to_string_lossy().as_ref().into(),
            format: file.format,
            generation: None,
            error: None,
        });
        let (wanted, content) = watch::channel(self.content.clone());
        let sink = if lent { Sink::lent(&file) } else { Sink::new(&file) };
        let writer = tokio::spawn(keep(sink, Arc::clone(state), content, told));
        self.files.push(File { file, lent, wanted, status: status.clone(), writer });
        status
    }

    /// Removes those configured ones that are none of these for good; the handle ends when they are gone.
    pub(super) fn retain(&mut self, files: &[TokenFile]) -> JoinHandle<()> {
        self.remove(|kept| !kept.lent && !files.contains(&kept.file))
    }

    /// Removes the one that was lent at this path for good; the handle ends when it is gone.
    pub(super) fn take_back(&mut self, path: &Path) -> JoinHandle<()> {
        self.remove(|kept| kept.lent && kept.file.path == path)
    }

    fn remove(&mut self, goes: impl Fn(&File) -> bool) -> JoinHandle<()> {
        let gone = self.files.extract_if(.., |kept| goes(kept));
        let writers: JoinSet<_> = gone
            .map(|File { wanted, writer, .. }| {
                wanted.send_replace(None);
                writer
            })
            .collect();
        if self.is_empty() {
            // What is held changes unseen from now on, and what is no token any more must not live on here.
            (self.content, self.due) = (None, None);
        }
        tokio::spawn(async move {
            writers.join_all().await;
        })
    }

    /// Whether one is lent.
    pub(super) fn are_lent(&self) -> bool {
        self.files.iter().any(|file| file.lent)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What should stand in them from `now` on.
    pub(super) fn keep(&mut self, now: Moment, held: Option<Served<Granted>>) {
        if self.is_empty() {
            return;
        }
        self.due = held.as_ref().map(|held| now.boot.saturating_add(held.expires_in.min(JUDGED)));
        let content = held.map(|held| (held.generation, held.token.access_token));
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
        let mut statuses: Vec<_> = self.files.iter().map(|file| file.status.borrow().clone()).collect();
        for status in
            statuses.iter_mut().filter(|status| status.error.is_none() && status.generation != wanted)
        {
            status.error = Some(failure(&self.profile, &"its disk has not taken the last change yet"));
        }
        statuses
    }

    /// Removes them all for good; the handle ends when they are gone.
    pub(super) fn close(&mut self) -> JoinHandle<()> {
        self.remove(|_| true)
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
    status: watch::Sender<FileStatus>,
) {
    loop {
        let wanted = content.borrow_and_update().clone();
        let (state, status) = (Arc::clone(&state), status.clone());
        let settled = tokio::task::spawn_blocking(move || {
            // Nobody but us has to do with a folder of ours, and a user has few watches (max_user_instances in inotify(7)).
            let watched = wanted.is_some() && !sink.is_lent();
            // Watched before it is looked at, so that no change falls between the two.
            let watch = watched.then(|| Watch::new(sink.path()).ok()).flatten();
            let failed = settle(&mut sink, &state, wanted.as_ref(), &status);
            // A folder that was only just made has no watch yet.
            let watch = watch.or_else(|| watched.then(|| Watch::new(sink.path()).ok()).flatten());
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
    status: &watch::Sender<FileStatus>,
) -> bool {
    let settled = match wanted {
        Some((_, token)) => sink.write(state, token),
        None => sink.remove(state),
    };
    let mut failed = false;
    status.send_modify(|status| {
        let error = settled.err().map(|error| failure(&status.profile, &error));
        if error != status.error
            && let Some(error) = &error
        {
            tracing::warn!(profile = %status.profile, %error, "a file is not kept fresh");
        }
        failed = error.is_some();
        status.generation = wanted.filter(|_| !failed).map(|(generation, _)| *generation);
        status.error = error;
    });
    failed
}
