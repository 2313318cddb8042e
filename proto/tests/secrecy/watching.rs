//! Looks for a marker in every block of memory that the calling thread gives back.

#![expect(unsafe_code, reason = "a global allocator is unsafe to write")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    slice,
};

/// What the secrets of these tests are made of.
pub(crate) const MARKER: &str = "<-secret->";

thread_local! {
    // Neither initialised at run time nor dropped: both could allocate.
    static FOUND: Cell<usize> = const { Cell::new(0) };
}

struct Watching;

#[global_allocator]
static WATCHING: Watching = Watching;

// `realloc` is the trait's own: it goes through `alloc` and `dealloc`, so that a block that moves is looked at, too.
// SAFETY: every call is handed on to the system's allocator, of which zeroed memory is asked for.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Zeroed, so that `dealloc` may look at all of it.
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is alive until the call below, and was zeroed when it was made.
        let bytes = unsafe { slice::from_raw_parts(block, layout.size()) };
        if bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes()) {
            FOUND.with(|found| found.set(found.get() + 1));
        }
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.dealloc(block, layout) }
    }
}

/// How many blocks were given back with a secret in them while `work` ran on this thread.
pub(crate) fn left_behind(work: impl FnOnce()) -> usize {
    let before = FOUND.get();
    work();
    FOUND.get() - before
}
