//! A daemon's socket is a file, which others may move away; and its starter's pipes are not its own.

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Running, binaries, on_path, require, until},
    user::{Account, User},
};

#[test]
fn a_caller_that_waits_for_the_clients_output_does_not_wait_for_the_daemon() {
    if !require("Python", on_path(&["python3"])) {
        return;
    }
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    user.log_in(&Account::at(&sandbox));
    user.dt_cred(&["stop"]).done();
    // It returns when every holder of the pipes has closed them; the daemon must be none.
    let python = "import subprocess\n\
        done = subprocess.run(['dt-cred', 'get'], capture_output=True, timeout=60)\n\
        print(done.returncode, done.stdout.decode().split()[0])";
    let said = user.shell(&format!("python3 -c \"{python}\"")).done();
    assert_eq!(said, "0 Authorization:\n");
    assert!(user.home.daemon_pid().is_some());
}

#[test]
fn a_daemon_whose_socket_was_removed_or_replaced_ends() {
    let user = User::in_memory();
    for replace in [false, true] {
        user.dt_cred(&["start"]).done();
        let mut socket = user.home.daemon_pid().map(|_| user.home.socket()).expect("a daemon");
        std::fs::remove_file(&socket).expect("the socket is there");
        if replace {
            std::fs::write(&socket, "other").expect("a file in its place");
        }
        let place = socket.clone();
        until("the daemon to let its lock go", || {
            socket.set_extension("lock");
            let lock = std::fs::File::open(&socket).expect("the lock file");
            rustix::fs::flock(lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).ok()
        });
        let left = std::fs::read_to_string(&place).ok();
        assert_eq!(left.as_deref(), replace.then_some("other"), "what is not its own stays");
        let _ = std::fs::remove_file(place);
    }
}

#[test]
fn a_daemon_ends_when_a_folder_above_its_socket_is_moved_away() {
    let mut user = User::in_memory();
    let folder = user.home.path().join("above/below");
    std::fs::create_dir_all(&folder).expect("a folder");
    user.home.set("DT_CRED_SOCKET", folder.join("own/agent.sock"));
    let mut daemon = Running::start(user.home.command(binaries::daemon()), "");
    daemon.stderr_line(|line| line.contains("listening"));
    // Once it has served, it watches.
    user.dt_cred(&["status"]).done();
    std::fs::rename(user.home.path().join("above"), user.home.path().join("moved")).expect("moved");
    assert!(daemon.wait().success());
}
