//! Stays at the console that a test started it at, as the shell does from which a program is started: keeps the console
//! there, and for each line on standard input says the mode of what is typed there, or presses Ctrl-C.
//!
//! `run PROGRAM …` runs a program whose standard input and output are the console; `has-console PID` says whether a
//! process has one.

#[cfg(windows)]
fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => windows::answer(),
        ["run", program, rest @ ..] => windows::run(program, rest),
        ["has-console", pid] => println!("{}", windows::has_console(pid.parse().expect("a number"))),
        other => panic!("{other:?} is nothing to do"),
    }
}

/// Nothing: only Windows has such consoles.
#[cfg(not(windows))]
fn main() {}

#[cfg(windows)]
mod windows {
    use std::{fs::File, io, os::windows::io::AsRawHandle, process::Command};

    use windows_sys::Win32::{
        Foundation::ERROR_INVALID_HANDLE,
        System::Console::{
            AttachConsole, FreeConsole, GetConsoleMode, INPUT_RECORD, INPUT_RECORD_0, KEY_EVENT,
            KEY_EVENT_RECORD, KEY_EVENT_RECORD_0, LEFT_CTRL_PRESSED, SetConsoleCtrlHandler,
            WriteConsoleInputW,
        },
    };

    /// Answers until the end.
    pub(super) fn answer() {
        let keys = open("CONIN$");
        #[expect(unsafe_code, reason = "no safe wrapper")]
        // SAFETY: nothing of our memory is touched. As a shell does, it outlives the Ctrl-C that is meant for others.
        unsafe {
            SetConsoleCtrlHandler(None, 1);
        }
        for question in io::stdin().lines() {
            match question.expect("a line").as_str() {
                "mode" => println!("{}", mode(&keys)),
                "ctrl-c" => press_ctrl_c(&keys),
                other => panic!("{other:?} is no question"),
            }
        }
    }

    /// Runs a program as a shell does, and ends as it did.
    pub(super) fn run(program: &str, arguments: &[&str]) {
        let mut command = Command::new(program);
        command.args(arguments).stdin(open("CONIN$")).stdout(open("CONOUT$"));
        let status = command.status().expect("a program");
        std::process::exit(status.code().unwrap_or(1));
    }

    fn open(name: &str) -> File {
        File::options().read(true).write(true).open(name).expect("a console")
    }

    fn mode(keys: &File) -> u32 {
        let mut mode = 0;
        #[expect(unsafe_code, reason = "no safe wrapper")]
        // SAFETY: the handle is open, and the pointer is to a live variable.
        let told = unsafe { GetConsoleMode(keys.as_raw_handle(), &raw mut mode) };
        assert_ne!(told, 0, "{}", io::Error::last_os_error());
        mode
    }

    fn press_ctrl_c(keys: &File) {
        let key = KEY_EVENT_RECORD {
            bKeyDown: 1,
            wRepeatCount: 1,
            wVirtualKeyCode: u16::from(b'C'),
            uChar: KEY_EVENT_RECORD_0 { UnicodeChar: 3 },
            dwControlKeyState: LEFT_CTRL_PRESSED,
            ..Default::default()
        };
        let record = INPUT_RECORD {
            EventType: u16::try_from(KEY_EVENT).expect("small"),
            Event: INPUT_RECORD_0 { KeyEvent: key },
        };
        let mut written = 0;
        #[expect(unsafe_code, reason = "no safe wrapper")]
        // SAFETY: the handle is open, and the pointers are to live variables.
        let done =
            unsafe { WriteConsoleInputW(keys.as_raw_handle(), &raw const record, 1, &raw mut written) };
        assert_eq!((done != 0, written), (true, 1), "{}", io::Error::last_os_error());
    }

    /// Whether this process has a console.
    pub(super) fn has_console(pid: u32) -> bool {
        #[expect(unsafe_code, reason = "no safe wrapper")]
        // SAFETY: nothing of our memory is touched; standard output is a pipe.
        let attached = unsafe {
            FreeConsole();
            AttachConsole(pid)
        };
        let error = io::Error::last_os_error();
        let none = error.raw_os_error() == i32::try_from(ERROR_INVALID_HANDLE).ok();
        assert!(attached != 0 || none, "{error}");
        attached != 0
    }
}
