//! Where the daemon's log goes: standard error, systemd's journal behind it, or a file of the state folder.
//!
//! Only this project's own events are written: what hyper or rustls would say at trace level holds what they send.

mod entry;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};

use dt_cred_proto::log::{DAEMON, LOG_VARIABLE, Level, LevelError, level};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Registry,
    filter::Targets,
    fmt,
    layer::{Layer, Layered, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use self::entry::Entries;
use crate::platform;

/// What takes this project's own events and no others.
type Own = Layered<Targets, Registry>;

/// The log file is renamed away when it would become longer, in bytes.
pub const FILE_LIMIT: u64 = 1_000_000;

/// How much is logged, as the environment says: info where it says nothing.
///
/// # Errors
/// A variable that cannot be understood.
pub fn wanted() -> Result<LevelFilter, LevelError> {
    let value = std::env::var_os(LOG_VARIABLE).unwrap_or_default();
    Ok(match level(&value.to_string_lossy(), DAEMON)? {
        Some(Level::Off) => LevelFilter::OFF,
        Some(Level::Error) => LevelFilter::ERROR,
        Some(Level::Warn) => LevelFilter::WARN,
        Some(Level::Info) | None => LevelFilter::INFO,
        Some(Level::Debug) => LevelFilter::DEBUG,
        Some(Level::Trace) => LevelFilter::TRACE,
    })
}

/// Starts logging to standard error; where that is systemd's journal, to it, with every field by its name.
pub fn to_stderr(level: LevelFilter) {
    match platform::Journal::of_stderr() {
        Some(journal) => start(level, Entries(journal)),
        None => start(level, lines(io::stderr, true)),
    }
}

/// The log file's name in the state folder.
pub const NAME: &str = "dt-credd.log";

/// Starts logging to the file at `path`.
///
/// # Errors
/// Where the file cannot be opened or is not a regular file of ours.
pub fn to_file(level: LevelFilter, path: &Path) -> io::Result<()> {
    let file = LogFile::open(path.to_owned())?;
    start(level, lines(Mutex::new(file), false));
    Ok(())
}

/// Tells of a panic, by its place: in the log or, where none is begun yet, on standard error.
pub fn bug(place: &str) {
    if tracing::dispatcher::has_been_set() {
        tracing::error!(place, "a bug: the daemon ends");
    } else {
        // Where that is closed the exit code says it.
        let _ = writeln!(io::stderr(), "dt-credd: a bug at {place}: the daemon ends; please report it");
    }
}

fn lines<S, W>(writer: W, terminal: bool) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    fmt::layer().with_writer(writer).with_ansi(false).with_target(!terminal)
}

fn start(level: LevelFilter, layer: impl Layer<Own> + Send + Sync) {
    let own = Targets::new().with_target("dt_credd", level);
    // A second call, as by tests in one process, keeps the first one's log.
    let _ = tracing_subscriber::registry().with(own).with(layer).try_init();
}

/// A file that is renamed to `….1` when it is full.
struct LogFile {
    path: PathBuf,
    file: fs::File,
    length: u64,
}

impl LogFile {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = platform::append_private(&path)?;
        let length = file.metadata()?.len();
        Ok(Self { path, length, file })
    }

    fn rotate(&mut self) -> io::Result<()> {
        fs::rename(&self.path, self.path.with_extension("log.1"))?;
        *self = Self::open(self.path.clone())?;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self.length > 0 && self.length.saturating_add(length) > FILE_LIMIT {
            self.rotate()?;
        }
        let written = self.file.write(line)?;
        self.length += u64::try_from(written).unwrap_or_default();
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::{FILE_LIMIT, LogFile};

    #[test]
    fn a_full_file_is_renamed_and_one_older_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dt-credd.log");
        let mut log = LogFile::open(path.clone()).unwrap();
        for round in 0..3 {
            let line = vec![b'0' + round; usize::try_from(FILE_LIMIT).unwrap() - 10];
            log.write_all(&line).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap()[0], b'2');
        assert_eq!(fs::read(folder.path().join("dt-credd.log.1")).unwrap()[0], b'1');
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}

#[cfg(all(test, unix))]
mod private {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::LogFile;

    #[test]
    fn a_log_that_is_open_to_others_is_made_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dt-credd.log");
        fs::write(&path, "a line\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        LogFile::open(path.clone()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read(&path).unwrap(), b"a line\n");
    }

    #[test]
    fn the_file_is_private_and_a_symlink_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dt-credd.log");
        LogFile::open(path.clone()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(folder.path().join("precious"), "data").unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(folder.path().join("precious"), &path).unwrap();
        assert!(LogFile::open(path).is_err());
        assert_eq!(fs::read(folder.path().join("precious")).unwrap(), b"data");
    }
}
