//! A million frames that nobody honest sends: what they leave of the daemon is read from proc(5).

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::sync_channel,
    },
    thread,
};

use dt_cred_proto::{
    frame::{self, FrameError, HEADER, REQUEST_LIMIT, VERSION},
    message::{Describe, Get, Operation, Reject, Request, Response, Unlock},
    profile::Profile,
};
use dt_cred_tests::{
    issuer::Sandbox,
    parts::{session::Session, until},
    user::{Account, User},
};

use super::raw;

const FRAMES: u32 = 1_000_000;

/// After so many everything that is made once has been made.
const FIRST: u32 = 10_000;

/// Who sends them, at the same time.
const SENDERS: u64 = 3;

/// How much more memory the daemon may hold after all of them than after the first, in kilobytes.
const GROWTH: usize = 1024;

/// Pseudorandom numbers, the same in every run (Steele, Lea, Flood: SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    #[expect(clippy::cast_possible_truncation, reason = "it is below a usize")]
    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// What the daemon does about a frame.
#[derive(PartialEq)]
enum Fate {
    /// It answers and goes on.
    Answered,
    /// It answers and closes.
    Refused,
    /// It waits for the rest, for ten seconds.
    Awaited,
}

/// Every kind of frame, made from the kept ones.
struct Frames {
    kept: Vec<Vec<u8>>,
    random: Random,
}

impl Frames {
    fn new(seed: u64) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/frames");
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder).expect("the frames").map(|entry| entry.expect("a file").path()).collect();
        files.sort();
        let bodies = files.into_iter().map(|path| fs::read(path).expect("a frame").split_off(HEADER));
        Self { kept: bodies.collect(), random: Random(seed) }
    }

    /// The next one that does no harm, and what becomes of it.
    fn next(&mut self) -> (Vec<u8>, Fate) {
        loop {
            let body = self.body();
            let fate = match frame::decode::<Request>(&body) {
                Ok(request) if is_harmless(&request.operation) => Fate::Answered,
                // It would change something, or ask a keyring or the issuer: those have tests of their own.
                Ok(_) => continue,
                Err(FrameError::UnknownVariant(_)) => Fate::Answered,
                // Each ends a connection, and connecting costs more than all else.
                Err(_) if self.random.below(3) != 0 => continue,
                Err(_) => Fate::Refused,
            };
            return match (fate, self.random.below(64)) {
                (fate @ Fate::Answered, 1..) | (fate, 4..) => (raw(VERSION, &body), fate),
                (_, 0) => (raw(self.random.next().to_le_bytes()[0] | 2, &body), Fate::Refused),
                (_, 1) => {
                    let length =
                        u32::try_from(REQUEST_LIMIT + 1 + self.random.below(1 << 30)).expect("short");
                    ([&[VERSION], &length.to_le_bytes()[..], &body].concat(), Fate::Refused)
                }
                (_, _) => {
                    let mut cut = raw(VERSION, &body);
                    cut.truncate(1 + self.random.below(cut.len() - 1));
                    (cut, Fate::Awaited)
                }
            };
        }
    }

    fn body(&mut self) -> Vec<u8> {
        let random = &mut self.random;
        let kind = random.below(16);
        if kind == 0 {
            let length = if random.below(1000) == 0 { REQUEST_LIMIT } else { 64 };
            let length = random.below(length + 1);
            return random.bytes(length);
        }
        let mut body = self.kept[random.below(self.kept.len())].clone();
        for _ in 0..kind / 4 {
            let at = random.below(body.len() + 1);
            match random.below(4) {
                0 if at < body.len() => body[at] = random.next().to_le_bytes()[0],
                1 if at < body.len() => body[at] ^= 1 << random.below(8),
                2 => body.truncate(at),
                _ => body.extend(random.bytes(1 + at % 8)),
            }
        }
        body
    }
}

/// Whether it changes nothing, and is answered from memory.
fn is_harmless(operation: &Operation) -> bool {
    let ours = |profile: &Option<Profile>| profile.is_none();
    match operation {
        Operation::Get(Get { profile, min_ttl, fresh }) => {
            // Near the token's whole lifetime a new one is asked for.
            ours(profile) && !fresh && min_ttl.is_none_or(|seconds| !(1000..10_000).contains(&seconds))
        }
        Operation::Reject(Reject { profile, generation, force }) => {
            // The generation of now is larger than any of the kept frames.
            ours(profile) && !force && generation.is_some_and(|generation| generation < 1 << 40)
        }
        Operation::Describe(Describe { profile }) | Operation::Unlock(Unlock { profile }) => ours(profile),
        Operation::Status | Operation::Files | Operation::Defences => true,
        // Of Log not: its answers are long, and the time is the test's.
        _ => false,
    }
}

/// Sends frames on one connection until the daemon closes it or the sender has enough, and reads every answer; how many.
fn one_connection(socket: &Path, frames: &mut Frames) -> u32 {
    const MOST: u32 = 200;
    let (mut all, mut answers, mut sent) = (Vec::new(), 0, 0);
    let mut fate = Fate::Answered;
    while fate == Fate::Answered && sent < MOST {
        let frame;
        (frame, fate) = frames.next();
        all.extend(frame);
        sent += 1;
        answers += u32::from(fate != Fate::Awaited);
    }
    let mut session = Session::open(socket);
    // It may have been refused before the last byte was sent.
    assert!(session.send(all) || fate == Fate::Refused, "closed before anything was wrong");
    for _ in 0..answers {
        session.answer();
    }
    if fate == Fate::Refused {
        assert!(session.is_closed(), "a connection goes on after a frame that is none");
    }
    sent
}

/// Sends so many, from several connections at a time, while an honest client is served.
fn flood(user: &User, token: &str, count: u32, seed: u64) {
    let (socket, sent) = (user.home.socket(), AtomicU32::new(0));
    // The honest client asks whenever a hostile one has left: as often as it can, it would have half of the daemon's time.
    let (left, leaving) = sync_channel(1);
    let served = thread::scope(|scope| {
        let honest = scope.spawn(|| {
            let mut session = Session::open(&socket);
            leaving.into_iter().fold(0_u32, |served, ()| {
                let Response::Token(answer) = session.ask(Operation::Get(Get::default())) else {
                    panic!("an honest client got no token")
                };
                assert!(answer.access_token.expose() == token, "another token");
                // One that comes and goes, as `dt-cred` does.
                if served % 10 == 0 {
                    session = Session::open(&socket);
                }
                served + 1
            })
        });
        for sender in 0..SENDERS {
            let (socket, sent, left) = (&socket, &sent, left.clone());
            scope.spawn(move || {
                let mut frames = Frames::new(seed + sender);
                while sent.load(Ordering::Relaxed) < count {
                    sent.fetch_add(one_connection(socket, &mut frames), Ordering::Relaxed);
                    let _ = left.try_send(());
                }
            });
        }
        // It ends when the last sender has.
        drop(left);
        honest.join().expect("an honest client is served")
    });
    println!("{} frames, {served} honest answers", sent.into_inner());
    assert!(served > 0);
}

/// What the daemon holds.
#[derive(Debug)]
struct Held {
    descriptors: usize,
    threads: usize,
    /// Pages that are its own, in kilobytes.
    memory: usize,
}

impl Held {
    fn by(pid: i32) -> Self {
        let entries = |folder| fs::read_dir(format!("/proc/{pid}/{folder}")).expect("it runs").count();
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("it runs");
        let dirty = rollup.lines().find_map(|line| line.strip_prefix("Private_Dirty:")).expect("a line");
        let memory = dirty.trim().trim_end_matches(" kB").parse().expect("a number");
        Self { descriptors: entries("fd"), threads: entries("task"), memory }
    }
}

#[test]
fn after_a_million_random_and_mutated_frames_the_daemon_is_as_it_was_and_has_served_an_honest_client_throughout()
 {
    let sandbox = Sandbox::http();
    let mut user = User::in_memory();
    // What it logs of each would take longer than all else.
    user.home.set("DT_CRED_LOG", "warn");
    user.home.configure(&format!("default_profile = \"{}\"\n", user.profile()));
    let mut daemon = user.home.start_daemon();
    let pid = daemon.pid().as_raw_pid();
    let threads = Held::by(pid).threads;
    user.log_in(&Account::at(&sandbox));
    let token = user.token();
    let descriptors = Held::by(pid).descriptors;
    // A thread that read a file stays for a while, and with it what it held.
    let as_before = |held: &Held| held.descriptors <= descriptors && held.threads <= threads;
    let at_rest = || until("the daemon to be at rest", || Some(Held::by(pid)).filter(as_before));

    flood(&user, &token, FIRST, 1);
    let before = at_rest();
    flood(&user, &token, FRAMES - FIRST, 1000);
    let after = at_rest();
    println!("{before:?} after {FIRST} frames, {after:?} after {FRAMES}");
    assert!(after.memory <= before.memory + GROWTH, "{before:?}, then {after:?}");
    assert_eq!(user.token(), token);
    assert_eq!(sandbox.counts().tokens.total, 1, "nothing was asked of the issuer");
    assert!(daemon.is_running());
}
