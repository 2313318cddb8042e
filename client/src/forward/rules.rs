//! What may be asked over a forwarded socket. Time is an argument.

use std::time::{Duration, Instant};

use dt_cred_proto::{
    message::{Failure, FailureKind, Get, Operation, Reject},
    profile::Profile,
};
use thiserror::Error;

use crate::duration::in_words;

/// How often whoever asks over a forwarded socket can have the issuer asked for a token.
const PAUSE: Duration = Duration::from_secs(60);

/// Why something is refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(super) enum RequestError {
    /// Another profile.
    #[error(
        "this forwarded socket gives the token of profile {own} alone, not that of {asked}: leave -p and DT_CRED_PROFILE out"
    )]
    Profile { own: Profile, asked: Profile },
    /// A token from now on.
    #[error(
        "--fresh is refused over a forwarded socket: dt-cred reject has a token replaced that the API refused, once a minute"
    )]
    Fresh,
    /// A refusal of the issuer's is to be lifted.
    #[error(
        "--force is refused over a forwarded socket: run dt-cred reject --force where dt-cred forward runs"
    )]
    Force,
    /// A file that the daemon keeps.
    #[error("a file with a token is refused over a forwarded socket: run dt-cred exec without --file")]
    File,
    /// Anything else.
    #[error(
        "{0} is refused over a forwarded socket, which gives the token of profile {1} and nothing else: run it where dt-cred forward runs"
    )]
    Operation(&'static str, Profile),
    /// What this release does not know, or longer than all that may be asked.
    #[error(
        "a forwarded socket gives a token and nothing else, and something else was asked: run it where dt-cred forward runs"
    )]
    Unknown,
    /// What is no request.
    #[error(
        "dt-cred forward refused the request: {0}; dt-cred there is of another release than here, {OWN}", OWN = env!("CARGO_PKG_VERSION")
    )]
    Malformed(dt_cred_proto::frame::FrameError),
    /// A new token was asked for just before.
    #[error(
        "a new token was asked for over this forwarded socket less than a minute ago: try again in {wait}", wait = in_words(whole_seconds(.0))
    )]
    Early(Duration),
    /// A token that lasts for so long is none of this issuer's; in seconds, how long its own live. As the daemon says it.
    #[error(
        "profile {0}: this issuer's tokens live {1} s, so that none is valid for as long as --min-ttl says: ask for less"
    )]
    MinTtl(Profile, u64),
    /// Somebody who is not served.
    #[error(
        "this forwarded socket is that of uid {owner}, who does not serve uid {uid}: have dt-cred forward begun with --allow-uid {uid}"
    )]
    Stranger { owner: u32, uid: u32 },
    /// Somebody who is being answered as often as they may be at once.
    #[error(
        "too many answers are under way to uid {0} over this forwarded socket, which keeps places for other users: try again"
    )]
    Crowded(u32),
    /// The time is over.
    #[error("dt-cred forward has come to its end: begin it again where it ran")]
    Over,
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        let kind = match error {
            RequestError::Early(_) | RequestError::Crowded(_) => FailureKind::TryLater,
            RequestError::Over | RequestError::Malformed(_) | RequestError::Stranger { .. } => {
                FailureKind::Daemon
            }
            _ => FailureKind::Usage,
        };
        Self::new(kind, error.to_string())
    }
}

/// `wait` in milliseconds, no second of it left out.
fn whole_seconds(wait: &Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)) * 1000
}

/// What may be asked, of the profile that is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Allowed {
    /// A token, valid for so many seconds where they are given.
    Get { min_ttl: Option<u32> },
    /// That a token was refused: the one of this generation, or the last one that was served.
    Reject { generation: Option<u64> },
}

/// What is asked, where it may be.
///
/// # Errors
/// [`RequestError`].
pub(super) fn allowed(operation: &Operation, own: &Profile) -> Result<Allowed, RequestError> {
    let of_own = |asked: &Option<Profile>| match asked {
        Some(asked) if asked != own => Err(RequestError::Profile { own: own.clone(), asked: asked.clone() }),
        _ => Ok(()),
    };
    match operation {
        Operation::Get(Get { profile, min_ttl, fresh }) => {
            of_own(profile)?;
            if *fresh { Err(RequestError::Fresh) } else { Ok(Allowed::Get { min_ttl: *min_ttl }) }
        }
        Operation::Reject(Reject { profile, generation, force }) => {
            of_own(profile)?;
            if *force { Err(RequestError::Force) } else { Ok(Allowed::Reject { generation: *generation }) }
        }
        Operation::Lend(_) => Err(RequestError::File),
        other => Err(RequestError::Operation(other.name(), own.clone())),
    }
}

/// The new tokens that were asked for over a forwarded socket: at most one a minute, whoever asks.
#[derive(Debug, Default)]
pub(super) struct Renewals {
    /// When, and which generation was to be replaced.
    last: Option<(Instant, u64)>,
}

/// What comes of the wish for a new token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    /// It is passed on.
    Granted,
    /// Another one was asked for in its place already.
    Done,
}

impl Renewals {
    /// Whether a token in place of the one of this generation may be asked for; if so, it counts.
    ///
    /// # Errors
    /// [`RequestError::Early`].
    pub(super) fn wish(&mut self, generation: u64, now: Instant) -> Result<Wish, RequestError> {
        let recent = self.last.map(|(at, replaced)| (PAUSE.saturating_sub(now.duration_since(at)), replaced));
        match recent {
            // A generation is always larger than the one before.
            Some((left, replaced)) if !left.is_zero() && generation <= replaced => Ok(Wish::Done),
            Some((left, _)) if !left.is_zero() => Err(RequestError::Early(left)),
            _ => {
                self.last = Some((now, generation));
                Ok(Wish::Granted)
            }
        }
    }

    /// The wish of this moment had nothing replaced, and counts no more.
    pub(super) fn withdraw(&mut self, at: Instant) {
        self.last = self.last.filter(|(last, _)| *last != at);
    }
}

#[cfg(test)]
mod tests {
    use dt_cred_proto::message::{
        Action, Describe, Erase, Examine, Lend, Manage, Move, Preview, Store, Test, Unlock,
    };

    use super::*;

    fn name(name: &str) -> Profile {
        name.parse().expect("a name")
    }

    #[test]
    fn a_get_and_a_reject_of_the_one_profile_are_allowed_whether_it_is_named_or_not() {
        for profile in [None, Some(name("work"))] {
            let get = Operation::Get(Get { profile: profile.clone(), min_ttl: Some(9), fresh: false });
            assert_eq!(allowed(&get, &name("work")), Ok(Allowed::Get { min_ttl: Some(9) }));
            let reject = Operation::Reject(Reject { profile, generation: Some(7), force: false });
            assert_eq!(allowed(&reject, &name("work")), Ok(Allowed::Reject { generation: Some(7) }));
        }
    }

    #[test]
    fn another_profile_a_fresh_token_and_the_lifting_of_a_refusal_are_refused() {
        let own = name("work");
        let other = || Some(name("home"));
        let refused = Err(RequestError::Profile { own: own.clone(), asked: name("home") });
        let get = Operation::Get(Get { profile: other(), ..Get::default() });
        assert_eq!(allowed(&get, &own), refused);
        let reject = Operation::Reject(Reject { profile: other(), ..Reject::default() });
        assert_eq!(allowed(&reject, &own), refused);
        let get = Operation::Get(Get { fresh: true, ..Get::default() });
        assert_eq!(allowed(&get, &own), Err(RequestError::Fresh));
        let reject = Operation::Reject(Reject { force: true, ..Reject::default() });
        assert_eq!(allowed(&reject, &own), Err(RequestError::Force));
    }

    #[test]
    fn everything_else_is_refused_by_its_name() {
        let attributes = dt_cred_proto::message::Attributes::default;
        let store = Store { profile: None, keyring: None, check: true, attributes: attributes() };
        let keyring = dt_cred_proto::message::Keyring::Memory;
        let others = [
            Operation::Store(Box::new(store)),
            Operation::Erase(Erase::One(None)),
            Operation::Describe(Describe::default()),
            Operation::Status,
            Operation::Stop,
            Operation::Unlock(Unlock::default()),
            Operation::Files,
            Operation::Preview(Box::new(Preview { profile: None, attributes: attributes() })),
            Operation::Keyrings,
            Operation::Move(Move { profile: None, keyring }),
            Operation::Defences,
            Operation::Log,
            Operation::Test(Test::default()),
            Operation::Examine(Examine::default()),
            Operation::Manage(Box::new(Manage { owner: name("work"), action: Action::List { page: None } })),
            Operation::Secrets,
        ];
        for operation in &others {
            let refused = allowed(operation, &name("work"));
            assert_eq!(refused, Err(RequestError::Operation(operation.name(), name("work"))));
        }
        assert_eq!(allowed(&Operation::Lend(Lend::default()), &name("work")), Err(RequestError::File));
    }

    #[test]
    fn a_new_token_is_asked_for_once_a_minute_and_whoever_was_refused_the_old_one_waits_for_nothing() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut renewals = Renewals::default();
        for (generation, seconds, expected) in [
            (10, 0, Ok(Wish::Granted)),
            (10, 0, Ok(Wish::Done)),
            (9, 30, Ok(Wish::Done)),
            (11, 30, Err(RequestError::Early(Duration::from_secs(30)))),
            (11, 59, Err(RequestError::Early(Duration::from_secs(1)))),
            (11, 60, Ok(Wish::Granted)),
            (12, 61, Err(RequestError::Early(Duration::from_secs(59)))),
            (10, 120, Ok(Wish::Granted)),
        ] {
            assert_eq!(renewals.wish(generation, after(seconds)), expected, "{generation} at {seconds}");
        }
        // It was not held any more: nothing was asked for.
        renewals.withdraw(after(119));
        assert!(renewals.wish(13, after(121)).is_err(), "that was another wish");
        renewals.withdraw(after(120));
        assert_eq!(renewals.wish(13, after(121)), Ok(Wish::Granted));
    }

    #[test]
    fn how_long_to_wait_is_never_told_too_short() {
        let told = |milliseconds| RequestError::Early(Duration::from_millis(milliseconds)).to_string();
        assert!(told(1).ends_with("try again in 1 s") && told(59_001).ends_with("try again in 1 min"));
    }
}
