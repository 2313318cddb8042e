//! A wall clock that is the test's to set, for one program alone (libfaketime).

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Home, Running, private_folder, require};

/// A wall clock.
pub struct WallClock {
    library: PathBuf,
    file: PathBuf,
}

impl WallClock {
    /// One that says what the machine's does; none where the machine has no libfaketime.
    ///
    /// # Panics
    /// Where its file cannot be written.
    pub fn of(home: &Home) -> Option<Self> {
        let library = library();
        if !require("libfaketime", library.is_some()) {
            return None;
        }
        // Where the daemon may read while it runs.
        let configuration = home.configuration();
        let folder = configuration.parent().expect("it lies in a folder");
        private_folder(folder);
        let clock = Self { library: library?, file: folder.join("faketime") };
        clock.set("+0");
        Some(clock)
    }

    /// A daemon of this home that goes by it, in the foreground, once it listens.
    ///
    /// # Panics
    /// Where it ends instead.
    pub fn start_daemon(&self, home: &Home) -> Running {
        // By env(1), so that whatever makes another user of it does not go by it: what libfaketime shares between the
        // threads of a program is its user's alone.
        let mut env = home.command("env");
        env.arg(format!("LD_PRELOAD={}", self.library.display()));
        env.arg(format!("FAKETIME_TIMESTAMP_FILE={}", self.file.display()));
        env.args(["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]);
        env.arg(home.daemon_program());
        let daemon = Running::start(env, "");
        daemon.stderr_line(|line| line.contains("listening"));
        // It has opened them, and nobody else does; one that is killed would leave them behind.
        for name in ["faketime_shm", "sem.faketime_sem"] {
            let _ = fs::remove_file(format!("/dev/shm/{name}_{}", daemon.pid().as_raw_pid()));
        }
        daemon
    }

    /// Sets it, for the very next look at it.
    ///
    /// # Panics
    /// Where its file cannot be written.
    pub fn set(&self, offset: &str) {
        let new = self.file.with_extension("new");
        fs::write(&new, offset).expect("written");
        fs::rename(new, &self.file).expect("replaced");
    }
}

fn library() -> Option<PathBuf> {
    let folders = fs::read_dir(Path::new("/usr/lib")).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|path| path.exists())
}
