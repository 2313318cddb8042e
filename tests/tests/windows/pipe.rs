//! The named pipe, whose name anybody may take.

use std::{
    fs,
    io::{self, Read, Write},
    os::windows::io::{AsHandle, AsRawHandle, FromRawHandle, OwnedHandle},
    path::Path,
    ptr,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use dt_cred_proto::platform::Sid;
use dt_cred_tests::{
    parts::{BOUND, Running, binaries, terminal::is_wine},
    user::User,
};
use interprocess::{
    local_socket::{self, GenericFilePath, Listener, ListenerOptions, prelude::*},
    os::windows::{local_socket::ListenerOptionsExt, security_descriptor::SecurityDescriptor},
};

use windows_sys::Win32::{
    Security::{
        Authorization::{
            ConvertSecurityDescriptorToStringSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1,
            SE_KERNEL_OBJECT,
        },
        DACL_SECURITY_INFORMATION, GetTokenInformation, OWNER_SECURITY_INFORMATION, RevertToSelf,
        SecurityIdentification, TOKEN_QUERY, TokenImpersonationLevel,
    },
    System::{
        Pipes::ImpersonateNamedPipeClient,
        Threading::{GetCurrentThread, OpenThreadToken},
    },
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

#[test]
fn the_pipe_is_its_users_alone() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    let pipe = fs::File::options().read(true).write(true).open(user.home.socket()).expect("it listens");
    let (mut descriptor, mut text, none) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut);
    let what = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    #[expect(unsafe_code, reason = "a pipe's rights have no safe wrapper")]
    // SAFETY: the handle is open; what the system allocates is left to the end of the process; the text ends with a NUL.
    let rights = unsafe {
        let (handle, kind) = (pipe.as_raw_handle(), SE_KERNEL_OBJECT);
        let lists = (ptr::null_mut(), ptr::null_mut());
        assert_eq!(
            GetSecurityInfo(handle, kind, what, none(), none(), lists.0, lists.1, &raw mut descriptor),
            0
        );
        let (revision, length) = (SDDL_REVISION_1, ptr::null_mut());
        let told = ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor,
            revision,
            what,
            &raw mut text,
            length,
        );
        assert_ne!(told, 0);
        widestring::U16CStr::from_ptr_str(text).to_string().expect("text")
    };
    // Its one entry is its owner's, whom the system may write by a short name.
    let (owner, list) = rights.split_once("D:").expect("a list");
    let owner = owner.strip_prefix("O:").expect("an owner");
    assert_eq!(Sid::of_object(&pipe).expect("an owner"), Sid::own().expect("a SID"));
    assert!(list.matches('(').count() == 1 && list.ends_with(&format!(";;;{owner})")), "{rights}");
}

#[test]
fn whoever_listens_may_learn_who_the_client_is_and_not_act_as_it() {
    if is_wine() {
        let _ = io::stderr()
            .write_all(b"LEFT OUT: what a pipe's server may do as its client: wine lets it do all\n");
        return;
    }
    let user = User::in_memory();
    let listener = squat(&user.home.socket(), Some(&private())).expect("nobody listens");
    let level = thread::spawn(move || {
        let mut client = listener.accept().expect("a client");
        // Its level is known once something of it was read.
        client.read_exact(&mut [0]).expect("a request");
        let local_socket::Stream::NamedPipe(client) = client;
        let (mut token, mut level, mut length) = (ptr::null_mut(), 0_i32, 0);
        #[expect(unsafe_code, reason = "impersonation has no safe wrapper")]
        // SAFETY: the handle is open, the token is owned as soon as it is opened, and the level is as long as is said.
        unsafe {
            assert_ne!(
                ImpersonateNamedPipeClient(client.as_handle().as_raw_handle()),
                0,
                "{}",
                io::Error::last_os_error()
            );
            assert_ne!(OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, 1, &raw mut token), 0);
            let token = OwnedHandle::from_raw_handle(token);
            let (kind, size) = (TokenImpersonationLevel, u32::try_from(size_of_val(&level)).expect("small"));
            let told = GetTokenInformation(
                token.as_raw_handle(),
                kind,
                (&raw mut level).cast(),
                size,
                &raw mut length,
            );
            RevertToSelf();
            assert_ne!(told, 0, "{}", io::Error::last_os_error());
        }
        level
    });
    // What changes something is asked once.
    failed(&user.dt_cred(&["reject"]), 3, "without an answer");
    assert_eq!(level.join().expect("it was told"), SecurityIdentification);
}
