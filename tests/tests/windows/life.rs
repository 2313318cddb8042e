//! What ends a daemon that nobody can send a signal to, and what does not.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle},
    process::{Child, Stdio},
    ptr,
    sync::mpsc,
    thread,
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{BOUND, Pid, binaries, run, until},
    user::{Account, User},
};
use windows_sys::{
    Win32::{
        Foundation::HWND,
        System::JobObjects::{
            AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT, JOB_OBJECT_LIMIT_BREAKAWAY_OK,
            JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
            JobObjectExtendedLimitInformation, SetInformationJobObject,
        },
        UI::WindowsAndMessaging::{
            FindWindowExW, GetWindowThreadProcessId, SendNotifyMessageW, WM_ENDSESSION, WM_QUERYENDSESSION,
        },
    },
    w,
};

/// A job that ends, with all that is in it, when this is dropped.
struct Job(OwnedHandle);

impl Job {
    fn new(limits: JOB_OBJECT_LIMIT) -> Self {
        let mut information = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        information.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | limits;
        let size = u32::try_from(size_of_val(&information)).expect("it is small");
        #[expect(unsafe_code, reason = "jobs have no safe wrapper")]
        // SAFETY: the handle that is made is owned from then on, and the information is as long as is said.
        unsafe {
            let job = CreateJobObjectW(ptr::null(), ptr::null());
            assert!(!job.is_null(), "{}", io::Error::last_os_error());
            let job = OwnedHandle::from_raw_handle(job);
            let (kind, limits) = (JobObjectExtendedLimitInformation, (&raw const information).cast());
            let limited = SetInformationJobObject(job.as_raw_handle(), kind, limits, size);
            assert_ne!(limited, 0, "{}", io::Error::last_os_error());
            Self(job)
        }
    }

    fn take(&self, child: &Child) {
        #[expect(unsafe_code, reason = "jobs have no safe wrapper")]
        // SAFETY: both handles are open.
        let taken = unsafe { AssignProcessToJobObject(self.0.as_raw_handle(), child.as_raw_handle()) };
        assert_ne!(taken, 0, "{}", io::Error::last_os_error());
    }
}

/// Starts a daemon from a shell in a job of these limits; the job.
fn started_in_a_job(user: &User, limits: JOB_OBJECT_LIMIT) -> Job {
    let job = Job::new(limits);
    let mut shell = user.home.command("cmd.exe");
    let mut shell = shell.arg("/q").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("a shell");
    // What it starts from now on is in the job as well.
    job.take(&shell);
    let mut lines = shell.stdin.take().expect("piped");
    let client = binaries::client();
    write!(lines, "\"{}\" start\r\n", client.display()).expect("it reads");
    drop(lines);
    assert!(shell.wait().expect("a child").success());
    assert!(user.home.daemon_pid().is_some(), "it was started");
    job
}

#[test]
fn a_daemon_outlives_the_job_of_whoever_started_it_where_the_job_lets_it() {
    let user = User::in_memory();
    drop(started_in_a_job(&user, JOB_OBJECT_LIMIT_BREAKAWAY_OK));
    user.dt_cred(&["status"]).done();
    assert!(user.home.daemon_pid().is_some());
}

#[test]
fn a_daemon_is_started_in_a_job_that_nobody_can_leave_too() {
    let user = User::in_memory();
    drop(started_in_a_job(&user, 0));
    user.home.until_no_daemon();
}

#[test]
fn a_program_that_exec_runs_ends_when_that_is_killed() {
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    user.log_in(&Account::at(&sandbox));
    let mut exec = user.home.client(&["exec", "--", "cmd.exe", "/q"]);
    let mut exec = exec.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the client");
    // It stays open, so that it is not its end that ends the shell.
    let mut lines = exec.stdin.take().expect("piped");
    let mut output = BufReader::new(exec.stdout.take().expect("piped"));
    lines.write_all(b"echo it runs\r\n").expect("it reads");
    let mut said = String::new();
    while !said.contains("it runs") {
        assert_ne!(output.read_line(&mut said).expect("text"), 0, "it ended: {said}");
    }
    exec.kill().expect("it runs");
    exec.wait().expect("a child");
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(output.read_to_end(&mut Vec::new())));
    assert!(end.recv_timeout(BOUND).is_ok(), "it runs on: it holds its output open");
}

/// The window of the daemon that hears of the session's end.
fn window(daemon: Pid) -> Option<HWND> {
    let mut window = ptr::null_mut();
    loop {
        let mut pid = 0;
        #[expect(unsafe_code, reason = "windows have no safe wrapper")]
        // SAFETY: the name ends with a NUL, and the pointer is to a live variable.
        unsafe {
            window = FindWindowExW(ptr::null_mut(), window, w!("dt-credd"), ptr::null());
            if window.is_null() {
                return None;
            }
            GetWindowThreadProcessId(window, &raw mut pid);
        }
        if pid == daemon {
            return Some(window);
        }
    }
}

#[test]
fn the_end_of_the_session_ends_the_daemon_which_takes_its_files_along() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let file = format!("[[profile.{}.file]]\npath = '~\\tokens\\token'\n", user.profile());
    user.home.configure(&file);
    user.log_in(&Account::at(&sandbox));
    let token = user.home.path().join(r"tokens\token");
    until("the file with the token", || token.exists().then_some(()));
    let daemon = user.home.daemon_pid().expect("a daemon");
    let window = until("its window", || window(daemon));
    for (message, wide) in [(WM_QUERYENDSESSION, 0), (WM_ENDSESSION, 1)] {
        #[expect(unsafe_code, reason = "windows have no safe wrapper")]
        // SAFETY: nothing is pointed to.
        let sent = unsafe { SendNotifyMessageW(window, message, wide, 0) };
        assert_ne!(sent, 0, "{}", io::Error::last_os_error());
    }
    user.home.until_no_daemon();
    until("the file to go", || (!token.exists()).then_some(()));
    run(user.home.client(&["status"]), "").done();
}
