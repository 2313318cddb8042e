//! What the tests' threads and the sandbox's own thread share.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::counts::Counts;
use super::door::{Command, Face};
use super::http::Request;
use super::policies::Policies;
use super::registry::Registry;
use super::rsa::SigningKey;
use super::settings::Settings;
use super::token::Identity;

const REQUESTS_KEPT: usize = 10_000;
/// So long a test may wait for an event; far more than any machine needs.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Shared {
    pub(super) identity: Identity,
    pub(super) key: Arc<SigningKey>,
    state: Mutex<State>,
    changed: Condvar,
    held: watch::Sender<Held>,
    commands: UnboundedSender<Command>,
    /// Held during a change of settings, so that the door follows them in their order.
    turn: Mutex<()>,
}

/// What is held, of requests and of answers.
#[derive(Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) token_answers: bool,
    pub(super) api_requests: bool,
    pub(super) api_answers: bool,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) counts: Counts,
    pub(super) requests: VecDeque<Request>,
    pub(super) api_requests: VecDeque<Request>,
    pub(super) registry: Registry,
    pub(super) policies: Policies,
}

/// Keeps a request for the tests to look at; the oldest makes room.
pub(super) fn record(requests: &mut VecDeque<Request>, request: &Request) {
    if requests.len() == REQUESTS_KEPT {
        requests.pop_front();
    }
    requests.push_back(request.clone());
}

impl Held {
    fn by(settings: &Settings) -> Self {
        Self {
            token_answers: settings.hold,
            api_requests: settings.api_hold,
            api_answers: settings.api_hold_answers,
        }
    }
}

impl Shared {
    pub(super) fn new(identity: Identity, key: Arc<SigningKey>, commands: UnboundedSender<Command>) -> Self {
        Self {
            identity,
            key,
            state: Mutex::default(),
            changed: Condvar::new(),
            held: watch::Sender::new(Held::default()),
            commands,
            turn: Mutex::default(),
        }
    }

    /// Looks at the state or changes it; whoever waits for a count looks again.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let result = work(&mut lock(&self.state));
        self.changed.notify_all();
        result
    }

    /// Changes the settings; when it returns the door is as they say. An error of `change` changes nothing.
    pub(super) fn set<E>(
        &self,
        change: impl FnOnce(&mut Settings) -> Result<(), E>,
    ) -> Result<io::Result<()>, E> {
        let _turn = lock(&self.turn);
        let (before, after, hold) = self.with(|state| {
            let before = Face::of(&state.settings);
            change(&mut state.settings)?;
            Ok((before, Face::of(&state.settings), Held::by(&state.settings)))
        })?;
        self.held.send_replace(hold);
        Ok(if before == after { Ok(()) } else { self.show(after) })
    }

    /// Makes the door look like this, and waits until it does.
    pub(super) fn show(&self, face: Face) -> io::Result<()> {
        let (done, settled) = mpsc::channel();
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.commands.send(Command::Show(face, done)).map_err(|_| gone())?;
        settled.recv().map_err(|_| gone())?
    }

    /// Ends the sandbox's thread; a second time it does nothing.
    pub(super) fn end(&self) {
        // Fails only where the thread has ended already.
        let _ = self.commands.send(Command::End);
    }

    /// Comes back when this is not, or no longer, held.
    pub(super) async fn released(&self, what: fn(&Held) -> bool) {
        // Fails only when the sender is gone, which is `self`.
        let _ = self.held.subscribe().wait_for(|held| !what(held)).await;
    }

    /// Waits until the counts satisfy `holds`; the counts when `patience` has run out are the error.
    pub(super) fn wait_until(
        &self,
        patience: Duration,
        holds: impl Fn(&Counts) -> bool,
    ) -> Result<Counts, Box<Counts>> {
        let end = Instant::now() + patience;
        let mut state = lock(&self.state);
        loop {
            if holds(&state.counts) {
                return Ok(state.counts);
            }
            let left = end.checked_duration_since(Instant::now()).ok_or_else(|| Box::new(state.counts))?;
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A test that failed inside its own closure must not hide behind a poisoned lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_with_the_event_or_with_patience() {
        let identity = Identity { url: String::new(), tenant: String::new() };
        let (commands, _inbox) = tokio::sync::mpsc::unbounded_channel();
        let shared = Shared::new(identity, SigningKey::of_process(), commands);
        let two = |counts: &Counts| counts.connections == 2;
        assert_eq!(shared.wait_until(Duration::ZERO, two), Err(Box::default()));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| shared.wait_until(PATIENCE, two));
            shared.with(|state| state.counts.connections += 1);
            shared.with(|state| state.counts.connections += 1);
            assert_eq!(waiting.join().unwrap().unwrap().connections, 2);
        });
    }
}
