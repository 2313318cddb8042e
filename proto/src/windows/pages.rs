//! Pages of memory of their own (VirtualAlloc, VirtualLock).

use std::{
    alloc::{Layout, handle_alloc_error},
    ptr::{self, NonNull},
};

use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_READWRITE, VirtualAlloc, VirtualFree, VirtualLock,
};

/// How long a page is, in bytes: so on every processor that Windows runs on.
pub(crate) fn size() -> usize {
    4096
}

/// So many bytes of zeros, a multiple of a page, and whether they are locked. Ends the program where there are none.
pub(crate) fn map(length: usize) -> (NonNull<u8>, bool) {
    // SAFETY: a new mapping, wherever the system likes.
    let address = unsafe { VirtualAlloc(ptr::null(), length, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE) };
    let Some(address) = NonNull::new(address.cast::<u8>()) else {
        handle_alloc_error(Layout::from_size_align(length, 1).unwrap_or(Layout::new::<u8>()))
    };
    // SAFETY: it is mapped. A working set takes a few dozen locked pages (VirtualLock).
    let locked = unsafe { VirtualLock(address.as_ptr().cast(), length) } != 0;
    (address, locked)
}

/// Gives back what [`map`] gave.
///
/// # Safety
/// Nobody may look at it any more.
pub(crate) unsafe fn unmap(address: NonNull<u8>, _length: usize) {
    // SAFETY: the caller's promise. It fails for what was never mapped alone.
    unsafe { VirtualFree(address.as_ptr().cast(), 0, MEM_RELEASE) };
}
