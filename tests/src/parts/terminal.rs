//! A terminal with nobody at it but the test (pty(7)).

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};

use super::{
    BOUND, Output, platform,
    process::{ended, words},
};
use crate::transcript::{self, Channel};

mod screen;

/// A terminal, and what it has shown.
pub struct Terminal {
    person: File,
    terminal: File,
    shown: String,
    /// Whether somebody asks for a secret there.
    secret_is_meant: bool,
}

impl Terminal {
    /// One that shows nothing yet.
    ///
    /// # Panics
    /// Where the system has none.
    pub fn new() -> Self {
        // Nobody else may hold it: what runs at it ends with it.
        let person =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&person).expect("granted");
        unlockpt(&person).expect("unlocked");
        let name = ptsname(&person, Vec::new()).expect("a name").into_string().expect("text");
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        options.custom_flags(i32::try_from(OpenptFlags::NOCTTY.bits()).expect("a flag"));
        let terminal = options.open(name).expect("its other side");
        Self { person: person.into(), terminal, shown: String::new(), secret_is_meant: false }
    }

    /// Takes a secret on its screen for what the test wants. Otherwise the transcript may have none there.
    pub fn expect_secret(&mut self) {
        self.secret_is_meant = true;
    }

    /// Starts a command with this terminal as its controlling one; its output and errors go elsewhere.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn start(&self, command: &Command) -> Started {
        self.start_with(command, Stdio::piped(), Stdio::piped())
    }

    /// Starts a command as [`Self::start`]; its output goes to this terminal.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn start_here(&self, command: &Command) -> Started {
        self.start_with(command, self.side().into(), Stdio::piped())
    }

    /// Starts a command as [`Self::start`]; its errors go to this terminal.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn start_telling(&self, command: &Command) -> Started {
        self.start_with(command, Stdio::piped(), self.side().into())
    }

    fn side(&self) -> File {
        self.terminal.try_clone().expect("a terminal")
    }

    fn start_with(&self, command: &Command, stdout: Stdio, stderr: Stdio) -> Started {
        // It gives the child the terminal that is its standard input.
        let mut setsid = Command::new("setsid");
        // Whoever runs the tests may ignore some signals: a shell does for what it runs in the background.
        setsid.args(["--ctty", "--wait", "env", "--default-signal"]);
        setsid.arg(command.get_program()).args(command.get_args());
        setsid.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        setsid.current_dir(command.get_current_dir().unwrap_or("/".as_ref()));
        setsid.stdin(self.side()).stdout(stdout).stderr(stderr);
        Started(Some(setsid.spawn().expect("setsid, of util-linux")), words(command))
    }

    /// Reads what is shown from now on until it ends so: a prompt that was answered counts no more.
    ///
    /// # Panics
    /// Where nothing more comes.
    #[track_caller]
    pub fn until(&mut self, end: &str) {
        loop {
            let more = platform::readable(&self.person, BOUND);
            assert!(more, "waited {} s for {end:?} after {:?}", BOUND.as_secs(), self.shown);
            let mut byte = [0];
            self.person.read_exact(&mut byte).expect("more to see");
            self.shown.push(char::from(byte[0]));
            if self.shown.ends_with(end) {
                return;
            }
        }
    }

    /// Looks at the screen, as the text down to the cursor, after whatever comes until it is as `wanted`.
    ///
    /// # Panics
    /// Where nothing more comes.
    #[track_caller]
    pub fn until_screen(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        // One that is drawn on again and again always has more.
        let end = Instant::now() + BOUND;
        loop {
            let screen = screen::shown(&self.bytes());
            if wanted(&screen) {
                return screen;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                platform::readable(&self.person, left) && !left.is_zero(),
                "waited {} s after {screen}",
                BOUND.as_secs()
            );
            let mut some = [0; 4096];
            let read = self.person.read(&mut some).expect("more to see");
            self.shown.extend(some[..read].iter().copied().map(char::from));
        }
    }

    /// Makes it as large as this.
    ///
    /// # Panics
    /// Where the terminal is gone.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.terminal, size).expect("resized");
    }

    /// Writes to it until it takes no more, as one does that stands still (Ctrl-S).
    ///
    /// # Panics
    /// Where the terminal is gone.
    pub fn fill(&self) {
        while platform::writable(&self.terminal) {
            (&self.terminal).write_all(b"x").expect("written");
        }
    }

    /// What was sent to it: each character of what is shown is a byte.
    fn bytes(&self) -> Vec<u8> {
        self.shown.chars().filter_map(|byte| u8::try_from(byte).ok()).collect()
    }

    /// What was shown so far, as far as [`Self::until`] has read.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Presses these keys.
    ///
    /// # Panics
    /// Where the terminal is gone.
    pub fn press(&mut self, keys: &str) {
        self.person.write_all(keys.as_bytes()).expect("typed");
    }

    /// Whether what is typed is shown, and Ctrl-C a signal.
    ///
    /// # Panics
    /// Where the terminal is gone.
    pub fn is_usual(&self) -> bool {
        let modes = tcgetattr(&self.terminal).expect("its modes").local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }
}

impl Drop for Terminal {
    /// The screen as it is in the end.
    fn drop(&mut self) {
        if self.secret_is_meant {
            return;
        }
        let mut shown = self.bytes();
        let mut more = [0; 4096];
        while platform::readable(&self.person, Duration::ZERO) {
            match self.person.read(&mut more) {
                Ok(read @ 1..) => shown.extend_from_slice(&more[..read]),
                _ => break,
            }
        }
        transcript::keep(&["dt-cred".to_owned(), "at a terminal".to_owned()], Channel::Screen, None, &shown);
    }
}

/// A command that runs at a terminal. It is killed on drop.
pub struct Started(Option<Child>, Vec<String>);

impl Started {
    /// Waits for its end; what it said elsewhere than on the terminal.
    #[track_caller]
    pub fn ended(mut self) -> Output {
        ended(self.0.take().expect("not waited for yet"), &self.1)
    }

    /// Waits for its end by a signal, and which one; what it said elsewhere than on the terminal.
    ///
    /// # Panics
    /// Where it ends by itself, or when [`BOUND`] has passed.
    #[track_caller]
    pub fn ended_by(self) -> (i32, Output) {
        let pid = self.pid();
        let gone = platform::Process::of(pid).is_none_or(|process| process.ended(BOUND));
        assert!(gone, "waited {} s for {:?} to end", BOUND.as_secs(), self.1);
        // Looked at only: it is reaped below.
        let status = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let signal = status.expect("it is there").expect("it has ended").terminating_signal();
        let output = self.ended();
        (signal.unwrap_or_else(|| panic!("it ended by itself: {output:?}")), output)
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// Where it is gone.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it is there");
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.0.as_ref().expect("not waited for yet"))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}
