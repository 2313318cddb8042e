//! What each request means: one function from a request to its answer.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use dt_cred_proto::{
    message::{
        Examine, Examined, Failure, FailureKind, Finding, Lent, Operation, Request, Response, Starter,
        Status, Subject, Token, Verdict,
    },
    profile::Profile,
};
use tokio::{sync::Notify, time::timeout};

use crate::{
    audit::{Audit, Peer},
    clock,
    config::{self, Config},
    confinement::Confinement,
    keeper::{Keeper, Lease},
    session::RELEASE,
};

/// The longest time that a request is worked on, whatever its sender would wait.
const LONGEST: Duration = Duration::from_secs(600);

/// What came of reading the configuration anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reloaded {
    /// It counts from now on.
    Done,
    /// The one before counts on; the log says why.
    Kept,
    /// Only a new daemon can go by it.
    Outgrown,
}

/// Answers requests by what the keeper holds.
pub struct Service {
    keeper: Keeper,
    confinement: Confinement,
    starter: Starter,
    audit: Audit,
    started: Duration,
    requests: AtomicU64,
    answering: AtomicUsize,
    stop: Notify,
    idle: Notify,
    changed: Notify,
}

impl Service {
    /// A service over `keeper`, started now, in a process that is confined so and was started by `starter`.
    pub fn new(keeper: Keeper, confinement: Confinement, starter: Starter) -> Arc<Self> {
        Arc::new(Self {
            keeper,
            confinement,
            starter,
            audit: Audit::new(),
            started: clock::now().boot,
            requests: AtomicU64::new(0),
            answering: AtomicUsize::new(0),
            stop: Notify::new(),
            idle: Notify::new(),
            changed: Notify::new(),
        })
    }

    /// The answer to `peer`'s `request`, before its deadline. What is lent by it is added to `leases`.
    pub async fn answer(&self, request: Request, peer: &Peer, leases: &mut Vec<Lease>) -> Response {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let limit = Duration::from_millis(request.deadline_ms).min(LONGEST);
        let is_get = matches!(request.operation, Operation::Get(_));
        let answer = pin!(self.perform(request.operation, peer, limit, leases));
        let answer = match is_get {
            // The lifecycle answers it at its deadline, with what it knows; and a timer takes longer to set than a token to find.
            true => answer.await,
            false => timeout(limit + Duration::from_millis(50), answer).await.unwrap_or_else(|_| Err(late())),
        };
        answer.unwrap_or_else(Response::Failed)
    }

    async fn perform(
        &self,
        operation: Operation,
        peer: &Peer,
        limit: Duration,
        leases: &mut Vec<Lease>,
    ) -> Result<Response, Failure> {
        let deadline = clock::now().boot + limit;
        let keeper = &self.keeper;
        Ok(match operation {
            Operation::Get(get) => {
                let token = keeper.token(get, deadline).await?;
                self.audit.served(peer, &token);
                Response::Token(token)
            }
            Operation::Reject(reject) => Response::Rejected { dropped: keeper.reject(reject).await? },
            Operation::Store(store) => {
                let stored = keeper.store(store, deadline).await?;
                self.changed.notify_one();
                Response::Stored(stored)
            }
            Operation::Erase(erase) => {
                let erased = keeper.erase(erase, deadline).await?;
                self.changed.notify_one();
                Response::Erased(erased)
            }
            Operation::Describe(describe) => {
                Response::Described(keeper.describe(describe.profile, deadline).await?)
            }
            Operation::Unlock(unlock) => Response::Unlocked(keeper.unlock(unlock.profile, deadline).await?),
            Operation::Preview(preview) => Response::Previewed(keeper.preview(preview).await?),
            Operation::Keyrings => Response::Keyrings(keeper.keyrings().await),
            Operation::Move(to) => Response::Moved(keeper.relocate(to, deadline).await?),
            Operation::Log => Response::Log(self.audit.entries()),
            Operation::Lend(lend) => {
                let (token, lease) = keeper.lend(lend, deadline).await?;
                self.audit.served(peer, &token);
                let Token { profile, url, warning, .. } = token;
                let path = lease.path().to_owned();
                leases.push(lease);
                Response::Lent(Lent { profile, url, path, warning })
            }
            Operation::Files => Response::Files(keeper.files().await),
            // What asks somebody itself is large, and each of thousands of sessions would have the room for it.
            Operation::Test(test) => {
                Response::Tested(Box::new(Box::pin(keeper.test(test.profile, deadline)).await?))
            }
            Operation::Examine(examine) => {
                Response::Examined(Box::pin(self.examine(examine, deadline)).await)
            }
            Operation::Manage(manage) => {
                let managed = Box::pin(keeper.manage(*manage, deadline)).await;
                // Whatever is told of it, there may be another profile.
                self.changed.notify_one();
                Response::Managed(Box::new(managed?))
            }
            Operation::Secrets => Response::Secrets(keeper.secrets().await),
            Operation::Defences => Response::Defences(self.confinement.defences()),
            Operation::Stop => Response::Stopping { pid: std::process::id() },
            Operation::Status => Response::Status(Box::new(Status {
                release: RELEASE.into(),
                pid: std::process::id(),
                uptime_ms: clock::milliseconds(clock::now().boot.saturating_sub(self.started)),
                default_profile: keeper.default_profile(),
                requests: self.requests.load(Ordering::Relaxed),
                profiles: keeper.status().await,
            })),
        })
    }

    async fn examine(&self, Examine { profile }: Examine, deadline: Duration) -> Examined {
        let profile = profile.unwrap_or_else(|| self.keeper.default_profile());
        let configuration = self.configuration().await;
        let findings = self.keeper.examine(&profile, deadline).await;
        let findings = std::iter::once(configuration).chain(findings).collect();
        Examined { profile, starter: self.starter, findings }
    }

    /// The configuration as it lies on the disk now, beside the one that counts.
    async fn configuration(&self) -> Finding {
        let file =
            config::file().map_or_else(|| "no folder is known for it".to_owned(), |file| format!("{file:?}"));
        let read = tokio::task::spawn_blocking(|| {
            (Config::load_default(), config::file().is_some_and(|file| file.exists()))
        });
        let (verdict, message) = match read.await {
            Ok((Ok(config), _)) if !self.keeper.goes_by(&config) => {
                (Verdict::Warning, format!("{file} has changed since it was read: dt-cred stop, then again"))
            }
            Ok((Ok(_), true)) => (Verdict::Ok, format!("{file} counts")),
            Ok((Ok(_), false)) => (Verdict::Ok, format!("the defaults count: {file} is not there")),
            Ok((Err(error), _)) => (Verdict::Fails, error.to_string()),
            Err(_) => (Verdict::Warning, format!("{file} could not be read")),
        };
        Finding { subject: Subject::Configuration, verdict, message: message.into() }
    }

    /// Every profile that there is.
    pub fn profiles(&self) -> Vec<Profile> {
        self.keeper.known()
    }

    /// Waits until there may be others.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What is known of the clients.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Reads the configuration anew and goes by it, without losing a token. One that is wrong changes nothing, and one that
    /// needs rights which were given up changes nothing either unless this daemon may end for it.
    pub async fn reload(&self, may_end: bool) -> Reloaded {
        let read = tokio::task::spawn_blocking(Config::load_default).await;
        match read {
            Ok(Ok(config)) if self.confinement.covers(&config) => {
                self.keeper.configure(config).await;
                tracing::info!("the configuration was read anew");
                return Reloaded::Done;
            }
            Ok(Err(error)) if !error.is_for_want_of_rights() => {
                tracing::error!(%error, "the configuration is as it was");
                return Reloaded::Kept;
            }
            Err(_) => return Reloaded::Kept,
            Ok(_) => {}
        }
        if !may_end {
            tracing::error!(
                "the configuration is as it was: the new one needs rights that were given up when the daemon started; \
                 dt-cred stop, then dt-cred start"
            );
            return Reloaded::Kept;
        }
        if self.may_not_end().await { Reloaded::Kept } else { Reloaded::Outgrown }
    }

    /// Waits until something is needed that takes rights which were given up, and this daemon may end for it.
    pub async fn outgrown(&self) {
        loop {
            self.keeper.outgrown().await;
            if !self.may_not_end().await {
                return;
            }
        }
    }

    async fn may_not_end(&self) -> bool {
        let only_copy = self.keeper.holds_the_only_copy().await;
        if only_copy {
            tracing::error!(
                "everything is as it was: rights are needed that were given up when the daemon started, and credentials in \
                 memory alone would be lost with it; dt-cred stop when that may be"
            );
        }
        only_copy
    }

    /// Does what is to be done before the first client comes.
    pub async fn open(&self) {
        self.keeper.open().await;
    }

    /// Leaves nothing behind.
    pub async fn close(&self) {
        self.keeper.close_files().await;
    }

    /// Asks the server to end.
    pub fn stop(&self) {
        self.stop.notify_one();
    }

    /// Waits until somebody asked for the end.
    pub async fn stopped(&self) {
        self.stop.notified().await;
    }

    /// Marks that an answer is being worked on, for as long as the value lives.
    pub fn answering(&self) -> Answering<'_> {
        self.answering.fetch_add(1, Ordering::Relaxed);
        Answering(self)
    }

    /// Waits until no answer is being worked on, and no secret that would be lost.
    pub async fn drained(&self) {
        self.keeper.settled().await;
        while self.answering.load(Ordering::Relaxed) > 0 {
            self.idle.notified().await;
        }
    }
}

/// An answer that is being worked on.
pub struct Answering<'a>(&'a Service);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        if self.0.answering.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.idle.notify_one();
        }
    }
}

fn late() -> Failure {
    Failure::new(
        FailureKind::TryLater,
        "it was not done in time: try again, with a longer --timeout if need be",
    )
}
