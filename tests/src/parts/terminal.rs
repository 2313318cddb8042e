//! A terminal with nobody at it but the test (pty(7)).

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, tcgetattr},
};

use super::{
    BOUND, Output, platform,
    process::{ended, words},
};
use crate::transcript::{self, Channel};

/// A terminal, and what it has shown.
pub struct Terminal {
    person: File,
    terminal: File,
    shown: String,
}

impl Terminal {
    /// One that shows nothing yet.
    ///
    /// # Panics
    /// Where the system has none.
    pub fn new() -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&person).expect("granted");
        unlockpt(&person).expect("unlocked");
        let name = ptsname(&person, Vec::new()).expect("a name").into_string().expect("text");
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        options.custom_flags(i32::try_from(OpenptFlags::NOCTTY.bits()).expect("a flag"));
        let terminal = options.open(name).expect("its other side");
        Self { person: person.into(), terminal, shown: String::new() }
    }

    /// Starts a command with this terminal as its controlling one.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn start(&self, command: &Command) -> Started {
        // It gives the child the terminal that is its standard input.
        let mut setsid = Command::new("setsid");
        setsid.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
        setsid.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        setsid.current_dir(command.get_current_dir().unwrap_or("/".as_ref()));
        setsid.stdin(self.terminal.try_clone().expect("a terminal"));
        setsid.stdout(Stdio::piped()).stderr(Stdio::piped());
        Started(setsid.spawn().expect("setsid, of util-linux"), words(command))
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
        // Each character is a byte that was shown.
        let mut shown: Vec<u8> = self.shown.chars().filter_map(|byte| u8::try_from(byte).ok()).collect();
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

/// A command that runs at a terminal.
pub struct Started(Child, Vec<String>);

impl Started {
    /// Waits for its end; what it said elsewhere than on the terminal.
    #[track_caller]
    pub fn ended(self) -> Output {
        ended(self.0, &self.1)
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}
