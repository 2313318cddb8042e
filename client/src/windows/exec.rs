//! A program that stands in for this one: no process becomes another here, so this one waits for it and ends as it did.

use std::{
    io,
    os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle},
    process::{self, Child, Command},
    ptr, thread,
    time::Duration,
};

use windows_sys::{
    Win32::System::{
        Console::{CTRL_BREAK_EVENT, SetConsoleCtrlHandler},
        JobObjects::{
            AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
            JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
            JobObjectExtendedLimitInformation, SetInformationJobObject,
        },
    },
    core::BOOL,
};

/// Runs the program to its end, and ends with its exit code. Returns only why it was not run.
pub(crate) fn replace_self(command: &mut Command) -> io::Error {
    #[expect(unsafe_code, reason = "what Ctrl-C does has no safe wrapper")]
    // SAFETY: the function lives as long as the program and touches nothing.
    unsafe {
        SetConsoleCtrlHandler(Some(stay), 1);
    }
    let ended = command.spawn().and_then(|mut child| {
        let _job = bind(&child);
        child.wait()
    });
    match ended {
        Ok(status) => process::exit(status.code().unwrap_or_default()),
        Err(error) => error,
    }
}

/// Ctrl-C and Ctrl-Break are told to every program of the console: what becomes of them is the other program's to say. When
/// the console closes this one stays as long as the system lets it: the other one may have something to do yet.
unsafe extern "system" fn stay(event: u32) -> BOOL {
    if event > CTRL_BREAK_EVENT {
        thread::sleep(Duration::MAX);
    }
    1
}

/// Has the program end where this process is killed, as if it were this process; what it starts is let go. Where the
/// system refuses, it goes on.
fn bind(child: &Child) -> Option<OwnedHandle> {
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK;
    let size = u32::try_from(size_of_val(&limits)).unwrap_or_default();
    #[expect(unsafe_code, reason = "jobs have no safe wrapper")]
    // SAFETY: the job is owned from the moment that it is known to be one; the limits are of the kind and size that are
    // named; the child's handle is open for as long as it is borrowed.
    unsafe {
        let job = CreateJobObjectW(ptr::null(), ptr::null());
        if job.is_null() {
            return None;
        }
        let job = OwnedHandle::from_raw_handle(job);
        SetInformationJobObject(
            job.as_raw_handle(),
            JobObjectExtendedLimitInformation,
            (&raw const limits).cast(),
            size,
        );
        AssignProcessToJobObject(job.as_raw_handle(), child.as_raw_handle());
        Some(job)
    }
}
