//! The clock that counts time asleep.

use std::{sync::LazyLock, time::Duration};

use windows_sys::{
    Win32::System::{
        LibraryLoader::{GetModuleHandleW, GetProcAddress},
        SystemInformation::GetTickCount64,
    },
    w,
};

/// Time since the machine started, time asleep included, in units of 100 ns (QueryInterruptTimePrecise).
type InterruptTime = unsafe extern "system" fn(*mut u64);

/// How many of its units a second has, and how many nanoseconds one is.
const PER_SECOND: u64 = 10_000_000;
const NANOSECONDS: u32 = 100;

/// Looked for while we run, because whoever links it does not start where it is missing, as under wine 8.
static INTERRUPT_TIME: LazyLock<Option<InterruptTime>> = LazyLock::new(|| {
    #[expect(unsafe_code, reason = "a function that may not be there has no safe wrapper")]
    // SAFETY: both names end with a NUL; the library is never unloaded; the function has this one type.
    unsafe {
        let library = GetModuleHandleW(w!("kernelbase.dll"));
        let found = GetProcAddress(library, c"QueryInterruptTimePrecise".as_ptr().cast())?;
        Some(std::mem::transmute::<unsafe extern "system" fn() -> isize, InterruptTime>(found))
    }
});

/// Time since the machine started, time asleep included.
pub fn boot_time() -> Duration {
    #[expect(unsafe_code, reason = "the system's clocks have no safe wrapper")]
    // SAFETY: the pointer is to a live variable; the other clock takes nothing.
    unsafe {
        match *INTERRUPT_TIME {
            Some(interrupt_time) => {
                let mut now = 0;
                interrupt_time(&raw mut now);
                Duration::new(
                    now / PER_SECOND,
                    NANOSECONDS * u32::try_from(now % PER_SECOND).unwrap_or_default(),
                )
            }
            // The same clock in steps of a tick, which are 16 ms.
            None => Duration::from_millis(GetTickCount64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use windows_sys::Win32::System::SystemInformation::GetTickCount64;

    use super::boot_time;

    #[test]
    fn the_boot_time_is_the_systems_uptime_and_never_goes_back() {
        #[expect(unsafe_code, reason = "GetTickCount64 has no safe wrapper")]
        // SAFETY: it takes nothing and touches none of our memory.
        let uptime = Duration::from_millis(unsafe { GetTickCount64() });
        let first = boot_time();
        assert!(first.abs_diff(uptime) < Duration::from_secs(10), "{first:?} {uptime:?}");
        assert!(boot_time() >= first);
    }
}
