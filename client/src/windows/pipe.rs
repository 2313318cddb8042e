//! The named pipe: each wait on it has a deadline, and its owner is known before a byte is sent.

use std::{
    fs::File,
    io,
    os::windows::{
        fs::OpenOptionsExt,
        io::{AsRawHandle, FromRawHandle, OwnedHandle},
    },
    path::Path,
    ptr,
};

use dt_cred_proto::platform::Sid;
use thiserror::Error;
use windows_sys::Win32::{
    Foundation::{
        ERROR_BROKEN_PIPE, ERROR_HANDLE_EOF, ERROR_IO_PENDING, ERROR_NO_DATA, ERROR_OPERATION_ABORTED,
        ERROR_PIPE_BUSY, ERROR_PIPE_NOT_CONNECTED, WAIT_OBJECT_0,
    },
    Storage::FileSystem::{FILE_FLAG_OVERLAPPED, ReadFile, SECURITY_IDENTIFICATION, WriteFile},
    System::{
        IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED},
        Pipes::GetNamedPipeServerProcessId,
        Threading::{CreateEventW, WaitForSingleObject},
    },
};

use crate::deadline::Deadline;

/// Somebody who listens and may not be trusted.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("belongs to {owner}, not to you ({own}): end its program, or point DT_CRED_SOCKET to your own pipe")]
pub(crate) struct Stranger {
    owner: Sid,
    own: Sid,
}

/// A connected pipe.
pub(crate) struct Stream(File);

impl Stream {
    /// Connects to the pipe `path`; none where all of its instances are taken now.
    ///
    /// # Errors
    /// As CreateFile.
    pub(crate) fn connect(path: &Path) -> io::Result<Option<Self>> {
        let mut options = File::options();
        // Whoever listens may learn who we are, and not act as us.
        options
            .read(true)
            .write(true)
            .custom_flags(FILE_FLAG_OVERLAPPED)
            .security_qos_flags(SECURITY_IDENTIFICATION);
        match options.open(path) {
            Ok(pipe) => Ok(Some(Self(pipe))),
            Err(error) if code(&error) == Some(ERROR_PIPE_BUSY) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps it until the end of this process, which waits for the program that it starts.
    ///
    /// # Errors
    /// None.
    pub(crate) fn bequeath(self) -> io::Result<()> {
        std::mem::forget(self.0);
        Ok(())
    }

    /// The one who made the pipe, where that is neither our own user nor the system.
    ///
    /// # Errors
    /// Where the pipe is gone.
    pub(crate) fn stranger(&self, _server_uid: Option<u32>) -> io::Result<Option<Stranger>> {
        let (owner, own) = (Sid::of_object(&self.0)?, Sid::own()?);
        Ok((owner != own && !owner.is_system()).then_some(Stranger { owner, own }))
    }

    /// The number of the process that listens, as the system says it.
    pub(crate) fn listener(&self) -> Option<u32> {
        let mut pid = 0;
        #[expect(unsafe_code, reason = "the pipe's server has no safe wrapper")]
        // SAFETY: the handle is open for as long as the file lives, and the pointer is to a live variable.
        let told = unsafe { GetNamedPipeServerProcessId(self.0.as_raw_handle(), &raw mut pid) };
        (told != 0).then_some(pid)
    }

    /// Reads what there is, at least a byte; zero is the end.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] once the deadline has passed.
    pub(crate) fn read(&mut self, buffer: &mut [u8], deadline: Deadline) -> io::Result<usize> {
        read(&self.0, buffer, deadline)
    }

    /// [`Self::read`], of what is not there yet.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn read_later(&mut self, buffer: &mut [u8], deadline: Deadline) -> io::Result<usize> {
        self.read(buffer, deadline)
    }

    /// Writes as much as there is room for, at least a byte.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] once the deadline has passed.
    pub(crate) fn write(&mut self, bytes: &[u8], deadline: Deadline) -> io::Result<usize> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let pipe = self.0.as_raw_handle();
        overlapped(&self.0, deadline, |state| {
            #[expect(unsafe_code, reason = "a write that can be given up has no safe wrapper")]
            // SAFETY: the bytes and the state outlive the operation, which `overlapped` waits out or cancels.
            unsafe {
                WriteFile(pipe, bytes.as_ptr(), length, ptr::null_mut(), state)
            }
        })
    }
}

/// Reads what there is from a pipe that was opened for overlapped operations, at least a byte; zero is the end.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] once the deadline has passed.
pub(super) fn read(pipe: &impl AsRawHandle, buffer: &mut [u8], deadline: Deadline) -> io::Result<usize> {
    let length = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
    let (handle, start) = (pipe.as_raw_handle(), buffer.as_mut_ptr());
    let read = overlapped(pipe, deadline, |state| {
        #[expect(unsafe_code, reason = "a read that can be given up has no safe wrapper")]
        // SAFETY: the buffer and the state outlive the operation, which `overlapped` waits out or cancels.
        unsafe {
            ReadFile(handle, start, length, ptr::null_mut(), state)
        }
    });
    match read {
        Err(error) if matches!(code(&error), Some(ERROR_BROKEN_PIPE | ERROR_HANDLE_EOF)) => Ok(0),
        Err(error) if matches!(code(&error), Some(ERROR_NO_DATA | ERROR_PIPE_NOT_CONNECTED)) => {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        done => done,
    }
}

/// Begins an operation, and waits for it until the deadline; then it is cancelled, and has ended when this returns.
fn overlapped(
    pipe: &impl AsRawHandle,
    deadline: Deadline,
    begin: impl FnOnce(*mut OVERLAPPED) -> i32,
) -> io::Result<usize> {
    let handle = pipe.as_raw_handle();
    #[expect(unsafe_code, reason = "operations with a deadline have no safe wrapper")]
    // SAFETY: the event is owned by this function and outlives the operation; the state lies still on this frame until
    // GetOverlappedResult has waited for the operation's end, cancelled or not, so the system writes to nothing that is
    // gone.
    unsafe {
        let event = CreateEventW(ptr::null(), 1, 0, ptr::null());
        if event.is_null() {
            return Err(io::Error::last_os_error());
        }
        let event = OwnedHandle::from_raw_handle(event);
        let mut state = OVERLAPPED { hEvent: event.as_raw_handle(), ..Default::default() };
        if begin(&raw mut state) == 0 && code(&io::Error::last_os_error()) != Some(ERROR_IO_PENDING) {
            return Err(io::Error::last_os_error());
        }
        if WaitForSingleObject(event.as_raw_handle(), milliseconds(deadline)) != WAIT_OBJECT_0 {
            CancelIoEx(handle, &raw const state);
        }
        let mut done = 0;
        if GetOverlappedResult(handle, &raw const state, &raw mut done, 1) == 0 {
            let error = io::Error::last_os_error();
            let cancelled = code(&error) == Some(ERROR_OPERATION_ABORTED);
            return Err(if cancelled { io::ErrorKind::TimedOut.into() } else { error });
        }
        Ok(usize::try_from(done).unwrap_or_default())
    }
}

/// What is left until the deadline, in milliseconds, rounded up, so that nothing is waited for in vain.
pub(super) fn milliseconds(deadline: Deadline) -> u32 {
    let left = deadline.remaining().as_micros().div_ceil(1000);
    u32::try_from(left).unwrap_or(u32::MAX - 1)
}

fn code(error: &io::Error) -> Option<u32> {
    u32::try_from(error.raw_os_error()?).ok()
}
