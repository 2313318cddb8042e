//! The state of a profile, judged from memory.

use std::sync::atomic::Ordering;

use dt_cred_proto::message::{Failure, FailureKind, ProfileState, ProfileStatus};

use super::{item::nothing, profile::Task, proxy};
use crate::{
    clock::milliseconds,
    keyring::lasts,
    lifecycle::{self, Moment},
};

impl Task {
    /// The state at `now`. Changes nothing, reads no keyring.
    pub(super) fn status(&self, now: Moment) -> ProfileStatus {
        let view = self.lifecycle.view(now);
        let recorded = self.shared.state.remembered(&self.profile).and_then(|kept| kept.keyring);
        let held = self.item.as_ref().map(|item| item.keyring);
        let keyring = held.or_else(|| self.shared.source(&self.profile)).or(recorded);
        let url = self.item.as_ref().map(|item| item.credentials.url.as_str());
        let proxy = self.shared.config().profile(&self.profile).proxy;
        let token_url = self.item.as_ref().map(|item| item.credentials.token_url.as_str());
        ProfileStatus {
            profile: self.profile.clone(),
            state: match view.state {
                lifecycle::State::Idle => ProfileState::Idle,
                lifecycle::State::Valid => ProfileState::Valid,
                lifecycle::State::Fetching => ProfileState::Fetching,
                lifecycle::State::Failing => ProfileState::Failing,
                lifecycle::State::Refused => ProfileState::Refused,
            },
            url: url.map(Into::into),
            keyring,
            lasts: keyring.map(lasts),
            expires_in_ms: view.expires_in.map(milliseconds),
            lifetime_ms: view.lifetime.map(milliseconds),
            generation: view.generation,
            next_fetch_in_ms: view.next_fetch_in.map(milliseconds),
            last_error: view.last_error.map(|refusal| self.refusal(refusal)),
            check: self.check(now, view.expires_in.is_some(), keyring.is_some()),
            proxy: token_url.and_then(|url| proxy::in_use(&proxy, url)),
            served: self.served,
            fetches: self.fetches.load(Ordering::Relaxed),
        }
    }

    /// What `get` would fail with now. Where nothing has failed and nothing is held, it would have to ask first.
    fn check(&self, now: Moment, held: bool, kept: bool) -> Option<Failure> {
        match self.lifecycle.check(now) {
            Err(refusal) => Some(self.refusal(refusal)),
            Ok(()) if held => None,
            Ok(()) if !kept => Some(self.with_rotation(nothing(&self.profile))),
            Ok(()) => {
                let message =
                    format!("profile {}: no token is held: `dt-cred get` asks for one", self.profile);
                Some(Failure::new(FailureKind::TryLater, message))
            }
        }
    }
}
