//! The socket's place: whose folder, whose lock, and what lies there already.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Running, binaries, on_path, require, until},
    user::{Account, User},
};
use rustix::fs::{FlockOperation, flock};

#[track_caller]
fn refused(user: &User, code: i32, words: &str) {
    let start = user.dt_cred(&["start", "--timeout", "1"]);
    assert_eq!((start.code, start.stdout.as_str()), (Some(code), ""), "{}", start.stderr);
    assert!(start.stderr.contains(words) && start.stderr.lines().count() == 1, "{}", start.stderr);
}

#[test]
fn a_folder_that_the_user_named_is_refused_where_it_is_open_and_never_repaired() {
    let mut user = User::in_memory();
    let folder = user.home.path().join("named");
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("opened");
    user.home.set("DT_CRED_SOCKET", folder.join("a.sock"));
    refused(&user, 3, "is open to others (mode 0755)");
    assert_eq!(fs::metadata(&folder).expect("it is there").permissions().mode() & 0o7777, 0o755);
}

#[test]
fn what_is_no_socket_is_not_removed_from_its_place() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    user.dt_cred(&["stop"]).done();
    fs::write(user.home.socket(), "mine").expect("written");
    refused(&user, 3, "something else than a socket");
    assert_eq!(fs::read_to_string(user.home.socket()).expect("it is there"), "mine");
}

#[test]
fn a_second_daemon_does_not_take_the_socket_of_one_that_listens_without_its_lock() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    let pid = user.home.daemon_pid();
    fs::remove_file(user.home.socket().with_extension("lock")).expect("a lock file");
    let mut second = Running::start(user.home.command(binaries::daemon()), "");
    assert_eq!(second.wait().code(), Some(3));
    assert!(second.said().contains("already listening"), "{}", second.said());
    assert_eq!(user.home.daemon_pid(), pid);
}

#[test]
fn a_daemon_without_the_lock_waits_for_it_and_listens_once_it_is_free() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    user.dt_cred(&["stop"]).done();
    let lock = fs::File::open(user.home.socket().with_extension("lock")).expect("a lock file");
    flock(&lock, FlockOperation::LockExclusive).expect("nobody holds it");
    refused(&user, 1, "was not ready within 1 s");
    assert_eq!(user.home.daemon_pid(), None);
    drop(lock);
    until("the daemon that waited to listen", || user.home.daemon_pid());
}

#[test]
fn a_daemon_in_the_background_holds_nothing_of_its_starter() {
    let user = User::in_memory();
    let mut command = user.home.command(binaries::daemon());
    command.arg("--background");
    let daemon = Running::start(command, "");
    assert_eq!(daemon.first_line(), "ready");
    // Its output is closed a moment after its word; once it has served, that has been.
    user.dt_cred(&["status"]).done();
    let of = |name: &str| format!("/proc/{}/{name}", daemon.pid().as_raw_pid());
    for stream in ["fd/0", "fd/1", "fd/2"] {
        assert_eq!(fs::read_link(of(stream)).expect("open").to_string_lossy(), "/dev/null", "{stream}");
    }
    assert_eq!(fs::read_link(of("cwd")).expect("a folder").to_string_lossy(), "/");
    let status = fs::read_to_string(of("status")).expect("it runs");
    assert!(status.contains("Umask:\t0077\n"), "{status}");
}

/// Listens on the socket as a service manager does, and becomes the daemon: `python3 -c SCRIPT DAEMON SOCKET SOCKETS`.
const ACTIVATES: &str = "
import os, socket, sys
daemon, path, sockets = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX)
os.umask(0o177)
listener.bind(path)
listener.listen()
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.execve(daemon, [daemon], {**os.environ, 'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': sockets})
";

fn activated(user: &User, socket: &Path, sockets: &str) -> Running {
    let mut python = user.home.command("python3");
    python.args(["-c", ACTIVATES]).arg(binaries::daemon()).arg(socket).arg(sockets);
    Running::start(python, "")
}

#[test]
fn what_a_daemon_lends_lies_beside_the_socket_that_a_service_manager_gave_it() {
    if !require("Python", on_path(&["python3"])) {
        return;
    }
    let (sandbox, mut user) = (Sandbox::http(), User::in_memory());
    let socket = user.home.another_socket("managed");
    let mut daemon = activated(&user, &socket, "1");
    daemon.stderr_line(|line| line.contains("listening"));
    // The daemon was told nothing of it.
    user.home.set("DT_CRED_SOCKET", &socket);
    user.log_in(&Account::at(&sandbox));
    let script = "echo \"$DATATRAILS_AUTHTOKEN_FILENAME\"; cat \"$DATATRAILS_AUTHTOKEN_FILENAME\"";
    let lent = user.dt_cred(&["exec", "--file", "sh", "-c", script]).done();
    let (path, token) = lent.split_once('\n').expect("two lines");
    assert!(Path::new(path).starts_with(socket.with_extension("lent")), "{path}");
    assert_eq!(token, format!("{}\n", user.token()));
    user.dt_cred(&["stop"]).done();
    assert!(daemon.wait().success());
}

#[test]
fn a_socket_that_a_service_manager_listens_on_is_taken_and_left_to_it() {
    if !require("Python", on_path(&["python3"])) {
        return;
    }
    let user = User::in_memory();
    let (socket, folder) = (user.home.socket(), user.home.path().join("run/dt-cred"));
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("private");
    let activated = |sockets: &str| activated(&user, &socket, sockets);
    let mut daemon = activated("1");
    daemon.stderr_line(|line| line.contains("listening"));
    assert_eq!(user.dt_cred(&["get"]).code, Some(5), "it is asked");
    assert_eq!(user.home.daemon_pid(), Some(daemon.pid()));
    user.dt_cred(&["stop"]).done();
    assert!(daemon.wait().success());
    assert!(socket.exists(), "it is not the daemon's to remove");
    // One whose socket was taken away is of no use to anybody.
    fs::remove_file(&socket).expect("removed");
    let mut daemon = activated("1");
    daemon.stderr_line(|line| line.contains("listening"));
    user.dt_cred(&["status"]).done();
    fs::remove_file(&socket).expect("removed");
    assert!(daemon.wait().success());
    let mut two = activated("2");
    assert_eq!(two.wait().code(), Some(3));
    assert!(two.said().contains("gave 2 sockets"), "{}", two.said());
    fs::remove_file(&socket).expect("removed");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("opened");
    let mut open = activated("1");
    assert_eq!(open.wait().code(), Some(3));
    assert!(open.said().contains("is open to others"), "{}", open.said());
}
