//! Pages of memory of their own (mmap(2), mlock(2)).

use std::{
    alloc::{Layout, handle_alloc_error},
    ptr::{self, NonNull},
};

use rustix::mm::{MapFlags, ProtFlags, mlock, mmap_anonymous, munmap};

/// How long a page is, in bytes.
pub(crate) fn size() -> usize {
    rustix::param::page_size()
}

/// So many bytes of zeros, a multiple of a page, and whether they are locked. Ends the program where there are none.
pub(crate) fn map(length: usize) -> (NonNull<u8>, bool) {
    let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: a new mapping, wherever the system likes.
    let mapped = unsafe { mmap_anonymous(ptr::null_mut(), length, protection, flags) };
    let address = mapped.ok().and_then(|address| NonNull::new(address.cast::<u8>()));
    let Some(address) = address else {
        handle_alloc_error(Layout::from_size_align(length, 1).unwrap_or(Layout::new::<u8>()))
    };
    super::system::leave_out_of_dumps(address, length);
    // SAFETY: it is mapped.
    let locked = unsafe { mlock(address.as_ptr().cast(), length) }.is_ok();
    (address, locked)
}

/// Gives back what [`map`] gave.
///
/// # Safety
/// Nobody may look at it any more.
pub(crate) unsafe fn unmap(address: NonNull<u8>, length: usize) {
    // SAFETY: the caller's promise. It fails for what was never mapped alone.
    let _ = unsafe { munmap(address.as_ptr().cast(), length) };
}
