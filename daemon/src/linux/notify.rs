//! The socket on which systemd listens to what a service says of itself (sd_notify(3)).

use std::{
    env,
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    process,
    time::Duration,
};

/// How long a manager that does not read may keep the daemon: what it is told then is lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where a service manager listens to this process.
#[derive(Debug)]
pub struct NotifySocket(UnixDatagram);

impl NotifySocket {
    /// That of the manager which the environment names (`$NOTIFY_SOCKET`), if there is one. To be called before rights are
    /// given up: a socket that is connected needs none.
    ///
    /// # Errors
    /// Where nobody listens there.
    pub fn from_environment() -> io::Result<Option<Self>> {
        env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()).map(|name| Self::to(&name)).transpose()
    }

    /// A path, or a name in the abstract namespace, which is written with an `@` (unix(7)).
    fn to(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a path nor an @name"));
            }
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(socket))
    }

    /// Says these lines.
    ///
    /// # Errors
    /// Where nobody reads them.
    pub fn say(&self, lines: &str) -> io::Result<()> {
        self.0.send(lines.as_bytes()).map(drop)
    }
}

/// How long the manager waits for a sign of life from this very process before it takes it for hung (`$WATCHDOG_USEC` in
/// sd_watchdog_enabled(3)).
pub fn watchdog() -> Option<Duration> {
    let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
    let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
    number("WATCHDOG_USEC").filter(|limit| ours && *limit > 0).map(Duration::from_micros)
}

/// Time by the clock that systemd tells a reload from an older one by (CLOCK_MONOTONIC).
pub fn monotonic() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::net::UnixDatagram};

    use super::*;

    fn heard(manager: &UnixDatagram) -> String {
        let mut lines = [0; 64];
        let length = manager.recv(&mut lines).unwrap();
        String::from_utf8_lossy(&lines[..length]).into_owned()
    }

    #[test]
    fn a_manager_is_reached_by_a_path_and_by_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("dt-cred-notify-{}", process::id());
        let abstract_address = SocketAddr::from_abstract_name(&name).unwrap();
        for (manager, named) in [
            (UnixDatagram::bind(&path).unwrap(), path.clone().into_os_string()),
            (UnixDatagram::bind_addr(&abstract_address).unwrap(), format!("@{name}").into()),
        ] {
            NotifySocket::to(&named).unwrap().say("READY=1").unwrap();
            assert_eq!(heard(&manager), "READY=1");
        }
    }

    #[test]
    fn what_nobody_listens_on_and_what_is_no_address_is_an_error() {
        for name in ["/nonexistent/notify", "@dt-cred-nobody-listens-here", "notify", "vsock:2:1", "@"] {
            assert!(NotifySocket::to(OsStr::new(name)).is_err(), "{name}");
        }
    }
}
