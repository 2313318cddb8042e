//! A wall clock that is the test's to set, for one program alone (libfaketime).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Home, require};

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
        let clock = Self { library: library?, file: home.path().join("faketime") };
        clock.set("+0");
        Some(clock)
    }

    /// The daemon of this home that goes by it, not yet started. What runs it does not: only who the daemon's user is may
    /// meet what libfaketime shares between the threads of a program.
    pub fn daemon(&self, home: &Home) -> Command {
        let mut env = home.command("env");
        env.arg(format!("LD_PRELOAD={}", self.library.display()));
        env.arg(format!("FAKETIME_TIMESTAMP_FILE={}", self.file.display()));
        env.args(["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]);
        env.arg(home.daemon_program());
        env
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
