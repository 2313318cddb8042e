//! What the daemon needs of the system once it is set up: all else is given up then, where the system can do that. And what
//! is done against other programs, for people to see.

use std::{
    env,
    path::{Path, PathBuf},
};

use dt_cred_proto::{endpoint::Endpoint, message::Defence, vault};

use crate::{
    config::{self, Config},
    platform,
};

/// Environment variables that name a place to read from: CA roots, and what the service manager gives.
const PLACES: [&str; 3] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "CREDENTIALS_DIRECTORY"];

/// What the daemon needs besides what every program of the system may read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Needs {
    /// Files and folders that are read.
    pub read: Vec<PathBuf>,
    /// Folders whose files are made, replaced and removed.
    pub write: Vec<PathBuf>,
    /// Whether programs are run, which then may do whatever their user may.
    pub programs: bool,
}

impl Needs {
    /// What this configuration needs, with the socket and the state in these places.
    pub fn of(config: &Config, state: &Path, endpoint: &Endpoint) -> Self {
        let named = PLACES.into_iter().filter_map(env::var_os).map(PathBuf::from);
        let sinks = config.files().filter_map(|file| file.path.parent()).map(Path::to_owned);
        let folders = endpoint.path.parent().into_iter().chain([state]).map(Path::to_owned);
        Self {
            read: named.chain(config::place()).filter(|path| path.is_absolute()).collect(),
            write: folders.chain(sinks).collect(),
            programs: config.runs_programs(),
        }
    }

    /// Whether a daemon that kept what `self` says can do all that `other` says.
    pub fn cover(&self, other: &Self) -> bool {
        let within = |kept: &[PathBuf], path: &PathBuf| kept.iter().any(|kept| path.starts_with(kept));
        other.write.iter().all(|path| within(&self.write, path))
            && other.read.iter().all(|path| within(&self.read, path))
            && self.programs == other.programs
    }

    /// Makes the folders of files that are kept fresh, where they are missing: what is not there when rights are given up
    /// can be made no more.
    pub fn make_folders(&self) {
        for folder in &self.write {
            // Whoever writes there tells why it cannot.
            let _ = platform::private_folder(folder, false);
        }
    }
}

/// What is done against other programs: what was `given_up`, and what is so by now.
pub fn defences(given_up: &[Defence]) -> Vec<Defence> {
    let vault::Usage { locked, unlocked } = vault::usage();
    let (active, note) = match (locked, unlocked) {
        (0, 0) => (true, "there is none yet".to_owned()),
        (locked, 0) => (true, format!("{locked} bytes, locked in memory")),
        (_, unlocked) => {
            (false, format!("{unlocked} bytes may be swapped out: the limit of locked memory is reached"))
        }
    };
    let pages = Defence { name: "secret pages".into(), active, note: note.into() };
    platform::hidden().into_iter().chain([pages]).chain(given_up.iter().cloned()).collect()
}
