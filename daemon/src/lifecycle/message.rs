//! What the lifecycle is told, and what it says.

use std::time::Duration;

use super::token;

/// One moment, by both clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Moment {
    /// Since boot, time asleep included. Never goes back.
    pub boot: Duration,
    /// Since the Unix epoch. May be set forward and back.
    pub wall: Duration,
}

/// What a profile's owner prefers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// For how long a token must be valid to be served to those who do not say, at most a quarter of its lifetime.
    pub min_ttl: Duration,
    /// How many refreshes in a row are made though nobody asks.
    pub keep_warm: u32,
    /// A token is wanted at all times, as by a file that is kept fresh: also where nobody asks and none is held.
    pub always: bool,
}

/// One caller's question for a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ask {
    /// For how long the token must be valid, only when the caller said so.
    pub min_ttl: Option<Duration>,
    /// Met only by a token requested from now on.
    pub fresh: bool,
    /// When the caller is answered at the latest, by the boot-time clock.
    pub deadline: Duration,
}

/// One caller that waits for its answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Waiter(pub(super) u64);

/// What an answer belongs to: changed credentials and a rejected token begin a new one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Epoch(pub(super) u64);

/// The issuer's answer to a token request (RFC 6749 §5.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant<T> {
    /// The access token.
    pub token: T,
    /// For how long it is valid, counted from `requested`.
    pub lifetime: Duration,
    /// The moment before the request was sent.
    pub requested: Moment,
}

impl<T> Grant<T> {
    /// Whether it arrived too late to be of use, by the clock that says more.
    pub fn has_expired(&self, now: Moment) -> bool {
        token::age(self.requested, now) >= self.lifetime
    }
}

/// What a failure means for the next attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The issuer refuses the credentials (RFC 6749 §5.2): no attempt until they change.
    Terminal,
    /// A wrong endpoint, or one that is not trusted: at most one attempt a minute.
    Slow,
    /// All else: attempts with backoff.
    Temporary,
    /// No request was made, the keyring gave nothing: told to all at once, and tried again whenever asked.
    Local,
}

/// A failed attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failed<E> {
    /// What it means for the next one.
    pub cause: Cause,
    /// How long the issuer wants to be left alone (RFC 9110 §10.2.3); honoured up to 15 minutes.
    pub retry_after: Option<Duration>,
    /// What went wrong, for those who wait.
    pub error: E,
}

/// What a second look into the keyring found, after the issuer refused the credentials.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reread {
    /// The credentials that were refused.
    Same,
    /// Others: they are worth an attempt.
    Changed,
    /// It could not be read now, which says nothing of the credentials: it is to be read again.
    Unknown,
}

/// A token for a caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Served<T> {
    /// The access token.
    pub token: T,
    /// Which grant it came by.
    pub generation: u64,
    /// For how long it is valid yet, by the clock that says less.
    pub expires_in: Duration,
    /// When it expires, since the Unix epoch.
    pub expires_at: Duration,
    /// For how long it was granted.
    pub lifetime: Duration,
    /// The issuer gave the very string that was rejected before.
    pub repeated: bool,
}

/// Why a caller gets no token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal<E> {
    /// The last attempt failed.
    Failed {
        /// What that means for the next one.
        cause: Cause,
        /// What went wrong.
        error: E,
    },
    /// The token can never be valid for as long as the caller wants.
    MinTtl {
        /// For how long the issuer's tokens are valid.
        lifetime: Duration,
    },
    /// The deadline passed, and no error is known.
    Deadline,
    /// The credentials were erased while the caller waited.
    Erased,
    /// The issuer's last grant had expired when it arrived: a clock is wrong, or the machine slept meanwhile.
    DeadOnArrival,
}

/// What is to be done next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step<T, E> {
    /// Answer this caller.
    Answer(Waiter, Result<Served<T>, Refusal<E>>),
    /// Ask the issuer for a token, and give up what was asked before: its epoch is over. Must be followed by one
    /// `granted` or `failed` of this epoch, however it ends, unless another fetch follows first.
    Fetch(Epoch),
    /// Read the credentials anew and compare them with those refused. Must be followed by one `reread`.
    Reread(Epoch),
}

/// Whether there is a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// There is none, and nobody asked for one lately.
    Idle,
    /// There is one, and it is valid.
    Valid,
    /// There is none, and it is being asked for.
    Fetching,
    /// There is none, and the last attempt failed.
    Failing,
    /// There is none, and none is asked for until something changes.
    Refused,
}

/// What is known, for those who look and change nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View<E> {
    /// Whether there is a token.
    pub state: State,
    /// For how long it is valid yet.
    pub expires_in: Option<Duration>,
    /// For how long it was granted.
    pub lifetime: Option<Duration>,
    /// Which grant it came by.
    pub generation: Option<u64>,
    /// When the next attempt begins by itself, from now; none while one is running.
    pub next_fetch_in: Option<Duration>,
    /// The last failure, if nothing has succeeded since.
    pub last_error: Option<Refusal<E>>,
}
