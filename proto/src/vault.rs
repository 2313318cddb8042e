//! Memory for secrets: pages of their own, locked where the limit allows, left out of core dumps, wiped when they are
//! given back.
//!
//! Blocks of a power of two, so many to a page; what is longer than a page has pages of its own, which go when it goes.
//! Not memfd_secret(2), which would hide them from the kernel too: a machine cannot hibernate while one is in use.

#![expect(unsafe_code, reason = "pages are asked of the system, and handed out in parts")]

use std::{
    ptr::{self, NonNull},
    slice,
    sync::{Mutex, PoisonError},
};

use zeroize::Zeroize;

use crate::platform::pages;

/// The least block, in bytes. A client secret is shorter.
const LEAST: usize = 64;

/// What the secrets of this process take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Bytes of pages that are locked: they are never swapped out (mlock(2)).
    pub locked: usize,
    /// Bytes of pages that the system would not lock (RLIMIT_MEMLOCK in getrlimit(2)).
    pub unlocked: usize,
}

/// What the secrets of this process take now.
pub fn usage() -> Usage {
    VAULT.lock().unwrap_or_else(PoisonError::into_inner).usage
}

/// Text in the vault, wiped and given back when this is dropped.
pub(crate) struct Block {
    place: Place,
    length: usize,
}

impl Block {
    /// A copy of `text`.
    pub(crate) fn of(text: &str) -> Self {
        let place = VAULT.lock().unwrap_or_else(PoisonError::into_inner).take(size(text.len()));
        // SAFETY: `take` gives out so many bytes, which nobody else has.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr(), place.address.as_ptr(), text.len()) };
        Self { place, length: text.len() }
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        // SAFETY: it was written when the block was made, and is the block's for as long as it lives.
        let bytes = unsafe { slice::from_raw_parts(self.place.address.as_ptr(), self.length) };
        // SAFETY: nobody has written to it since: it is what it was when it was copied.
        unsafe { str::from_utf8_unchecked(bytes) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        VAULT.lock().unwrap_or_else(PoisonError::into_inner).give_back(self.place);
    }
}

/// Where a block lies.
#[derive(Clone, Copy)]
struct Place {
    address: NonNull<u8>,
    size: usize,
    locked: bool,
}

// SAFETY: whoever has a place is the only one who has the bytes: a block, or the vault.
unsafe impl Send for Place {}
// SAFETY: a shared block can only be read.
unsafe impl Sync for Place {}

/// How many bytes are taken for so many.
fn size(length: usize) -> usize {
    let page = pages::size();
    if length > page { length.next_multiple_of(page) } else { length.next_power_of_two().max(LEAST) }
}

struct Vault {
    /// What nobody has.
    free: Vec<Place>,
    usage: Usage,
}

static VAULT: Mutex<Vault> = Mutex::new(Vault { free: Vec::new(), usage: Usage { locked: 0, unlocked: 0 } });

impl Vault {
    fn take(&mut self, size: usize) -> Place {
        if size > pages::size() {
            return self.map(size);
        }
        // From the end: what was given back last is asked for next, mostly.
        if let Some(at) = self.free.iter().rposition(|free| free.size == size) {
            return self.free.swap_remove(at);
        }
        let Place { address, locked, .. } = self.map(pages::size());
        self.free.extend((size..pages::size()).step_by(size).map(|offset| {
            // SAFETY: within the page, whose size is a multiple of the block's.
            Place { address: unsafe { address.add(offset) }, size, locked }
        }));
        Place { address, size, locked }
    }

    /// Takes a place back and wipes it.
    fn give_back(&mut self, place: Place) {
        // SAFETY: the place has so many bytes, and nobody has it any more.
        unsafe { slice::from_raw_parts_mut(place.address.as_ptr(), place.size) }.zeroize();
        if place.size <= pages::size() {
            return self.free.push(place);
        }
        *self.usage.of(place.locked) -= place.size;
        // SAFETY: a block of this size is a mapping of its own, and nobody has it any more.
        unsafe { pages::unmap(place.address, place.size) };
    }

    fn map(&mut self, size: usize) -> Place {
        let (address, locked) = pages::map(size);
        *self.usage.of(locked) += size;
        Place { address, size, locked }
    }
}

impl Usage {
    fn of(&mut self, locked: bool) -> &mut usize {
        if locked { &mut self.locked } else { &mut self.unlocked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_what_was_put_into_it_whatever_else_is_taken_and_given_back() {
        let page = pages::size();
        let lengths = [0, 1, LEAST - 1, LEAST, LEAST + 1, 1000, page - 1, page, page + 1, 3 * page + 7];
        let made = |round: usize| {
            let letter = char::from(b'a' + (round % 26) as u8).to_string();
            let texts = lengths.iter().map(move |length| letter.repeat(*length));
            texts.map(|text| (Block::of(&text), text)).collect::<Vec<_>>()
        };
        let mut kept: Vec<_> = (0..40).flat_map(made).collect();
        for round in 0..40 {
            // Every second one is given back, and others take their places.
            let mut at = 0;
            kept.retain(|_| {
                at += 1;
                at % 2 == round % 2
            });
            kept.extend(made(round));
            for (block, text) in &kept {
                assert!(block.text() == *text);
            }
        }
    }

    #[test]
    fn what_is_given_back_is_wiped_and_given_out_again() {
        let mut vault = Vault { free: Vec::new(), usage: Usage::default() };
        let bytes = |place: Place| {
            // SAFETY: the test has the place, or nobody has: it is of a page that is never given back.
            unsafe { slice::from_raw_parts_mut(place.address.as_ptr(), place.size) }
        };
        let first = vault.take(256);
        let second = vault.take(256);
        bytes(first).fill(7);
        bytes(second).fill(9);
        vault.give_back(first);
        assert!(bytes(first).iter().all(|byte| *byte == 0));
        assert!(bytes(second).iter().all(|byte| *byte == 9));
        assert_eq!(vault.take(256).address, first.address);
    }

    #[test]
    fn a_block_is_as_long_as_what_it_holds_and_a_power_of_two_or_whole_pages() {
        let page = pages::size();
        for (length, taken) in
            [(0, 64), (64, 64), (65, 128), (1000, 1024), (page, page), (page + 1, 2 * page)]
        {
            assert_eq!(size(length), taken);
        }
    }

    #[test]
    fn long_blocks_are_counted_for_as_long_as_they_live() {
        let long = Block::of(&"x".repeat(50 * pages::size()));
        let held = usage();
        drop(long);
        let after = usage();
        let all = |usage: Usage| usage.locked + usage.unlocked;
        assert!(all(held) >= 50 * pages::size());
        // Other tests take blocks at the same time, all of them together less than that.
        assert!(all(after) < all(held));
    }
}
