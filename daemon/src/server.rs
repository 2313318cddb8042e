//! Accepts clients until the daemon is to end.

mod crowd;

use std::{convert::Infallible, sync::Arc, time::Duration};

use interprocess::local_socket::tokio::{Listener, prelude::*};
use tokio::sync::Semaphore;

use self::crowd::Crowd;
use crate::{
    audit::Peer,
    manager::Manager,
    platform::{self, Signals, Watch},
    service::{Reloaded, Service},
    session,
    start::{Place, Socket},
};

/// How long accepting pauses when the system has no descriptor for the next client.
const PAUSE: Duration = Duration::from_millis(50);

/// Descriptors that no client gets: for the issuer, the keyring, timers and files.
const RESERVE: usize = 40;

/// How long answers that are on their way may take when the daemon ends.
const DRAIN: Duration = Duration::from_secs(2);

/// The same where another one is waited for: whoever needs it is among those who have no answer.
const MAKE_ROOM: Duration = Duration::from_millis(500);

/// How long the files that hold a token may take to be removed when the daemon ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the system asks of the daemon.
pub enum Asked {
    /// To end, and by what.
    End(&'static str),
    /// To read its configuration anew.
    Reload,
}

/// Why the daemon ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// It was asked to, or its socket is no longer its own.
    Asked,
    /// Rights are needed that it gave up when it started: another one has them.
    Outgrown,
}

/// Serves until SIGTERM, SIGINT, a `stop`, until the socket is no longer ours, or until the configuration is one that only
/// a new daemon can serve; then removes the socket.
///
/// Whom a client started ends for no configuration: nobody would start the next one, and what reads files has no client.
pub async fn run(
    socket: Socket,
    service: Arc<Service>,
    mut signals: Signals,
    manager: &Manager,
    started_by_client: bool,
) -> Ended {
    let Socket { listener, mut watch, place } = socket;
    service.open().await;
    manager.ready(&service.profiles());
    let mut ended = Ended::Asked;
    let reason = tokio::select! {
        () = accept(&listener, &service) => "accepting ended",
        name = asked_to_end(&mut signals, &service, manager, started_by_client) => name.unwrap_or_else(|| {
            ended = Ended::Outgrown;
            "rights are needed that were given up"
        }),
        () = service.stopped() => "stop",
        () = replaced(&mut watch, &place) => "the socket is no longer ours",
        never = service.audit().keep_telling() => match never {},
        never = keep_current(manager, &service) => match never {},
        never = manager.keep_alive() => match never {},
    };
    tracing::info!(reason, "ending");
    manager.ending(reason);
    place.remove();
    drop(listener);
    // A client whose answer is ready gets it; whoever waits for the issuer is told by the closed connection.
    let drain = if ended == Ended::Outgrown { MAKE_ROOM } else { DRAIN };
    let _ = tokio::time::timeout(drain, service.drained()).await;
    service.audit().close();
    if tokio::time::timeout(FAREWELL, service.close()).await.is_err() {
        tracing::warn!("files with a token may be left: their disk does not answer");
    }
    ended
}

/// Waits until a signal tells to end, and by which; none where rights are needed that were given up.
async fn asked_to_end(
    signals: &mut Signals,
    service: &Service,
    manager: &Manager,
    started_by_client: bool,
) -> Option<&'static str> {
    loop {
        tokio::select! {
            asked = signals.received() => match asked {
                Asked::End(name) => return Some(name),
                Asked::Reload => {
                    manager.reloading();
                    let reloaded = service.reload(!started_by_client).await;
                    if reloaded == Reloaded::Outgrown {
                        return None;
                    }
                    manager.ready(&service.profiles());
                    if reloaded == Reloaded::Kept {
                        manager.goes_on();
                    }
                }
            },
            () = service.outgrown() => return None,
        }
    }
}

/// Tells the service manager which profiles there are, whenever that changes.
async fn keep_current(manager: &Manager, service: &Service) -> Infallible {
    loop {
        service.changed().await;
        manager.profiles(&service.profiles());
    }
}

async fn accept(listener: &Listener, service: &Arc<Service>) {
    let places = Arc::new(Semaphore::new(platform::descriptor_limit().saturating_sub(RESERVE).max(1)));
    let crowd = Arc::new(Crowd::default());
    let mut failing = false;
    loop {
        // Whoever finds no place waits in the listener's queue.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = listener.accept().await;
        failing &= accepted.is_err();
        match accepted {
            Ok(stream) => match platform::peer(&stream) {
                Ok((caller, true)) => {
                    let session = session::run(stream, Peer::new(caller), Arc::clone(service));
                    let crowd = Arc::clone(&crowd);
                    crowd.entered();
                    tokio::spawn(async move {
                        session.await;
                        drop(place);
                        if crowd.left() {
                            platform::give_back_memory();
                        }
                    });
                }
                Ok((stranger, false)) => service.audit().refused(&Peer::new(stranger)),
                Err(error) => tracing::debug!(%error, "a client left before it was served"),
            },
            Err(error) => {
                // Out of descriptors, most likely: told once, however long it lasts.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "cannot accept a client");
                }
                // Accepting again at once would spin.
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Waits until the socket at the path is another one, or gone.
async fn replaced(watch: &mut Watch, place: &Place) {
    while place.is_ours() {
        watch.changed().await;
    }
}
