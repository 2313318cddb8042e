//! What the daemon has of whoever started it, and what listens or stands still in its place.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    thread,
    time::{Duration, Instant},
};

use dt_cred_tests::{
    issuer::Sandbox,
    user::{Account, User},
};
use rustix::process::{Pid, Signal, getsid, kill_process};

fn folder_of(pid: Pid) -> String {
    format!("/proc/{}", pid.as_raw_nonzero())
}

#[test]
fn an_auto_started_daemon_takes_nothing_of_its_starter_with_it() {
    let mut user = User::in_memory();
    user.home.set("SSL_CERT_FILE", "/nowhere");
    user.home.set("LEAKED", "leaked");
    let get = user.shell("exec 9</etc/passwd; dt-cred get");
    assert_eq!(get.code, Some(5), "{}", get.stderr);
    let pid = user.home.daemon_pid().expect("a daemon");
    let folder = folder_of(pid);
    assert_eq!(getsid(Some(pid)).expect("it runs"), pid, "a session of its own");
    for link in fs::read_dir(format!("{folder}/fd")).expect("its descriptors").flatten() {
        let Ok(target) = fs::read_link(link.path()) else { continue };
        assert_ne!(target.to_string_lossy(), "/etc/passwd");
        if ["0", "1", "2"].iter().any(|stream| link.file_name() == **stream) {
            assert_eq!(target.to_string_lossy(), "/dev/null", "{link:?}");
        }
    }
    assert_eq!(fs::read_link(format!("{folder}/cwd")).expect("root sees it").to_string_lossy(), "/");
    let environment = fs::read_to_string(format!("{folder}/environ")).expect("root sees it");
    for variable in environment.split('\0').filter(|variable| !variable.is_empty()) {
        let name = variable.split('=').next().unwrap_or_default();
        let allowed = ["HOME", "USER", "LOGNAME", "LANG", "TZ", "PATH", "DBUS_SESSION_BUS_ADDRESS"]
            .contains(&name)
            || ["XDG_", "DT_CRED_"].iter().any(|start| name.starts_with(start))
            || name.to_ascii_lowercase().ends_with("_proxy");
        assert!(allowed, "{name} is inherited");
    }
    assert!(environment.split('\0').any(|variable| variable == "PATH=/usr/bin:/bin"), "{environment}");
}

#[test]
fn a_daemon_that_does_not_answer_is_waited_for_no_longer_than_the_deadline() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.log_in(&Account::at(&sandbox));
    let pid = user.home.daemon_pid().expect("a daemon");
    kill_process(pid, Signal::STOP).expect("it is ours");
    let start = Instant::now();
    let get = user.dt_cred(&["get", "--timeout", "1"]);
    let took = start.elapsed();
    kill_process(pid, Signal::CONT).expect("it is ours");
    assert_eq!(
        (get.code, get.stdout.as_str(), get.stderr.lines().count()),
        (Some(1), "", 1),
        "{}",
        get.stderr
    );
    assert!(took < Duration::from_secs(30), "{took:?}");
    user.token();
}

#[test]
fn what_is_no_daemon_of_ours_on_the_socket_fails_with_one_line() {
    use std::io::{Read, Write};
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\xff\0\0\0\0", b"\x01\xff\xff\xff\xff", b""] {
        let mut user = User::in_memory();
        let folder = user.home.path().join("fake");
        fs::create_dir(&folder).expect("a folder");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("a mode");
        let listener = UnixListener::bind(folder.join("a.sock")).expect("a socket");
        fs::set_permissions(folder.join("a.sock"), fs::Permissions::from_mode(0o600)).expect("a mode");
        user.home.set("DT_CRED_SOCKET", folder.join("a.sock"));
        let fake = thread::spawn(move || {
            // The client may leave at any time.
            if let Ok((mut stream, _)) = listener.accept() {
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(answer);
            }
        });
        let get = user.dt_cred(&["get", "--timeout", "5"]);
        assert!(matches!(get.code, Some(1 | 3)), "{get:?}");
        assert_eq!((get.stdout.as_str(), get.stderr.lines().count()), ("", 1), "{}", get.stderr);
        // Where the client never connected, this lets the fake go.
        let _ = std::os::unix::net::UnixStream::connect(folder.join("a.sock"));
        fake.join().expect("it ends");
    }
}
