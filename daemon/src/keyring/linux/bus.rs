//! Whose session bus it is: whoever listens there is told every secret that is kept.
//!
//! libdbus connects to wherever the environment says, which may be left over from another user's session.

use std::{
    env,
    ffi::OsStr,
    fmt::Write,
    fs, io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            fs::{FileTypeExt, MetadataExt},
            net::{SocketAddr, UnixStream},
        },
    },
    path::Path,
};

use dt_cred_proto::{platform::own_uid, text::Text};
use rustix::net::sockopt::socket_peercred;

use super::KeyringError;

/// Environment variable with the session bus's address (D-Bus Specification, "Well-known Message Bus Instances").
const VARIABLE: &str = "DBUS_SESSION_BUS_ADDRESS";

/// Sees that libdbus finds the session bus of the user's login, from cron, `su -` and SSH as well, and that it never
/// starts one of its own by way of X11.
///
/// To be called once, before any thread is started: it may change the environment.
pub(super) fn prepare() {
    if env::var_os(VARIABLE).is_some_and(|address| !address.is_empty()) {
        return;
    }
    let in_runtime_folder = env::var_os("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("bus"));
    // Named also where nothing is there yet: it may come, and a bus that is named is never started by libdbus.
    let path = in_runtime_folder
        .filter(|path| is_own(path))
        .unwrap_or_else(|| format!("/run/user/{}/bus", own_uid()).into());
    #[expect(unsafe_code, reason = "libdbus takes the address from the environment alone")]
    // SAFETY: no other thread is there yet, so none reads the environment.
    unsafe {
        env::set_var(VARIABLE, format!("unix:path={}", escaped(path.as_os_str().as_bytes())));
    }
}

/// Whether `path` is a socket of this user's.
fn is_own(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket() && found.uid() == own_uid())
}

/// Sees that whoever listens at each address that the environment names, and libdbus may take, is this user or root.
pub(super) fn trust() -> Result<(), KeyringError> {
    trust_all(&env::var_os(VARIABLE).unwrap_or_default())
}

fn trust_all(addresses: &OsStr) -> Result<(), KeyringError> {
    let mut alternatives =
        addresses.as_bytes().split(|byte| *byte == b';').filter(|one| !one.is_empty()).peekable();
    if alternatives.peek().is_none() {
        return Err(KeyringError::NoBus { reason: Text::from("its address is not known") });
    }
    alternatives.try_for_each(|alternative| {
        let address = Text::from(String::from_utf8_lossy(alternative).as_ref());
        let foreign =
            |reason: &str| KeyringError::ForeignBus { address: address.clone(), reason: reason.into() };
        let socket = socket(alternative).ok_or_else(|| foreign("it is none of a Unix socket"))?;
        let listener = socket.and_then(|socket| {
            let stream = UnixStream::connect_addr(&socket)?;
            Ok(socket_peercred(&stream)?.uid.as_raw())
        });
        match listener {
            Ok(uid) if uid == own_uid() || uid == 0 => Ok(()),
            Ok(uid) => Err(foreign(&format!("uid {uid} listens there"))),
            Err(error) => {
                let reason = Text::from(format!("nobody answers at {address}: {error}"));
                Err(KeyringError::NoBus { reason })
            }
        }
    })
}

/// The socket that `address` names, if it names one and nothing else (D-Bus Specification, "Server Addresses").
fn socket(address: &[u8]) -> Option<io::Result<SocketAddr>> {
    let pairs = address.strip_prefix(b"unix:")?.split(|byte| *byte == b',');
    let pairs = pairs.map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        Some((&pair[..equals], unescaped(&pair[equals + 1..])?))
    });
    let mut sockets = pairs.filter_map(|pair| match pair {
        Some((b"path", path)) => Some(Some(SocketAddr::from_pathname(OsStr::from_bytes(&path)))),
        Some((b"abstract", name)) => Some(Some(SocketAddr::from_abstract_name(name))),
        Some((b"guid", _)) => None,
        _ => Some(None),
    });
    sockets.next().flatten().filter(|_| sockets.next().is_none())
}

/// A value of an address without its escapes; none where one is broken.
fn unescaped(value: &[u8]) -> Option<Vec<u8>> {
    let (mut rest, mut bytes) = (value, Vec::new());
    while let Some((first, others)) = rest.split_first() {
        let digit = |at: usize| others.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let (byte, length) = match first {
            b'%' => (u8::try_from(digit(0)? * 16 + digit(1)?).ok()?, 2),
            plain => (*plain, 0),
        };
        bytes.push(byte);
        rest = &others[length..];
    }
    Some(bytes)
}

/// A value as it stands in an address.
fn escaped(value: &[u8]) -> String {
    let mut text = String::new();
    for byte in value {
        if byte.is_ascii_alphanumeric() || b"-_/.\\*".contains(byte) {
            text.push(char::from(*byte));
        } else {
            // A String takes everything.
            let _ = write!(text, "%{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{
        ffi::OsStr,
        os::{
            linux::net::SocketAddrExt,
            unix::net::{SocketAddr, UnixListener},
        },
    };

    use super::{KeyringError, escaped, trust_all, unescaped};

    #[test]
    fn a_bus_of_this_users_is_trusted_by_path_and_by_abstract_name_whatever_is_escaped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a, b;c=d%é");
        let _listener = UnixListener::bind(&path).unwrap();
        let by_path = format!("unix:path={}", escaped(path.as_os_str().as_encoded_bytes()));
        assert_eq!(by_path.matches([',', ';', ' ']).count(), 0, "{by_path}");
        let name = format!("dt-cred-test-{}", std::process::id());
        let _named = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let by_name = format!("unix:abstract={name},guid=0123456789abcdef0123456789abcdef");
        for address in [&by_path, &by_name, &format!("{by_name};{by_path}")] {
            assert_eq!(trust_all(OsStr::new(address)), Ok(()), "{address}");
        }
    }

    #[test]
    fn every_alternative_must_be_a_socket_that_is_listened_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bus");
        let _listener = UnixListener::bind(&path).unwrap();
        let fit = format!("unix:path={}", path.display());
        for other in [
            "tcp:host=127.0.0.1,port=1",
            "nonce-tcp:host=127.0.0.1,port=1,noncefile=/x",
            "unixexec:path=/bin/true",
            "autolaunch:",
            "launchd:env=X",
            "systemd:",
            "unix:",
            "unix:runtime=yes",
            "unix:tmpdir=/tmp",
            "unix:path",
            "unix:path=/x%4",
            "unix:path=/x,abstract=y",
            "unix:path=/x,path=/y",
            "nonsense",
        ] {
            for addresses in [other.to_owned(), format!("{fit};{other}"), format!("{other};{fit}")] {
                let refused = trust_all(OsStr::new(&addresses));
                assert!(
                    matches!(&refused, Err(KeyringError::ForeignBus { address, .. }) if address.as_str() == other),
                    "{addresses}: {refused:?}"
                );
            }
        }
        for absent in ["", ";", "unix:path=/nowhere/bus", &format!("{fit};unix:abstract=dt-cred-nobody")] {
            let refused = trust_all(OsStr::new(absent));
            assert!(matches!(refused, Err(KeyringError::NoBus { .. })), "{absent}: {refused:?}");
        }
    }

    #[test]
    fn what_is_escaped_is_itself_again() {
        let every: Vec<u8> = (0..=255).collect();
        assert_eq!(unescaped(escaped(&every).as_bytes()), Some(every));
        for broken in ["%", "%a", "%zz", "a%1"] {
            assert_eq!(unescaped(broken.as_bytes()), None, "{broken}");
        }
    }
}
