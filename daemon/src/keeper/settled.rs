//! A change that an Owner asked for: once it is sent, neither a client that leaves nor a deadline cuts it off.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dt_cred_proto::{
    message::{Failure, FailureKind},
    profile::Profile,
};
use tokio::{sync::oneshot, time::timeout};

use super::{Keeper, change::Kept, command::Command, item::left};

/// How long keeping a new secret may take: a keyring may ask a person.
pub(super) const KEEPING: Duration = Duration::from_secs(60);

/// How long one attempt to get a token by it may take.
pub(super) const PROVING: Duration = Duration::from_secs(30);

/// A change that is asked for.
pub(super) struct Asking<Q, A> {
    pub(super) what: Q,
    /// As which Owner.
    pub(super) owner: Profile,
    /// Until when it is waited for; nothing is sent after it.
    pub(super) deadline: Duration,
    sent: Arc<AtomicBool>,
    pub(super) reply: oneshot::Sender<Result<A, Failure>>,
}

/// What came of it.
pub(super) struct Settled<A> {
    /// What the profile's task takes over.
    pub(super) kept: Option<Box<Kept>>,
    pub(super) answer: Result<A, Failure>,
}

impl<A> From<Failure> for Settled<A> {
    fn from(failure: Failure) -> Self {
        Self { kept: None, answer: Err(failure) }
    }
}

impl<Q, A> Asking<Q, A> {
    /// That from now on it is done to its end.
    ///
    /// # Errors
    /// Where nobody waits for it any more: nothing was changed.
    pub(super) fn begin(&self) -> Result<(), Failure> {
        if self.reply.is_closed() || left(self.deadline).is_zero() {
            return Err(too_late());
        }
        self.sent.store(true, Ordering::Relaxed);
        Ok(())
    }
}

fn too_late() -> Failure {
    Failure::new(
        FailureKind::TryLater,
        "nothing was changed, as it could not begin in time: try again, with a longer --timeout if need be",
    )
}

impl Keeper {
    /// Has the task of `profile` make a change, and waits for it until `deadline`; `goes_on` is what is told where it has not
    /// ended by then.
    pub(super) async fn settle<Q, A>(
        &self,
        profile: Profile,
        (owner, what): (Profile, Q),
        deadline: Duration,
        goes_on: String,
        command: impl FnOnce(Box<Asking<Q, A>>) -> Command,
    ) -> Result<A, Failure> {
        let sent = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&sent);
        let asked = self.ask(Some(profile), |reply| {
            command(Box::new(Asking { what, owner, deadline, sent: theirs, reply }))
        });
        match timeout(left(deadline), asked).await {
            Ok(answer) => answer?,
            Err(_) if sent.load(Ordering::Relaxed) => Err(Failure::new(FailureKind::TryLater, goes_on)),
            Err(_) => Err(too_late()),
        }
    }
}
