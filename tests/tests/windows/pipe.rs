//! The named pipe, whose name anybody may take.

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use dt_cred_proto::platform::Sid;
use dt_cred_tests::{
    parts::{BOUND, Running, binaries},
    user::User,
};
use interprocess::{
    local_socket::{GenericFilePath, Listener, ListenerOptions, prelude::*},
    os::windows::{local_socket::ListenerOptionsExt, security_descriptor::SecurityDescriptor},
};

use super::failed;

/// Listens on a pipe, its owner and rights as the SDDL says.
fn squat(pipe: &Path, sddl: Option<&str>) -> io::Result<Listener> {
    let name = pipe.as_os_str().to_fs_name::<GenericFilePath>()?;
    let mut options = ListenerOptions::new().name(name);
    if let Some(sddl) = sddl {
        let wide: Vec<u16> = sddl.encode_utf16().chain([0]).collect();
        let wide = widestring::U16CStr::from_slice(&wide).expect("ends with a NUL");
        options = options.security_descriptor(SecurityDescriptor::deserialize(wide)?);
    }
    options.create_sync()
}

/// The SDDL of a pipe that is the user's alone, as the daemon makes its own.
fn private() -> String {
    let own = Sid::own().expect("a SID");
    format!("O:{own}D:P(A;;GA;;;{own})")
}

#[test]
fn a_pipe_name_that_is_taken_already_is_not_shared() {
    let user = User::in_memory();
    let squatter = squat(&user.home.socket(), None).expect("nobody listens");
    let mut daemon = Running::start(user.home.command(binaries::daemon()), "");
    assert_eq!(daemon.wait().code(), Some(3));
    assert!(daemon.said().contains("already listening"), "{}", daemon.said());
    drop(squatter);
    user.dt_cred(&["start"]).done();
}

#[test]
fn a_pipe_of_another_owner_gets_nothing() {
    let user = User::in_memory();
    // Everybody may connect to it, and it belongs to the guests.
    let stranger = match squat(&user.home.socket(), Some("O:S-1-5-32-546D:P(A;;GA;;;WD)")) {
        // ERROR_INVALID_OWNER: on Windows nobody gives away what they make, who may not restore files.
        Err(error) if error.raw_os_error() == Some(1307) => {
            let _ = io::stderr()
                .write_all(b"LEFT OUT: a pipe of another owner, which needs SeRestorePrivilege\n");
            return;
        }
        squatted => squatted.expect("nobody listens"),
    };
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for stream in stranger.incoming() {
            let Ok(mut stream) = stream else { break };
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes);
            if sender.send(bytes).is_err() {
                break;
            }
        }
    });
    for arguments in [&["get"][..], &["store"], &["status"], &["erase"]] {
        let output = user.home.dt_cred_with(arguments, "client_id=a\nclient_secret=b\n");
        failed(&output, 3, "belongs to S-1-5-32-546");
        assert_eq!(receiver.recv_timeout(BOUND), Ok(Vec::new()), "{arguments:?}: not a byte");
    }
}

#[test]
fn a_daemon_that_says_nothing_is_given_up_at_the_deadline() {
    let user = User::in_memory();
    let mute = squat(&user.home.socket(), Some(&private())).expect("nobody listens");
    let kept = thread::spawn(move || mute.accept());
    let start = Instant::now();
    failed(&user.dt_cred(&["get", "--timeout", "1"]), 1, "did not answer within 1 s");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    drop(kept.join());
}

#[test]
fn what_is_no_daemon_of_ours_on_the_pipe_fails_with_one_line() {
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\xff\0\0\0\0", b"\x01\xff\xff\xff\xff", b""] {
        let mut user = User::in_memory();
        let pipe = user.home.another_socket("fake");
        let fake = squat(&pipe, Some(&private())).expect("nobody listens");
        user.home.set("DT_CRED_SOCKET", &pipe);
        let fake = thread::spawn(move || {
            // The client may leave at any time.
            if let Ok(mut stream) = fake.accept() {
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(answer);
            }
        });
        let get = user.dt_cred(&["get", "--timeout", "5"]);
        assert!(matches!(get.code, Some(1 | 3)), "{get:?}");
        assert_eq!((get.stdout.as_str(), get.stderr.lines().count()), ("", 1), "{}", get.stderr);
        // Where the client never connected, this lets the fake go.
        let _ = fs::File::options().read(true).write(true).open(&pipe);
        fake.join().expect("it ends");
    }
}

#[test]
fn only_a_pipe_of_this_machine_is_taken() {
    let mut user = User::in_memory();
    for name in [r"\\server\pipe\x", r"C:\x", "x", r"\\.\pipe\"] {
        user.home.set("DT_CRED_SOCKET", name);
        failed(&user.dt_cred(&["get"]), 2, "DT_CRED_SOCKET");
    }
}
