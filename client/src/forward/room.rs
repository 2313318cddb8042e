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

/// All who are connected, in the order in which they came. Half of the places are kept for the users who are served, as many
/// for each, so that nobody shuts out another one; the others are anybody's.
pub(super) struct Room {
    uids: Vec<u32>,
    /// How many places are kept for each of them.
    share: usize,
    guests: Mutex<Vec<Arc<Guest>>>,
}

impl Room {
    /// An empty one for these users, each of whom stands there once.
    pub(super) fn of(uids: &[u32]) -> Self {
        let share = (PLACES / 2 / uids.len().max(1)).max(1);
        Self { uids: uids.to_owned(), share, guests: Mutex::default() }
    }

    /// Gives `guest` a place. Where they may have none somebody who says nothing has to go; none of those, and it is false.
    pub(super) fn admit(&self, guest: &Arc<Guest>) -> bool {
        let mut guests = self.lock();
        if !self.has_place(&guests, guest.uid) {
            let Some(silent) = self.who_goes(&guests, guest.uid) else { return false };
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

    /// Whether there is a place for one more of this user: one of those that are kept for them, or one that is kept for nobody.
    fn has_place(&self, guests: &[Arc<Guest>], uid: u32) -> bool {
        let others = self.uids.iter().filter(|other| **other != uid);
        let taken: usize = others.map(|other| count(guests, *other).max(self.share)).sum();
        let own = count(guests, uid);
        own < self.share || own + taken < PLACES
    }

    /// The first that came of those who are waited for, of the user who has the most of them: nobody makes another user go by
    /// coming often. One of the same user, or one who has more places than are kept for theirs.
    fn who_goes(&self, guests: &[Arc<Guest>], uid: u32) -> Option<usize> {
        // Once: each may begin to ask meanwhile.
        let silent = |(at, guest): (usize, &Arc<Guest>)| {
            let may_go = guest.uid == uid || count(guests, guest.uid) > self.share;
            (may_go && !guest.asking.load(Ordering::Relaxed)).then_some((at, guest.uid))
        };
        let silent: Vec<_> = guests.iter().enumerate().filter_map(silent).collect();
        let many = |uid: u32| silent.iter().filter(|(_, other)| *other == uid).count();
        let (_, uid) = *silent.iter().max_by_key(|(_, uid)| many(*uid))?;
        silent.iter().find(|(_, other)| *other == uid).map(|(at, _)| *at)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Guest>>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(guests: &[Arc<Guest>], uid: u32) -> usize {
    guests.iter().filter(|guest| guest.uid == uid).count()
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

    /// So many of this user, each of whom has a place.
    fn admitted(room: &Room, uid: u32, many: usize) -> Vec<(Arc<Guest>, UnixStream)> {
        let all: Vec<_> = (0..many).map(|_| guest(uid)).collect();
        assert!(all.iter().all(|(guest, _)| room.admit(guest)), "{many} of {uid}");
        all
    }

    fn asking(guests: &[(Arc<Guest>, UnixStream)]) {
        guests.iter().for_each(|(guest, _)| guest.asking.store(true, Ordering::Relaxed));
    }

    #[test]
    fn where_there_is_no_room_the_first_silent_one_of_whoever_has_the_most_goes() {
        let room = Room::of(&[1, 2]);
        let alone = admitted(&room, 1, 1);
        let many = admitted(&room, 2, PLACES - PLACES / 4);
        assert!(many.iter().all(|(_, end)| !is_ended(end)));
        many[0].0.while_asking(|| assert!(room.admit(&guest(2).0)));
        assert!(!is_ended(&alone[0].1) && !is_ended(&many[0].1), "one alone, and one that is being answered");
        assert!(is_ended(&many[1].1) && !is_ended(&many[2].1));
        room.leave(&many[5].0);
        assert!(room.admit(&guest(2).0));
        assert!(!is_ended(&many[0].1) && !is_ended(&many[2].1), "there was room");
    }

    #[test]
    fn whoever_has_more_places_than_are_kept_for_them_makes_way_for_whoever_has_fewer_more() {
        let room = Room::of(&[1, 2, 3]);
        let share = PLACES / 2 / 3;
        let few = admitted(&room, 1, share + 1);
        let many = admitted(&room, 2, PLACES - 2 * share - 1);
        let _more = admitted(&room, 1, 1);
        assert!(is_ended(&many[0].1) && !is_ended(&few[0].1));
        let _again = admitted(&room, 2, 1);
        assert!(is_ended(&many[1].1) && !is_ended(&few[0].1), "for one of their own");
    }

    #[test]
    fn whoever_is_being_answered_goes_for_nobody() {
        let room = Room::of(&[1]);
        let all = admitted(&room, 1, PLACES);
        asking(&all);
        assert!(!room.admit(&guest(1).0));
        assert!(all.iter().all(|(_, end)| !is_ended(end)));
    }

    #[test]
    fn however_many_one_user_has_answered_the_others_have_their_places_and_nobody_of_theirs_goes() {
        for users in [2, 3, 7, 64, 200] {
            let uids: Vec<u32> = (0..users).collect();
            let (room, share) = (Room::of(&uids), (PLACES / 2 / uids.len()).max(1));
            let floods = PLACES.saturating_sub(share * (uids.len() - 1)).max(share);
            let flood = admitted(&room, 0, floods);
            asking(&flood);
            assert!(!room.admit(&guest(0).0), "{users}");
            let others: Vec<_> = uids[1..].iter().flat_map(|uid| admitted(&room, *uid, share)).collect();
            asking(&others);
            assert!(uids.iter().all(|uid| !room.admit(&guest(*uid).0)), "{users}");
            assert!(flood.iter().chain(&others).all(|(_, end)| !is_ended(end)), "{users}");
        }
    }

    #[test]
    fn whoever_comes_for_a_place_that_is_kept_for_nobody_makes_none_go_who_has_a_place_that_is_kept() {
        let room = Room::of(&[1, 2]);
        let share = PLACES / 4;
        let kept = admitted(&room, 1, share);
        asking(&admitted(&room, 2, PLACES - share));
        assert!(!room.admit(&guest(2).0), "those who are silent have theirs");
        assert!(room.admit(&guest(1).0));
        assert!(is_ended(&kept[0].1) && !is_ended(&kept[1].1), "for one of their own");
    }
}
