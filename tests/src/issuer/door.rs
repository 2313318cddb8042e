//! The port: kept for life, and open, closed, full or mute as the settings say.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::certificates::Certificates;
use super::connection::{Site, converse};
use super::settings::{Certificate, Door, Settings};
use super::shared::Shared;

const BACKLOG: u32 = 1024;
/// Connecting over loopback takes microseconds. One that is slower fills the queue when it does get through.
const NOT_CONNECTING: Duration = Duration::from_millis(250);
/// A child becomes its program, or ends, long before that.
const COPIES_GO: Duration = Duration::from_secs(10);

/// The settings that a change of which drops every connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Face {
    door: Door,
    certificate: Certificate,
}

impl Face {
    pub(super) fn of(settings: &Settings) -> Self {
        Self { door: settings.door, certificate: settings.certificate }
    }
}

/// What the thread that keeps the door is told.
pub(super) enum Command {
    /// Look like this; the sender is told when it is so.
    Show(Face, mpsc::Sender<io::Result<()>>),
    /// Drop everything and return.
    End,
}

/// A port of 127.0.0.1.
pub(super) struct Port {
    pub(super) address: SocketAddr,
    /// Bound before it listens, so that nobody else is given the port. Linux alone lets a second socket bind
    /// beside it: there it stays for good, also while the door is closed; elsewhere the first door is made of it.
    reserved: Option<TcpSocket>,
}

impl Port {
    /// This port, or a free one for 0.
    pub(super) fn take(port: u16) -> io::Result<Self> {
        let socket = socket((Ipv4Addr::LOCALHOST, port).into())?;
        Ok(Self { address: socket.local_addr()?, reserved: Some(socket) })
    }

    async fn listen(&mut self, backlog: u32) -> io::Result<TcpListener> {
        if cfg!(target_os = "linux") {
            return socket(self.address)?.listen(backlog);
        }
        if let Some(socket) = self.reserved.take() {
            return socket.listen(backlog);
        }
        let deadline = Instant::now() + COPIES_GO;
        loop {
            match socket(self.address).and_then(|socket| socket.listen(backlog)) {
                // A child of some other thread that has not become its program yet holds a copy of the last
                // door's socket.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                    sleep(Duration::from_millis(10)).await;
                }
                listener => return listener,
            }
        }
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // On Windows it would let others take the port, and is not needed to bind again.
    socket.set_reuseaddr(cfg!(unix))?;
    socket.bind(address)?;
    Ok(socket)
}

/// Keeps the door until it is told to end. It begins closed.
pub(super) async fn keep(
    mut port: Port,
    certificates: Option<Certificates>,
    shared: Arc<Shared>,
    mut commands: UnboundedReceiver<Command>,
) {
    let mut connections = JoinSet::new();
    let mut entrance = Entrance::Closed;
    loop {
        tokio::select! {
            command = commands.recv() => {
                let Some(Command::Show(face, done)) = command else { return };
                // The old listener goes before the new one comes; the connections go last, so that a client
                // that connects again at once meets the new door.
                drop(std::mem::replace(&mut entrance, Entrance::Closed));
                let opened = Entrance::open(&mut port, face).await;
                connections.shutdown().await;
                // Fails only where nobody waits any more.
                let _ = done.send(opened.map(|opened| entrance = opened));
            }
            stream = entrance.accept() => {
                shared.with(|state| state.counts.connections += 1);
                let Entrance::Open(_, face) = &entrance else {
                    connections.spawn(async move {
                        let _mute = stream;
                        pending().await
                    });
                    continue;
                };
                let tls = certificates.as_ref().map(|all| all.configuration(face.certificate));
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    // Its errors are clients that left, or that do not trust the certificate.
                    let _ = match tls {
                        None => converse(stream, Site::Issuer, &shared).await,
                        Some(tls) => match TlsAcceptor::from(tls).accept(stream).await {
                            Ok(stream) => converse(stream, Site::Issuer, &shared).await,
                            Err(error) => Err(error),
                        },
                    };
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

enum Entrance {
    Open(TcpListener, Face),
    Mute(TcpListener),
    Closed,
    Full { listener: TcpListener, _queue: Vec<TcpStream>, waiting: JoinHandle<()> },
}

impl Entrance {
    async fn open(port: &mut Port, face: Face) -> io::Result<Self> {
        Ok(match face.door {
            Door::Open => Self::Open(port.listen(BACKLOG).await?, face),
            Door::Mute => Self::Mute(port.listen(BACKLOG).await?),
            Door::Closed => Self::Closed,
            Door::Full => Self::fill(port).await?,
        })
    }

    /// Connects to itself until that does not succeed any more.
    async fn fill(port: &mut Port) -> io::Result<Self> {
        let listener = port.listen(0).await?;
        let address = port.address;
        let mut queue = Vec::new();
        loop {
            let mut connecting = Box::pin(TcpStream::connect(address));
            match timeout(NOT_CONNECTING, &mut connecting).await {
                Ok(stream) => queue.push(stream?),
                Err(_) => {
                    let waiting = tokio::spawn(async move {
                        let _stream = connecting.await;
                        pending().await
                    });
                    return Ok(Self::Full { listener, _queue: queue, waiting });
                }
            }
        }
    }

    /// The next client; waits for ever where none is let in.
    async fn accept(&self) -> TcpStream {
        let (Self::Open(listener, _) | Self::Mute(listener)) = self else { return pending().await };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return stream,
                // Out of descriptors: the ones in use become free by and by.
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        let listener = match self {
            Self::Open(listener, _) | Self::Mute(listener) => listener,
            Self::Full { listener, waiting, .. } => {
                waiting.abort();
                listener
            }
            Self::Closed => return,
        };
        // A child of some other thread that has not called exec yet still holds the socket, and closing ours
        // alone would leave it listening. Where a listener cannot be shut down closing it must do.
        let _ = rustix::net::shutdown(listener, rustix::net::Shutdown::Both);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[tokio::test]
    async fn the_door_closes_also_while_a_child_holds_a_copy_of_the_listener() {
        let mut port = Port::take(0).unwrap();
        let face = Face::of(&Settings::default());
        let entrance = Entrance::open(&mut port, face).await.unwrap();
        let Entrance::Open(listener, _) = &entrance else { panic!("not open") };
        let _copy = listener.as_fd().try_clone_to_owned().unwrap();
        drop(entrance);
        let refused = TcpStream::connect(port.address).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        Entrance::open(&mut port, face).await.unwrap();
    }
}
