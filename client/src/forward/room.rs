//! How many may be connected at once, and who makes room where there is none.

use std::{
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// How many connections are served at once.
pub(super) const PLACES: usize = 128;

/// Somebody who is connected.
pub(super) struct Guest {
    /// The connection; it does not block.
    pub(super) stream: UnixStream,
    /// Whose it is.
    pub(super) uid: u32,
    asking: AtomicBool,
}

impl Guest {
    /// Whoever has just come.
    pub(super) fn new(stream: UnixStream, uid: u32) -> Self {
        Self { stream, uid, asking: AtomicBool::new(false) }
    }

    /// Calls `ask`; meanwhile they keep their place.
    pub(super) fn while_asking<T>(&self, ask: impl FnOnce() -> T) -> T {
        self.asking.store(true, Ordering::Relaxed);
        let answer = ask();
        self.asking.store(false, Ordering::Relaxed);
        answer
    }
}

/// All who are connected, in the order in which they came.
#[derive(Default)]
pub(super) struct Room(Mutex<Vec<Arc<Guest>>>);

impl Room {
    /// Gives `guest` a place. Where none is left somebody who says nothing has to go; none of those, and it is false.
    pub(super) fn admit(&self, guest: &Arc<Guest>) -> bool {
        let mut guests = self.lock();
        if guests.len() >= PLACES {
            let Some(silent) = who_goes(&guests) else { return false };
            // What reads it finds its end.
            let _ = guests.remove(silent).stream.shutdown(Shutdown::Both);
        }
        guests.push(Arc::clone(guest));
        true
    }

    /// Takes the place of `guest` back.
    pub(super) fn leave(&self, guest: &Arc<Guest>) {
        self.lock().retain(|other| !Arc::ptr_eq(other, guest));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Guest>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first that came of those who are waited for, of the user who has the most of them: nobody makes another user go by
/// coming often.
fn who_goes(guests: &[Arc<Guest>]) -> Option<usize> {
    // Once: each may begin to ask meanwhile.
    let silent = |(at, guest): (usize, &Arc<Guest>)| {
        (!guest.asking.load(Ordering::Relaxed)).then_some((at, guest.uid))
    };
    let silent: Vec<_> = guests.iter().enumerate().filter_map(silent).collect();
    let many = |uid: u32| silent.iter().filter(|(_, other)| *other == uid).count();
    let (_, uid) = *silent.iter().max_by_key(|(_, uid)| many(*uid))?;
    silent.iter().find(|(_, other)| *other == uid).map(|(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn guest(uid: u32) -> (Arc<Guest>, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Arc::new(Guest::new(ours, uid)), theirs)
    }

    fn is_ended(mut theirs: &UnixStream) -> bool {
        theirs.set_nonblocking(true).unwrap();
        matches!(theirs.read(&mut [0]), Ok(0))
    }

    #[test]
    fn where_there_is_no_room_the_first_silent_one_of_whoever_has_the_most_goes() {
        let room = Room::default();
        let (alone, alone_end) = guest(1);
        assert!(room.admit(&alone));
        let many: Vec<_> = (1..PLACES).map(|_| guest(2)).collect();
        assert!(many.iter().all(|(guest, _)| room.admit(guest)));
        assert!(many.iter().all(|(_, end)| !is_ended(end)));
        many[0].0.while_asking(|| assert!(room.admit(&guest(2).0)));
        assert!(!is_ended(&alone_end) && !is_ended(&many[0].1), "one alone, and one that is being answered");
        assert!(is_ended(&many[1].1) && !is_ended(&many[2].1));
        room.leave(&many[5].0);
        assert!(room.admit(&guest(2).0));
        assert!(!is_ended(&many[0].1) && !is_ended(&many[2].1), "there was room");
    }

    #[test]
    fn whoever_is_being_answered_goes_for_nobody() {
        let room = Room::default();
        let all: Vec<_> = (0..PLACES).map(|_| guest(1)).collect();
        for (guest, _) in &all {
            guest.asking.store(true, Ordering::Relaxed);
            assert!(room.admit(guest));
        }
        assert!(!room.admit(&guest(2).0));
        assert!(all.iter().all(|(_, end)| !is_ended(end)));
    }
}
