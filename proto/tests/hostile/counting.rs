//! Counts what the calling thread allocates.

#![expect(unsafe_code, reason = "a global allocator is unsafe to write")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    // Neither initialised at run time nor dropped: both could allocate.
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(bytes: usize) {
    ALLOCATED.with(|allocated| allocated.set(allocated.get().saturating_add(bytes)));
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

/// What `work` returns, and how many bytes this thread asked for meanwhile, whether or not it gave them back.
pub(crate) fn allocated<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATED.get();
    let result = work();
    (result, ALLOCATED.get() - before)
}

#[test]
fn an_allocation_is_counted() {
    assert_eq!(allocated(|| ()).1, 0);
    assert_eq!(allocated(|| Vec::<u8>::with_capacity(1000)).1, 1000);
    assert_eq!(allocated(|| vec![0_u8; 1000]).1, 1000);
    let mut grown = vec![0_u8; 10];
    assert!(allocated(|| grown.reserve_exact(1000)).1 >= 1000);
}
