//! Windows: the pipe of a fake daemon.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use dt_cred_proto::platform::Sid;
use interprocess::{
    local_socket::{self, GenericFilePath, ListenerOptions, prelude::*},
    os::windows::{local_socket::ListenerOptionsExt, security_descriptor::SecurityDescriptor},
};

/// Whoever waits for clients.
pub(crate) type Listener = Arc<local_socket::Listener>;

/// A connection to one.
pub(crate) type Stream = local_socket::Stream;

/// A pipe for tests in this folder, whose name no other one has.
pub(crate) fn socket(folder: &Path) -> PathBuf {
    let name = folder.file_name().expect("a folder of its own").to_string_lossy();
    PathBuf::from(format!(r"\\.\pipe\dt-cred-test-{name}-{}", std::process::id()))
}

/// Listens there, for its own user: under wine a pipe of which nothing is said is nobody's.
pub(crate) fn listen(socket: &Path) -> Listener {
    let own = Sid::own().expect("a SID");
    let rights = widestring::U16CString::from_str(format!("O:{own}D:P(A;;GA;;;{own})")).expect("no NUL");
    let rights = SecurityDescriptor::deserialize(&rights).expect("it is understood");
    let name = socket.to_fs_name::<GenericFilePath>().expect("a name");
    Arc::new(ListenerOptions::new().name(name).security_descriptor(rights).create_sync().expect("a pipe"))
}

/// What the client needs of the environment: without the system's folder no program starts.
pub(crate) fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars().filter(|(name, _)| name.eq_ignore_ascii_case("SystemRoot"))
}

/// The next client; none within half a minute is a failure and no hang.
pub(crate) fn accept(listener: &Listener) -> Stream {
    let (sender, client) = mpsc::channel();
    let listener = Arc::clone(listener);
    thread::spawn(move || sender.send(listener.accept()));
    client
        .recv_timeout(Duration::from_secs(30))
        .expect("nothing came within half a minute")
        .expect("a client")
}
