//! The client's streams: what a child inherits, how lines end, for which shell they are.

use std::{
    io::{self, Read},
    os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle},
    ptr,
    sync::mpsc,
    thread,
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{BOUND, terminal::is_wine},
    user::{Account, User},
};
use windows_sys::Win32::{
    Foundation::{HANDLE_FLAG_INHERIT, SetHandleInformation},
    System::Threading::CreateEventW,
};

use super::failed;

#[test]
fn powershell_is_the_shell_where_none_is_named() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let (token, url) = (user.token(), sandbox.url());
    let expected = format!("$env:DATATRAILS_AUTHTOKEN = '{token}'\n$env:DATATRAILS_URL = '{url}'\n");
    assert_eq!(user.dt_cred(&["get", "--format", "env"]).done(), expected);
}

fn event() -> OwnedHandle {
    #[expect(unsafe_code, reason = "an event has no safe wrapper")]
    // SAFETY: nothing is pointed to, and the handle that is made is owned from then on.
    unsafe {
        OwnedHandle::from_raw_handle(CreateEventW(ptr::null(), 0, 0, ptr::null()))
    }
}

#[test]
fn a_daemon_that_the_client_starts_inherits_no_handle_of_whoever_started_the_client() {
    let user = User::in_memory();
    // What is inherited keeps its number, which is large where its maker has many. wine does not count them.
    let many: Vec<_> = (0..if is_wine() { 10_000 } else { 20_000 }).map(|_| event()).collect();
    let (mut reader, writer) = io::pipe().expect("a pipe");
    drop(many);
    #[expect(unsafe_code, reason = "a handle's inheritance has no safe wrapper")]
    // SAFETY: the handle is open for as long as the writer lives.
    let inheritable =
        unsafe { SetHandleInformation(writer.as_raw_handle(), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) };
    assert_ne!(inheritable, 0);
    user.dt_cred(&["start"]).done();
    drop(writer);
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(reader.read_to_end(&mut Vec::new())));
    assert!(matches!(ended.recv_timeout(BOUND), Ok(Ok(0))), "its end is seen while the daemon runs");
    assert!(user.home.daemon_pid().is_some());
}

#[test]
fn store_takes_lines_as_the_systems_pipes_end_them() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let lines = format!("{}keyring=memory\n", Account::at(&sandbox).lines()).replace('\n', "\r\n");
    user.home.dt_cred_with(&["store"], format!("\u{feff}{lines}")).done();
    user.token();
    let store = user.home.dt_cred_with(&["store"], "client_id=a\rb\r\nclient_secret=c\r\n");
    failed(&store, 2, "holds a control character");
}
