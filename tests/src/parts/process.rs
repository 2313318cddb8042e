//! Programs run by a test: to their end, or along with it.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::{
    BOUND, Pid,
    platform::{self, Process},
};
use crate::transcript::{self, Channel};

/// How long a program that closes its output may take to end, before it is told without its last words.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// What a program left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Output {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

impl Output {
    /// Standard output of a program that succeeded.
    ///
    /// # Panics
    /// Where it did not, with what it said.
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.code, Some(0), "it failed: {}{}", self.stdout, self.stderr);
        self.stdout
    }
}

/// Runs a program to its end with `stdin` as its standard input, and until nobody holds its output open any more.
///
/// # Panics
/// Where it cannot be started, or when [`BOUND`] has passed; it is killed then.
#[track_caller]
pub fn run(mut command: Command, stdin: impl AsRef<[u8]>) -> Output {
    let words = words(&command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = platform::spawn(&mut command);
    let mut child = started.unwrap_or_else(|error| panic!("cannot start {}: {error}", words.join(" ")));
    transcript::given(stdin.as_ref());
    let mut input = child.stdin.take().expect("piped");
    let bytes = stdin.as_ref().to_vec();
    // Threads, so that neither side waits for a pipe that the other one does not empty. One that ends without
    // reading its input is no failure.
    thread::spawn(move || input.write_all(&bytes));
    ended(child, &words)
}

/// What a child leaves, of its output and errors what is piped, once it has ended and nobody holds them open any more.
///
/// # Panics
/// When [`BOUND`] has passed; it is killed then.
#[track_caller]
pub(super) fn ended(mut child: Child, words: &[String]) -> Output {
    let name = words.join(" ");
    let (stdout, stderr) = (child.stdout.take().map(drained), child.stderr.take().map(drained));
    let end = Instant::now() + BOUND;
    let ended = process(&child).is_none_or(|process| process.ended(BOUND));
    if !ended {
        let _ = child.kill();
    }
    let status = child.wait().unwrap_or_else(|error| panic!("cannot wait for {name}: {error}"));
    let taken = |output: Option<mpsc::Receiver<Vec<u8>>>, channel| {
        let Some(output) = output else { return Some(String::new()) };
        let left = end.saturating_duration_since(Instant::now());
        let bytes = output.recv_timeout(left).ok()?;
        transcript::keep(words, channel, status.code(), &bytes);
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let (stdout, stderr) = (taken(stdout, Channel::Stdout), taken(stderr, Channel::Stderr));
    assert!(ended, "waited {} s for {name} to end; it said {stderr:?}", BOUND.as_secs());
    let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
        panic!("{name} ended ({status}), and something that it started holds its output open");
    };
    Output { code: status.code(), stdout, stderr }
}

/// What a reader gives until its end, told when it is there.
fn drained(mut reader: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = reader.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

/// A child that runs along with the test. It is killed, by its own process id, and reaped on drop.
pub struct Running {
    words: Vec<String>,
    name: String,
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Running {
    /// Starts a program with `stdin` as its standard input, which stays open afterwards.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[track_caller]
    pub fn start(mut command: Command, stdin: impl AsRef<[u8]>) -> Self {
        let words = words(&command);
        let name = words.join(" ");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            platform::spawn(&mut command).unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let stdout = Lines::of(child.stdout.take().expect("piped"));
        let stderr = Lines::of(child.stderr.take().expect("piped"));
        let mut running = Self { words, name, child, stdout, stderr };
        running.write(stdin);
        running
    }

    /// Writes to its standard input.
    ///
    /// # Panics
    /// Where it has closed it.
    pub fn write(&mut self, stdin: impl AsRef<[u8]>) {
        transcript::given(stdin.as_ref());
        let input = self.child.stdin.as_mut().expect("not closed yet");
        input
            .write_all(stdin.as_ref())
            .unwrap_or_else(|error| panic!("cannot write to {}: {error}", self.name));
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) {
        self.child.stdin = None;
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        platform::pid(&self.child)
    }

    /// The first line of its standard output, which it may still have to write.
    ///
    /// # Panics
    /// Where it closes it without one, or when [`BOUND`] has passed.
    pub fn first_line(&self) -> String {
        self.stdout_line(|_| true)
    }

    /// The first line of its standard output that is `wanted`.
    ///
    /// # Panics
    /// As [`Self::first_line`].
    pub fn stdout_line(&self, wanted: impl Fn(&str) -> bool) -> String {
        self.stdout.first(wanted).unwrap_or_else(|why| self.no_line("standard output", why))
    }

    /// The first line of its standard error that is `wanted`.
    ///
    /// # Panics
    /// As [`Self::first_line`].
    pub fn stderr_line(&self, wanted: impl Fn(&str) -> bool) -> String {
        self.stderr.first(wanted).unwrap_or_else(|why| self.no_line("standard error", why))
    }

    fn no_line(&self, stream: &str, why: &str) -> ! {
        // Mostly it is about to end, and says why on the other stream.
        if let Some(process) = process(&self.child) {
            process.ended(LAST_WORDS);
        }
        panic!("waited for a line of {}'s {stream}: {why}; it said\n{}", self.name, self.said())
    }

    /// What it wrote so far, standard output first; all of it where it has ended.
    pub fn said(&self) -> String {
        if process(&self.child).is_none_or(|process| process.ended(Duration::ZERO)) {
            self.stdout.until_ended();
            self.stderr.until_ended();
        }
        let mut said = String::new();
        for line in self.stdout.so_far().iter().chain(&self.stderr.so_far()) {
            let _ = writeln!(said, "{line}");
        }
        said
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Kills it and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When [`BOUND`] has passed.
    pub fn wait(&mut self) -> ExitStatus {
        let ended = process(&self.child).is_none_or(|process| process.ended(BOUND));
        assert!(ended, "waited {} s for {} to end; it said\n{}", BOUND.as_secs(), self.name, self.said());
        self.child.wait().expect("it ended")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        if transcript::keeps(&self.words) {
            let code = self.child.wait().ok().and_then(|status| status.code());
            for (lines, channel) in [(&self.stdout, Channel::Stdout), (&self.stderr, Channel::Stderr)] {
                lines.until_ended();
                transcript::keep(&self.words, channel, code, lines.so_far().join("\n").as_bytes());
            }
        }
    }
}

/// The lines of a stream, collected as they come.
#[derive(Clone)]
struct Lines(Arc<(Mutex<Collected>, Condvar)>);

#[derive(Default)]
struct Collected {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let lines = Self(Arc::default());
        let collected = lines.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { break };
                collected.lock().lines.push(String::from_utf8_lossy(&line).into_owned());
                collected.0.1.notify_all();
            }
            collected.lock().ended = true;
            collected.0.1.notify_all();
        });
        lines
    }

    fn lock(&self) -> MutexGuard<'_, Collected> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn so_far(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// Unless something that it started holds the stream open.
    fn until_ended(&self) {
        let _ = self.0.1.wait_timeout_while(self.lock(), LAST_WORDS, |collected| !collected.ended);
    }

    fn first(&self, wanted: impl Fn(&str) -> bool) -> Result<String, &'static str> {
        let found = |collected: &Collected| collected.lines.iter().find(|line| wanted(line)).cloned();
        let waiting = |collected: &mut Collected| !collected.ended && found(collected).is_none();
        let collected = self.0.1.wait_timeout_while(self.lock(), BOUND, waiting);
        let (collected, _) = collected.unwrap_or_else(PoisonError::into_inner);
        match found(&collected) {
            Some(line) => Ok(line),
            None if collected.ended => Err("it was closed without one"),
            None => Err("none came"),
        }
    }
}

/// A child that has not been reaped.
fn process(child: &Child) -> Option<Process> {
    Process::of(platform::pid(child))
}

/// What a program is called in messages: its name and arguments, as none of them is a secret.
pub(super) fn words(command: &Command) -> Vec<String> {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| OsStr::to_string_lossy(word).into_owned()).collect()
}
