//! What the daemon needs of the system once it is set up: all else is given up then, where the system can do that. And what
//! is done against other programs, for people to see.

use std::{
    collections::BTreeSet,
    env, fs, io,
    path::{Path, PathBuf},
};

use dt_cred_proto::{endpoint::Endpoint, message::Defence, vault};

use crate::{
    config::{self, Config},
    credentials::is_public_ca,
    platform::{self, FileId},
    state::State,
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
    ///
    /// Of the CA files that are noted only those are kept that hold nothing but certificates: whatever noted them.
    pub fn of(config: &Config, state: &Path, endpoint: &Endpoint, noted: &BTreeSet<PathBuf>) -> Self {
        let named = PLACES.into_iter().filter_map(env::var_os).map(PathBuf::from);
        let configured = config::place().into_iter().chain(config::target());
        let noted = noted.iter().filter(|file| is_public_ca(file)).cloned();
        let sinks = config.files().filter_map(|file| file.path.parent()).map(Path::to_owned);
        let folders = endpoint.path.parent().into_iter().chain([state]).map(Path::to_owned);
        Self {
            read: named.chain(configured).chain(noted).filter(|path| path.is_absolute()).collect(),
            write: folders.chain(sinks).collect(),
            programs: config.runs_programs(),
        }
    }

    /// Whether a daemon that kept what `self` says can do all that `other` says.
    pub fn cover(&self, other: &Self) -> bool {
        let within = |kept: &[PathBuf], path: &PathBuf| kept.iter().any(|kept| path.starts_with(kept));
        other.write.iter().all(|path| within(&self.write, path))
            && other.read.iter().all(|path| within(&self.read, path))
            && (self.programs || !other.programs)
    }

    /// Makes the folders that are missing: what is not there when rights are given up can be made no more, and what is
    /// made there later cannot be read.
    pub fn make_folders(&self) {
        for folder in config::folder().iter().chain(&self.write) {
            // Whoever uses it tells why it cannot.
            let _ = platform::private_folder(folder, false);
        }
    }
}

/// What the process gave up, and what it kept.
pub struct Confinement {
    kept: Option<Kept>,
    given_up: Vec<Defence>,
}

struct Kept {
    state: PathBuf,
    endpoint: Endpoint,
    needs: Needs,
    /// The folders that are written to, as they were: a right follows the folder, and not its name.
    folders: Vec<(PathBuf, Option<FileId>)>,
}

impl Confinement {
    /// That of a process that gave up nothing.
    pub fn none() -> Self {
        Self { kept: None, given_up: Vec::new() }
    }

    /// Gives up what this configuration does not need, nor the CA files that are noted. To be called before any other thread
    /// is started.
    pub fn enter(config: &Config, state: &State, endpoint: &Endpoint) -> Self {
        let needs = Needs::of(config, state.folder(), endpoint, &state.ca_files());
        needs.make_folders();
        let given_up = platform::confine(&needs);
        for Defence { name, active, note } in &given_up {
            tracing::debug!(%name, active, %note, "defence");
        }
        let folders = needs.write.iter().map(|folder| (folder.clone(), FileId::of(folder))).collect();
        let (state, endpoint) = (state.folder().to_owned(), endpoint.clone());
        // Where nothing took, everything is there.
        let confined = given_up.iter().any(|defence| defence.active);
        Self { kept: confined.then_some(Kept { state, endpoint, needs, folders }), given_up }
    }

    /// Whether this process may do what another configuration needs.
    pub fn covers(&self, config: &Config) -> bool {
        self.kept.as_ref().is_none_or(|Kept { state, endpoint, needs, folders }| {
            let needed = Needs::of(config, state, endpoint, &BTreeSet::new());
            let as_it_was = |(folder, id): &(PathBuf, Option<FileId>)| {
                FileId::of(folder) == *id || !needed.write.contains(folder)
            };
            needs.cover(&needed)
                && folders.iter().all(as_it_was)
                && !needed.read.iter().any(|path| is_kept_from(path))
        })
    }

    /// What is done against other programs, by now.
    pub fn defences(&self) -> Vec<Defence> {
        let vault::Usage { locked, unlocked } = vault::usage();
        let (active, note) = match (locked, unlocked) {
            (0, 0) => (true, "there is none yet".to_owned()),
            (locked, 0) => (true, format!("{locked} bytes, locked in memory")),
            (_, unlocked) => {
                (false, format!("{unlocked} bytes may be swapped out: the limit of locked memory is reached"))
            }
        };
        let pages = Defence { name: "secret pages".into(), active, note: note.into() };
        platform::hidden().into_iter().chain([pages]).chain(self.given_up.iter().cloned()).collect()
    }
}

/// Whether the user may read what lies at `path`, and this process may not: it replaced what lay there, and a right follows
/// the file.
fn is_kept_from(path: &Path) -> bool {
    let refused = fs::File::open(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
    refused && platform::has_read_permission(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(read: &[&str], write: &[&str], programs: bool) -> Needs {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
        Needs { read: paths(read), write: paths(write), programs }
    }

    #[test]
    fn what_was_kept_covers_what_lies_in_it_and_nothing_beside_it() {
        let kept = needs(&["/etc/ca"], &["/run/a", "/home/u/tokens"], false);
        for (other, covered) in [
            (needs(&[], &[], false), true),
            (kept.clone(), true),
            (needs(&["/etc/ca/one.pem"], &["/home/u/tokens/deeper"], false), true),
            (needs(&[], &["/home/u"], false), false),
            (needs(&[], &["/home/u/tokens2"], false), false),
            (needs(&["/etc"], &[], false), false),
            (needs(&["/run/a"], &[], false), false),
            (needs(&[], &[], true), false),
        ] {
            assert_eq!(kept.cover(&other), covered, "{other:?}");
        }
        assert!(needs(&[], &[], true).cover(&needs(&[], &[], false)));
    }
}
