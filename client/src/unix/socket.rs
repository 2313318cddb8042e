//! The Unix socket: connecting without waiting for a full backlog, and who listens.

use std::{
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd, IntoRawFd},
    path::Path,
};

use dt_cred_proto::platform::{own_uid, peer_uid};
use interprocess::{
    ConnectWaitMode,
    local_socket::{ConnectOptions, GenericFilePath, Stream as LocalStream, prelude::*},
};
use rustix::io::FdFlags;
use thiserror::Error;

use super::{Ready, system::is_held, wait};
use crate::deadline::Deadline;

/// The lowest descriptor of what another program inherits.
const LOWEST: i32 = 100;

/// Somebody who listens and may not be trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error(
    "belongs to uid {owner}, not to you (uid {own}): remove it, or point DT_CRED_SOCKET to your own; for a socket mounted from another user set DT_CRED_SERVER_UID={owner}"
)]
pub(crate) struct Stranger {
    owner: u32,
    own: u32,
}

/// A connected stream that does not block, and the user who listens at its other end.
pub(crate) struct Stream {
    stream: LocalStream,
    owner: u32,
}

impl Stream {
    /// Connects to the socket at `path`; none where the listener has no room now.
    ///
    /// # Errors
    /// As connect(2).
    pub(crate) fn connect(path: &Path) -> io::Result<Option<Self>> {
        let name = path.to_fs_name::<GenericFilePath>()?;
        // A connect that blocks would wait for a full backlog without end.
        let options =
            ConnectOptions::new().name(name).wait_mode(ConnectWaitMode::Deferred).nonblocking_stream(true);
        match options.connect_sync() {
            Ok(stream) => match peer_uid(descriptor(&stream)) {
                Ok(owner) => Ok(Some(Self { stream, owner })),
                // interprocess says of one that waits for a full backlog that it is connected, too.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(None),
                Err(error) => Err(error),
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused && is_held(path) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Leaves it to the program that this process becomes, by a descriptor that is no script's: those count on 3 to 9.
    ///
    /// # Errors
    /// As fcntl(2).
    pub(crate) fn bequeath(self) -> io::Result<()> {
        let copy = rustix::io::fcntl_dupfd_cloexec(descriptor(&self.stream), LOWEST)?;
        rustix::io::fcntl_setfd(&copy, FdFlags::empty())?;
        // Nobody here closes it.
        let _ = copy.into_raw_fd();
        Ok(())
    }

    /// The one who listens at the other end, where that is neither our own uid nor root nor `server_uid`.
    ///
    /// # Errors
    /// None.
    pub(crate) fn stranger(&self, server_uid: Option<u32>) -> io::Result<Option<Stranger>> {
        let (owner, own) = (self.owner, own_uid());
        Ok((!is_trusted(owner, own, server_uid)).then_some(Stranger { owner, own }))
    }

    /// The number of the process that listens, as the kernel says it.
    pub(crate) fn listener(&self) -> Option<u32> {
        u32::try_from(self.stream.peer_creds().ok()?.pid()?).ok()
    }

    /// Reads what there is, at least a byte; zero is the end.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] once the deadline has passed.
    pub(crate) fn read(&mut self, buffer: &mut [u8], deadline: Deadline) -> io::Result<usize> {
        self.once_ready(Ready::Read, deadline, |stream| (&*stream).read(buffer))
    }

    /// [`Self::read`], of what is not there yet.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn read_later(&mut self, buffer: &mut [u8], deadline: Deadline) -> io::Result<usize> {
        wait(descriptor(&self.stream), Ready::Read, deadline)?;
        self.read(buffer, deadline)
    }

    /// Writes as much as there is room for, at least a byte.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] once the deadline has passed.
    pub(crate) fn write(&mut self, bytes: &[u8], deadline: Deadline) -> io::Result<usize> {
        self.once_ready(Ready::Write, deadline, |stream| (&*stream).write(bytes))
    }

    fn once_ready(
        &self,
        ready: Ready,
        deadline: Deadline,
        mut attempt: impl FnMut(&LocalStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            match attempt(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait(descriptor(&self.stream), ready, deadline)?;
                }
                done => return done,
            }
        }
    }
}

fn descriptor(stream: &LocalStream) -> BorrowedFd<'_> {
    let LocalStream::UdSocket(socket) = stream;
    socket.as_fd()
}

/// Whether a socket may be used that `owner` listens on: service managers, which are root, listen for their users.
fn is_trusted(owner: u32, own: u32, server_uid: Option<u32>) -> bool {
    owner == own || owner == 0 || Some(owner) == server_uid
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::net::UnixListener, time::Duration};

    use dt_cred_proto::{
        frame,
        message::{Failure, FailureKind, Operation, Request, Response},
    };

    use super::is_trusted;
    use crate::{
        connection::{Connection, ExchangeError},
        deadline::Deadline,
    };

    #[test]
    fn what_somebody_says_who_left_before_anything_was_asked_is_read() {
        let ground = tempfile::tempdir().unwrap();
        let path = ground.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let deadline = Deadline::after(Duration::from_secs(60));
        let mut request = Request { deadline_ms: 0, operation: Operation::Status };
        let refusal = Response::Failed(Failure::new(FailureKind::Daemon, "not you"));
        for said in [Some(&refusal), None] {
            let mut connection = Connection::open(&path, None, deadline).unwrap();
            let (mut peer, _) = listener.accept().unwrap();
            said.iter().for_each(|said| peer.write_all(&frame::encode(*said).unwrap()).unwrap());
            drop(peer);
            match (connection.exchange(&mut request, deadline), said) {
                (Ok(Response::Failed(failure)), Some(_)) => assert_eq!(failure.message.as_str(), "not you"),
                (Err(ExchangeError::Closed), None) => {}
                (Ok(_), _) => panic!("another answer"),
                (Err(error), _) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn only_our_own_uid_root_and_the_named_one_are_trusted() {
        let cases = [
            (1000, None, true),
            (0, None, true),
            (1001, None, false),
            (u32::MAX, None, false),
            (1001, Some(1001), true),
            (1002, Some(1001), false),
            (1000, Some(1001), true),
        ];
        for (owner, server_uid, expected) in cases {
            assert_eq!(is_trusted(owner, 1000, server_uid), expected, "{owner} {server_uid:?}");
        }
    }
}
