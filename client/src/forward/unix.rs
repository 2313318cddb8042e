//! Unix: accepts clients until the time is over or a signal ends it. Each has a thread; the daemon is asked anew each time.

#[path = "lock.rs"]
mod lock;
#[path = "place.rs"]
mod place;
#[path = "presence.rs"]
mod presence;
#[path = "room.rs"]
mod room;
#[path = "rules.rs"]
mod rules;
#[path = "session.rs"]
mod session;
#[path = "signals.rs"]
mod signals;

use std::{
    io,
    os::unix::net::UnixStream,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use dt_cred::moment::Moment;
use dt_cred_proto::{
    message::{Failure, FailureKind, Get},
    platform::{own_uid, peer},
    profile::Profile,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::Mode,
};

pub(crate) use self::presence::is_there;
use self::{
    place::{Place, Socket},
    room::{Guest, Room},
    rules::{Renewals, RequestError, Wish},
    signals::Signals,
};
use crate::{
    cli::ForwardArguments,
    daemon,
    deadline::Deadline,
    error,
    platform::{boot_time, east_of_utc, unnumbered},
    service,
    settings::Settings,
    spinner, verbose,
};

/// What a thread has for its calls, in bytes: far more than any of them needs.
const STACK: usize = 512 * 1024;

/// How long nobody looks whether the time is over, as no wait counts the time asleep, and whether the socket is still there.
const TICK: Duration = Duration::from_secs(10);

/// How long accepting pauses where there is no descriptor or no room for the next client.
const PAUSE: Duration = Duration::from_millis(50);

/// How long it is not told again that somebody was refused.
const QUIET: Duration = Duration::from_secs(60);

/// What is served, and to whom.
struct Forward {
    settings: Settings,
    profile: Profile,
    uids: Vec<u32>,
    /// When it ends, by the clock that counts the time asleep.
    until: Option<Duration>,
    room: Room,
    renewals: Mutex<Renewals>,
    /// The generation of the token that was given out last.
    served: Mutex<Option<u64>>,
}

/// Serves the token of one profile until it is to end.
///
/// # Errors
/// Why there is no token, or no socket: nothing was served then.
pub(crate) fn run(settings: &Settings, arguments: ForwardArguments) -> Result<(), Failure> {
    let ForwardArguments { socket, ttl, mut allow_uid } = arguments;
    let place = Place::prepare(&socket, !allow_uid.is_empty())?;
    let until = ttl.map(|ttl| boot_time() + ttl);
    // Whoever has no token here is told so, and not those who come. What is served does not change with the default profile.
    let deadline = Deadline::after(settings.timeout);
    // Early in a boot: all that is asked later is asked there too.
    let awaited = service::awaited(settings, deadline)?;
    let settings = awaited.as_ref().unwrap_or(settings);
    let get = Get { profile: settings.profile.clone(), ..Get::default() };
    let token = daemon::token(settings, get, deadline)?;
    let profile = token.profile.clone();
    token.warning.iter().for_each(error::warn);
    drop(token);

    spinner::keep_still();
    rustix::process::umask(Mode::from_raw_mode(0o077));
    let signals = Signals::take().map_err(refused)?;
    let others = !allow_uid.is_empty();
    allow_uid.push(own_uid());
    allow_uid.sort_unstable();
    allow_uid.dedup();
    if let Some(uid) = unnumbered().filter(|uid| others && allow_uid.contains(uid)) {
        error::say(&format!(
            "uid {uid} stands for every user who has no number in this user namespace: --allow-uid {uid} lets all of them in"
        ));
    }
    let line = introduction(&profile, place.path(), &allow_uid, ttl, others);
    let (path, socket) = (place.path().to_owned(), place.listen()?);
    let _presence = presence::show(settings);
    let forward = Arc::new(Forward {
        settings: settings.clone(),
        profile,
        room: Room::of(&allow_uid),
        uids: allow_uid,
        until,
        renewals: Mutex::default(),
        served: Mutex::default(),
    });
    error::say(&line);
    let Some(reason) = accept(&forward, &socket, &signals).map_err(refused)? else {
        let message = format!(
            "{path:?} was removed or replaced, and nobody comes any more: begin dt-cred forward again"
        );
        return Err(Failure::new(FailureKind::Other, message));
    };
    // Before it is said: whoever waits for the word finds no socket.
    drop(socket);
    error::say(&format!("{reason}: {path:?} is served no more"));
    Ok(())
}

/// What is served where, to whom, until when, and how the other side uses it.
fn introduction(profile: &Profile, path: &Path, uids: &[u32], ttl: Option<Duration>, others: bool) -> String {
    let uids = uids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let end = ttl.and_then(|ttl| i64::try_from((now + ttl).as_secs()).ok());
    let end = end.and_then(|end| Some(Moment::from_seconds(end)?.by_clock(east_of_utc(end)) + " or "));
    let end = end.unwrap_or_default();
    let server = if others { format!("DT_CRED_SERVER_UID={} ", own_uid()) } else { String::new() };
    format!(
        "serving profile {profile} on {path:?} to uid {uids}, until {end}Ctrl-C; where it is mounted or forwarded to: \
         DT_CRED_SOCKET=PATH {server}dt-cred get"
    )
}

/// Serves whoever may come; why that ended, or nothing where its socket is gone.
fn accept(forward: &Arc<Forward>, socket: &Socket, signals: &Signals) -> io::Result<Option<String>> {
    let mut told = None;
    while !forward.is_over() {
        let tick = forward.left().map_or(TICK, |left| left.min(TICK));
        let mut fds = [PollFd::new(&signals.0, PollFlags::IN), PollFd::new(&socket.listener, PollFlags::IN)];
        wait(&mut fds, tick)?;
        if !fds[0].revents().is_empty() {
            return Ok(Some(format!("ended by {}", signals.name())));
        }
        if forward.is_over() {
            break;
        }
        if fds[1].revents().is_empty() {
            if socket.is_there() {
                continue;
            }
            return Ok(None);
        }
        match socket.listener.accept() {
            Ok((stream, _)) => receive(forward, stream, signals, &mut told)?,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            // Out of descriptors, most likely. Accepting again at once would spin.
            Err(error) => {
                verbose::tell(|| format!("cannot accept a client: {error}"));
                wait(&mut fds[..1], PAUSE)?;
            }
        }
    }
    Ok(Some("its time is over".to_owned()))
}

fn wait(fds: &mut [PollFd], time: Duration) -> io::Result<()> {
    match poll(fds, Some(&Timespec::try_from(time).map_err(io::Error::other)?)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Gives whoever has come a thread, if they may come; `told` is when somebody who may not was told of.
///
/// # Errors
/// As poll(2).
fn receive(
    forward: &Arc<Forward>,
    stream: UnixStream,
    signals: &Signals,
    told: &mut Option<Instant>,
) -> io::Result<()> {
    // Whoever left already needs none.
    let Ok(peer) = peer(&stream) else { return Ok(()) };
    stream.set_nonblocking(true)?;
    if !forward.uids.contains(&peer.uid) {
        session::refuse(&stream, RequestError::Stranger { owner: own_uid(), uid: peer.uid });
        if told.is_none_or(|at| at.elapsed() >= QUIET) {
            *told = Some(Instant::now());
            let uid = peer.uid;
            error::say(&format!("refused a client of uid {uid}: --allow-uid {uid} would let them in"));
        }
        return Ok(());
    }
    let guest = Arc::new(Guest::new(stream, peer.uid));
    // Where all are being answered the next ones wait, in the listener's queue, unless that is another user's as well.
    while !forward.room.admit(&guest) {
        if forward.uids.len() > 1 {
            session::refuse(&guest.stream, RequestError::Crowded(peer.uid));
            return Ok(());
        }
        let mut fds = [PollFd::new(&signals.0, PollFlags::IN)];
        wait(&mut fds, PAUSE)?;
        if !fds[0].revents().is_empty() || forward.is_over() {
            return Ok(());
        }
    }
    let (theirs, of) = (Arc::clone(&guest), Arc::clone(forward));
    let started = thread::Builder::new().stack_size(STACK).spawn(move || {
        session::serve(&of, &theirs);
        of.room.leave(&theirs);
    });
    if started.is_err() {
        forward.room.leave(&guest);
    }
    Ok(())
}

impl Forward {
    /// How long it goes on; nothing where no end was given.
    fn left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_sub(boot_time()))
    }

    fn is_over(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    /// [`Renewals::wish`].
    fn wish(&self, generation: u64, now: Instant) -> Result<Wish, RequestError> {
        self.renewals.lock().unwrap_or_else(PoisonError::into_inner).wish(generation, now)
    }

    /// [`Renewals::withdraw`].
    fn withdraw(&self, at: Instant) {
        self.renewals.lock().unwrap_or_else(PoisonError::into_inner).withdraw(at);
    }
}

fn refused(error: io::Error) -> Failure {
    Failure::new(FailureKind::Other, format!("cannot forward: {error}; see to the limits of this process"))
}
