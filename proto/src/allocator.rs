//! Memory that is wiped when it is given back: for the copies of secrets that libraries make.
//!
//! HTTP, TLS and JSON libraries copy what they are given into buffers of their own, and give them back as they are. With
//! this allocator none of it stays in the heap, whoever made the copy. What C libraries allocate is not seen by it.

#![expect(unsafe_code, reason = "a global allocator is unsafe to write")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    arch::asm,
    ptr,
};

/// The system's allocator, which wipes what is given back. For `#[global_allocator]` of both programs.
pub struct Wiping;

// SAFETY: every call is handed on to the system's allocator with the caller's own promises. `realloc` is the trait's own,
// which goes through `alloc` and `dealloc`: the system's would leave the old block behind as it is when it moves it.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's to give back, and of this size.
        unsafe { ptr::write_bytes(block, 0, layout.size()) };
        // SAFETY: it does nothing. The compiler has to believe that it reads the block, and cannot leave out the zeros,
        // which nobody reads in truth.
        unsafe { asm!("/* {0} */", in(reg) block, options(nostack, preserves_flags)) };
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.dealloc(block, layout) }
    }
}
