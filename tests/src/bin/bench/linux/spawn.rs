//! Programs that are run to their end, and what each run costs.
//!
//! posix_spawn(3), which shares this process's memory until the program begins (vfork), so that what is measured is the
//! program's own cost and not that of copying the one that starts it; wait4(2), which tells what it used.

#![expect(unsafe_code, reason = "neither call has a sound wrapper")]

use std::{
    env,
    ffi::{CStr, CString, OsStr},
    mem::MaybeUninit,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::Command,
    ptr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::interrupted;

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// From before it was started until it was gone.
    pub(crate) wall: Duration,
    /// Time of a processor that it and its own children used, in the program and in the kernel.
    pub(crate) cpu: Duration,
    /// Pages that the kernel had to bring in for it.
    pub(crate) faults: u64,
}

/// A program with everything that it is started with. Its output goes nowhere.
#[derive(Debug)]
pub(crate) struct Program {
    path: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    input: CString,
}

impl Program {
    /// What this command would run, with nothing to read.
    pub(crate) fn of(command: &Command) -> Result<Self> {
        Self::reading(command, Path::new("/dev/null"))
    }

    /// What this command would run, in no particular folder, with this file as its standard input.
    pub(crate) fn reading(command: &Command, input: &Path) -> Result<Self> {
        let path = found(command.get_program()).with_context(|| format!("{command:?} is not there"))?;
        let words = [command.get_program()].into_iter().chain(command.get_args());
        Ok(Self {
            path: text(path.as_os_str())?,
            arguments: words.map(text).collect::<Result<_>>()?,
            environment: variables(command)
                .map(|(name, value)| text(&[name, value].join(OsStr::new("="))))
                .collect::<Result<_>>()?,
            input: text(input.as_os_str())?,
        })
    }

    /// Runs it to its end, which must be a good one.
    pub(crate) fn run(&self) -> Result<Cost> {
        interrupted::check()?;
        let actions = Actions::of(&[
            (0, &self.input, libc::O_RDONLY),
            (1, c"/dev/null", libc::O_WRONLY),
            (2, c"/dev/null", libc::O_WRONLY),
        ])?;
        let (arguments, environment) = (pointers(&self.arguments), pointers(&self.environment));
        let mut pid = 0;
        let began = Instant::now();
        // SAFETY: every pointer is to a live value, and both lists end with a null pointer.
        let refused = unsafe {
            libc::posix_spawn(
                &raw mut pid,
                self.path.as_ptr(),
                &raw const actions.0,
                ptr::null(),
                arguments.as_ptr(),
                environment.as_ptr(),
            )
        };
        ensure!(refused == 0, "cannot start {:?}: {}", self.path, std::io::Error::from_raw_os_error(refused));
        let (status, usage) = ended(pid)?;
        let wall = began.elapsed();
        ensure!(status == 0, "{:?} failed (wait status {status})", self.arguments);
        let cpu = duration(usage.ru_utime) + duration(usage.ru_stime);
        Ok(Cost { wall, cpu, faults: (usage.ru_minflt + usage.ru_majflt).cast_unsigned() })
    }
}

/// Waits for a child; its status and what it used.
fn ended(pid: libc::pid_t) -> Result<(i32, libc::rusage)> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    loop {
        // SAFETY: both pointers are to live values of the right types.
        let waited = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
        if waited == pid {
            // SAFETY: it was zeroed, which is a value of numbers, and the kernel has filled it.
            return Ok((status, unsafe { usage.assume_init() }));
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            bail!("cannot wait for a child: {error}");
        }
    }
}

/// What is opened in the child before the program begins.
struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    fn of(files: &[(i32, &CStr, i32)]) -> Result<Self> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: it initialises what the pointer is to, which nothing else has.
        let refused = unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) };
        ensure!(refused == 0, "no memory to start a program");
        // SAFETY: it was initialised just now.
        let mut actions = Self(unsafe { actions.assume_init() });
        for (descriptor, path, flags) in files {
            // SAFETY: the actions are initialised, and the path is copied.
            let refused = unsafe {
                libc::posix_spawn_file_actions_addopen(
                    &raw mut actions.0,
                    *descriptor,
                    path.as_ptr(),
                    *flags,
                    0,
                )
            };
            ensure!(refused == 0, "no memory to start a program");
        }
        Ok(actions)
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: they were initialised, and nobody uses them any more.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

/// The environment that a command sets.
pub(crate) fn variables(command: &Command) -> impl Iterator<Item = (&OsStr, &OsStr)> {
    command.get_envs().filter_map(|(name, value)| Some((name, value?)))
}

/// The file of a program, looked for before anything is measured.
fn found(program: &OsStr) -> Option<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return Some(program.into());
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn text(word: &OsStr) -> Result<CString> {
    CString::new(word.as_bytes()).context("a word with a null in it")
}

/// What C wants of a list of words.
fn pointers(words: &[CString]) -> Vec<*mut libc::c_char> {
    words.iter().map(|word| word.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect()
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec.cast_unsigned()) + Duration::from_micros(time.tv_usec.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn a_program_that_fails_or_is_not_there_is_not_measured() {
        assert!(Program::of(&shell("exit 0")).unwrap().run().is_ok());
        for ended in ["exit 3", "kill -KILL $$"] {
            assert!(Program::of(&shell(ended)).unwrap().run().is_err(), "{ended}");
        }
        assert!(Program::of(&Command::new("no-such-program-9d2f")).is_err());
        assert!(Program::of(&Command::new("/no/such/program")).unwrap().run().is_err());
    }

    #[test]
    fn a_program_has_its_arguments_its_input_and_no_other_variables() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("input");
        fs::write(&input, "one\n").unwrap();
        let mut asked = shell(r#"read word && [ "$word $NAME ${HOME-none} $1" = "one two none three" ]"#);
        asked.args(["sh", "three"]).env("NAME", "two");
        assert!(Program::reading(&asked, &input).unwrap().run().is_ok());
        assert!(Program::of(&asked).unwrap().run().is_err(), "without the input");
    }

    #[test]
    fn what_a_program_used_is_told_with_what_its_children_used() {
        let cost = |script| Program::of(&shell(script)).unwrap().run().unwrap();
        let (little, much) = (cost(":"), cost("cat /proc/self/status; cat /proc/self/status; :"));
        assert!(little.faults > 0 && much.faults > 2 * little.faults, "{little:?} {much:?}");
        assert!(!much.cpu.is_zero(), "{much:?}");
    }
}
