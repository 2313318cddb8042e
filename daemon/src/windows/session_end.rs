//! The end of the user's session: a logoff, a shutdown. A process without a console is told of it by its windows alone,
//! and one that may have windows is told of it by nothing else (SetConsoleCtrlHandler, Remarks).

use std::{io, ptr, sync::mpsc, thread};

use tokio::sync::Notify;
use windows_sys::{
    Win32::{
        Foundation::{HWND, LPARAM, LRESULT, WPARAM},
        System::LibraryLoader::GetModuleHandleW,
        UI::WindowsAndMessaging::{
            CreateWindowExW, DefWindowProcW, DispatchMessageW, GetMessageW, MSG, RegisterClassW,
            WM_ENDSESSION, WM_QUERYENDSESSION, WNDCLASSW,
        },
    },
    core::PCWSTR,
    w,
};

/// The name of the window and of its class.
const NAME: PCWSTR = w!("dt-credd");

/// Notified once the session ends.
static ENDING: Notify = Notify::const_new();

/// Tells of the session's end.
pub(super) struct SessionEnd(());

impl SessionEnd {
    /// Opens a window that nobody sees, on a thread of its own.
    ///
    /// # Errors
    /// Where there is no window station or desktop for it, as in a service's session.
    pub(super) fn watch() -> io::Result<Self> {
        let (tell, told) = mpsc::channel();
        thread::Builder::new().name("session".to_owned()).spawn(move || {
            let opened = open();
            let is_open = opened.is_ok();
            let _ = tell.send(opened);
            if is_open {
                serve();
            }
        })?;
        told.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into())).map(Self)
    }

    /// Waits for it.
    pub(super) async fn reached(&mut self) {
        ENDING.notified().await;
    }
}

/// Opens the window; this thread has its messages then.
fn open() -> io::Result<()> {
    #[expect(unsafe_code, reason = "windows have no safe wrapper")]
    // SAFETY: the class's name and its procedure are there for as long as the process is; all else is null or zero, which
    // these calls take.
    unsafe {
        let module = GetModuleHandleW(ptr::null());
        let class = WNDCLASSW {
            lpfnWndProc: Some(answer),
            hInstance: module,
            lpszClassName: NAME,
            ..Default::default()
        };
        let no = ptr::null_mut;
        if RegisterClassW(&raw const class) == 0
            // One of the desktop: a window for messages alone is not told.
            || CreateWindowExW(0, NAME, NAME, 0, 0, 0, 0, 0, no(), no(), module, ptr::null()).is_null()
        {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Takes the window's messages, for as long as the process runs.
fn serve() {
    let mut message = MSG::default();
    #[expect(unsafe_code, reason = "a window's messages have no safe wrapper")]
    // SAFETY: the pointer is to a live variable, which GetMessage fills before it is dispatched.
    unsafe {
        while GetMessageW(&raw mut message, ptr::null_mut(), 0, 0) > 0 {
            DispatchMessageW(&raw const message);
        }
    }
}

#[expect(unsafe_code, reason = "a window's procedure is called by the system")]
unsafe extern "system" fn answer(window: HWND, message: u32, wide: WPARAM, long: LPARAM) -> LRESULT {
    match message {
        // It may end: nothing is lost by that.
        WM_QUERYENDSESSION => 1,
        WM_ENDSESSION if wide != 0 => {
            ENDING.notify_one();
            // When this returns, the system ends the process: it is to end by itself first, and has 5 s for that.
            loop {
                thread::park();
            }
        }
        // SAFETY: it is given what the system gave us.
        _ => unsafe { DefWindowProcW(window, message, wide, long) },
    }
}

#[cfg(test)]
mod tests {
    use std::{ptr, time::Duration};

    use windows_sys::Win32::UI::WindowsAndMessaging::{
        FindWindowExW, GetWindowThreadProcessId, SMTO_NORMAL, SendMessageTimeoutW, SendNotifyMessageW,
        WM_ENDSESSION, WM_QUERYENDSESSION,
    };

    use super::{NAME, SessionEnd};

    #[tokio::test]
    async fn the_end_of_the_session_is_agreed_to_and_told() {
        let mut session_end = SessionEnd::watch().unwrap();
        let mut agreed = 0;
        #[expect(unsafe_code, reason = "windows have no safe wrapper")]
        // SAFETY: the name ends with a NUL, and the pointers are to live variables.
        unsafe {
            // Another daemon of the user may have one.
            let (mut window, mut pid) = (ptr::null_mut(), 0);
            while pid != std::process::id() {
                window = FindWindowExW(ptr::null_mut(), window, NAME, ptr::null());
                assert!(!window.is_null());
                GetWindowThreadProcessId(window, &raw mut pid);
            }
            // One that somebody has stopped is told of by a zero.
            assert_ne!(
                SendMessageTimeoutW(window, WM_QUERYENDSESSION, 0, 0, SMTO_NORMAL, 60_000, &raw mut agreed),
                0
            );
            assert_ne!(
                SendMessageTimeoutW(window, WM_ENDSESSION, 0, 0, SMTO_NORMAL, 60_000, ptr::null_mut()),
                0
            );
            assert_eq!(agreed, 1);
            tokio::select! {
                biased;
                () = session_end.reached() => panic!("it has not ended"),
                () = std::future::ready(()) => {}
            }
            assert_ne!(SendNotifyMessageW(window, WM_ENDSESSION, 1, 0), 0);
        }
        tokio::time::timeout(Duration::from_secs(60), session_end.reached()).await.unwrap();
    }
}
