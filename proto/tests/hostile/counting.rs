//! Counts what the calling thread holds of memory. `tests/readers` counts by it too.

#![expect(unsafe_code, reason = "a global allocator is unsafe to write")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    // Neither initialised at run time nor dropped: both could allocate.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn take(bytes: usize) {
    let held = HELD.get().saturating_add_unsigned(bytes);
    HELD.set(held);
    MOST.set(MOST.get().max(held));
}

fn give_back(bytes: usize) {
    // Below zero where another thread took it.
    HELD.set(HELD.get().saturating_sub_unsigned(bytes));
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The old block is there until the new one is.
        take(size);
        give_back(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        give_back(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

/// What `work` returns, and the most bytes that this thread held at once meanwhile, beyond what it held before.
pub(crate) fn allocated<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    MOST.set(before);
    let result = work();
    (result, usize::try_from(MOST.get().saturating_sub(before)).unwrap_or_default())
}

#[test]
fn what_is_held_at_once_is_counted() {
    assert_eq!(allocated(|| ()).1, 0);
    assert_eq!(allocated(|| Vec::<u8>::with_capacity(1000)).1, 1000);
    assert_eq!(allocated(|| vec![0_u8; 1000]).1, 1000);
    assert_eq!(allocated(|| (0..9).for_each(|_| drop(vec![0_u8; 1000]))).1, 1000);
    let mut grown = vec![0_u8; 10];
    assert!(allocated(|| grown.reserve_exact(1000)).1 >= 1000);
}
