//! systemd's journal, by its own protocol: an entry of named fields is one datagram (systemd's JOURNAL_NATIVE_PROTOCOL).

use std::{env, io, os::unix::net::UnixDatagram};

use rustix::fs::fstat;

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// The journal of this machine.
#[derive(Debug)]
pub struct Journal(UnixDatagram);

impl Journal {
    /// The one that standard error goes to (`$JOURNAL_STREAM` in systemd.exec(5)); none where it goes elsewhere, as in a
    /// program that inherited the variable, or where nobody listens. To be called before rights are given up.
    pub fn of_stderr() -> Option<Self> {
        is_stderr(&env::var("JOURNAL_STREAM").ok()?).then(|| Self::at(SOCKET).ok()).flatten()
    }

    fn at(path: &str) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        // A journal that does not read keeps nobody from a token.
        socket.set_nonblocking(true)?;
        Ok(Self(socket))
    }

    /// Writes an entry.
    ///
    /// # Errors
    /// Where the journal is gone, or does not keep up.
    pub fn write(&self, entry: &[u8]) -> io::Result<()> {
        self.0.send(entry).map(drop)
    }
}

/// Whether `stream`, a device and an inode, is standard error.
fn is_stderr(stream: &str) -> bool {
    fstat(rustix::stdio::stderr()).is_ok_and(|found| stream == format!("{}:{}", found.st_dev, found.st_ino))
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    #[test]
    fn a_variable_that_names_another_stream_than_standard_error_is_not_believed() {
        let found = fstat(rustix::stdio::stderr()).unwrap();
        let (device, inode) = (found.st_dev, found.st_ino);
        assert!(is_stderr(&format!("{device}:{inode}")));
        for other in [format!("{device}:{}", inode + 1), format!("{}:{inode}", device + 1), String::new()] {
            assert!(!is_stderr(&other), "{other}");
        }
    }

    #[test]
    fn an_entry_that_the_journal_does_not_take_is_an_error_and_nothing_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let reader = UnixDatagram::bind(&path).unwrap();
        let journal = Journal::at(path.to_str().unwrap()).unwrap();
        let (full, is_full) = mpsc::channel();
        thread::spawn(move || {
            while journal.write(b"MESSAGE=one\n").is_ok() {}
            full.send(journal)
        });
        let journal = is_full.recv_timeout(Duration::from_secs(60)).expect("nothing waits");
        drop(reader);
        assert!(journal.write(b"MESSAGE=one\n").is_err());
    }
}
